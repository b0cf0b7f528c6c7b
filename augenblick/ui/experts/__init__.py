"""What people who prototype see once they switch it on; nobody else meets any of it.

`chosen` says with which settings the next request goes out, `panel` draws them. In which form the
answer is wanted is `answer_format` with its `field_table`; `format_draft` is what stands there.
"""

"""Conversations as files, out and in.

Out: Markdown with pictures, one HTML page that opens offline, JSON in the messages form of the
Chat Completions API. In: that JSON, plain lists of messages, and ChatGPT's export. Nothing that
comes in is trusted: pictures go through the picture pool, trees are checked.
"""

from augenblick.exchange.exporting import (
    file_name,
    write_everything,
    write_html,
    write_json,
    write_markdown,
)
from augenblick.exchange.importing import ReadConversation, read_conversations
from augenblick.exchange.pages import notice_page, share_page

__all__ = [
    "ReadConversation",
    "file_name",
    "notice_page",
    "read_conversations",
    "share_page",
    "write_everything",
    "write_html",
    "write_json",
    "write_markdown",
]

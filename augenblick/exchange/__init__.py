"""Conversations as files, out and in.

Out: Markdown with pictures, one HTML page that opens offline, JSON in the messages form of the
Chat Completions API. In: that JSON, plain lists of messages, and ChatGPT's export. Nothing that
comes in is trusted: pictures go through the picture pool, trees are checked. Whoever imports a
module of it loads that one only: a worker process is started for every file that comes in.
"""

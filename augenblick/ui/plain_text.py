"""A line of plain text out of Markdown, for places that draw none."""

from __future__ import annotations

import re

_SIGNS = (
    (re.compile(r"```[^\n`]*"), " "),  # the fences of code; what it says stays
    (re.compile(r"^[ \t]*(?:#{1,6}|>|[-*+]|\d{1,3}[.)])[ \t]+", re.MULTILINE), ""),
    (re.compile(r"^[ \t|:-]*-{3}[ \t|:-]*$", re.MULTILINE), " "),  # rules, and those of tables
    (re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*\)"), r"\1"),
    (re.compile(r"\*{1,3}|_{2}|[`|]"), ""),
    (re.compile(r"\s+"), " "),
)


def plain_text(markdown: str) -> str:
    """Return the words without the signs of Markdown, line ends as spaces."""
    for sign, instead in _SIGNS:
        markdown = sign.sub(instead, markdown)
    return markdown

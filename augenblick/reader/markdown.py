"""Foreign text in Markdown, shown literally: it can't become a link, a formula or a heading."""

from __future__ import annotations

import re

# Control characters, and those that turn the direction of writing.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_BACKTICKS = re.compile("`+")


def fenced(text: str) -> str:
    """A code block that no run of backticks in the text can end."""
    clean = _UNSEEN.sub("", text.replace("\r\n", "\n"))
    fence = "`" * max(3, _longest_run(clean) + 1)
    return f"{fence}text\n{clean}\n{fence}"


def code_span(text: str) -> str:
    """Code in one line; line breaks become spaces."""
    clean = _UNSEEN.sub("", " ".join(text.split()))
    ticks = "`" * (_longest_run(clean) + 1)
    pad = " " if clean.startswith("`") or clean.endswith("`") else ""
    return f"{ticks}{pad}{clean}{pad}{ticks}"


def code(text: str) -> str:
    """A span for one line, a block for several."""
    return fenced(text) if "\n" in text.strip() else code_span(text)


def _longest_run(text: str) -> int:
    return max((len(run) for run in _BACKTICKS.findall(text)), default=0)

"""Foreign text in Markdown, shown literally: it can't become a link, a formula or a heading."""

from __future__ import annotations

import re

# Control characters, and those that turn the direction of writing.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_BACKTICKS = re.compile("`+")
_GROWING_FENCE = "````"
_WOULD_CLOSE = re.compile(rf" {{0,3}}`{{{len(_GROWING_FENCE)},}}\s*")


def fenced(text: str) -> str:
    """A code block that no run of backticks in the text can end."""
    clean = _UNSEEN.sub("", text.replace("\r\n", "\n"))
    fence = "`" * max(3, _longest_run(clean) + 1)
    return f"{fence}text\n{clean}\n{fence}"


def growing_block(text: str, *, is_first: bool) -> str:
    """The next lines of a code block that is handed on line by line; `BLOCK_END` closes it.

    What comes later is not known, so the fence can't follow from the text. A line that would close
    it is indented: so far in, it is no fence (https://spec.commonmark.org/0.31.2/#fenced-code-blocks).
    """
    lines = [
        f"    {line}" if _WOULD_CLOSE.fullmatch(line) else line
        for line in _UNSEEN.sub("", text).split("\n")
    ]
    return (f"{_GROWING_FENCE}text\n" if is_first else "\n") + "\n".join(lines)


BLOCK_END = f"\n{_GROWING_FENCE}"


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

"""The text of a picture in place of the picture: how it stands in a question, and whose it is.

A block of code whose first line says who read it. So it is kept, shown and sent like any words of
the person, and an answer can say what it goes by.
"""

from __future__ import annotations

import re

_BLOCK = re.compile(r"^`{6,}text(?: by ([^`\n]+))?$", re.MULTILINE)
_RUNS = re.compile("`+")
_SHORTEST = 6  # backticks; models and people write shorter ones


def block_of(text: str, *, party: str = "") -> str:
    """The block that hands a text over as it is; without a party the built-in reader read it."""
    longest = max((len(run) for run in _RUNS.findall(text)), default=0)
    fence = "`" * max(_SHORTEST, longest + 1)
    by = " ".join(party.replace("`", "'").split())
    return f"{fence}text by {by}\n{text}\n{fence}" if by else f"{fence}text\n{text}\n{fence}"


def parties_of(question: str) -> tuple[str, ...]:
    """Who read the texts that a question hands over, each once; the built-in reader is ""."""
    return tuple(dict.fromkeys(match[1] or "" for match in _BLOCK.finditer(question)))

"""Markdown of a model made fit for Streamlit's renderer, piece by piece while it streams.

Outside of code, three things are changed: a picture `![...](...)` becomes a link (nothing may
be loaded from elsewhere), a dollar sign before a digit is an amount and no formula, and
Streamlit's own `:name[...]`, `:::name` and `:material/...:` signs stay the text they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from augenblick.blocks import START, advance

_MAY_BE_FENCE = re.compile(r"[ \t>+*.)\d-]*(?:(?:`{0,2}|~{0,2})$|```|~~~)")
_PICTURE = re.compile(r"!(?=\[)")
_AMOUNT = re.compile(r"(?<![\\$])\$(?=\d)")
_DIRECTIVE = re.compile(r":(?=[a-z][a-z-]*\[)")
_COLONS = re.compile(r"(?<![\\:]):(?=:)")
_ICON = re.compile(r":(?=material/)")
_APART = ":\u200b"  # a backslash does not keep Streamlit from drawing an icon
_TICKS = re.compile(r"`+")
_UNDECIDED = re.compile(r"(?:!|\$|(?<!:):+[a-z/-]*|(?<!\\)\\+)$")


class MarkdownFilter:
    """Takes text in pieces of any size and gives it back changed.

    Whatever the pieces, the results joined are the same. What the next characters decide is held
    back until they have come: a sign, a code span, a line that may be a fence. Linear in the text.
    """

    def __init__(self) -> None:
        self._held = ""  # of the open line, not yet given back
        self._before = ""  # the character before that
        self._line = ""  # the open line from its start, as it came
        self._is_decided = False  # whether we know if the open line is code
        self._is_code = False
        self._structure = START  # of the text before the open line
        self._ended_with_return = False

    def feed(self, text: str) -> str:
        """Give back what of the text so far is decided."""
        *closed, rest = self._with_plain_ends(text).split("\n")
        given = [self._closed_line(line) for line in closed]
        self._held += rest
        self._line += rest
        given.append(self._open_part())
        return "".join(given)

    def finish(self) -> str:
        """Give back what was held, at the end of the text."""
        return self._closed_line("").removesuffix("\n")

    def _with_plain_ends(self, text: str) -> str:
        """Make every line end a line feed, whichever of the three ways it was written."""
        if not text:
            return text
        was_return, self._ended_with_return = self._ended_with_return, text.endswith("\r")
        text = text.removeprefix("\n") if was_return else text
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def _closed_line(self, rest: str) -> str:
        held, line = self._held + rest, self._line + rest
        after = advance(self._structure, line)
        is_code = self._is_code if self._is_decided else after.is_code
        given = held if is_code else self._changed(held)
        self._structure = after
        self._held = self._before = self._line = ""
        self._is_decided = False
        return given + "\n"

    def _open_part(self) -> str:
        if not self._held:
            return ""
        if not self._is_decided:
            if _MAY_BE_FENCE.match(self._line):
                return ""
            self._is_decided = True
            self._is_code = advance(self._structure, self._line).is_code
        decided = self._held if self._is_code else self._held[: _decided_length(self._held)]
        self._held = self._held[len(decided) :]
        given = decided if self._is_code else self._changed(decided)
        self._before = decided[-1:] or self._before
        return given

    def _changed(self, text: str) -> str:
        parts: list[str] = []
        at = 0
        for start, end in _code_spans(text):
            parts.extend((_plain(text[at:start], self._before_of(text, at)), text[start:end]))
            at = end
        return "".join((*parts, _plain(text[at:], self._before_of(text, at))))

    def _before_of(self, text: str, at: int) -> str:
        return text[at - 1] if at else self._before


def fit_for_page(text: str) -> str:
    """Change a whole text as `MarkdownFilter` does."""
    markdown = MarkdownFilter()
    return markdown.feed(text) + markdown.finish()


def literal(text: str) -> str:
    """Escape a text so that Markdown shows it as it is; for names and words of others."""
    text = _ICON.sub(_APART, text)
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]<>#|~$:" else sign for sign in text)


def _plain(text: str, before: str) -> str:
    """Change what is no code; `before` is the character in front of it."""
    text = _PICTURE.sub("", before + text)
    text = _AMOUNT.sub(r"\\$", text)
    text = _COLONS.sub(r"\\:", text)
    text = _ICON.sub(_APART, text)
    return _DIRECTIVE.sub(r"\\:", text)[len(before) :]


def _code_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where the code spans of a line stand: from some backticks to the next run of as many.

    CommonMark 0.31, section 6.1. Linear, for a model that repeats itself may write nothing else.
    """
    runs = list(_runs_of_ticks(text))
    following: dict[int, int] = {}  # by length, where the nearest run to the right ends
    closings: list[int] = []
    for start, opens_at, end in reversed(runs):
        closings.append(following.get(end - opens_at, 0))
        following[end - start] = end
    at = 0
    for (start, opens_at, _), closing in zip(runs, reversed(closings), strict=True):
        if start >= at and closing:
            yield opens_at, closing
            at = closing


def _runs_of_ticks(text: str) -> Iterator[tuple[int, int, int]]:
    """Where each run of backticks begins, where as an opening one, and where it ends.

    A backslash takes the first from an opening one; in code it means nothing.
    """
    before = 0
    for run in _TICKS.finditer(text):
        start, end = run.span()
        between = text[before:start]
        is_escaped = (len(between) - len(between.rstrip("\\"))) % 2
        yield start, start + is_escaped, end
        before = end


def _decided_length(line: str) -> int:
    """How much of an open line no further character can change."""
    at = 0
    for start, end in _code_spans(line):
        if line.find("`", at) != start or end == len(line):  # one more backtick would undo it
            break
        at = end
    unclosed = line.find("`", at)
    decided = line if unclosed < 0 else line[:unclosed]
    return len(_UNDECIDED.sub("", decided))

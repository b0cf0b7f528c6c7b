"""Markdown of a model made fit for Streamlit's renderer, piece by piece while it streams.

Outside of code, three things are changed: a picture `![...](...)` becomes a link (nothing may
be loaded from elsewhere), a dollar sign before a digit is an amount and no formula, and
Streamlit's own `:name[...]` and `:material/...:` signs stay the text they are.
"""

from __future__ import annotations

import re

_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})(.*)$", re.DOTALL)
_MAY_BE_FENCE = re.compile(r" {0,3}(?:`{0,2}|~{0,2})$| {0,3}(?:```|~~~)")
_PICTURE = re.compile(r"!(?=\[)")
_AMOUNT = re.compile(r"(?<![\\$])\$(?=\d)")
_DIRECTIVE = re.compile(r":(?=[a-z][a-z-]*\[)")
_ICON = re.compile(r":(?=material/)")
_APART = ":\u200b"  # a backslash does not keep Streamlit from drawing an icon
_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)")
_UNDECIDED = re.compile(r"(?:!|\$|:[a-z/-]*|\\)$")


class MarkdownFilter:
    """Takes text in pieces of any size and gives it back changed.

    Whatever the pieces, the results joined are the same. What the next characters decide is held
    back until they have come: a sign, a code span, a line that may be a fence. Linear in the text.
    """

    def __init__(self) -> None:
        self._held = ""  # of the open line, not yet given back
        self._before = ""  # the character before that
        self._is_start = True  # whether what is held begins its line
        self._fence = ""  # the fence we are in

    def feed(self, text: str) -> str:
        """Give back what of the text so far is decided."""
        *closed, rest = (self._held + text).split("\n")
        given = [self._closed_line(line) for line in closed]
        self._held = rest
        given.append(self._open_part())
        return "".join(given)

    def finish(self) -> str:
        """Give back what was held, at the end of the text."""
        return self._closed_line(self._held).removesuffix("\n")

    def _closed_line(self, line: str) -> str:
        was_code = bool(self._fence)
        if self._is_start:
            self._note_fence(line)
        is_code = was_code or bool(self._fence)
        given = line if is_code else self._changed(line)
        self._held, self._before, self._is_start = "", "", True
        return given + "\n"

    def _open_part(self) -> str:
        line = self._held
        if not line or (self._is_start and _MAY_BE_FENCE.match(line)):
            return ""
        self._is_start = False
        decided = line if self._fence else line[: _decided_length(line)]
        self._held = line[len(decided) :]
        given = decided if self._fence else self._changed(decided)
        self._before = decided[-1:] or self._before
        return given

    def _changed(self, text: str) -> str:
        parts: list[str] = []
        at = 0
        for code in _CODE.finditer(text):
            parts.extend((_plain(text[at : code.start()], self._before_of(text, at)), code[0]))
            at = code.end()
        return "".join((*parts, _plain(text[at:], self._before_of(text, at))))

    def _before_of(self, text: str, at: int) -> str:
        return text[at - 1] if at else self._before

    def _note_fence(self, line: str) -> None:
        found = _FENCE.match(line)
        if not found:
            return
        if not self._fence:
            self._fence = found[1]
        elif found[1].startswith(self._fence) and not found[2].strip():
            self._fence = ""


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
    text = _ICON.sub(_APART, text)
    return _DIRECTIVE.sub(r"\\:", text)[len(before) :]


def _decided_length(line: str) -> int:
    """How much of an open line no further character can change."""
    at = 0
    for code in _CODE.finditer(line):
        if code.end() == len(line):  # one more backtick would undo it
            break
        at = code.end()
    unclosed = line.find("`", at)
    decided = line if unclosed < 0 else line[:unclosed]
    return len(_UNDECIDED.sub("", decided))

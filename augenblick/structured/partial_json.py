"""The JSON value in a text: wrapped in words or a code fence, and cut wherever it was cut.

Reading a longer beginning of the same text never takes anything back: texts get longer, lists and
objects get more entries. So a number or a word counts only once something follows it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

MAX_DEPTH: Final = 64
_MOST_STARTS = 20  # brackets in the words before the value
_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,300})(?:\.\d{1,300})?(?:[eE][+-]?\d{1,3})?")
_NUMBER_PART = re.compile(r"-?[\d.eE+-]{0,600}")
_CHARACTERS = re.compile(r'[^"\\\x00-\x1f]*')
_ESCAPES: Final = {
    '"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t",
}  # fmt: skip
_WORDS: Final = {"true": True, "false": False, "null": None}
_HALVES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class FoundJson:
    """A value in a text. `is_whole` is False where the text ends before the value does."""

    value: Any
    is_whole: bool


class _Broken(Exception):
    """This is no JSON."""


class _Cut(Exception):
    """The text ends here."""


class _Missing:
    """The one value that says: nothing yet."""


_MISSING: Final = _Missing()


def find_json(text: str) -> FoundJson | None:
    """The object in a text, or the list of objects, or what would be one if the text went on.

    A list of plain values is taken only where nothing else follows: texts number their sources so.
    """
    plain_list: FoundJson | None = None
    starts = re.finditer(r"[{\[]", text)
    for _, start in zip(range(_MOST_STARTS), starts, strict=False):
        reading = _Reading(text, start.start())
        try:
            value = reading.value(0)
        except _Broken:
            continue
        found = FoundJson(value, not reading.is_cut)
        if isinstance(value, dict) or any(isinstance(entry, dict) for entry in value):
            return found
        plain_list = plain_list or found
    return plain_list


class _Reading:
    """One pass over a text; `is_cut` is set when it ended too early, with what there was."""

    def __init__(self, text: str, at: int) -> None:
        self._text = text
        self._at = at
        self.is_cut = False

    def value(self, depth: int) -> Any:  # noqa: ANN401 - any JSON value
        """The value that begins here, or as much as there is of it."""
        sign = self._next()
        if depth > MAX_DEPTH:
            raise _Broken
        if sign == "{":
            return self._object(depth)
        if sign == "[":
            return self._list(depth)
        if sign == '"':
            return self._string()
        if sign in "-0123456789":
            return self._number()
        return self._word()

    def _object(self, depth: int) -> dict[str, Any]:
        self._at += 1
        found: dict[str, Any] = {}
        try:
            while self._next() != "}":
                if found:
                    self._expect(",")
                if self._next() != '"':
                    raise _Broken
                name = self._string()
                if self._is_over():
                    return found
                self._expect(":")
                value = self.value(depth + 1)
                if value is not _MISSING:
                    found[name] = value
                if self._is_over():
                    return found
            self._at += 1
        except _Cut:
            self.is_cut = True
        return found

    def _list(self, depth: int) -> list[Any]:
        self._at += 1
        found: list[Any] = []
        try:
            while self._next() != "]":
                if found:
                    self._expect(",")
                value = self.value(depth + 1)
                if value is not _MISSING:
                    found.append(value)
                if self._is_over():
                    return found
            self._at += 1
        except _Cut:
            self.is_cut = True
        return found

    def _string(self) -> str:
        self._at += 1
        parts: list[str] = []
        try:
            while (sign := self._sign()) != '"':
                if sign == "\\":
                    parts.append(self._escape())
                else:
                    match = _CHARACTERS.match(self._text, self._at)
                    if match is None or not match.group():
                        raise _Broken  # a control character
                    parts.append(match.group())
                    self._at = match.end()
            self._at += 1
        except _Cut:
            self.is_cut = True
        return _HALVES.sub("\N{REPLACEMENT CHARACTER}", "".join(parts))

    def _escape(self) -> str:
        sign = self._sign(1)
        if sign != "u":
            if sign not in _ESCAPES:
                raise _Broken
            self._at += 2
            return _ESCAPES[sign]
        high = self._unit(self._at)
        self._at += 6
        if not 0xD800 <= high < 0xDC00:  # noqa: PLR2004 - first halves of a surrogate pair
            return chr(high)
        return self._pair(high)

    def _pair(self, high: int) -> str:
        """The character whose first half was read; held back until the second half is there."""
        rest = self._text[self._at : self._at + 2]
        if rest != "\\u":
            if len(rest) < 2 and "\\u".startswith(rest):  # noqa: PLR2004 - both signs
                raise _Cut
            return chr(high)
        low = self._unit(self._at)
        if not 0xDC00 <= low < 0xE000:  # noqa: PLR2004 - second halves
            return chr(high)
        self._at += 6
        return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))

    def _unit(self, at: int) -> int:
        digits = self._text[at + 2 : at + 6]
        if not re.fullmatch(r"[0-9a-fA-F]*", digits):
            raise _Broken
        if len(digits) < 4:  # noqa: PLR2004 - as the grammar has it
            raise _Cut
        return int(digits, 16)

    def _number(self) -> Any:  # noqa: ANN401 - int, float, or nothing yet
        part = _NUMBER_PART.match(self._text, self._at)
        if part is not None and part.end() == len(self._text):
            self.is_cut = True
            return _MISSING
        match = _NUMBER.match(self._text, self._at)
        if match is None or (part is not None and match.end() != part.end()):
            raise _Broken
        self._at = match.end()
        value = json.loads(match.group())
        if value in {float("inf"), float("-inf")}:
            raise _Broken
        return value

    def _word(self) -> Any:  # noqa: ANN401 - True, False, None, or nothing yet
        for word, value in _WORDS.items():
            if self._text.startswith(word, self._at):
                self._at += len(word)
                return value
            if word.startswith(self._text[self._at :]):
                self.is_cut = True
                return _MISSING
        raise _Broken

    def _next(self) -> str:
        """The next character that is no space."""
        match = _SPACE.match(self._text, self._at)
        self._at = match.end() if match else self._at
        return self._sign()

    def _sign(self, ahead: int = 0) -> str:
        at = self._at + ahead
        if at >= len(self._text):
            raise _Cut
        return self._text[at]

    def _is_over(self) -> bool:
        return self.is_cut

    def _expect(self, sign: str) -> None:
        if self._next() != sign:
            raise _Broken
        self._at += 1

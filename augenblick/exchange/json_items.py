"""JSON from a file, read piece by piece: a list is never in memory as a whole, only its entry.

The text is decoded as it is needed, so that one emoji does not make four bytes of every letter of
a large file.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator

from augenblick.core.errors import ImportDamaged, ImportRefused, ImportTooLarge

_FIRST_READ_BYTES = 64 * 1024
_LONGEST_REST = 16  # of a word, a number or an escape that goes on in the next piece
_NO_TEXT = re.compile("[\ud800-\udfff]")  # halves of a character, which JSON can spell
_SPACE = re.compile(r"[ \t\r\n]*")
# NaN and Infinity are no JSON, and no database takes them for it.
_DECODER = json.JSONDecoder(parse_constant=lambda _: None)


class JsonFile:
    """One JSON value in a file: either `value()` or `entries()`, once.

    `read` gives the next so many bytes of the file, none at its end.

    Raises ImportRefused for what is no JSON object or list from its beginning, ImportDamaged for
    what breaks off or down later, ImportTooLarge past `max_bytes`. Text is `_clean`.
    """

    def __init__(self, read: Callable[[int], bytes], *, max_bytes: int) -> None:
        self._read_bytes = read
        self._max_bytes = max_bytes
        self._bytes_left = max_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._at = 0
        self._is_over = False
        try:
            self._begins_with = self._next()
        except ImportDamaged as error:
            raise ImportRefused("not UTF-8", code="import_unknown") from error
        if self._begins_with not in {"{", "["}:
            raise ImportRefused("not JSON", code="import_unknown")

    @property
    def is_list(self) -> bool:
        """Whether the value is a list."""
        return self._begins_with == "["

    def value(self) -> object:
        """The whole value."""
        value = self._value()
        self._expect_end()
        return value

    def entries(self) -> Iterator[object]:
        """The entries of the list, each read when it is asked for."""
        self._at += 1
        sign = self._next()
        while sign != "]":
            yield self._value()
            sign = self._next()
            if sign not in {",", "]"}:
                raise ImportDamaged("no list")
            if sign == ",":
                self._at += 1
                self._next()
        self._at += 1
        self._expect_end()

    def _value(self) -> object:
        """The value that begins here. What is not there as a whole is read to twice its length."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                is_cut = error.msg.startswith("Unterminated string")
                is_cut = is_cut or error.pos + _LONGEST_REST >= len(self._text)
                if self._is_over or not is_cut:
                    raise ImportDamaged(type(error).__name__) from error
            except (ValueError, RecursionError) as error:  # what follows can't mend these
                raise ImportDamaged(type(error).__name__) from error
            else:
                if end < len(self._text) or self._is_over:  # else a number may go on
                    self._at = end
                    return _clean(value)
            self._read()

    def _next(self) -> str:
        """The next character that is no space; "" at the end."""
        while True:
            found = _SPACE.match(self._text, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._text) or self._is_over:
                return self._text[self._at : self._at + 1]
            self._read()

    def _expect_end(self) -> None:
        if self._next():
            raise ImportDamaged("more than one value")

    def _read(self) -> None:
        held = self._text[self._at :]
        piece = self._read_bytes(max(_FIRST_READ_BYTES, len(held)))
        self._bytes_left -= len(piece)
        if self._bytes_left < 0:
            raise ImportTooLarge(unit="bytes", limit=self._max_bytes)
        self._is_over = not piece
        try:
            self._text = held + self._decoder.decode(piece, final=self._is_over)
        except UnicodeDecodeError as error:
            raise ImportDamaged("not UTF-8") from error
        self._at = 0


def _clean(document: object) -> object:
    """A JSON value of nothing but text; changes lists and dicts in place.

    Uses no recursion, so that depth costs nothing.
    """
    holder = [document]
    open_values: list[list[object] | dict[str, object]] = [holder]
    while open_values:
        value = open_values.pop()
        if isinstance(value, list):
            entries: Iterator[tuple[int | str, object]] = iter(enumerate(value))
        else:
            _clean_keys(value)
            entries = iter(list(value.items()))
        for place, inner in entries:
            if isinstance(inner, str):
                value[place] = _clean_text(inner)  # type: ignore[index]  # a key of its own
            elif isinstance(inner, list | dict):
                open_values.append(inner)
    return holder[0]


def _clean_text(text: str) -> str:
    """The text with a replacement for what can't be written as UTF-8."""
    return text if text.isascii() else _NO_TEXT.sub("\ufffd", text)


def _clean_keys(value: dict[str, object]) -> None:
    for key in [key for key in value if _clean_text(key) != key]:
        value[_clean_text(key)] = value.pop(key)

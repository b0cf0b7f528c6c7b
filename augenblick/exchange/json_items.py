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
from augenblick.exchange.parsed import clean

_FIRST_READ_BYTES = 64 * 1024
_LONGEST_REST = 16  # of a word, a number or an escape that goes on in the next piece
_SPACE = re.compile(r"[ \t\r\n]*")
# NaN and Infinity are no JSON, and no database takes them for it.
_DECODER = json.JSONDecoder(parse_constant=lambda _: None)


class JsonFile:
    """One JSON value in a file: either `value()` or `entries()`, once.

    `read` gives the next so many bytes of the file, none at its end.

    Raises ImportRefused for what is no JSON object or list from its beginning, ImportDamaged for
    what breaks off or down later, ImportTooLarge past `max_bytes`. Text is clean (`found.clean`).
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
                    return clean(value)
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

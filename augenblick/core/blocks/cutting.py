"""Cutting a text into blocks, while it comes or as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import Final

from augenblick.core.blocks.structure import LABEL, RULE, START, advance

_ITEM = r"(?:[-+*]|\d{1,9}[.)])(?:[ \t]|\r?$)"
_LINE_OF_SIGNS = r"([-*_])[ \t]*(?:\1[ \t]*){2,}\r?$"
_STAYS = re.compile(rf"{LABEL}:|{_LINE_OF_SIGNS}")  # begins no block of its own
_STAYS_AFTER_LIST = re.compile(rf"{LABEL}:|{_LINE_OF_SIGNS}|{_ITEM}")
_UNDECIDED = re.compile(  # the beginning of a line that may be any of these
    r"\[(?:[^\[\]\\]|\\.){0,999}(?:\\|\])?$|([-*_])[ \t]*(?:\1[ \t]*)*$|(?:[-+*]|\d{1,9}[.)]?)$"
)
_DECIDING_CHARS = 1_200  # characters of a line that decide whether it begins a block
_FOOTNOTE = re.compile(r"\[\^[^\s\]]")


class Cut(Enum):
    """Stands between two blocks."""

    HERE = "here"


CUT: Final = Cut.HERE


class BlockCutter:
    """Takes text in pieces of any size and gives back text and `CUT`s.

    Whatever the pieces, the results joined are the same. Blank space around blocks is left out, and
    at the start of a line the few signs are held back that decide whether a block begins there.
    A block of fewer than `shortest` characters goes on beyond the places where it could end.
    """

    def __init__(self, *, shortest: int = 0) -> None:
        self._shortest = shortest
        self._length = 0  # characters of the open block
        self._structure = START
        self._parts: list[str] = []  # of the open line, from its start
        self._start = ""  # its first characters, which decide
        self._is_blank = True  # whether the open line holds nothing but space
        self._is_given = False  # whether the open line is being given out as it comes
        self._space: list[str] = []  # blank lines and line ends since the last given sign
        self._is_after_blank = False
        self._has_begun = False  # whether anything has been given out
        self._has_content = False  # whether the open block holds more than link definitions
        self._has_footnote = False
        self._is_after_rule = False

    def feed(self, text: str) -> Iterator[str | Cut]:
        """Give back what of the text so far is decided."""
        *closed, rest = text.split("\n")
        for part in closed:
            yield from self._add(part, is_whole=True)
            self._end_line()
        if rest:
            yield from self._add(rest, is_whole=False)

    def finish(self) -> Iterator[str | Cut]:
        """Give back what was held, at the end of the text."""
        yield from self._add("", is_whole=True)

    def _add(self, part: str, *, is_whole: bool) -> Iterator[str | Cut]:
        self._parts.append(part)
        if self._is_given:
            if part:
                self._length += len(part)
                yield part
            return
        self._is_blank = self._is_blank and not part.strip(" \t\r")
        if self._is_blank:
            return
        if len(self._start) < _DECIDING_CHARS:
            self._start = "".join(self._parts)[:_DECIDING_CHARS]
        is_cut = self._begins_block(is_whole=is_whole)
        if is_cut is None:
            return
        if is_cut:
            self._has_content = False
            self._length = 0
            yield CUT
        before = "".join(self._space) if self._has_begun and not is_cut else ""
        self._is_given = self._has_begun = True
        line = "".join(self._parts)
        given = before + (line if before or is_cut else line.lstrip(" \t\r"))
        self._length += len(given)
        self._space.clear()
        yield given

    def _end_line(self) -> None:
        line = "".join(self._parts)
        self._parts.clear()
        self._start, self._is_blank = "", True
        self._structure = advance(self._structure, line)
        self._is_after_blank = not self._is_given
        self._space.append("\n" if self._is_given else line + "\n")
        if not self._is_given:
            return
        self._is_given = False
        self._is_after_rule = bool(RULE.match(line.strip()))
        if not self._structure.definition:
            self._has_content = True
        if not self._structure.is_code and _FOOTNOTE.search(line):
            self._has_footnote = True

    def _begins_block(self, *, is_whole: bool) -> bool | None:
        """Whether the open line begins a block of its own; None while that is not decided."""
        is_open = self._structure.is_verbatim and not self._structure.containers
        if not self._is_after_blank or is_open or self._has_footnote or not self._has_content:
            return False
        if self._length < self._shortest:
            return False
        # Indented lines go on with what stands above, or are code that needs its place. Quotes,
        # rules and formulas keep a distance of their own, which would add to that between elements.
        line = self._start
        if line[0] in " \t\r>$" or self._is_after_rule:
            return False
        stays = _STAYS_AFTER_LIST if self._structure.is_list else _STAYS
        if not is_whole and len(line) < _DECIDING_CHARS and _UNDECIDED.match(line):
            return None
        return not stays.match(line)


def cut(text: str, *, shortest: int = 0) -> tuple[str, ...]:
    """Cut a whole text into the blocks that `BlockCutter` finds while it comes."""
    cutter = BlockCutter(shortest=shortest)
    blocks: list[list[str]] = [[]]
    for piece in (*cutter.feed(text), *cutter.finish()):
        if isinstance(piece, Cut):
            blocks.append([])
        else:
            blocks[-1].append(piece)
    return tuple("".join(block) for block in blocks if block)

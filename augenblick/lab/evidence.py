"""Which values of an answer stand in its pictures, and where.

A value is found if the text of a picture has the same digits in any of its usual forms. What OCR
takes for another sign is forgiven where one side has a letter and the other a digit, never between
two digits. That a value is found says that it stands there, not that it is right.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Final

from augenblick.core.picture_text import PictureText, Place, TextCell, Value
from augenblick.lab.written_numbers import readings_of

MOST_VALUES: Final = 200  # of an answer
_MOST_CHARACTERS: Final = 50_000
_MOST_PLACES: Final = 8  # of a value
_LONGEST_NAME: Final = 60

_MONTHS: Final = (
    "januar january janvier jan janv", "februar february février feb févr",
    "märz maerz march mars mar mär mrz", "april avril apr avr", "mai may", "juni june juin jun",
    "juli july juillet jul juil", "august août aout aug", "september septembre sept sep",
    "oktober october octobre okt oct", "november novembre nov",
    "dezember december décembre dez dec déc",
)  # fmt: skip
_MONTH_NUMBERS: Final = {
    name: number for number, names in enumerate(_MONTHS, start=1) for name in names.split()
}
_MONTH: Final = rf"({'|'.join(sorted(_MONTH_NUMBERS, key=len, reverse=True))})(?![^\W\d_])\.?"
_YEAR: Final = r"(?:,?\s*(?P<y>\d{4}))?(?!\d)"
_DATES: Final = tuple(
    re.compile(pattern + _YEAR, re.IGNORECASE)
    for pattern in (
        rf"(?<!\d)(?P<d>\d{{1,2}})(?:\.|st|nd|rd|th|er)?\s*(?P<m>{_MONTH})",
        rf"(?<![^\W_])(?P<m>{_MONTH})\s*(?P<d>\d{{1,2}})(?:st|nd|rd|th)?",
    )
)
_CLOCK: Final = re.compile(
    r"(?<![\d.,:])(\d{1,2})[:.](\d{2})(?::(\d{2}))?\s?([ap])\.?m(?![^\W_])", re.IGNORECASE
)
_HOURS: Final = re.compile(
    r"(?<![^\W_])(?<!\d[.,:])(\d{1,2})\s?h\s?(\d{2})(?![^\W_])", re.IGNORECASE
)
_NUMERIC: Final = re.compile(
    r"(?<!\d)(?:\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?:[.,]\d{1,2})?(?![\d.,:]*\d)"
    r"|\d{1,4}[./-]\d{1,2}[./-]\d{1,4}(?!\d)|\d+(?:[.,:'\u2019]\d+)*)"
)
_GROUPS: Final = re.compile(  # IBAN, telephone
    r"(?<![^\W_])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?![^\W_])"
    r"|(?<![\w.,:])\d{2,}(?:[ /-]\d{2,})+(?![\w]|[.,:]\d)"
)
_LEAST_GROUPED: Final = 6  # digits; else it is several numbers
_TOKEN: Final = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_WITH_UNIT: Final = re.compile(r"\d+[^\W\d_]{1,3}|(?:eur|usd|chf|gbp)\d+", re.IGNORECASE)
_NAMES: Final = re.compile(
    r"„([^“”\n]{3,60})[“”]|“([^”\n]{3,60})”|«([^»\n]{3,60})»|\"([^\"\n]{3,60})\"|"
    r"\*\*([^*\n]{3,60})(?<!:)\*\*(?!:)"
)
_CURRENCY: Final = r"(?:€|\$|£|¥|EUR|USD|CHF|GBP|Fr\.)"
_BEFORE: Final = re.compile(rf"{_CURRENCY}\s?$")
_AMOUNT_AFTER: Final = re.compile(rf"\s?{_CURRENCY}")
_AFTER: Final = re.compile(
    rf"\s?(?:{_CURRENCY}|°|(?:k?g|mg|[mc]?l|[kcm]?m|kcal|k?J|k?Wh?|V|A|Hz|h|min|Uhr)(?![^\W_]))"
)
_NOT_IN_PICTURES: Final = re.compile(
    r"\s?(?:%|percent|Prozent|px|pixel|MP|megapixel)", re.IGNORECASE
)
COORDINATES: Final = r"[xywh]\d?|[xy]_?(?:min|max)|left|top|right|bottom|width|height"
"""Matches the names of numbers that say where something is in a picture."""
_UNSAID: Final = re.compile(  # what Markdown doesn't show, the numbers of lists, and coordinates
    r"\]\([^()\n]{0,2000}\)|https?://\S+|^[ \t>*+-]*\d{1,9}[.)][ \t]"
    r"|<box>[^<]{0,5000}|</?[a-z|][^<>\n]{0,300}>"
    r"|\[\s{0,9}-?\d[\d\s.,-]{0,200}\]"
    rf'|"(?:{COORDINATES})"\s{{0,9}}:\s{{0,9}}-?[\d.]{{1,20}}',
    re.MULTILINE,
)
_ESCAPE: Final = re.compile(r"\\([^\w\s])")
_LOOSE: Final = re.compile(r"(?<=\d)\s?([.,])\s(?=\d{2}(?!\d))|(?<=\d)\s?(:)\s?(?=\d{2}(?!\d))")
_MISREAD: Final = re.compile(r"(?<![^\W_])[\dOoIl|SsBb]+(?:[.,:/-][\dOoIl|SsBb]+)*(?![^\W_])")
_UNITS: Final = "lsbSB"  # litres, seconds, the letter of a tax rate: no digits at the end
_CONFUSED: Final = str.maketrans("oil|sb", "011158")

Key = tuple[str | int | Decimal, ...]
"""A reading of a number, a date or a time."""


class Evidence:
    """Looks values up in pictures; each picture's text is taken apart once."""

    def __init__(self) -> None:
        self._texts: dict[str, _Text] = {}

    def look_up(
        self, answer: str | Sequence[str], pictures: Mapping[str, PictureText]
    ) -> tuple[Value, ...]:
        """As `look_up`; a hash stands for the same text in every call."""
        for sha256, text in pictures.items():
            if text.rows and sha256 not in self._texts:
                self._texts[sha256] = _Text(sha256, text)
        texts = [self._texts[sha256] for sha256, text in pictures.items() if text.rows]
        if not texts:
            return ()
        found = (
            (wanted, tuple(place for text in texts for place in text.places(wanted)))
            for wanted in _wanted(answer)
        )
        return tuple(
            Value(wanted.text, places[:_MOST_PLACES])
            for wanted, places in found
            if places or wanted.is_claim
        )


def look_up(answer: str | Sequence[str], pictures: Mapping[str, PictureText]) -> tuple[Value, ...]:
    """Look up the values of an answer in pictures, by their hashes; at most `MOST_VALUES`.

    An answer is a Markdown text, or the words in the cells of a form, each of which may be a name.
    Names, and numbers that may be a count or somebody's own, are given back only if they are found.
    Without any text in the pictures there are no values.
    """
    return Evidence().look_up(answer, pictures)


# ---- the answer


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A value of the answer, looked up by its `keys`, or without any as it is spelled."""

    text: str
    is_claim: bool
    keys: frozenset[Key] = frozenset()
    squeezed: str = ""


def _wanted(answer: str | Sequence[str]) -> Iterable[_Wanted]:
    if isinstance(answer, str):
        text = _UNSAID.sub(_blank, _ESCAPE.sub(r"\1", answer[:_MOST_CHARACTERS]))
        names = [name for match in _NAMES.finditer(text) for name in match.groups() if name]
    else:
        text = "\x00".join(answer)[:_MOST_CHARACTERS]
        names = [word for word in text.split("\x00") if len(word) <= _LONGEST_NAME]
    found: dict[str, _Wanted] = {}
    for wanted in _values(text, names):
        found.setdefault(wanted.text, wanted)
        if len(found) == MOST_VALUES:
            break
    return found.values()


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _values(text: str, names: Iterable[str]) -> Iterator[_Wanted]:
    for pattern, keys_of in _SPELLED:
        matches, text = _taken(pattern, text)
        for match in matches:
            keys = frozenset(keys_of(match)[:1])  # what it means, not how it may be written
            yield _Wanted(match[0].strip(), is_claim=True, keys=keys, squeezed=_squeezed(match[0]))
    matches, text = _taken(_GROUPS, text, _is_grouped)
    for match in matches:
        yield _Wanted(match[0], is_claim=True, squeezed=_squeezed(match[0]))
    matches, text = _taken(_TOKEN, text, _is_code)
    for match in matches:
        digits = sum(map(str.isdigit, match[0]))
        is_claim = digits > 2 or (digits == 2 and len(match[0]) > 3 and match[0].isupper())  # noqa: PLR2004 - fewer may be anybody's words
        yield _Wanted(match[0], is_claim=is_claim, squeezed=_squeezed(match[0]))
    for match in _NUMERIC.finditer(text):
        if wanted := _number(match):
            yield wanted
    for name in names:
        if not any(map(str.isdigit, name)) and len(squeezed := _squeezed(name)) > 2:  # noqa: PLR2004 - shorter ones stand everywhere
            yield _Wanted(name.strip(" :"), is_claim=False, squeezed=squeezed)


def _taken(
    pattern: re.Pattern[str], text: str, is_meant: Callable[[str], bool] = bool
) -> tuple[list[re.Match[str]], str]:
    """What of a text matches and is meant, and the text without it."""
    matches = [match for match in pattern.finditer(text) if is_meant(match[0])]
    starts = [0, *(match.end() for match in matches)]
    rest = (
        text[start : match.start()] + "\x00" * len(match[0])
        for start, match in zip(starts, matches, strict=False)
    )
    return matches, "".join(rest) + text[starts[-1] :]


def _is_grouped(token: str) -> bool:
    return sum(map(str.isdigit, token)) >= _LEAST_GROUPED and not _DATE_SHAPE.search(token)


def _is_code(token: str) -> bool:
    return (
        any(map(str.isdigit, token))
        and any(map(str.isalpha, token))
        and not _WITH_UNIT.fullmatch(token)
    )


def _number(match: re.Match[str]) -> _Wanted | None:
    token, digits = match[0], sum(map(str.isdigit, match[0]))
    if digits == 1:  # it stands in nearly every picture
        return None
    has_unit = _AFTER.match(match.string, match.end()) or _is_after_currency(match)
    may_be_count = digits == 2 and not has_unit  # noqa: PLR2004
    is_claim = not (may_be_count or _NOT_IN_PICTURES.match(match.string, match.end()))
    keys = frozenset(_numeric_keys(token))
    keys |= {("number", *key[1:]) for key in keys if key[0] == "whole"}
    return _Wanted(token, is_claim=is_claim, keys=keys, squeezed=_squeezed(token))


def _is_after_currency(match: re.Match[str]) -> bool:
    return _BEFORE.search(match.string[max(0, match.start() - 4) : match.start()]) is not None


# ---- readings

_DATE_SHAPE: Final = re.compile(r"(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})")
_LONGEST: Final = 30  # characters of what can be a number
_CENTURY: Final = 100


def _numeric_keys(token: str) -> Iterator[Key]:
    """All that a token of digits and separators may mean."""
    if len(token) > _LONGEST:
        return
    if shape := _DATE_SHAPE.fullmatch(token):
        yield from _date_keys(int(shape[1]), int(shape[3]), int(shape[4]), shape[2])
    elif re.fullmatch(r"\d+:[\d.,:'\u2019]+|\d{1,2}\.\d{2}", token):
        yield from _time_keys([int(part) for part in re.split(r"[.,:'\u2019]", token)])
    if short := re.fullmatch(r"(\d{1,2})\.(\d{1,2})", token):
        yield from _day(0, int(short[2]), int(short[1]))
    for number in readings_of(token):  # 20 is found at 20.00, but 20.00 at 20 only as an amount
        yield ("number" if number.as_tuple().exponent else "whole"), number


def _date_keys(first: int, middle: int, last: int, separator: str) -> Iterator[Key]:
    if first >= _CENTURY:
        yield from _day(first, middle, last)
        return
    year = last if last >= _CENTURY else 2000 + last
    yield from _day(year, middle, first)
    if separator != ".":
        yield from _day(year, first, middle)


def _day(year: int, month: int, day: int) -> Iterator[Key]:
    if 1 <= month <= 12 and 1 <= day <= 31:  # noqa: PLR2004 - of a calendar
        yield "date", year, month, day


def _time_keys(parts: Sequence[int]) -> Iterator[Key]:
    hour, minute, *seconds = parts
    if hour <= 24 and minute < 60 and len(seconds) <= 1:  # noqa: PLR2004 - of a clock
        yield "time", hour, minute, *seconds


def _named_day(match: re.Match[str]) -> list[Key]:
    month = _MONTH_NUMBERS[match["m"].lower().rstrip(".")]
    return [("date", int(match["y"] or 0), month, int(match["d"]))]


def _half_day(match: re.Match[str]) -> list[Key]:
    """The time of a 12-hour clock as one of 24, then as it is written."""
    hour, minute = int(match[1]), int(match[2])
    afternoon = 12 * (match[4].lower() == "p")
    return [*_time_keys([hour % 12 + afternoon, minute]), *_time_keys([hour, minute])]


def _french_time(match: re.Match[str]) -> list[Key]:
    return list(_time_keys([int(match[1]), int(match[2])]))


_SPELLED: Final = (
    *((pattern, _named_day) for pattern in _DATES), (_CLOCK, _half_day), (_HOURS, _french_time),
)  # fmt: skip
"""Dates and times that are written with letters, and what they mean: what is meant first."""


def _squeezed(text: str) -> str:
    """Letters and digits only, those alike that OCR confuses."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(filter(str.isalnum, folded)).translate(_CONFUSED)


# ---- the picture


class _Text:
    """The text of one picture, to look values up in."""

    def __init__(self, sha256: str, text: PictureText) -> None:
        self._sha256 = sha256
        self._is_level = text.is_level
        self._cells = [cell for row in text.rows or () for cell in row]
        self._found: dict[Key, dict[Place, None]] = {}
        # all letters and digits in a row, and of each its cell and its place there
        pieces: list[str] = []
        self._numbers: list[int] = []
        self._offsets: list[int] = []
        for number, cell in enumerate(self._cells):
            for read, start, end in _keys_in(cell.text):
                place = self._place(cell, start, end)
                for key in _with_coarser(read):
                    self._found.setdefault(key, {})[place] = None
            squeezed = [_squeezed(letter) for letter in cell.text]
            offsets = [at for at, each in enumerate(squeezed) for _ in each]
            pieces += squeezed
            self._offsets += offsets
            self._numbers += [number] * len(offsets)
        self._squeezed = "".join(pieces)

    def places(self, wanted: _Wanted) -> Iterator[Place]:
        """Where a value stands."""
        if wanted.keys:
            yield from dict.fromkeys(
                place for key in wanted.keys for place in self._found.get(key, ())
            )
        elif wanted.squeezed:
            yield from self._searched(wanted.squeezed)

    def _searched(self, squeezed: str) -> Iterator[Place]:
        start, count = self._squeezed.find(squeezed), 0
        while start >= 0 and count < _MOST_PLACES:
            end = start + len(squeezed)
            if self._is_border(start) and self._is_border(end):
                count += 1
                yield from self._parts(start, end)
            start = self._squeezed.find(squeezed, start + 1)

    def _is_border(self, at: int) -> bool:
        """Whether a word or a number ends before this letter."""
        if at in {0, len(self._numbers)} or self._numbers[at - 1] != self._numbers[at]:
            return True
        before, after = self._offsets[at - 1 : at + 1]
        text = self._cells[self._numbers[at]].text
        if after - before == 1:
            return text[before].isdigit() != text[after].isdigit()
        between = text[before + 1 : after]
        is_inside = text[before].isdigit() and text[after].isdigit() and between in ".,:"
        return not is_inside

    def _parts(self, start: int, end: int) -> Iterator[Place]:
        """The place of these letters, one for each cell that has some."""
        letters = zip(self._numbers[start:end], self._offsets[start:end], strict=True)
        for number, taken in groupby(letters, key=itemgetter(0)):
            offsets = [offset for _, offset in taken]
            yield self._place(self._cells[number], offsets[0], offsets[-1] + 1)

    def _place(self, cell: TextCell, start: int, end: int) -> Place:
        """The part of a cell, where its letters run from left to right; else all of it."""
        left, width = cell.left, cell.width
        if self._is_level and cell.width > cell.height:
            letter = cell.width / len(cell.text)
            left = max(cell.left, round(cell.left + letter * (start - 0.5)))
            width = min(cell.left + cell.width, round(cell.left + letter * (end + 0.5))) - left
        return Place(self._sha256, left, cell.top, width, cell.height)


def _keys_in(text: str) -> Iterator[tuple[Key, int, int]]:
    """Every reading of every number, date and time of a text, with its begin and end."""
    for pattern, keys_of in _SPELLED:
        for match in pattern.finditer(text):
            yield from ((key, *match.span()) for key in keys_of(match))
    yield from _numeric_in(text, range(len(text) + 1))
    if _LOOSE.search(text):  # "19, 90"
        yield from _numeric_in(*_closed_up(text))
    for match in _MISREAD.finditer(text):
        letters = [letter for letter in match[0] if letter.isalnum() or letter == "|"]
        digits = sum(map(str.isdigit, letters))
        if digits < len(letters) <= 2 * digits and letters[-1] not in _UNITS:
            for token in _tokens(match[0].casefold().translate(_CONFUSED)):
                yield from ((key, *match.span()) for key in _numeric_keys(token))


def _closed_up(text: str) -> tuple[str, list[int]]:
    """The text without the spaces around separators, and where each letter comes from."""
    kept = [True] * len(text)
    for match in _LOOSE.finditer(text):
        for at in range(*match.span()):
            kept[at] = not text[at].isspace()
    origins = [at for at, is_kept in enumerate(kept) if is_kept]
    return "".join(text[at] for at in origins), [*origins, len(text)]


def _numeric_in(text: str, origins: Sequence[int]) -> Iterator[tuple[Key, int, int]]:
    for match in _NUMERIC.finditer(text):
        span = origins[match.start()], origins[match.end() - 1] + 1
        is_amount = _AMOUNT_AFTER.match(text, match.end()) or _is_after_currency(match)
        for token in _tokens(match[0]):
            for key in _numeric_keys(token):
                yield key, *span
                if is_amount and key[0] == "whole":
                    yield ("number", *key[1:]), *span


def _tokens(found: str) -> set[str]:
    """All of it, for it may be a date, and its parts, which may be the ends of a range."""
    return {found, *re.split(r"[\s/-]", found)}


def _with_coarser(key: Key) -> tuple[Key, ...]:
    """A reading; of a date the day without its year, of a time the minute, too."""
    if key[0] == "date":
        return key, ("date", 0, *key[2:])
    return (key, key[:3]) if key[0] == "time" else (key,)

"""What lines of text say: amounts, dates, times, addresses.

Nothing is guessed: a value is given with the line it stands in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

_CURRENCIES = {"€": "EUR", "EUR": "EUR", "$": "USD", "USD": "USD", "£": "GBP", "GBP": "GBP",
               "CHF": "CHF"}  # fmt: skip
_SIGN = r"€|EUR|\$|USD|£|GBP|CHF"
# A 1 or 0 that was read as a letter makes another number of the digits behind it.
_NO_LETTER = r"(?<!(?<![A-Za-z])[IlO|])"
_AMOUNT = re.compile(
    rf"(?<![\d.,:/-]){_NO_LETTER}(?P<before>{_SIGN})?\s?(?P<minus>-)?"
    r"(?P<number>\d{1,3}(?:[.'\s]\d{3})+,\s?\d{2}|\d{1,3}(?:[,'\s]\d{3})+\.\s?\d{2}|\d+[.,]\d{2}"
    rf"|\d+,\s\d{{2}}(?=\s?(?:{_SIGN})))"
    r"(?![\d]|[.,:/]\d)(?!\s?(?:%|kg\b|g\b|l\b|ml\b|cm\b|m\b|km\b|Uhr\b|h\b))"
    rf"\s?(?P<after>{_SIGN})?"
)
_MONTHS = {
    name: number
    for number, names in enumerate(
        ("januar january jan janvier janv", "februar february feb février fevrier févr fév",
         "märz march mrz mar mars", "april apr avril avr", "mai may", "juni june jun juin",
         "juli july jul juillet juil", "august aug août aout", "september sep sept septembre",
         "oktober october okt oct octobre", "november nov novembre",
         "dezember december dez dec décembre decembre déc"),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_NAMED = rf"(?P<month>{'|'.join(sorted(_MONTHS, key=len, reverse=True))})"
_YEAR_MONTHS = 12
_YEARS_AHEAD = 10  # as far a year of two digits may lie in the future
_YEAR = r"(?P<year>(?:19|20)\d{2})(?!\d(?!\d?[:.]\d{2}))"  # a time may follow without a space
_SHORT_YEAR = r"(?P<year>\d{2})(?![\d:]|\.\d)"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_BEFORE = rf"(?<!\d)(?<!\d\.){_NO_LETTER}"
_DATE_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        r"(?<![\d./-])(?P<year>(?:19|20)\d{2})(?P<gap>[-/.])(?P<month>\d{1,2})(?P=gap)(?P<day>\d{1,2})(?!\d|[-/.]\d)",
        rf"{_BEFORE}(?P<day>\d{{1,2}})\.\s?(?P<month>\d{{1,2}})\.\s?(?:{_YEAR})(?!\.\d)",
        rf"{_BEFORE}(?P<day>\d{{1,2}})\.\s?(?P<month>\d{{1,2}})\.\s?{_SHORT_YEAR}",
        rf"{_BEFORE}(?<!/)(?P<day>\d{{1,2}})(?P<sign>/)(?P<month>\d{{1,2}})/(?:{_YEAR})(?!/)",
        rf"{_BEFORE}(?<!/)(?P<day>\d{{1,2}})(?P<sign>/)(?P<month>\d{{1,2}})/{_SHORT_YEAR}(?!/)",
        rf"{_BEFORE}(?<!-)(?P<day>\d{{1,2}})(?P<sign>-)(?P<month>\d{{1,2}})-(?:{_YEAR})(?!-)",
        rf"{_BEFORE}{_DAY}(?: of)?[.\s/-]{{0,2}}{_NAMED}[.,\s/-]{{0,2}}{_YEAR}",
        rf"{_BEFORE}(?P<day>\d{{1,2}})(?P<gap>[-/.]){_NAMED}(?P=gap){_SHORT_YEAR}",
        rf"(?<![a-zä]){_NAMED}[.\s/-]{{0,2}}{_DAY}[,.\s/-]{{1,2}}{_YEAR}",
    )
)
_NUMBERED = re.compile(  # what is named before is a number of parts and no date
    r"(?<![a-zä])(?:art|artikel|article|item|version|ver|rev|kapitel|chapter|section|ip)"
    r"[.:]?\s?\Z",
    re.IGNORECASE,
)
_MOST_BEFORE = 12
_UNCLEAR_DATE = re.compile(
    r"(?<![\d.])\d{1,2}\.\s?\d{1,2}\.(?!\d)|(?<![\d/])\d{1,2}/\d{1,2}/(?:\d{4}|\d{2})(?!\d)|"
    r"(?<![\d-])\d{1,2}-\d{1,2}-\d{2}(?![\d-])|"
    rf"(?<!\d)\d{{1,2}}(?:st|nd|rd|th)?\.?\s?{_NAMED.replace('?P<month>', '?:')}(?![a-zä])|"
    rf"(?<![a-zä]){_NAMED.replace('?P<month>', '?:')}\.?\s\d{{1,2}}(?!\d)|"
    r"(?<![a-zä])(?:(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch|sonnabend|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day)(?![a-zä])",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"(?<!\d)\d{1,2}[:.]\d{2}(?![\d.,])|\b\d{1,2}\s?(?:Uhr|am|pm|a\.m\.|p\.m\.)\b", re.IGNORECASE
)
_URL = re.compile(r"\b(?:https?://|www\.)[^\s<>\"]+", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"(?:\+\d{1,3}|(?<!\d)0)[\d\s()/-]{6,}\d")


@dataclass(frozen=True, slots=True)
class Amount:
    """Money as it stands in a line; `currency` is an ISO code, empty where none is named."""

    written: str
    value: Decimal
    currency: str
    line: str


@dataclass(frozen=True, slots=True)
class FoundDate:
    """A date as it stands in a line."""

    written: str
    value: date
    line: str


def amounts_in(lines: Iterable[str]) -> list[Amount]:
    """Every amount of money, in order."""
    return [
        Amount(match.group().strip(), _value(match), _currency(match, line), line)
        for line in lines
        for match in _AMOUNT.finditer(line)
    ]


def _value(match: re.Match[str]) -> Decimal:
    digits = re.sub(r"\D", "", match["number"])
    return Decimal(f"{'-' if match['minus'] else ''}{digits[:-2]}.{digits[-2:]}")


def _currency(match: re.Match[str], line: str) -> str:
    sign = match["after"] or match["before"]
    if not sign and (found := re.search(rf"(?<![A-Za-z])(?:{_SIGN})(?![A-Za-z])", line)):
        sign = found.group()
    return _CURRENCIES[sign] if sign else ""


def currency_in(lines: Sequence[str]) -> str:
    """The first currency that is named, empty if none is."""
    match = re.search(rf"(?<![A-Za-z])(?:{_SIGN})(?![A-Za-z])", "\n".join(lines))
    return _CURRENCIES[match.group()] if match else ""


def dates_in(lines: Iterable[str]) -> list[FoundDate]:
    """Every date that can be told, in order.

    Day and month between slashes or dashes can be told if one of them is above 12, if they are
    equal, if another date of the lines shows their order, or if the lines name a European currency.
    """
    lines = list(lines)
    matches = []
    for line in lines:
        found = (match for form in _DATE_FORMS for match in form.finditer(line))
        matches += [
            (line, match)
            for match in sorted(found, key=lambda match: match.start())
            if not _NUMBERED.search(line, max(0, match.start() - _MOST_BEFORE), match.start())
        ]
    order = _order_of(lines, [match for _line, match in matches])
    return [
        FoundDate(match.group(), value, line)
        for line, match in matches
        if (value := _date(match, order)) is not None
    ]


def unclear_dates_in(lines: Iterable[str]) -> list[str]:
    """The lines that name a day without its year, or a date whose day and month can't be told."""
    return [line for line in lines if _UNCLEAR_DATE.search(line)]


def _order_of(lines: Sequence[str], matches: Iterable[re.Match[str]]) -> str:
    """What comes first between slashes: "day", "month", or empty if it can't be told."""
    for match in filter(_has_open_order, matches):
        if max(first := int(match["day"]), int(match["month"])) > _YEAR_MONTHS:
            return "day" if first > _YEAR_MONTHS else "month"
    return "day" if currency_in(lines) in {"EUR", "GBP", "CHF"} else ""


def _has_open_order(match: re.Match[str]) -> bool:
    """Whether day and month may have changed places: `sign` stands between these."""
    return "sign" in match.groupdict()


def _date(match: re.Match[str], order: str) -> date | None:
    named = match["month"]
    month = int(named) if named.isdigit() else _MONTHS[named.lower()]
    day, year = int(match["day"]), int(match["year"])
    if _has_open_order(match) and day != month:
        if max(day, month) > _YEAR_MONTHS:
            order = "month" if month > _YEAR_MONTHS else "day"
        if not order:
            return None
        day, month = (day, month) if order == "day" else (month, day)
    if len(match["year"]) == 2:  # noqa: PLR2004 - two digits
        year += 2000 if year + 2000 <= datetime.now(UTC).year + _YEARS_AHEAD else 1900
    with suppress(ValueError):
        return date(year, month, day)
    return None


def times_in(lines: Iterable[str]) -> list[str]:
    """The lines that name a time of day, without those that only hold amounts."""
    return [line for line in lines if _TIME.search(_AMOUNT_WITH_SIGN.sub("", line))]


_AMOUNT_WITH_SIGN = re.compile(rf"(?:{_SIGN})\s?\d+[.,]\d{{2}}|\d+[.,]\d{{2}}\s?(?:{_SIGN})")


def urls_in(lines: Iterable[str]) -> list[str]:
    """Web addresses."""
    return [match.rstrip(".,;)") for line in lines for match in _URL.findall(line)]


def emails_in(lines: Iterable[str]) -> list[str]:
    """Mail addresses."""
    return [match for line in lines for match in _EMAIL.findall(line)]


def phones_in(lines: Iterable[str]) -> list[str]:
    """Telephone numbers that begin with 0 or a country code."""
    return [match.strip() for line in lines for match in _PHONE.findall(line)]

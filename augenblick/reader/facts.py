"""What lines of text say: amounts, the total, dates, times, addresses, labelled values.

Nothing is guessed: a value is given with the line it stands in.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

_CURRENCIES = {"€": "EUR", "EUR": "EUR", "$": "USD", "USD": "USD", "£": "GBP", "GBP": "GBP",
               "CHF": "CHF"}  # fmt: skip
_SIGN = r"€|EUR|\$|USD|£|GBP|CHF"
_AMOUNT = re.compile(
    rf"(?<![\d.,:/-])(?P<before>{_SIGN})?\s?(?P<minus>-)?"
    r"(?P<number>\d{1,3}(?:[.'\s]\d{3})+,\s?\d{2}|\d{1,3}(?:[,'\s]\d{3})+\.\s?\d{2}|\d+[.,]\d{2}"
    rf"|\d+,\s\d{{2}}(?=\s?(?:{_SIGN})))"
    r"(?![\d]|[.,:/]\d)(?!\s?(?:%|kg\b|g\b|l\b|ml\b|cm\b|m\b|km\b|Uhr\b|h\b))"
    rf"\s?(?P<after>{_SIGN})?"
)
_SUREST_TOTAL = (
    r"gesamt(?:betrag|summe|preis)|end(?:summe|betrag)|(?:rechnungs|zahl)betrag|zu zahlen|"
    r"grand total|(?:amount|total|balance) due|total to pay"
)
_TOTAL_WORDS = (
    _SUREST_TOTAL,
    r"\bsumme\b|\bgesamt\b|\btotal\b",
    r"\bbetrag\b|\bamount\b",
)
_NO_TOTAL = re.compile(
    r"zwischensumme|sub-?\s?total|mwst|\bust\b|netto|steuer|\btax\b|\bvat\b|rabatt|discount|"
    r"rückgeld|\bchange\b"
)
_TAX = re.compile(r"mwst|\bust\b|mehrwertsteuer|umsatzsteuer|\bvat\b|\btax\b")
_NO_TAX = re.compile(
    r"inkl|incl|netto|brutto|\bnet\b|gross|\bohne\b|exkl|excl|before|gesamtbetrag|gesamtpreis|"
    r"ust-?\s?id|vat (?:no|id|reg)|tax (?:no|id)"
)
_WHOLE_TAX = re.compile(
    r"(?:gesamt|summe|total)\W{0,3}(?:mwst|ust|mehrwertsteuer|umsatzsteuer|vat|tax)|"
    r"(?:mwst|ust|mehrwertsteuer|umsatzsteuer|vat|tax)\W{0,3}(?:gesamt|summe|total)"
)
_NO_ITEM = re.compile(r"\bbar\b|gegeben|karte|\bcard\b|\bcash\b|brutto|visa|mastercard|girocard")
_MONTHS = {
    name: number
    for number, names in enumerate(
        ("januar january jan", "februar february feb", "märz march mrz mar", "april apr",
         "mai may", "juni june jun", "juli july jul", "august aug", "september sep sept",
         "oktober october okt oct", "november nov", "dezember december dez dec"),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_DATE_FORMS = (
    re.compile(r"(?<!\d)(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})(?!\d)"),
    re.compile(
        r"(?<![\d.])(?P<day>\d{1,2})\.\s?(?P<month>\d{1,2})\.\s?(?P<year>\d{4}|\d{2})(?!\d)"
    ),
    re.compile(r"(?<![\d/])(?P<day>\d{1,2})/(?P<month>\d{1,2})/(?P<year>\d{4}|\d{2})(?!\d)"),
    re.compile(r"(?<!\d)(?P<day>\d{1,2})\.?\s(?P<month>[A-Za-zä]{3,9})\.?,?\s(?P<year>\d{4})"),
    re.compile(
        r"\b(?P<month>[A-Za-zä]{3,9})\.?\s(?P<day>\d{1,2})(?:st|nd|rd|th)?,?\s(?P<year>\d{4})"
    ),
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


def total_in(lines: Sequence[str]) -> Amount | None:
    """The amount in the line that names a total, or right below it."""
    for words in _TOTAL_WORDS:
        for index, line in enumerate(lines):
            folded = line.lower()
            if not re.search(words, folded) or _NO_TOTAL.search(folded):
                continue
            if found := amounts_in([line]) or amounts_in(lines[index + 1 : index + 2]):
                return found[-1]
    return None


def tax_in(lines: Sequence[str]) -> Decimal | None:
    """The tax on everything: as a line sums it up, else the sum of the lines for each rate.

    A line with further amounts leaves open which of them is the tax, and is passed over.
    """
    of_rates = []
    for line in lines:
        folded = line.lower()
        amounts = amounts_in([line])
        if len(amounts) != 1 or not _TAX.search(folded) or _NO_TAX.search(folded):
            continue
        if _WHOLE_TAX.search(folded):
            return amounts[0].value
        of_rates.append(amounts[0].value)
    return sum(of_rates, Decimal()) if of_rates else None


def currency_in(lines: Sequence[str]) -> str:
    """The first currency that is named, empty if none is."""
    match = re.search(rf"(?<![A-Za-z])(?:{_SIGN})(?![A-Za-z])", "\n".join(lines))
    return _CURRENCIES[match.group()] if match else ""


def items_in(lines: Sequence[str]) -> list[tuple[str, Amount]]:
    """Lines of a receipt that name a thing and its price."""
    items = []
    for line in lines:
        folded = line.lower()
        if any(re.search(words, folded) for words in _TOTAL_WORDS):
            break
        found = amounts_in([line])
        label = line[: line.find(found[-1].written)].strip(" .:") if found else ""
        if re.search(r"[^\W\d_]{2}", label) and not (
            _NO_TOTAL.search(folded) or _NO_ITEM.search(folded)
        ):
            items.append((label, found[-1]))
    return items


def dates_in(lines: Iterable[str]) -> list[FoundDate]:
    """Every date, in order. With slashes the day comes first unless that can't be."""
    return [
        found
        for line in lines
        for found in sorted(_dates(line), key=lambda found: line.find(found.written))
    ]


def _dates(line: str) -> Iterator[FoundDate]:
    for form in _DATE_FORMS:
        for match in form.finditer(line):
            if (value := _date(match)) is not None:
                yield FoundDate(match.group(), value, line)


def _date(match: re.Match[str]) -> date | None:
    month_word = match["month"]
    month = int(month_word) if month_word.isdigit() else _MONTHS.get(month_word.lower(), 0)
    day, year = int(match["day"]), int(match["year"])
    if month > 12 >= day:  # noqa: PLR2004 - months of a year
        day, month = month, day
    try:
        return date(year + 2000 if year < 100 else year, month, day)  # noqa: PLR2004 - two digits
    except ValueError:
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


def stems(text: str) -> set[str]:
    """Words of at least three letters or digits without accents, in lower case."""
    plain = unicodedata.normalize("NFKD", text.lower().replace("ß", "ss"))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return set(re.findall(r"[^\W_]{3,}", plain))


def is_like(one: str, other: str) -> bool:
    """Whether two stems are one word in other forms: the shorter begins the longer, nearly."""
    short, long = sorted((one, other), key=len)
    same = next(
        (n for n, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short)
    )
    return same >= max(4, len(long) - 3) if len(long) > 4 else short == long  # noqa: PLR2004 - short words must be equal

"""The texts of the project in every language: gettext catalogues, one entry per key.

A language is a folder under `locales/`. A key names the place of a text (`chat.placeholder`); all
catalogues hold the same keys, which a test checks. Which language somebody reads is decided by who
calls.
"""

from __future__ import annotations

import copy
import gettext
import math
import re
from datetime import datetime, tzinfo
from functools import cache
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_time
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal

_FOLDER = Path(__file__).parent / "locales"
LANGUAGES = tuple(sorted(path.parent.name for path in _FOLDER.glob("*/LC_MESSAGES")))
DEFAULT_LANGUAGE = "en"
_MEGABYTE = 1_000_000
_CENTS = {"EUR": "ct", "USD": "¢"}
_FEW_CENTS = 0.10  # of the whole unit; below it cents are easier to read
_MOST_DIGITS = 4
_SMALLEST_WRITTEN, _LARGEST_WRITTEN = 1e-6, 1e15  # others keep their exponent


class Language:
    """One language: its texts, and how it writes numbers and times."""

    def __init__(self, code: str, domain: str = "augenblick") -> None:
        self.code = code
        self.zone: tzinfo | None = None  # of the reader, where it is known
        self._catalogue = read_catalogue(code, domain)
        self._plural_form = gettext.c2py(self._catalogue.plural_expr)

    def in_zone(self, zone: tzinfo) -> Language:
        """Return the same language for somebody whose clocks stand in this time zone."""
        other = copy.copy(self)
        other.zone = zone
        return other

    def text(self, key: str, **params: object) -> str:
        """Return the text of a key with `{name}` places filled.

        A parameter `count` chooses the plural form where the entry has one. An unknown key raises
        KeyError: a page with a raw key on it must not pass a test.
        """
        message = self._catalogue.get(key)
        if message is None or not message.string:
            raise KeyError(key)
        text = message.string
        if isinstance(text, tuple | list):
            count = params.get("count")
            text = text[self._plural_form(count if isinstance(count, int) else 0)]
        return text.format(**{name: self._shown(value) for name, value in params.items()})

    def has(self, key: str) -> bool:
        """Whether there is a text for this key."""
        return self._catalogue.get(key) is not None

    def number(self, value: float, *, digits: int = 0) -> str:
        """Write a number as the language does, with so many decimals at most."""
        pattern = "#,##0" + ("." + "#" * digits if digits else "")
        return format_decimal(value, format=pattern, locale=self.code)

    def money(self, amount: float, currency: str) -> str:
        """Write an amount with its currency, small ones in cents: $1.20, 0.3 ct."""
        cent = _CENTS.get(currency)
        if cent is None or amount >= _FEW_CENTS:
            return format_currency(amount, currency, locale=self.code)
        cents = amount * 100
        digits = max(0, 1 - math.floor(math.log10(cents))) if cents > 0 else 0
        return f"{self.number(cents, digits=min(digits, _MOST_DIGITS))}\N{NO-BREAK SPACE}{cent}"

    def plain_number(self, value: float) -> str:
        """Write a number as it is, with all its decimals and without marks between thousands."""
        if value and not _SMALLEST_WRITTEN <= abs(value) < _LARGEST_WRITTEN:
            return str(value)
        return format_decimal(
            value, locale=self.code, decimal_quantization=False, group_separator=False
        )

    def bytes(self, count: int) -> str:
        """Write a size with its unit: 812 KB, 3.4 MB."""
        if count < _MEGABYTE:
            return self.text("size.kilobytes", number=max(1, round(count / 1000)))
        return self.text("size.megabytes", number=count / _MEGABYTE)

    def moment(self, when: datetime) -> str:
        """Write date and time, short."""
        return format_datetime(when, format="short", locale=self.code)

    def clock(self, when: datetime) -> str:
        """Write the time of day."""
        return format_time(when, format="short", locale=self.code)

    def day(self, when: datetime) -> str:
        """Write a date with the month's name."""
        return format_date(when, format="long", locale=self.code)

    def _shown(self, value: object) -> str:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self.number(value, digits=1)
        return str(value)


@cache
def language(code: str, domain: str = "augenblick") -> Language:
    """Return a language by its code, read once; the built-in reader's texts are a domain too."""
    return Language(code, domain)


def read_catalogue(code: str, domain: str = "augenblick") -> Catalog:
    """Read the catalogue of a language from its .po file."""
    path = _FOLDER / code / "LC_MESSAGES" / f"{domain}.po"
    with path.open("rb") as file:
        return read_po(file, locale=code)


def choose_language(wishes: str) -> str:
    """Choose from an Accept-Language header or a locale such as `de-AT`.

    The first wish we speak wins, by weight; without one it is English.
    """
    for wish in _by_weight(wishes):
        try:
            spoken = Locale.parse(wish, sep="-").language
        except (UnknownLocaleError, ValueError):
            continue
        if spoken in LANGUAGES:
            return spoken
    return DEFAULT_LANGUAGE


def _by_weight(wishes: str) -> list[str]:
    found: list[tuple[float, str]] = []
    for wish in wishes.split(","):
        name, _, rest = wish.strip().partition(";")
        weight = re.fullmatch(r"\s*q=([01](?:\.\d{1,3})?)\s*", rest)
        found.append((-float(weight[1]) if weight else -1.0, name.strip().replace("_", "-")))
    return [name for _, name in sorted(found, key=lambda pair: pair[0]) if name]

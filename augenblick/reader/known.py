"""What is known from some pictures, by the names people give to fields of a form.

`value_for` answers "what goes into a field called this": first by the table of names, then by a
label in the text ("Sendungsnummer: 4711"). What is not known is `MISSING`; nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from augenblick.reader import facts
from augenblick.reader.answer import orientation_key
from augenblick.reader.seeing import Sharpness, Sighting
from augenblick.reader.wire import JsonValue
from augenblick.reader.words import COLOURS, Words

_HEAD_LINES = 4


class _Missing:
    """The one value that says: not known."""

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing()


@dataclass(frozen=True, slots=True)
class Known:
    """Sightings together, as JSON values by concept."""

    sightings: Sequence[Sighting]
    words: Words

    @property
    def lines(self) -> list[str]:
        """All lines of text."""
        return [line.text for sighting in self.sightings for line in sighting.lines]

    def value_for(self, name: str, description: str = "") -> JsonValue:
        """A JSON value for a field, or `MISSING`."""
        for hint in (_spaced(name), _spaced(description)):
            for pattern, value_of in _CONCEPTS.items():
                if hint and re.search(pattern, hint):
                    return value_of(self)
        return self._labelled(name, description)

    def _labelled(self, name: str, description: str) -> JsonValue:
        """The value beside or behind a label that is like the field's name or description."""
        wanted = [hint for hint in (_spaced(name), _spaced(description)) if hint]
        for sighting in self.sightings:
            for line in sighting.lines:
                label, value = _label_and_value(line.cells)
                if value and any(_is_label(hint, label) for hint in wanted):
                    return value
        return MISSING


def _spaced(name: str) -> str:
    """Turn camelCase and snake_case to lower-case words."""
    return re.sub(r"[\W_]+", " ", re.sub(r"(?<=[a-zäöüß])(?=[A-ZÄÖÜ])", " ", name)).strip().lower()


def _label_and_value(cells: Sequence[str]) -> tuple[str, str]:
    first, *rest = cells
    label, colon, value = first.partition(":")
    if colon and (value.strip() or rest):
        return label, " ".join([value.strip(), *rest]).strip()
    return (first, " ".join(rest)) if rest else ("", "")


def _is_label(hint: str, label: str) -> bool:
    wanted, there = facts.stems(hint), facts.stems(label)
    return bool(there and wanted) and all(
        any(facts.is_like(word, other) for other in wanted) for word in there
    )


def _total(known: Known) -> JsonValue:
    total = facts.total_in(known.lines)
    return float(total.value) if total else MISSING


def _tax(known: Known) -> JsonValue:
    tax = facts.tax_in(known.lines)
    return MISSING if tax is None else float(tax)


def _currency(known: Known) -> JsonValue:
    return facts.currency_in(known.lines) or MISSING


def _date(known: Known) -> JsonValue:
    found = facts.dates_in(known.lines)
    return found[0].value.isoformat() if found else MISSING


def _title(known: Known) -> JsonValue:
    """The largest of the first lines that hold no amount."""
    lines = [line for sighting in known.sightings[:1] for line in sighting.lines[:_HEAD_LINES]]
    heads = [line for line in lines if not facts.amounts_in([line.text])]
    return max(heads, key=lambda line: line.height_px).text if heads else MISSING


def _merchant(known: Known) -> JsonValue:
    """The largest writing, if this is a receipt."""
    return _title(known) if facts.total_in(known.lines) else MISSING


def _text(known: Known) -> JsonValue:
    return "\n\n".join(sighting.text for sighting in known.sightings if sighting.lines) or MISSING


def _codes(known: Known) -> JsonValue:
    return [
        {"type": code.kind, "content": code.content}
        for sighting in known.sightings
        for code in sighting.codes
    ]


def _colours(known: Known) -> JsonValue:
    return [
        {"name": known.words(COLOURS[colour.name]), "share": colour.share}
        for sighting in known.sightings
        for colour in sighting.colours
    ]


def _items(known: Known) -> JsonValue:
    return [
        {"name": label, "price": float(amount.value)}
        for label, amount in facts.items_in(known.lines)
    ] or MISSING


def _url(known: Known) -> JsonValue:
    coded = [code["content"] for code in _codes(known) if code["content"].startswith("http")]
    return next(iter([*facts.urls_in(known.lines), *coded]), MISSING)


def _first(found: Callable[[list[str]], list[str]]) -> Callable[[Known], JsonValue]:
    return lambda known: next(iter(found(known.lines)), MISSING)


def _of_first(value_of: Callable[[Sighting], JsonValue]) -> Callable[[Known], JsonValue]:
    return lambda known: value_of(known.sightings[0]) if known.sightings else MISSING


def orientation_of(sighting: Sighting) -> str:
    """portrait, landscape or square: a code, not a word of a language."""
    return orientation_key(sighting.width_px, sighting.height_px).rpartition(".")[2]


_CONCEPTS: Mapping[str, Callable[[Known], JsonValue]] = {
    r"^(?:has|contains) (?:a )?(?:text|writing)|enthält text": lambda known: bool(known.lines),
    r"^(?:has|contains) (?:an? )?(?:qr|bar|code)|enthält code": lambda known: bool(_codes(known)),
    r"^is sharp$|^scharf$": _of_first(lambda sighting: sighting.sharpness is Sharpness.SHARP),
    r"^(?:is )?blurry$|^unscharf$": _of_first(
        lambda sighting: sighting.sharpness is Sharpness.BLURRY
    ),
    r"^(?:items|line items|positions?|products|articles|positionen|artikel|posten)$": _items,
    r"\bcurrency\b|\bwährung\b": _currency,
    r"^(?:total |sum of )?(?:vat|tax|sales tax|mw ?st|u ?st|mehrwertsteuer|umsatzsteuer|steuer)"
    r"(?: total| amount| betrag|betrag)?$": _tax,
    r"^(?:grand |receipt |invoice )?(?:total|sum|amount|gesamt|summe|betrag|preis gesamt|"
    r"(?:gesamt|rechnungs|end|zahl|kassen)(?:betrag|summe|preis)|zu zahlen)"
    r"(?: amount| price| sum| due| paid| to pay| eur| brutto| gross)?$": _total,
    r"^(?:\w+ )?(?:date|\w*datum|tag|day)"
    r"(?: of (?:purchase|issue|sale)| des (?:kaufs|einkaufs))?$": _date,
    r"^(?:full |recogni[sz]ed |raw )?(?:text|transcript|transcription|volltext)$": _text,
    r"^(?:text )?(?:lines|zeilen)$": lambda known: known.lines or MISSING,
    r"^(?:title|heading|headline|titel|überschrift)$": _title,
    r"^(?:name of the |name des )?(?:merchant|store|shop|seller|vendor|supplier|retailer|company|"
    r"händlers?|geschäfts?|ladens?|markt|supermarkt|verkäufer|firma|unternehmen)"
    r"(?: name)?$": _merchant,
    r"^(?:händler|geschäfts|laden|firmen)name$": _merchant,
    r"^(?:qr ?|bar ?|strich)?codes?(?: content| value)?$|^qr$": _codes,
    r"^(?:web ?)?(?:url|link|site|website|web address|webadresse)s?$": _url,
    r"^(?:e ?mail)(?: address| adresse)?$": _first(facts.emails_in),
    r"^(?:tele)?(?:phone|fon|telefon)(?: number)?$|^telefonnummer$": _first(facts.phones_in),
    r"^(?:image |picture )?(?:width|breite)(?: px| pixels)?$": _of_first(
        lambda seen: seen.width_px
    ),
    r"^(?:image |picture )?(?:height|höhe)(?: px| pixels)?$": _of_first(
        lambda seen: seen.height_px
    ),
    r"^(?:megapixels?|megapixel)$": _of_first(lambda seen: round(seen.megapixels, 2)),
    r"^(?:orientation|ausrichtung)$": _of_first(orientation_of),
    r"^(?:main |dominant )?(?:colou?rs?|farben?)$|^hauptfarben$": _colours,
    r"^(?:sharpness|schärfe)$": _of_first(lambda sighting: sighting.sharpness.value),
    r"^(?:language|sprache)$": lambda known: known.words.language,
}

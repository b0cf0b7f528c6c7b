"""What is known from some pictures, by the names people give to fields of a form.

`value_for` answers "what goes into a field called this": first by the table of names, then by a
label in the text ("Sendungsnummer: 4711"). What is not known is `MISSING`; nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from augenblick.core.language import Language
from augenblick.reader import picture_facts
from augenblick.reader.analysis import PictureAnalysis, Sharpness
from augenblick.reader.lookup import is_like, stems
from augenblick.reader.receipts import items_in, tax_in, total_in
from augenblick.reader.wire import JsonValue

_HEAD_LINES = 4


class _Missing:
    """The one value that says: not known."""

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing()


@dataclass(frozen=True, slots=True)
class ParsedFields:
    """Analyses together, as JSON values by concept."""

    analyses: Sequence[PictureAnalysis]
    language: Language

    @property
    def lines(self) -> list[str]:
        """All lines of text."""
        return [text for analysis in self.analyses for text in analysis.texts]

    def value_for(self, name: str, description: str = "") -> JsonValue:
        """A JSON value for a field, or `MISSING`."""
        hints = [hint for hint in (_spaced(name), _spaced(description)) if hint]
        for hint in hints:
            for pattern, value_of in _CONCEPTS.items():
                if re.search(pattern, hint):
                    return value_of(self)
        for analysis in self.analyses:
            for line in analysis.lines:
                label, value = _label_and_value(line.cells)
                if value and any(_is_label(hint, label) for hint in hints):
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
    wanted, there = stems(hint), stems(label)
    return bool(there and wanted) and all(
        any(is_like(word, other) for other in wanted) for word in there
    )


def _total(fields: ParsedFields) -> JsonValue:
    total = total_in(fields.lines)
    return float(total.value) if total else MISSING


def _tax(fields: ParsedFields) -> JsonValue:
    tax = tax_in(fields.lines)
    return MISSING if tax is None else float(tax)


def _currency(fields: ParsedFields) -> JsonValue:
    return picture_facts.currency_in(fields.lines) or MISSING


def _date(fields: ParsedFields) -> JsonValue:
    found = picture_facts.dates_in(fields.lines)
    return found[0].value.isoformat() if found else MISSING


def _title(fields: ParsedFields) -> JsonValue:
    """The largest of the first lines that hold no amount."""
    lines = [line for analysis in fields.analyses[:1] for line in analysis.lines[:_HEAD_LINES]]
    heads = [line for line in lines if not picture_facts.amounts_in([line.text])]
    return max(heads, key=lambda line: line.height_px).text if heads else MISSING


def _merchant(fields: ParsedFields) -> JsonValue:
    """The largest writing, if this is a receipt."""
    return _title(fields) if total_in(fields.lines) else MISSING


def _text(fields: ParsedFields) -> JsonValue:
    return "\n\n".join(analysis.text for analysis in fields.analyses if analysis.lines) or MISSING


def _codes(fields: ParsedFields) -> JsonValue:
    return [
        {"type": code.kind, "content": code.text}
        for analysis in fields.analyses
        for code in analysis.codes
    ]


def _colours(fields: ParsedFields) -> JsonValue:
    return [
        {"name": fields.language.text(colour.name), "share": colour.share}
        for analysis in fields.analyses
        for colour in analysis.colours
    ]


def _items(fields: ParsedFields) -> JsonValue:
    return [
        {"name": label, "price": float(amount.value)} for label, amount in items_in(fields.lines)
    ] or MISSING


def _url(fields: ParsedFields) -> JsonValue:
    coded = [code["content"] for code in _codes(fields) if code["content"].startswith("http")]
    return next(iter([*picture_facts.urls_in(fields.lines), *coded]), MISSING)


def _first(found: Callable[[list[str]], list[str]]) -> Callable[[ParsedFields], JsonValue]:
    return lambda fields: next(iter(found(fields.lines)), MISSING)


def _of_first(
    value_of: Callable[[PictureAnalysis], JsonValue],
) -> Callable[[ParsedFields], JsonValue]:
    return lambda fields: value_of(fields.analyses[0]) if fields.analyses else MISSING


_CONCEPTS: Mapping[str, Callable[[ParsedFields], JsonValue]] = {
    r"^(?:has|contains) (?:a )?(?:text|writing)|enthält text": lambda fields: bool(fields.lines),
    r"^(?:has|contains) (?:an? )?(?:qr|bar|code)|enthält code": lambda fields: bool(_codes(fields)),
    r"^is sharp$|^scharf$": _of_first(lambda analysis: analysis.sharpness is Sharpness.SHARP),
    r"^(?:is )?blurry$|^unscharf$": _of_first(
        lambda analysis: analysis.sharpness is Sharpness.BLURRY
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
    r"^(?:text )?(?:lines|zeilen)$": lambda fields: fields.lines or MISSING,
    r"^(?:title|heading|headline|titel|überschrift)$": _title,
    r"^(?:name of the |name des )?(?:merchant|store|shop|seller|vendor|supplier|retailer|company|"
    r"händlers?|geschäfts?|ladens?|markt|supermarkt|verkäufer|firma|unternehmen)"
    r"(?: name)?$": _merchant,
    r"^(?:händler|geschäfts|laden|firmen)name$": _merchant,
    r"^(?:qr ?|bar ?|strich)?codes?(?: content| value)?$|^qr$": _codes,
    r"^(?:web ?)?(?:url|link|site|website|web address|webadresse)s?$": _url,
    r"^(?:e ?mail)(?: address| adresse)?$": _first(picture_facts.emails_in),
    r"^(?:tele)?(?:phone|fon|telefon)(?: number)?$|^telefonnummer$": _first(
        picture_facts.phones_in
    ),
    r"^(?:image |picture )?(?:width|breite)(?: px| pixels)?$": _of_first(
        lambda seen: seen.width_px
    ),
    r"^(?:image |picture )?(?:height|höhe)(?: px| pixels)?$": _of_first(
        lambda seen: seen.height_px
    ),
    r"^(?:megapixels?|megapixel)$": _of_first(lambda seen: round(seen.megapixels, 2)),
    r"^(?:orientation|ausrichtung)$": _of_first(lambda analysis: analysis.orientation),
    r"^(?:main |dominant )?(?:colou?rs?|farben?)$|^hauptfarben$": _colours,
    r"^(?:sharpness|schärfe)$": _of_first(lambda analysis: analysis.sharpness.value),
    r"^(?:language|sprache)$": lambda fields: fields.language.code,
}

"""What is to be paid, the tax and the things, by the lines of a receipt or an invoice.

Many lines name a total: of the things, before the tax, of the tax, before rounding, handed over.
Each line with an amount is one of these or a candidate. Where candidates differ and the other lines
do not explain by what, all of them are given back: nothing is guessed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from itertools import chain

from augenblick.reader.picture_facts import Amount, amounts_in

# Words are found beside digits, too: a scan often loses the space before an amount.
_START, _END = r"(?<![a-zäöüß])", r"(?![a-zäöüß])"


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"{_START}(?:{pattern}){_END}")


_TAX_WORD = (
    r"mwst|mw\.\s?st|m\.w\.st|ust|u\.st|mehrwertsteuer\w*|umsatzsteuer\w*|\w*steuern?|steuersatz|"
    r"vat|(?:sales )?tax(?:es)?|gst|hst|pst|qst|tva|iva"
)
_TOTAL_WORD = (
    r"(?:(?:gesamt|rechnungs|end|zahl|total|brutto|kassen|schluss)-?){1,3}(?:betrag|summe|preis)|summe|"
    r"gesamt|total|totale|insgesamt|betrag|amount"
)
_PAYMENT = _words(
    r"bar|bargeld|barzahlung|gegeben|erhalten|zahlung|karten?|\w+karten?|kartenzahlung|ec|giro\w*|"
    r"visa|mastercard|maestro|amex|american express|paypal|kontaktlos|contactless|cash|tendered?|"
    r"received|rendered|given|payments?|card|credit|debit|apple pay|google pay|twint|cheque|check|"
    r"espèces|especes|cartes?|cb|reçu|chèque|contanti|efectivo"
)
_PAID = _words(r"bezahlt|gezahlt|paid")
_CHANGE = _words(
    r"rückgeld|rueckgeld|wechselgeld|restgeld|rausgeld|zurück|retour|change(?: due)?|cash ?back|"
    r"(?:à |a )?rendre|rendu|monnaie"
)
_SUBTOTAL = _words(
    r"zwischen-?\s?summe|zw\.?-?\s?summe|teilsumme|sub-?\s?total|sous-?\s?total|warenwert|"
    r"summe (?:der )?(?:waren|positionen)|items? total|übertrag|previous|brought forward|saldo|"
    r"guthaben|restguthaben|remaining|points?|punkte\w*|gewicht|gesamtgewicht|weight"
)
_NET = _words(
    r"netto\w*|net(?! (?:à|a) payer)|ohne|exkl\w*|excl\w*|ex|zzgl|zuzügl\w*|before|without|w/o|vor|"
    r"plus|taxable|h\.?t\.?|hors tax\w*"
)
_AFTER = _words(
    r"(?:after|incl\w*|nach|inkl\w*)\.? (?:\w+ )?(?:rounding|rundung|savings?|discounts?|rabatt)"
)
_ADJUSTMENT = _words(
    r"\w*rundung\w*|rounding|round(?:ed)? off|rabatt\w*|\w*nachlass|skonto|discounts?|savings?|"
    r"you saved|gespart|sie sparen|ersparnis|coupons?|vouchers?|gutschein\w*|anzahlung|deposit|"
    r"pfand|trinkgeld|tips?|gratuity|service(?: charge)?|bedienung|versand\w*|shipping|delivery|"
    r"fees?|gebühr(?:en)?|refund|gutschrift"
)
_QUANTITY = _words(
    r"(?:total|gesamt|summe)\W*(?:items?|qty|quantity|pieces|pcs|units|artikel|positionen|stück|"
    r"menge)|(?:\w*anzahl|\w*menge|stückzahl|artikelzahl|qty|quantity|item count)|"
    r"(?:no\.?|number|count) of \w+|items?\W*(?:sold|count|purchased)"
)
_IS_TAX = re.compile(rf"{_START}(?:{_TAX_WORD}){_END}")
_HAS_TAX_IN_IT = re.compile(
    rf"{_START}(?:{_TOTAL_WORD}){_END}(?:.*{_START}(?:inkl|incl|including|inclusive|einschl\w*|mit|with)"
    rf"{_END}|\s*\(\s*(?:{_TAX_WORD}){_END}.*incl|.*{_START}(?:brutto|gross){_END})"
)
_TO_PAY = _words(
    r"zu (?:be)?zahlen(?:der betrag)?|zahl-?betrag|zahlungsbetrag|zahllast|fällig\w*|"
    r"(?:amount|total|balance|payment)\W+(?:now )?due|due(?: now)?|to pay|payable|"
    r"\A\W*balance(?=\W*(?:eur|usd|gbp|chf)?\W*(?:\d|\Z))|(?:à|a) payer|montant dû"
)
_GRAND = _words(
    r"(?:(?:gesamt|rechnungs|end|total|brutto|kassen|schluss)-?){1,3}(?:betrag|summe|preis)|"
    r"(?:grand|final|order|invoice|rounded|gross|bill)[ -]total|total (?:rounded|gerundet|ttc)"
)
_PLAIN = _words(r"summe|gesamt|total|totale|insgesamt|gross")
_AMOUNT_WORD = _words(r"betrag|amount")
_NO_TAX = re.compile(
    r"inkl|incl|netto|brutto|\bnet\b|gross|\bohne\b|exkl|excl|before|gesamtbetrag|gesamtpreis|"
    r"ust-?\s?id|vat (?:no|id|reg)|tax (?:no|id)"
)
_WHOLE_TAX = re.compile(
    r"(?:gesamt|summe|total)\W{0,3}(?:mwst|ust|mehrwertsteuer|umsatzsteuer|vat|tax)|"
    r"(?:mwst|ust|mehrwertsteuer|umsatzsteuer|vat|tax)\W{0,3}(?:gesamt|summe|total)"
)
_TIERS = (_TO_PAY, _GRAND, _PLAIN, _AMOUNT_WORD, _PAID)
_NO_THINGS = (_SUBTOTAL, _IS_TAX, _CHANGE, _PAYMENT, _ADJUSTMENT, _words("netto|brutto"))
_SPACED = re.compile(r"(?<![^\W\d_])[^\W\d_](?: [^\W\d_]){3,11}(?![^\W\d_])")  # S U M M E
_SIGNS = re.compile(r"eur|usd|gbp|chf|[^\w]|\d")
_MANY_ADJUSTMENTS = 8  # 256 sums


def total_in(lines: Sequence[str]) -> Amount | None:
    """The amount to pay; `None` where no line names it, or several do and differ."""
    found = amounts_to_pay(lines)
    return found[0] if len(found) == 1 else None


def amounts_to_pay(lines: Sequence[str]) -> list[Amount]:
    """The amount to pay. Several where it is not clear which one; none where no line names it."""
    found: dict[_Kind, list[Amount]] = defaultdict(list)
    for index, line in enumerate(lines):
        if amounts := _amounts_of(lines, index):
            folded = _SPACED.sub(_without_spaces, line).lower()
            kind = next((kind for kind, fits in _KINDS if fits(folded)), None)
            found[kind] += _meant(folded, amounts) if kind in _TIERS else amounts
    tiers = [[amount for amount in found[tier] if amount.value] for tier in _TIERS]
    changes = _values(found["change"])
    paid = {given - back for given in _values(found["payment"]) for back in changes}
    for amount in chain(*tiers, found["net"]):  # a total after a discount may be called net, too
        if amount.value in paid:
            return [amount]
    if found["payment"] or changes:
        tiers.pop()  # "paid" is what was handed over, then
    sums = _sums(_values(found["adjustment"]))
    for tier in filter(None, tiers):
        distinct = list({amount.value: amount for amount in reversed(tier)}.values())[::-1]
        is_explained = all(abs(tier[-1].value - other.value) in sums for other in distinct)
        return tier[-1:] if is_explained else distinct
    return []


def _values(amounts: Iterable[Amount]) -> list[Decimal]:
    return [abs(amount.value) for amount in amounts]


def _without_spaces(word: re.Match[str]) -> str:
    return word[0].replace(" ", "")


def _amounts_of(lines: Sequence[str], index: int) -> list[Amount]:
    """The amounts of a line, or the one that stands alone in the line below it."""
    if (own := amounts_in([lines[index]])) or index + 1 >= len(lines):
        return own
    alone = [
        len(amounts_in([line])) == 1 and not _SIGNS.sub("", line.lower())
        for line in lines[index + 1 : index + 3]
    ]
    return amounts_in([lines[index + 1]]) if alone in ([True], [True, False]) else []


def _is_adjustment(folded: str) -> bool:
    if _HAS_TAX_IN_IT.search(folded) and not _NET.search(folded):
        return False
    if _IS_TAX.search(folded):
        return True
    return bool(_ADJUSTMENT.search(folded)) and not _AFTER.search(folded)


_Kind = str | re.Pattern[str] | None
_KINDS: tuple[tuple[_Kind, Callable[[str], object]], ...] = (
    ("change", _CHANGE.search),
    ("payment", lambda folded: _PAYMENT.search(folded) and not _TO_PAY.search(folded)),
    (None, lambda folded: _QUANTITY.search(folded) or _SUBTOTAL.search(folded)),
    ("adjustment", _is_adjustment),
    ("net", _NET.search),
    *((tier, tier.search) for tier in _TIERS),
)
"""What the amounts of a line are: the first that fits its words, in lower case."""


def _meant(folded: str, amounts: Sequence[Amount]) -> Sequence[Amount]:
    """Of several amounts beside a total: the sum of the others, or what stands behind a price."""
    for amount in amounts:
        if len(amounts) > 2 and 2 * amount.value == sum(each.value for each in amounts):  # noqa: PLR2004 - two always would
            return [amount]
    return amounts[-1:] if re.search(r"\d\s?[x\u00d7*@à]\s?\d", folded) else amounts


def _sums(adjustments: Iterable[Decimal]) -> set[Decimal]:
    """By how much two totals may differ: by some of the adjustments, up or down."""
    sums = {Decimal()}
    for adjustment in list(dict.fromkeys(adjustments))[:_MANY_ADJUSTMENTS]:
        sums |= {abs(total + step) for total in sums for step in (adjustment, -adjustment)}
    return sums


def tax_in(lines: Sequence[str]) -> Decimal | None:
    """The tax on everything: as a line sums it up, else the sum of the lines for each rate.

    A line with further amounts leaves open which of them is the tax, and is passed over.
    """
    of_rates = []
    for line in lines:
        folded = line.lower()
        amounts = amounts_in([line])
        if len(amounts) != 1 or not _IS_TAX.search(folded) or _NO_TAX.search(folded):
            continue
        if _WHOLE_TAX.search(folded):
            return amounts[0].value
        of_rates.append(amounts[0].value)
    return sum(of_rates, Decimal()) if of_rates else None


def items_in(lines: Sequence[str]) -> list[tuple[str, Amount]]:
    """The things on a receipt and their prices: what stands above its total."""
    items = []
    for line in lines:
        folded = line.lower()
        if any(words.search(folded) for words in _TIERS):
            break
        found = amounts_in([line])
        label = line[: line.find(found[-1].written)].strip(" .:") if found else ""
        is_thing = not any(words.search(folded) for words in _NO_THINGS)
        if is_thing and re.search(r"[^\W\d_]{2}", label):
            items.append((label, found[-1]))
    return items

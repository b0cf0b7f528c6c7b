"""A question and a Sighting to Markdown: the direct answer first, short.

One function for each topic; all take the sighting, the question and the words of a language and
give paragraphs. Recognised text always stands in code, so that it is shown as it was read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from babel.dates import format_date

from augenblick.reader import facts
from augenblick.reader.lookup import lines_for_day, matching_lines
from augenblick.reader.markdown import code, code_span, fenced
from augenblick.reader.question import Topic
from augenblick.reader.seeing import Code, Sighting
from augenblick.reader.words import COLOURS, SHARPNESS, Words

Section = Callable[[Sighting, str, Words], list[str]]

_LINKING = ("http://", "https://")
_BAR_WORDS = ("bar", "strich", "ean")


def caption(size: tuple[int, int], words: Words, *, number: int, of: int) -> str:
    """The line above what is said about a picture; known before anything is read."""
    width, height = size
    params: dict[str, str | int] = {
        "width": width,
        "height": height,
        "orientation": words(orientation_key(width, height)),
    }
    if of > 1:
        return words("reader.caption.many", number=number, of=of, **params)
    return words("reader.caption.one", **params)


def orientation_key(width: int, height: int) -> str:
    """Portrait, landscape or square."""
    if width == height:
        return "reader.orientation.square"
    return "reader.orientation.landscape" if width > height else "reader.orientation.portrait"


def answer(topics: Sequence[Topic], sighting: Sighting, question: str, words: Words) -> list[str]:
    """Paragraphs about one picture, in the order of the topics; without topics, everything."""
    said: list[str] = []
    for topic in topics:
        said.extend(_SECTIONS[topic](sighting, question, words))
    return said or overview(sighting, words)


def overview(sighting: Sighting, words: Words) -> list[str]:
    """Everything that was seen: text, codes, then colours and sharpness in one line."""
    looks = [
        words("reader.overview.colours", colours=_colour_list(sighting, words)),
        words(SHARPNESS[sighting.sharpness]),
    ]
    codes = [_code_line(found, words) for found in sighting.codes]
    return [*_text_block(sighting, words), *codes, " ".join(looks)]


def found_lines(sighting: Sighting, question: str, words: Words) -> list[str]:
    """The lines that speak of what is asked; empty if there are none."""
    hits = matching_lines(question, _texts(sighting))
    return [words("reader.lookup.found"), fenced("\n".join(hits[:6]))] if hits else []


def _texts(sighting: Sighting) -> list[str]:
    return [line.text for line in sighting.lines]


def _total(sighting: Sighting, _question: str, words: Words) -> list[str]:
    lines = _texts(sighting)
    if (total := facts.total_in(lines)) is not None:
        amount = _amount(total, lines, words)
        return [
            words("reader.total.found", amount=amount),
            words("reader.total.line", line=code_span(total.line)),
        ]
    amounts = facts.amounts_in(lines)
    if not amounts:
        return [words("reader.total.none"), *_text_block(sighting, words)]
    largest = max(amounts, key=lambda amount: amount.value)
    return [
        words(
            "reader.total.largest",
            amount=_amount(largest, lines, words),
            line=code_span(largest.line),
        )
    ]


def _amount(amount: facts.Amount, lines: Sequence[str], words: Words) -> str:
    currency = amount.currency or facts.currency_in(lines)
    sign = {"EUR": "€", "USD": "$", "GBP": "£"}.get(currency, currency)
    number = words.decimal(float(amount.value), "#,##0.00")
    return f"{number} {sign}".strip().replace("$", "\\$")  # a bare dollar begins a formula


def _price(sighting: Sighting, question: str, words: Words) -> list[str]:
    hits = [line for line in matching_lines(question, _texts(sighting)) if facts.amounts_in([line])]
    if hits:
        return [words("reader.lookup.found"), fenced("\n".join(hits))]
    return _total(sighting, question, words)


def _date(sighting: Sighting, question: str, words: Words) -> list[str]:
    found = facts.dates_in(_texts(sighting))
    if not found:
        return found_lines(sighting, question, words) or [words("reader.date.none")]
    return [
        words(
            "reader.date.found",
            date=format_date(each.value, "full", locale=words.language),
            line=code_span(each.line),
        )
        for each in dict.fromkeys(found)
    ]


def _hours(sighting: Sighting, question: str, words: Words) -> list[str]:
    lines = _texts(sighting)
    for hits in (lines_for_day(question, lines), facts.times_in(lines)):
        if hits:
            return [words("reader.hours.found"), fenced("\n".join(hits))]
    return [words("reader.hours.none"), *_text_block(sighting, words)]


def _text(sighting: Sighting, _question: str, words: Words) -> list[str]:
    return _text_block(sighting, words)


def _text_block(sighting: Sighting, words: Words) -> list[str]:
    if not sighting.lines:
        return [words("reader.text.none")]
    text = "\n".join(
        f"\n{line.laid_out}" if line.starts_paragraph else line.laid_out for line in sighting.lines
    )
    turned = [words("reader.text.turned")] if sighting.text_turned_degrees else []
    return [words("reader.text.found"), fenced(text), *turned]


def _code(sighting: Sighting, question: str, words: Words) -> list[str]:
    if not sighting.codes:
        return [words("reader.code.none")]
    return [_code_line(found, words) for found in _codes_meant(sighting, question)]


def _codes_meant(sighting: Sighting, question: str) -> Sequence[Code]:
    """Only the QR codes or only the bar codes, if just one of them is asked for and there."""
    folded = question.lower()
    wants_qr, wants_bars = "qr" in folded, any(word in folded for word in _BAR_WORDS)
    meant = [code for code in sighting.codes if ("QR" in code.kind) == wants_qr]
    return meant if wants_qr != wants_bars and meant else sighting.codes


def _code_line(found: Code, words: Words) -> str:
    line = words("reader.code.found", kind=found.kind) + " "
    content = code(found.content)
    line = f"{line.strip()}\n\n{content}" if content.startswith("```") else line + content
    if found.content.lower().startswith(_LINKING):
        line += "\n\n" + words("reader.code.link")
    return line


def _colours(sighting: Sighting, _question: str, words: Words) -> list[str]:
    return [words("reader.colours.found", colours=_colour_list(sighting, words))]


def _colour_list(sighting: Sighting, words: Words) -> str:
    return ", ".join(
        f"{words(COLOURS[colour.name])} {words.percent(colour.share)}"
        for colour in sighting.colours
    )


def _size(sighting: Sighting, _question: str, words: Words) -> list[str]:
    width, height = sighting.width_px, sighting.height_px
    said = words(
        "reader.size.found",
        width=width,
        height=height,
        megapixels=words.decimal(sighting.megapixels, "#,##0.0#"),
        orientation=words(orientation_key(width, height)),
    )
    return [said, words("reader.size.turned")] if sighting.was_turned else [said]


def _sharpness(sighting: Sighting, _question: str, words: Words) -> list[str]:
    return [words(SHARPNESS[sighting.sharpness])]


def _objects(sighting: Sighting, _question: str, words: Words) -> list[str]:
    return overview(sighting, words)


def _thanks(_sighting: Sighting, _question: str, words: Words) -> list[str]:
    return [words("reader.thanks.answer")]


_SECTIONS: dict[Topic, Section] = {
    Topic.TOTAL: _total,
    Topic.PRICE: _price,
    Topic.DATE: _date,
    Topic.HOURS: _hours,
    Topic.TEXT: _text,
    Topic.CODE: _code,
    Topic.COLOURS: _colours,
    Topic.SIZE: _size,
    Topic.SHARPNESS: _sharpness,
    Topic.OBJECTS: _objects,
    Topic.THANKS: _thanks,
}

"""A question and a PictureAnalysis to Markdown: the result first, short.

One function for each topic; all take the analysis, the question and the language and give
paragraphs. Recognised text always stands in code, so that it is shown as it was read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from babel.dates import format_date
from babel.numbers import format_decimal, format_percent

from augenblick.core.language import Language
from augenblick.pictures.facts import PictureCode
from augenblick.reader import picture_facts
from augenblick.reader.analysis import PictureAnalysis
from augenblick.reader.layout import Line
from augenblick.reader.lookup import lines_for_day, matching_lines
from augenblick.reader.markdown import BLOCK_END, code, code_span, fenced, growing_block
from augenblick.reader.question import Topic
from augenblick.reader.receipts import amounts_to_pay

Section = Callable[[PictureAnalysis, str, Language], list[str]]

_LINKING = ("http://", "https://")
_BAR_WORDS = ("bar", "strich", "ean")


def answer(
    topics: Sequence[Topic], analysis: PictureAnalysis, question: str, language: Language
) -> list[str]:
    """Paragraphs about one picture, in the order of the topics."""
    sections = (_SECTIONS[topic](analysis, question, language) for topic in topics)
    return [paragraph for section in sections for paragraph in section]


def overview(analysis: PictureAnalysis, language: Language, *, is_named: bool = False) -> list[str]:
    """Everything that was seen."""
    return [*_text_block(analysis), *below_text(analysis, language, is_named=is_named)]


def below_text(
    analysis: PictureAnalysis, language: Language, *, is_named: bool = False
) -> list[str]:
    """What an overview says besides the text: codes, then colours and sharpness in one line.

    Where the thing has been named, neither these nor that there is no text is worth a word.
    """
    surface = [
        language.text("reader.overview.colours", colours=_colour_list(analysis, language)),
        language.text(f"reader.sharpness.{analysis.sharpness}"),
    ]
    codes = [_code_line(found, language) for found in analysis.codes]
    if is_named:
        has_text = analysis.lines or analysis.has_unread
        return [*(text_notes(analysis, language) if has_text else []), *codes]
    notes = text_notes(analysis, language)
    rest = [*codes, " ".join(surface)]
    return [*notes, *rest] if analysis.lines else [*rest, *notes]


def found_lines(analysis: PictureAnalysis, question: str, language: Language) -> list[str]:
    """The lines that speak of what is asked; empty if there are none."""
    hits = matching_lines(question, analysis.texts)
    return [language.text("reader.lookup.found"), fenced("\n".join(hits[:6]))] if hits else []


def _total(analysis: PictureAnalysis, question: str, language: Language) -> list[str]:
    lines = analysis.texts
    found = amounts_to_pay(lines)
    if len(found) == 1:
        return [
            language.text("reader.total.found", amount=_amount(found[0], lines, language)),
            language.text("reader.total.line", line=code_span(found[0].line)),
        ]
    amounts = found or picture_facts.amounts_in(lines)
    if not amounts:
        return [language.text("reader.total.none"), *_text(analysis, question, language)]
    named = "\n".join(dict.fromkeys(amount.line for amount in amounts))
    return [
        language.text("reader.total.several" if found else "reader.total.unnamed"),
        fenced(named),
    ]


def _amount(amount: picture_facts.Amount, lines: Sequence[str], language: Language) -> str:
    currency = amount.currency or picture_facts.currency_in(lines)
    sign = {"EUR": "€", "USD": "$", "GBP": "£"}.get(currency, currency)
    number = format_decimal(amount.value, "#,##0.00", locale=language.code)
    return f"{number} {sign}".strip().replace("$", "\\$")  # a bare dollar begins a formula


def _price(analysis: PictureAnalysis, question: str, language: Language) -> list[str]:
    hits = [
        line
        for line in matching_lines(question, analysis.texts)
        if picture_facts.amounts_in([line])
    ]
    if hits:
        return [language.text("reader.lookup.found"), fenced("\n".join(hits))]
    return _total(analysis, question, language)


def _date(analysis: PictureAnalysis, question: str, language: Language) -> list[str]:
    found = picture_facts.dates_in(analysis.texts)
    if not found:
        if unclear := picture_facts.unclear_dates_in(analysis.texts):
            return [language.text("reader.date.unclear"), fenced("\n".join(unclear))]
        return found_lines(analysis, question, language) or [language.text("reader.date.none")]
    return [
        language.text(
            "reader.date.found",
            date=format_date(each.value, "full", locale=language.code),
            line=code_span(each.line),
        )
        for each in dict.fromkeys(found)
    ]


def _hours(analysis: PictureAnalysis, question: str, language: Language) -> list[str]:
    lines = analysis.texts
    for hits in (lines_for_day(question, lines), picture_facts.times_in(lines)):
        if hits:
            return [fenced("\n".join(hits))]
    return [language.text("reader.hours.none"), *_text(analysis, question, language)]


def _text(analysis: PictureAnalysis, _question: str, language: Language) -> list[str]:
    return [*_text_block(analysis), *text_notes(analysis, language)]


def _text_block(analysis: PictureAnalysis) -> list[str]:
    block = "".join(text_line(line, is_first=not n) for n, line in enumerate(analysis.lines))
    return [block + BLOCK_END] if block else []


def text_line(line: Line, *, is_first: bool) -> str:
    """A line as the next part of the block of text, which `BLOCK_END` closes."""
    text = f"\n{line.laid_out}" if line.starts_paragraph else line.laid_out
    return growing_block(text, is_first=is_first)


def text_notes(analysis: PictureAnalysis, language: Language) -> list[str]:
    """What to know about the text: that there is none, that it lay turned, that some is missing."""
    if not analysis.lines:
        key = "reader.text.unreadable" if analysis.has_unread else "reader.text.none"
        return [language.text(key)]
    turned = [language.text("reader.text.turned")] if analysis.text_turned_degrees else []
    unread = [language.text("reader.text.partly")] if analysis.has_unread else []
    return [*turned, *unread]


def _code(analysis: PictureAnalysis, question: str, language: Language) -> list[str]:
    if not analysis.codes:
        return [language.text("reader.code.none")]
    return [_code_line(found, language) for found in _codes_meant(analysis, question)]


def _codes_meant(analysis: PictureAnalysis, question: str) -> Sequence[PictureCode]:
    """Only the QR codes or only the bar codes, if just one of them is asked for and there."""
    folded = question.lower()
    wants_qr, wants_bars = "qr" in folded, any(word in folded for word in _BAR_WORDS)
    meant = [code for code in analysis.codes if ("QR" in code.kind) == wants_qr]
    return meant if wants_qr != wants_bars and meant else analysis.codes


def _code_line(found: PictureCode, language: Language) -> str:
    line = language.text("reader.code.found", kind=found.kind) + " "
    content = code(found.text)
    line = f"{line.strip()}\n\n{content}" if content.startswith("```") else line + content
    if found.text.lower().startswith(_LINKING):
        line += "\n\n" + language.text("reader.code.link")
    return line


def _colours(analysis: PictureAnalysis, _question: str, language: Language) -> list[str]:
    return [language.text("reader.colours.found", colours=_colour_list(analysis, language))]


def _colour_list(analysis: PictureAnalysis, language: Language) -> str:
    return ", ".join(
        language.text(colour.name) + " " + format_percent(colour.share, locale=language.code)
        for colour in analysis.colours
    )


def _size(analysis: PictureAnalysis, _question: str, language: Language) -> list[str]:
    said = language.text(
        "reader.size.found",
        width=str(analysis.width_px),
        height=str(analysis.height_px),
        megapixels=language.number(analysis.megapixels, digits=2),
        orientation=language.text(f"reader.orientation.{analysis.orientation}"),
    )
    return [said, language.text("reader.size.turned")] if analysis.was_turned else [said]


_SECTIONS: dict[Topic, Section] = {
    Topic.TOTAL: _total,
    Topic.PRICE: _price,
    Topic.DATE: _date,
    Topic.HOURS: _hours,
    Topic.TEXT: _text,
    Topic.CODE: _code,
    Topic.COLOURS: _colours,
    Topic.SIZE: _size,
    Topic.SHARPNESS: lambda seen, _question, language: [
        language.text(f"reader.sharpness.{seen.sharpness}")
    ],
    Topic.OBJECTS: lambda seen, _question, language: overview(seen, language),
    Topic.THANKS: lambda _seen, _question, language: [language.text("reader.thanks.answer")],
}

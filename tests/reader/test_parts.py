"""The parts below HTTP: tokens, reading order, Markdown, facts, catalogues."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

import augenblick.reader
from augenblick.reader.facts import amounts_in, dates_in, items_in, times_in, total_in
from augenblick.reader.layout import Cell, lines_of
from augenblick.reader.markdown import code_span, fenced
from augenblick.reader.question import Topic, topics_of
from augenblick.reader.tokens import Cutter, count_tokens
from augenblick.reader.words import LANGUAGES, catalogue

_TEXTS = st.text(alphabet="ab1 \nä€.`", max_size=60)


@given(
    st.lists(_TEXTS, max_size=6),
    st.lists(st.text(alphabet="ab \n", min_size=1, max_size=3), max_size=4),
)
def test_stop_is_found_however_text_is_cut(pieces: list[str], stop: list[str]) -> None:
    """Text that grows in any pieces ends before the first stop sequence of the whole."""
    whole = "".join(pieces)
    first = min((place for word in stop if (place := whole.find(word)) >= 0), default=len(whole))
    cutter = Cutter(stop=stop)
    out = [word for piece in pieces for word in cutter.feed(piece)] + list(cutter.end())

    assert "".join(out) == whole[:first]
    assert cutter.finish_reason == "stop"
    assert cutter.tokens == count_tokens("".join(out))


@given(st.lists(_TEXTS, max_size=6), st.integers(1, 30))
def test_limit_is_exact(pieces: list[str], limit: int) -> None:
    """An answer has as many tokens as it may, not one more, and says if it was cut."""
    whole = "".join(pieces)
    cutter = Cutter(max_tokens=limit)
    out = "".join([word for piece in pieces for word in cutter.feed(piece)] + list(cutter.end()))

    assert whole.startswith(out)
    assert count_tokens(out) == min(limit, count_tokens(whole))
    assert cutter.finish_reason == ("length" if out != whole else "stop")


def _cell(text: str, left: float, top: float, *, width: float | None = None) -> Cell:
    return Cell(text, left, top, left + (width or 20 * len(text)), top + 30)


def test_labels_and_prices_share_a_line() -> None:
    """What stands on one height is one line, however wide the gap."""
    cells = [
        _cell("2,99", 900, 102),
        _cell("Brot", 10, 100),
        _cell("Käse", 10, 150),
        _cell("4,50", 900, 149),
    ]

    assert [line.text for line in lines_of(cells)] == ["Brot  2,99", "Käse  4,50"]


def test_columns_are_read_one_after_the_other() -> None:
    """Two columns of running text below a heading are read from top to bottom, left first."""
    heading = _cell("Ein Titel über die ganze Breite", 10, 10, width=1000)
    left = [_cell(f"linke Spalte, Zeile {n}", 10, 100 + 40 * n) for n in range(4)]
    right = [_cell(f"rechte Spalte, Zeile {n}", 560, 100 + 40 * n) for n in range(4)]
    shuffled = [cell for pair in zip(right, left, strict=True) for cell in pair]

    read = [line.text for line in lines_of([*shuffled, heading])]

    assert read == [cell.text for cell in (heading, *left, *right)]


def test_nothing_is_read_from_nothing() -> None:
    """No boxes are no lines."""
    assert lines_of([]) == ()


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("Summe 1.234,56 €", ["1234.56"]),
        ("Total $1,234.56", ["1234.56"]),
        ("21.11.2026 14:32", []),
        ("7,00 % MwSt 0,60", ["0.60"]),
        ("0,52 kg 6,20 B", ["6.20"]),
        ("Rabatt -1,00", ["-1.00"]),
        ("IP 192.168.10.10", []),
        ("9.30 Uhr", []),
        ("12, 34 €", ["12.34"]),
    ],
)
def test_amounts(line: str, values: list[str]) -> None:
    """Amounts are told from dates, times, weights and percentages."""
    assert [str(amount.value) for amount in amounts_in([line])] == values


def test_total() -> None:
    """The surest word wins, subtotals and taxes are no totals, the amount may stand below."""
    lines = ["Zwischensumme 9,00", "Summe 10,00", "Zu zahlen", "10,50 EUR", "Bar 20,00"]
    total = total_in(lines)

    assert total is not None
    assert (str(total.value), total.currency) == ("10.50", "EUR")
    assert total_in(["Zwischensumme 9,00", "MwSt Summe 1,00"]) is None


def test_items_end_at_the_total() -> None:
    """The things on a receipt stand above its total; taxes and payment are none."""
    lines = ["Brot 2,99 B", "inkl. MwSt 0,20", "Karte 2,99", "Summe 2,99", "Käse 1,00"]

    assert [label for label, _amount in items_in(lines)] == ["Brot"]


@pytest.mark.parametrize(
    ("line", "iso"),
    [
        ("am 3.4.26 um", "2026-04-03"),
        ("2026-11-21", "2026-11-21"),
        ("21/11/2026", "2026-11-21"),
        ("11/21/2026", "2026-11-21"),
        ("5. März 2025", "2025-03-05"),
        ("March 5th, 2025", "2025-03-05"),
        ("31.02.2025", None),
        ("Version 1.2.3", None),
    ],
)
def test_dates(line: str, iso: str | None) -> None:
    """Dates are understood in German, English and ISO form; impossible ones are none."""
    assert [found.value.isoformat() for found in dates_in([line])] == ([iso] if iso else [])


def test_times() -> None:
    """Lines with times of day are told from lines with prices."""
    lines = ["Mo-Fr 9:00 - 18:30", "Preis 9,30 €", "ab 9 Uhr", "Brot 2,50 €"]

    assert times_in(lines) == [lines[0], lines[2]]


@given(st.text(alphabet="`a \n", max_size=30))
def test_fences_hold(text: str) -> None:
    """No text ends the code it stands in."""
    fence = fenced(text).split("text\n", 1)[0]
    assert fence not in fenced(text).removeprefix(fence).removesuffix(fence)
    ticks = re.match("`+", code_span(text))
    assert ticks is not None
    inside = code_span(text)[len(ticks[0]) : -len(ticks[0])]
    assert ticks[0] not in re.findall("`+", inside)


@pytest.mark.parametrize(
    ("text", "topics"),
    [
        ("Was steht auf dem Schild?", [Topic.TEXT]),
        ("Wie groß ist das Bild?", [Topic.SIZE]),
        ("What's in this picture?", [Topic.OBJECTS]),
        ("Welche Farbe hat das Auto und wie viele Personen?", [Topic.COLOURS, Topic.OBJECTS]),
        ("Scan the code", [Topic.CODE]),
        ("How much is the bread?", [Topic.PRICE]),
        ("Danke, und wie hoch ist die Summe?", [Topic.TOTAL]),
        ("Ist das gesund?", []),
    ],
)
def test_topics(text: str, topics: list[Topic]) -> None:
    """Questions in both languages are understood in the order they ask."""
    assert list(topics_of(text)) == topics


def test_catalogues_are_complete() -> None:
    """Every sentence is there in both languages with the same gaps, and none is unused."""
    sources = Path(augenblick.reader.__file__).parent.glob("*.py")
    used = {
        key
        for path in sources
        for key in re.findall(r'"(reader\.[a-z_]+\.[a-z_]+)"', path.read_text())
    }
    german, english = (catalogue(language) for language in LANGUAGES)

    assert set(german) == used
    assert set(english) == used
    for key in used:
        assert _gaps(german[key]) == _gaps(english[key])
        assert german[key]


def _gaps(sentence: str) -> set[str]:
    return {name for _text, name, _spec, _conversion in Formatter().parse(sentence) if name}

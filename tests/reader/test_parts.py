"""The parts below HTTP: tokens, reading order, Markdown, facts, catalogues."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import augenblick.reader
from augenblick.core.language import LANGUAGES, read_catalogue
from augenblick.reader.analysis import Orientation, Sharpness
from augenblick.reader.layout import Cell, Line, line_of, rows_of
from augenblick.reader.markdown import code_span, fenced
from augenblick.reader.picture_facts import amounts_in, dates_in, times_in
from augenblick.reader.question import Topic, may_name_a_thing, topics_of
from augenblick.reader.receipts import items_in, total_in
from augenblick.reader.things import thing_of, things
from augenblick.reader.tokens import Cutter, count_tokens

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


Drawn = tuple[str, float, float, float, float]


def _drawn(text: str, left: float, top: float, *, width: float | None = None) -> Drawn:
    return text, left, top, left + (width or 20 * len(text)), top + 30


def _lines(*drawn: Drawn) -> list[str]:
    """What is read from cells in the order of the lines."""
    cells = [Cell(number, *place) for number, (_text, *place) in enumerate(drawn)]
    texts = {number: text for number, (text, *_place) in enumerate(drawn)}
    return [line_of(row, texts, None).text for row in rows_of(cells)]


def test_labels_and_prices_share_a_line() -> None:
    """What stands on one height is one line, however wide the gap."""
    cells = [
        _drawn("2,99", 900, 102),
        _drawn("Brot", 10, 100),
        _drawn("Käse", 10, 150),
        _drawn("4,50", 900, 149),
    ]

    assert _lines(*cells) == ["Brot  2,99", "Käse  4,50"]


def test_columns_are_read_one_after_the_other() -> None:
    """Two columns of running text below a heading are read from top to bottom, left first."""
    heading = _drawn("Ein Titel über die ganze Breite", 10, 10, width=1000)
    left = [_drawn(f"linke Spalte, Zeile {n}", 10, 100 + 40 * n) for n in range(4)]
    right = [_drawn(f"rechte Spalte, Zeile {n}", 560, 100 + 40 * n) for n in range(4)]
    shuffled = [cell for pair in zip(right, left, strict=True) for cell in pair]

    assert _lines(*shuffled, heading) == [text for text, *_place in (heading, *left, *right)]


def test_what_could_not_be_read_is_left_out_of_its_line() -> None:
    """A cell without text leaves no gap, and the line is the one of the others."""
    row = rows_of([Cell(0, 10, 100, 90, 130), Cell(1, 300, 101, 420, 131)])[0]

    assert line_of(row, {1: "4,50"}, None) == Line(("4,50",), "4,50", 30)


def test_paragraphs_begin_behind_a_gap() -> None:
    """A line far below the one that was read before it begins a paragraph."""
    first, near, far = rows_of([Cell(n, 10, top, 200, top + 30) for n, top in
                                enumerate((10, 50, 130))])  # fmt: skip

    assert not line_of(near, {1: "b"}, first).starts_paragraph
    assert line_of(far, {2: "c"}, near).starts_paragraph
    assert not line_of(far, {2: "c"}, None).starts_paragraph


def test_nothing_is_read_from_nothing() -> None:
    """No boxes are no rows."""
    assert rows_of([]) == []


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
        ("Quel est le total\u202f?", [Topic.TOTAL]),
        ("Recopier le texte", [Topic.TEXT]),
        ("Qu\u2019est-ce que c\u2019est\u202f?", [Topic.OBJECTS]),
        ("Quels sont les horaires le samedi\u202f?", [Topic.HOURS]),
        ("Que contient le QR code\u202f?", [Topic.CODE]),
        (
            "De quelle couleur est la voiture, et combien de personnes\u202f?",
            [Topic.COLOURS, Topic.OBJECTS],
        ),
        ("L'image est-elle nette\u202f?", [Topic.SHARPNESS]),
        ("How much is the flour, net\u202f?", [Topic.PRICE]),
    ],
)
def test_topics(text: str, topics: list[Topic]) -> None:
    """Questions in all languages are understood in the order they ask."""
    assert list(topics_of(text)) == topics


def test_people_are_never_a_thing() -> None:
    """No word is for people, for apes, for a weapon or for what covers a face."""
    classes = {number for thing in things() for number in thing.classes}

    assert classes <= set(range(1000))
    assert not classes & {*range(365, 385), 399, 413, 643, 652, 763, 764, 981, 982, 983}


def test_a_narrow_thing_is_named_before_a_wide_one() -> None:
    """What is surely an owl is one; what may be a swan or a goose is a bird."""
    owl, water_bird, unsure = (np.zeros(1000, np.float32) for _ in range(3))
    owl[24] = 0.95
    water_bird[[99, 100]] = 0.45
    unsure[[24, 281]] = 0.45

    assert [thing_of(each) for each in (owl, water_bird, unsure)] == ["owl", "bird", ""]


@pytest.mark.parametrize(
    ("text", "may"),
    [
        ("Was ist das?", True),
        ("Welches Tier ist das?", True),
        ("What is in the picture?", True),
        ("Wie viele Autos stehen da?", False),
        ("Wo ist das?", False),
        ("Who is this?", False),
        ("Beschreibe die Person", False),
        ("Qu'est-ce que c'est ?", True),
        ("Combien de chats y a-t-il ?", False),
        ("Qu'est-ce qui est sur l'image ?", True),
        ("Qui est-ce ?", False),
        ("Où est-ce ?", False),
    ],
)
def test_a_thing_is_named_only_where_it_may_be_the_answer(text: str, *, may: bool) -> None:
    """Asked how many, where or who, it names no thing."""
    assert may_name_a_thing(text) is may


def test_catalogues_are_complete() -> None:
    """Every sentence is there in every language with the same gaps, and none is unused."""
    sources = Path(augenblick.reader.__file__).parent.glob("*.py")
    used = {
        key
        for path in sources
        for key in re.findall(r'"(reader\.[a-z_]+\.[a-z_]+)"', path.read_text())
    }
    used |= {f"reader.thing.{thing.key}" for thing in things()}
    used |= {f"reader.sharpness.{each}" for each in Sharpness}
    used |= {f"reader.orientation.{each}" for each in get_args(Orientation)}
    english = _sentences("en")

    for sentences in map(_sentences, LANGUAGES):
        assert (sorted(used - set(sentences)), sorted(set(sentences) - used)) == ([], [])
        for key in used:
            assert _gaps(sentences[key]) == _gaps(english[key])
            assert sentences[key]


def _sentences(code: str) -> dict[str, str]:
    return {str(each.id): str(each.string) for each in read_catalogue(code, "reader") if each.id}


def _gaps(sentence: str) -> set[str]:
    return {name for _text, name, _spec, _conversion in Formatter().parse(sentence) if name}

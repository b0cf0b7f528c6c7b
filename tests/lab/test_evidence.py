"""Values of an answer in the text of its pictures: any usual form is found, a wrong digit never."""

from __future__ import annotations

from functools import partial

import pytest

from augenblick.core.picture_text import PictureText, TextCell
from augenblick.lab.evidence import MOST_VALUES, look_up
from tests.growth import assert_linear

LETTER_PX = 10


def _picture(*rows: str) -> PictureText:
    """Rows of text; two spaces begin another cell. Each letter is 10 pixels wide."""
    read = []
    for number, row in enumerate(rows):
        cells, left = [], 0
        for text in row.split("  "):
            cells.append(TextCell(text, left, 40 * number, LETTER_PX * len(text), 8))
            left += LETTER_PX * (len(text) + 2)
        read.append(tuple(cells))
    return PictureText(len(read), tuple(read))


def _repeated(piece: str, characters: int) -> str:
    return piece * (characters // len(piece))


def _found(answer: str, *rows: str) -> dict[str, bool]:
    """Each value of an answer, and whether it was found."""
    return {value.text: bool(value.places) for value in look_up(answer, {"p": _picture(*rows)})}


@pytest.mark.parametrize(
    ("written", "in_picture"),
    [
        # amounts
        ("19,90", "19.90"),
        ("19.90", "EUR 19,90"),
        ("19,90 €", "19,90EUR"),
        ("19.9", "19,90"),
        ("1.234,50", "1,234.50"),
        ("1234,50", "1.234,50"),
        ("1 234,50", "1234.50"),
        ("1\u2019234.50", "1'234.50"),  # Swiss
        ("1.000.000", "1,000,000"),
        ("$1,250", "$1250.00"),
        ("20 €", "20,00"),
        ("20,00 €", "Eintritt 20 €"),
        ("$20.00", "$20"),
        ("500 g", "500g"),
        ("19,90", "19, 90"),
        # dates
        ("12.03.2026", "2026-03-12"),
        ("12.3.2026", "12.03.26"),
        ("12. März 2026", "12.03.2026"),
        ("March 12, 2026", "12/03/2026"),
        ("12 Mar 2026", "03/12/2026"),
        ("2026-03-12", "12. MÄRZ 2026"),
        ("24. Dezember", "24.12.2025"),
        ("1er août 2026", "01.08.2026"),
        ("21 novembre 2026", "21.11.2026"),
        # times
        ("14:30", "14.30 Uhr"),
        ("14.30", "14:30:12"),
        ("2:30 PM", "14:30"),
        ("14:30", "2:30 p.m."),
        ("14:30", "14 : 30"),
        ("14h30", "14:30"),
        ("14 h 30", "14.30 Uhr"),
        ("14:30", "14H30"),
        # codes
        ("AB-1234-X", "AB 1234 X"),
        ("DE89 3704 0044 0532 0130 00", "IBAN DE89370400440532013000"),
        ("0711 123456", "Tel. 0711/123 456"),
        ("4006381333931", "4006381333931"),
        ("01067", "01067 Dresden"),
        # the usual confusions
        ("19,90", "l9,9O"),
        ("1580", "I58O"),
        ("AB1O5", "AB105"),
        ("AB105", "ABlO5"),
        ("B8-1234", "88-1234"),
        ("14:30", "l4:30-18:00"),
        ("18:00", "l4:30-18:00"),
    ],
)
def test_a_value_is_found_in_any_of_its_forms(written: str, in_picture: str) -> None:
    """With its separators, units and currency as in the picture or not."""
    found = _found(f"Es sind {written}, siehe Bild.", "Danke", f"{in_picture}  A", "Ende")

    assert list(found.values()) == [True], found


@pytest.mark.parametrize(
    ("written", "in_picture"),
    [
        ("19,80", "19,90"),
        ("19,90", "119,90"),
        ("19,90", "19,905"),
        ("9,90", "19,90"),
        ("1.234,50", "1.234,60"),
        ("12,34", "1234"),
        ("30,00", "Zeile 30"),
        ("1234", "12,34"),
        ("234", "1.234"),
        ("12.03.2026", "12.03.2025"),
        ("12. März 2026", "12.04.2026"),
        ("14:30", "14:80"),
        ("2:30 PM", "2:30 AM"),
        ("14h30", "14:80"),
        ("14 h 30", "14h31"),
        ("AB-1234", "AB-1284"),
        ("AB-1234", "AB-12345"),
        ("8000", "3000"),
        ("1580", "1550"),
        ("1580", "1080"),
        ("AB105", "AB185"),
        ("DE89 3704 0044 0532 0130 00", "DE89 3704 0044 0532 0130 08"),
        ("0711 123456", "0711 123457"),
        ("1,51", "1,5l"),
        ("1,998", "1,99B"),
    ],
)
def test_another_digit_is_never_found(written: str, in_picture: str) -> None:
    """Neither between two digits that look alike nor as a part of a longer number."""
    found = _found(f"Es sind {written}, siehe Bild.", "Danke", in_picture, "Ende")

    assert list(found.values()) == [False], found


def test_names_and_counts_are_marked_only_where_they_are_found() -> None:
    """They may be a translation or somebody's own count; numbers of a list are no values."""
    answer = """1. Es sind **12** Posten zu je 25 % bei „Bäckerei Schmidt“ ("bakery Smith").
2. Die **Bäckerei Schmidt** liegt im Ort **Nirgends**; [Karte](https://example.org/4711)."""

    assert _found(answer, "Bäckerei", "Schmidt") == {"Bäckerei Schmidt": True}
    assert _found(answer, "12 Brötchen  25 %") == {"12": True, "25": True}


@pytest.mark.parametrize(
    "answer",
    [
        '```json\n[{"bbox_2d": [180, 700, 600.5, 760], "label": "box"}]\n```',
        '{"box_2d": [\n  180,\n  700,\n  600,\n  760\n], "x1": 201, "y_max": 0.755}',
        "<ref>Total</ref><box>(180,700),(600,760)</box>",
        "<|ref|>Total<|/ref|><|det|>[[180, 700, 600, 760]]<|/det|>",
        "<loc0180><loc0700><loc0600><loc0760> Total",
        '<point x="12.55" y="48.20" alt="Total">Total</point>',
    ],
)
def test_where_something_is_in_the_picture_is_no_value_of_it(answer: str) -> None:
    """Coordinates are never called missing; what stands beside them is looked up."""
    assert _found(answer, "Total 22,24") == {}
    assert _found(f"{answer}\n\n22,24 €, 33,35 €", "Total 22,24") == {
        "22,24": True,
        "33,35": False,
    }


def test_the_cells_of_a_form_are_no_markdown() -> None:
    """Each may be a name; a date is no number of a list, and none goes on in the next cell."""
    cells = ["21. November 2026", "Bäckerei Schmidt", "bread", "5", "Mai 2026", "19,80"]

    values = look_up(cells, {"p": _picture("Bäckerei Schmidt", "21.11.2026  2026", "5  19,90")})

    assert {value.text: bool(value.places) for value in values} == {
        "21. November 2026": True,
        "2026": True,
        "19,80": False,
        "Bäckerei Schmidt": True,
    }


def test_a_value_has_the_place_of_its_letters() -> None:
    """Not that of the whole line; one that breaks over two lines has two."""
    picture = _picture("Summe EUR 19,90", "Rechnung AB-", "4711")

    amount, code = look_up("Zu zahlen: 19,90 (AB-4711)", {"p": picture})[::-1]

    (place,) = amount.places
    assert (place.top, place.height) == (0, 8)
    assert abs(place.left - 100) <= LETTER_PX
    assert abs(place.left + place.width - 150) <= LETTER_PX
    assert [place.top for place in code.places] == [40, 80]


def test_each_picture_is_looked_into_and_none_without_text_counts() -> None:
    """Where no picture has text nothing is said at all."""
    pictures = {"a": _picture("19,90"), "b": _picture("20,50"), "c": PictureText(0, ())}

    values = look_up("19,90 und 20,50 und 30,70", pictures)

    assert [[place.sha256 for place in value.places] for value in values] == [["a"], ["b"], []]
    assert look_up("19,90", {"c": PictureText(0, ()), "d": PictureText(99, None)}) == ()


def test_hostile_answers_cost_no_more_than_long_ones() -> None:
    """What is looked up is capped, and the time grows as the text does."""
    picture = {"p": _picture(*(f"Zeile {number}  {number},99" for number in range(200)))}
    many = look_up(" ".join(f"{number},98" for number in range(10_000)), picture)
    assert len(many) == MOST_VALUES

    pieces = (
        "1",
        "1 ",
        "1.",
        "123 ",
        "**a",
        "](",
        "AB-",
        "1-",
        "<b>1",
        "„",
        "12 März ",
        "12h",
        "\\",
    )
    for piece in (*pieces, "[1,", "[ ", '"x":', "<box>", "<box>1", "<a"):
        assert_linear(partial(look_up, pictures=picture), partial(_repeated, piece))
    assert look_up("9" * 20_000 + ":" + "9" * 20_000, picture)

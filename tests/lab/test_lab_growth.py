"""What models write costs in proportion to its length, however it was made."""

from __future__ import annotations

import pytest

from augenblick.lab.form_cells import csv_cell
from augenblick.lab.form_reading import read_filled
from augenblick.lab.indented_json import IndentedJson
from augenblick.lab.partial_json import find_json
from tests.growth import assert_linear

_PIECES = (
    "{", "[", "[{", '{"a":', '{"', '["', '"', "\\", "\\ud83d", "\\u00e4", "1", "1e", "12,", " ",
    ",", "}", "{},", "[1],", '{"a": 1}, ',
)  # fmt: skip
_FRAMES = ("%s", '{"a": "%s', '[{"a": 1}, %s')


@pytest.mark.parametrize("frame", _FRAMES)
@pytest.mark.parametrize("piece", _PIECES)
def test_finding_json_grows_with_the_text(piece: str, frame: str) -> None:
    """Cut, broken and whole texts of every sign of the grammar."""
    assert_linear(find_json, lambda size: frame % (piece * size))


@pytest.mark.parametrize("piece", _PIECES)
def test_setting_json_in_lines_grows_with_the_text(piece: str) -> None:
    """Depth does not cost its square in spaces."""
    assert_linear(lambda text: IndentedJson().feed(text), lambda size: piece * size)
    assert len(IndentedJson().feed(piece * 50_000)) < 6 * 50_000 * len(piece)


@pytest.mark.parametrize("entry", ['{"a": 1},', '{"a": "x", "b": [1]},', "1,", "[],"])
def test_reading_a_form_grows_with_the_text(entry: str) -> None:
    """Rows and columns of free JSON."""
    free = {"type": "json_object"}
    assert_linear(
        lambda text: read_filled(text, free), lambda size: f'{{"rows": [{entry * size}null]}}'
    )


@pytest.mark.parametrize("piece", ["1", "1,", "1.", "+", "-1", ",", "=", "\t"])
def test_cells_grow_with_their_text(piece: str) -> None:
    """What may be a number is read once."""
    assert_linear(csv_cell, lambda size: "-" + piece * size + "x")

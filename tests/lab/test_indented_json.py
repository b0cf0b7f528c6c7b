"""JSON that streams is set in lines, whatever the pieces it comes in."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augenblick.lab.indented_json import IndentedJson

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
)
_ROOTS = st.dictionaries(st.text(max_size=4), _VALUES, max_size=3) | st.lists(_VALUES, max_size=3)


@settings(deadline=None)
@given(_ROOTS, st.sampled_from((None, 0, 4)), st.integers(1, 7))
def test_pieces_come_out_as_the_whole_would_be_set(
    value: object, indent: int | None, size: int
) -> None:
    """As `json.dumps` sets it, however it was written and cut; what follows is kept."""
    text = json.dumps(value, indent=indent) + " and more {\n"
    lines = IndentedJson()

    set_in_lines = "".join(lines.feed(text[at : at + size]) for at in range(0, len(text), size))

    assert set_in_lines == json.dumps(value, indent=2) + " and more {\n"


@pytest.mark.parametrize("text", ['{"a": }}} x', '{{"a"', '{"a\\', "]"])
def test_what_is_no_json_keeps_its_signs(text: str) -> None:
    """Only spaces and lines differ."""
    given_back = IndentedJson().feed(text)

    assert "".join(given_back.split()) == "".join(text.split())

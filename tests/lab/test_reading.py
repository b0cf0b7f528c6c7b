"""What an answer says is read from any text, wherever it was cut, with what is wrong in it."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augenblick.lab.form_cells import csv_cell, csv_file, csv_text, json_text
from augenblick.lab.form_fields import FieldKind, Form, FormField
from augenblick.lab.form_reading import CellProblem, Filled, read_filled
from augenblick.lab.partial_json import FoundJson, find_json
from augenblick.lab.schemas import read_own_schema, response_format_of

_NAMES = st.text(st.characters(codec="utf-8"), max_size=6)
_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=8)
)  # fmt: skip
_VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3)
)
_OBJECTS = st.dictionaries(_NAMES, _VALUES, max_size=4)


@settings(deadline=None, max_examples=60)
@given(_OBJECTS, st.sampled_from(({}, {"ensure_ascii": False}, {"indent": 2})))
def test_reading_grows_with_the_text_and_ends_with_the_value(
    value: dict[str, Any], written: dict[str, Any]
) -> None:
    """At every cut something is read, nothing raises, and nothing is taken back."""
    text = json.dumps(value, **written)
    before: Any = {}
    for end in range(1, len(text)):
        found = find_json(text[:end])
        assert found is not None
        assert not found.is_whole
        assert _is_begun(before, found.value), (before, found.value)
        before = found.value

    assert _is_begun(before, value)
    assert find_json(text) == FoundJson(value, is_whole=True)


def _is_begun(part: Any, whole: Any) -> bool:
    """Whether one value is the beginning of another."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            name in whole and _is_begun(part[name], whole[name]) for name in part
        )
    if isinstance(part, list):
        return (
            isinstance(whole, list) and len(part) <= len(whole) and all(map(_is_begun, part, whole))
        )
    if isinstance(part, str):
        return isinstance(whole, str) and whole.startswith(part)
    return type(part) is type(whole) and bool(part == whole)


@settings(deadline=None)
@given(st.text(st.sampled_from('{}[]":,\\u0d8ctrue-1.e \n')))
def test_no_text_is_too_strange(text: str) -> None:
    """Whatever a model writes is read or not, and what is read can be written again."""
    found = find_json(text)
    if found is not None:
        json.dumps(found.value).encode()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('Gern! Hier ist es: {"a": 1} Noch etwas?', {"a": 1}),
        ('Quelle [1], [siehe] {oben}: {"a": 1}', {"a": 1}),
        ('[{"a": 1}]', [{"a": 1}]),
        ("[1, 2]", [1, 2]),
        ('{"a": "\\ud83d\\ude42 \\ud83d"}', {"a": "🙂 \ufffd"}),
        ('{"a": "x', {"a": "x"}),
        ('{"a": 12', {}),
    ],
)
def test_a_value_is_found_in_what_stands_around_it(text: str, value: object) -> None:
    """Fences, politeness and brackets in words are no hindrance."""
    found = find_json(text)

    assert found is not None
    assert found.value == value


@pytest.mark.parametrize(
    "text",
    ["", "Der Betrag ist 3 €.", "{oben}", '{"a": nope}', '{"a": 1,}', '{"a": 1e999}', "[" * 500],
)
def test_what_is_no_json_is_none(text: str) -> None:
    """Nothing is made of it; the text is there to be read."""
    assert find_json(text) is None


_FORM = Form(
    (
        FormField("total", FieldKind.NUMBER, description="With VAT"),
        FormField("count", FieldKind.WHOLE_NUMBER),
        FormField("date", FieldKind.DATE),
        FormField("paid", FieldKind.CHOICE, ("cash", "card")),
        FormField("tip", FieldKind.CHOICE, ("yes", "no"), is_required=False),
        FormField("open", FieldKind.YES_NO),
        FormField("names", FieldKind.TEXTS),
        FormField("note", is_required=False),
    )
)
_GOOD = {
    "total": 1.5, "count": 2, "date": "2026-11-21", "paid": "cash", "tip": None, "open": False,
    "names": ["a"], "note": None,
}  # fmt: skip


def _read(value: object, form: Form = _FORM) -> Filled:
    filled = read_filled(json.dumps(value), response_format_of(form))
    assert filled is not None
    return filled


def test_a_right_answer_fills_the_form() -> None:
    """Columns in the order of the fields, null as not there."""
    filled = _read(_GOOD)

    assert (filled.problems, filled.is_whole, filled.has_rows) == ((), True, False)
    assert [column.name for column in filled.columns] == [field.name for field in _FORM.fields]
    assert filled.columns[0].description == "With VAT"
    assert filled.rows == ({name: value for name, value in _GOOD.items() if value is not None},)


@pytest.mark.parametrize(
    ("change", "code", "params"),
    [
        ({"total": "12"}, "no_number", {}),
        ({"total": True}, "no_number", {}),
        ({"total": None}, "empty", {}),
        ({"count": 1.5}, "no_whole_number", {}),
        ({"date": "gestern"}, "no_date", {}),
        ({"date": 20261121}, "no_text", {}),
        ({"paid": "gold"}, "choice", {"choices": "cash, card"}),
        ({"tip": "maybe"}, "choice", {"choices": "yes, no"}),
        ({"open": "ja"}, "no_yes_no", {}),
        ({"names": "a"}, "no_list", {}),
        ({"names": [1]}, "no_text", {}),
        ({"more": 1}, "extra", {}),
    ],
)
def test_what_is_wrong_is_said_of_its_field(
    change: dict[str, object], code: str, params: dict[str, str]
) -> None:
    """One sentence for each field."""
    (name,) = change

    assert _read({**_GOOD, **change}).problems == (CellProblem(code, 1, name, params),)


def test_what_is_missing_is_said_unless_the_answer_was_cut() -> None:
    """Of a cut answer nobody knows what would have come."""
    whole = read_filled('{"total": 1.5}', response_format_of(_FORM))
    cut = read_filled('{"total": "no", "date": "20', response_format_of(_FORM))

    assert whole is not None
    assert {problem.code for problem in whole.problems} == {"missing"}
    assert len(whole.problems) == len(_FORM.fields) - 1
    assert cut is not None
    assert cut.rows == ({"total": "no", "date": "20"},)
    assert cut.problems == (CellProblem("no_number", 1, "total"),)


_ROWS = Form((FormField("name"), FormField("price", FieldKind.NUMBER)), has_rows=True)


@pytest.mark.parametrize("frame", ['{"items": %s}', "%s", "```json\n%s\n```"])
def test_several_rows_are_read_with_or_without_their_frame(frame: str) -> None:
    """Models that were only told the schema often leave the frame out."""
    rows = [{"name": "Brot", "price": 2.35}, {"name": "Öl", "price": "2"}]
    filled = read_filled(frame % json.dumps(rows), response_format_of(_ROWS))

    assert filled is not None
    assert filled.has_rows
    assert filled.rows == tuple(rows)
    assert filled.problems == (CellProblem("no_number", 2, "price"),)


@pytest.mark.parametrize("rows", [[], "nothing", [1, None]])
def test_rows_that_are_none_are_no_error(rows: object) -> None:
    """An empty table is an answer, and nonsense is said to be some."""
    filled = _read({"items": rows}, _ROWS)

    assert all(not row for row in filled.rows)
    assert bool(filled.problems) is (rows != [])


@pytest.mark.parametrize(
    ("text", "rows", "names"),
    [
        ('{"a": 1, "b": [2]}', ({"a": 1, "b": [2]},), ["a", "b"]),
        ('{"list": [{"a": 1}, {"b": 2}]}', ({"a": 1}, {"b": 2}), ["a", "b"]),
        ('[{"a": 1}]', ({"a": 1},), ["a"]),
        ("[1, 2]", ({}, {}), []),
    ],
)
def test_free_json_is_laid_out_by_what_it_is(
    text: str, rows: tuple[object, ...], names: list[str]
) -> None:
    """An object is a form, a list of objects is a table."""
    filled = read_filled(text, {"type": "json_object"})

    assert filled is not None
    assert (filled.rows, [column.name for column in filled.columns]) == (rows, names)
    assert filled.problems == ()


def test_own_schemas_are_followed_through_their_references_and_no_further() -> None:
    """A table by reference is a table; a pattern is not run; a circle ends."""
    by_reference = read_own_schema(
        json.dumps(
            {
                "type": "object",
                "properties": {"found": {"type": "array", "items": {"$ref": "#/$defs/one"}}},
                "$defs": {"one": {"properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}},
            }
        )
    )
    evil = json.dumps({"found": [{"a": "a" * 60 + "!"}]})
    filled = read_filled(evil, by_reference)
    assert filled is not None
    assert (len(filled.rows), filled.problems) == (1, ())
    for reference in ("#", "#/$defs/none"):
        circle = read_own_schema(json.dumps({"$ref": reference}))
        filled = read_filled("{}", circle)
        assert filled is not None
        assert [problem.code for problem in filled.problems] == ["unchecked"]


def test_other_rules_of_own_schemas_are_named() -> None:
    """There is no sentence for each of them, but its name."""
    own = read_own_schema('{"type": "object", "properties": {"a": {"minimum": 5}}}')
    filled = read_filled('{"a": 3}', own)

    assert filled is not None
    assert filled.problems == (CellProblem("unfit", 1, "a", {"rule": "minimum 5"}),)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""), (True, "true"), (-3, "-3"), (22.24, "22.24"), ("Müller", "Müller"),
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"), ("+49 171", "'+49 171"), ("-1+2", "'-1+2"),
        ("@x", "'@x"), ("\t=1", "'\t=1"), ("-12,50", "-12,50"), ("+3", "+3"), ("-", "'-"),
        (["=a", 2], "'=a; 2"), ([], ""), ([True], "[true]"), ({"a": "ä"}, '{"a":"ä"}'),
    ],
)  # fmt: skip
def test_cells_of_a_spreadsheet(value: object, cell: str) -> None:
    """Nothing a model wrote is run as a formula; numbers stay numbers."""
    assert csv_cell(value) == cell


def test_a_csv_file_as_rfc_4180_has_it() -> None:
    """Lines end with CR LF, quotes are doubled, and Excel sees that it is UTF-8."""
    rows = [{"name": 'Brot, "frisch"\nheute', "price": 2.35}, {"name": "Öl"}]
    filled = _read({"items": rows}, _ROWS)

    assert csv_file(filled) == (
        b'\xef\xbb\xbfname,price\r\n"Brot, ""frisch""\nheute",2.35\r\n\xc3\x96l,\r\n'
    )
    read = list(csv.reader(io.StringIO(csv_text(filled), newline="")))
    assert read == [["name", "price"], ['Brot, "frisch"\nheute', "2.35"], ["Öl", ""]]
    assert json.loads(json_text(filled)) == {"items": rows}

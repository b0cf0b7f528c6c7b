"""The built-in tools by themselves, and the functions a person types."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from jsonschema import Draft202012Validator

from augenblick.messages import Attachment, PictureReceipt, PreparedPicture, ToolCall
from augenblick.tools import (
    BUILT_IN,
    FunctionMistake,
    Region,
    Toolbox,
    built_in_name,
    definition,
    name_of,
    read_functions,
)
from augenblick.tools.calculate import calculate
from augenblick.tools.mistakes import CallMistake

_PICTURE = Attachment(
    "0" * 64, "image/png", 1000, 500, 1, PictureReceipt("a.png", "PNG", 1, 1000, 500)
)


class NoSight:
    """For tools that see nothing."""

    def zoom(self, picture: Attachment, region: Region) -> PreparedPicture:
        """Is not called."""
        raise AssertionError(picture, region)

    def codes(self, picture: Attachment, region: Region) -> tuple[()]:
        """Is not called."""
        raise AssertionError(picture, region)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("0.1 + 0.2", "0.3"),
        ("0.1 * 3", "0.3"),
        ("(12.90 + 3 * 4.50) * 1.19", "31.416"),
        ("1 / 3", "0.3333333333333333333333333333"),
        ("2 ** 10", "1024"),
        ("2^10", "1024"),
        ("-2 ** 2", "-4"),
        ("-7 // 2", "-4"),
        ("-7 % 3", "2"),
        ("10 × 3 ÷ 4 − 1", "6.5"),  # noqa: RUF001 - as people write them
        ("1_000 + 0x10", "1016"),
        ("round(2.675, 2)", "2.68"),
        ("round(-2.5)", "-3"),
        ("sqrt(2)", "1.414213562373095048801688724"),
        ("sum([1.1, 2.2])", "3.3"),
        ("max(1, 2.50)", "2.5"),
        ("floor(-0.5) + ceil(0.5)", "0"),
        ("0.1000000000000000055511151231257827", "0.1000000000000000055511151231"),
        ("123456789 * 987654321", "121932631112635269"),
        ("1e400", "1E+400"),
        ("0 * -1", "0"),
    ],
)
def test_calculation_is_exact(expression: str, value: str) -> None:
    """Decimal, as on paper."""
    assert calculate(expression) == value


@pytest.mark.parametrize(
    "expression",
    [
        "", "1 +", "1/0", "0/0", "sqrt(-1)", "9**9**9", "10**10**4", "exp(1e9)", "1e99999",
        "__import__('os').system('true')", "().__class__", "x", "1 if 1 else 2", "[1][0]",
        "lambda: 1", "'a' * 9", "f'{1}'", "True", "1j", "round(1, 0.5)", "round(1, 1000)",
        "sqrt(1, 2)", "open('a')", "(" * 250 + "1" + ")" * 250, "1+" * 300 + "1", "0,5", "1 == 1",
        "max()", "sqrt(x=1)", "\0", "9" * 499 + "!",
    ],
)  # fmt: skip
def test_what_is_no_arithmetic_is_refused(expression: str) -> None:
    """Nothing is run, nothing grows without bound, and the model is told."""
    with pytest.raises(CallMistake):
        calculate(expression)


def test_a_long_chain_of_signs_is_no_crash() -> None:
    """As deep as 500 characters allow."""
    assert calculate("-" * 400 + "1") == "1"


def test_the_clock_shows_the_time_where_the_person_is() -> None:
    """The zone in the definition counts, unless the model asks for another."""
    toolbox = Toolbox(NoSight(), now=lambda: datetime(2026, 7, 1, 22, 30, tzinfo=UTC))
    tools = [definition("current_time", time_zone="Europe/Berlin")]

    here = toolbox.run(ToolCall("a", "current_time", ""), tools, [])
    there = toolbox.run(
        ToolCall("b", "current_time", '{"time_zone": "America/New_York"}'), tools, []
    )

    assert json.loads(here.result.content) == {
        "date": "2026-07-02", "weekday": "Thursday", "time": "00:30:00", "utc_offset": "+02:00",
        "time_zone": "Europe/Berlin",
    }  # fmt: skip
    assert json.loads(there.result.content)["time"] == "18:30:00"


def test_arguments_that_were_encoded_twice_are_read() -> None:
    """Some servers send a JSON text in a JSON text."""
    arguments = json.dumps(json.dumps({"expression": "1+1"}))
    call = ToolCall("a", "calculate", arguments)

    outcome = Toolbox(NoSight()).run(call, [definition("calculate")], [])

    assert outcome.result.content == '{"result": "2"}'


@pytest.mark.parametrize("name", BUILT_IN)
def test_definitions_are_as_the_api_wants_them(name: str) -> None:
    """A function with a description and a JSON schema, no two sharing a value."""
    tool = definition(name, time_zone="Europe/Berlin")

    assert tool["type"] == "function"
    assert tool["function"]["name"] == name == name_of(tool) == built_in_name(tool)
    assert tool["function"]["description"]
    Draft202012Validator.check_schema(tool["function"]["parameters"])
    tool["function"]["parameters"]["properties"].clear()
    assert definition(name) == definition(name)
    assert json.loads(json.dumps(definition(name))) == definition(name)


@pytest.mark.parametrize(
    ("arguments", "region"),
    [
        ({}, Region()),
        ({"left": 0, "top": 0, "right": 1, "bottom": 1}, Region()),
        ({"left": 100, "top": 50, "right": 500, "bottom": 250}, Region(0.1, 0.1, 0.5, 0.5)),
        ({"left": 900, "top": 0, "right": 4000, "bottom": 500}, Region(0.9, 0, 1, 1)),
        ({"left": -5, "top": 0, "right": 0.5, "bottom": 1}, Region(0, 0, 0.5, 1)),
    ],
)
def test_regions_are_read(arguments: dict[str, float], region: Region) -> None:
    """In fractions or pixels, cut to the picture."""
    found = Region.read(arguments, _PICTURE)

    assert [round(edge, 4) for edge in (found.left, found.top)] == [
        round(edge, 4) for edge in (region.left, region.top)
    ]
    assert found.right == pytest.approx(region.right, abs=0.02)
    assert found.bottom == pytest.approx(region.bottom, abs=0.02)


def test_a_tiny_region_is_made_large_enough_to_see() -> None:
    """One pixel shows nothing; so at least eight, within the picture."""
    found = Region.read({"left": 999, "top": 499, "right": 1000, "bottom": 500}, _PICTURE)

    assert found == Region(0.992, 0.984, 1.0, 1.0)


_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


@pytest.mark.parametrize(
    "typed",
    [
        {"name": "f", "parameters": _SCHEMA},
        [{"name": "f", "parameters": _SCHEMA}],
        {"type": "function", "function": {"name": "f", "parameters": _SCHEMA}},
        [{"function": {"name": "f", "parameters": _SCHEMA}}],
    ],
)
def test_functions_are_read_in_any_usual_form(typed: object) -> None:
    """One or a list, whole or the function alone; what is sent has the form of the API."""
    assert read_functions(json.dumps(typed)) == (
        {"type": "function", "function": {"name": "f", "parameters": _SCHEMA}},
    )


def test_no_text_is_no_function() -> None:
    """An empty field is nothing wrong."""
    assert read_functions(" \n") == ()
    assert read_functions("[]") == ()


@pytest.mark.parametrize(
    ("typed", "code", "params"),
    [
        ('{"name": "f"', "no_json", {"line": 1, "column": 13}),
        ('[\n{"name": f}]', "no_json", {"line": 2, "column": 10}),
        ("7", "shape", {"number": 1}),
        ('[{"name": "f"}, {"title": "g"}]', "shape", {"number": 2}),
        ('{"type": "retrieval", "function": {"name": "f"}}', "shape", {"number": 1}),
        ('{"name": "two words"}', "name", {"name": "two words", "number": 1}),
        ('{"name": ""}', "name", {"name": "", "number": 1}),
        ('[{"name": "f"}, {"name": "f"}]', "twice", {"name": "f"}),
        ('{"name": "zoom"}', "taken", {"name": "zoom"}),
        ('{"name": "f", "description": 7}', "description", {"name": "f"}),
        ('{"name": "f", "parameters": {"type": "string"}}', "parameters", {"name": "f"}),
        ('{"name": "f", "parameters": []}', "parameters", {"name": "f"}),
        (json.dumps([{"name": f"f{number}"} for number in range(129)]), "too_many", {"limit": 128}),
    ],
)
def test_what_is_wrong_with_a_function_is_named(
    typed: str, code: str, params: dict[str, object]
) -> None:
    """By a code, and the place or name that a sentence can show."""
    with pytest.raises(FunctionMistake) as caught:
        read_functions(typed)

    assert (caught.value.code, caught.value.params) == (code, params)


def test_a_broken_schema_is_named_with_its_place() -> None:
    """The place inside of `parameters`."""
    typed = '{"name": "f", "parameters": {"properties": {"city": {"type": "text"}}}}'

    with pytest.raises(FunctionMistake) as caught:
        read_functions(typed)

    assert caught.value.code == "schema"
    assert caught.value.params["place"] == "properties.city.type"

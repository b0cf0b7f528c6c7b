"""The built-in tools by themselves, and the functions a person types."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from augenblick.core.messages import Attachment, ImagePart, PreparedPicture, Provenance, ToolCall
from augenblick.core.settings import RequestSettings, problems_of
from augenblick.lab.tools import (
    BUILT_IN,
    FunctionMistake,
    Region,
    Toolbox,
    built_in_name,
    definition,
    name_of,
    read_functions,
    without_retired,
)

_PICTURE = Attachment("0" * 64, "image/png", 1000, 500, 1, Provenance("a.png", "PNG", 1, 1000, 500))


class NoSight:
    """For tools that see nothing."""

    def zoom(self, picture: Attachment, region: Region) -> PreparedPicture:
        """Is not called."""
        raise AssertionError(picture, region)

    def codes(self, picture: Attachment, region: Region) -> tuple[()]:
        """Is not called."""
        raise AssertionError(picture, region)


def test_arguments_that_were_encoded_twice_are_read() -> None:
    """Some servers send a JSON text in a JSON text."""
    arguments = json.dumps(json.dumps({"picture": 7}))
    call = ToolCall("a", "read_codes", arguments)

    outcome = Toolbox(NoSight()).run(call, [definition("read_codes")], [ImagePart(_PICTURE)])

    assert "There is no picture 7" in outcome.result.content


@pytest.mark.parametrize("name", BUILT_IN)
def test_without_a_picture_there_is_nothing_to_look_at(name: str) -> None:
    """The model is told."""
    call = ToolCall("a", name, '{"picture": 1}')

    outcome = Toolbox(NoSight()).run(call, [definition(name)], [])

    assert outcome.result.is_error
    assert "no picture in this conversation" in outcome.result.content


@pytest.mark.parametrize("name", BUILT_IN)
def test_definitions_are_as_the_api_wants_them(name: str) -> None:
    """A function with a description and a JSON schema, no two sharing a value."""
    tool = definition(name)

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


_CALCULATOR = {
    "type": "function",
    "function": {
        "name": "calculate",
        "description": "Calculate exactly, with decimal numbers: + - * / // % **, brackets, …",
        "parameters": {"type": "object", "properties": {"expression": {"type": "string"}}},
    },
}
_CLOCK = {
    "type": "function",
    "function": {
        "name": "current_time",
        "description": "The present date, weekday and time.",
        "parameters": {"type": "object", "properties": {}},
    },
}


def _only(name: str) -> dict[str, object]:
    return {"type": "function", "function": {"name": name}}


@pytest.mark.parametrize(
    ("tools", "choice", "kept", "kept_choice"),
    [
        ((_CALCULATOR, definition("zoom"), _CLOCK), None, (definition("zoom"),), None),
        ((_CALCULATOR, definition("zoom")), "required", (definition("zoom"),), "required"),
        ((_CALCULATOR, definition("zoom")), _only("calculate"), (definition("zoom"),), None),
        ((_CLOCK, definition("zoom")), _only("zoom"), (definition("zoom"),), _only("zoom")),
        ((_CALCULATOR, _CLOCK), "required", (), None),
        ((_CLOCK,), "none", (), None),
    ],
)
def test_tools_that_are_gone_leave_stored_settings(
    tools: tuple[dict[str, object], ...],
    choice: Any,
    kept: tuple[dict[str, object], ...],
    kept_choice: Any,
) -> None:
    """With a choice that names them or needs them; all else stays and can be sent."""
    stored = RequestSettings.from_fields(
        {"model": "m", "tools": tools, "tool_choice": choice, "seed": 7, "system": "Brief."}
    )

    found = without_retired(stored)

    assert found == RequestSettings(
        "m", tools=kept, tool_choice=kept_choice, seed=7, system="Brief."
    )
    assert not problems_of(found)


def test_a_choice_among_tools_of_free_json_stays() -> None:
    """They are sent last, in place of all others."""
    stored = RequestSettings(
        "m", tools=(_CLOCK,), tool_choice="required", extra={"tools": [definition("zoom")]}
    )

    assert without_retired(stored).tool_choice == "required"


@pytest.mark.parametrize("name", ["calculate", "current_time"])
def test_a_persons_own_function_may_have_the_name_of_one_that_is_gone(name: str) -> None:
    """It is theirs: offered, stored and sent like any other."""
    own = read_functions(json.dumps({"name": name, "description": "Asks our own server."}))
    bare = read_functions(json.dumps({"name": name}))

    for tools in (own, bare):
        settings = RequestSettings("m", tools=tools)
        assert without_retired(settings) is settings

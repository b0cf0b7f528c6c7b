"""Fields become a schema that strict endpoints take, and come back from it as they were."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from augenblick.core.json_schema import SchemaRejected
from augenblick.lab.form_fields import (
    FieldKind,
    Form,
    FormField,
    FormProblem,
    problems_of,
    tidy,
)
from augenblick.lab.schemas import (
    MAX_SCHEMA_CHARACTERS,
    form_of,
    read_own_schema,
    response_format_of,
    schema_of,
)
from augenblick.reader.chat_request import SchemaFormat

_WORDS = st.text(st.characters(codec="utf-8"), max_size=12)
_FIELDS = st.builds(
    FormField,
    name=_WORDS,
    kind=st.sampled_from(FieldKind),
    choices=st.lists(_WORDS, max_size=4).map(tuple),
    is_required=st.booleans(),
    description=_WORDS,
).map(tidy)
FORMS = st.builds(Form, st.lists(_FIELDS, min_size=1, max_size=6).map(tuple), st.booleans()).filter(
    lambda form: not problems_of(form)
)


@settings(deadline=None)
@given(FORMS)
def test_a_form_comes_back_from_its_schema_as_it_was(form: Form) -> None:
    """Also through JSON, which is how settings survive a reload."""
    response_format = response_format_of(form)

    assert form_of(response_format) == form
    assert form_of(json.loads(json.dumps(response_format))) == form


@settings(deadline=None)
@given(FORMS)
def test_every_schema_keeps_the_rules_of_strict_mode(form: Form) -> None:
    """Valid, every object closed, every property required; our own reader takes it too."""
    response_format = response_format_of(form)
    named = response_format["json_schema"]

    Draft202012Validator.check_schema(named["schema"])
    assert (named["strict"], named["schema"]["type"]) == (True, "object")
    objects = [node for node in _dicts(named["schema"]) if node.get("type") == "object"]
    assert len(objects) == 1 + form.has_rows
    for node in objects:
        assert node["additionalProperties"] is False
        assert node["required"] == list(node["properties"])
    assert SchemaFormat.model_validate(response_format).json_schema.schema_ == named["schema"]


def _dicts(value: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, dict):
        yield value
        for child in value.values():
            yield from _dicts(child)


@settings(deadline=None)
@given(FORMS)
def test_only_what_is_not_required_may_be_null(form: Form) -> None:
    """An optional field is there and null, as strict mode wants it."""
    schema = schema_of(response_format_of(Form(form.fields)))
    assert schema is not None
    validator = Draft202012Validator(schema)
    nothing = dict.fromkeys((field.name for field in form.fields), None)

    refused = {error.absolute_path[0] for error in validator.iter_errors(nothing)}

    assert refused == {field.name for field in form.fields if field.is_required}


def test_the_schema_of_a_receipt() -> None:
    """Word for word what goes out."""
    form = Form(
        (
            FormField("total", FieldKind.NUMBER, description="With VAT"),
            FormField("date", FieldKind.DATE, is_required=False),
            FormField("paid", FieldKind.CHOICE, ("cash", "card"), is_required=False),
        )
    )
    assert response_format_of(form) == {
        "type": "json_schema",
        "json_schema": {
            "name": "form",
            "strict": True,
            "schema": {
                "type": "object",
                "properties": {
                    "total": {"type": "number", "description": "With VAT"},
                    "date": {"type": ["string", "null"], "format": "date"},
                    "paid": {
                        "anyOf": [{"type": "string", "enum": ["cash", "card"]}, {"type": "null"}]
                    },
                },
                "required": ["total", "date", "paid"],
                "additionalProperties": False,
            },
        },
    }


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ((), FormProblem("no_fields")),
        ((FormField(""),), FormProblem("no_name", 1)),
        ((FormField("a"), FormField("a")), FormProblem("same_name", 2, "a")),
        ((FormField("a", FieldKind.CHOICE),), FormProblem("no_choices", 1, "a")),
        (tuple(FormField(str(n)) for n in range(101)), FormProblem("too_many")),
    ],
)
def test_what_is_wrong_with_a_form(fields: tuple[FormField, ...], problem: FormProblem) -> None:
    """Each says which row it is about."""
    assert problems_of(Form(fields)) == (problem,)


@pytest.mark.parametrize(
    "response_format",
    [
        None,
        {"type": "text"},
        {"type": "json_object"},
        {"type": "json_schema"},
        {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}},
        read_own_schema('{"type": "object", "properties": {"a": {"type": "object"}}}'),
        read_own_schema('{"type": "object", "properties": {"a": {"type": ["string"]}}}'),
        read_own_schema('{"type": "object", "properties": {"a": {"type": "string"}}}'),
        read_own_schema('{"type": "object", "properties": {"a": {"anyOf": [{}, {}]}}}'),
        read_own_schema('{"type": "object", "properties": {"a": true}}'),
    ],
)
def test_what_no_form_made_is_not_taken_for_one(response_format: dict[str, Any] | None) -> None:
    """It stays a schema of one's own, so that nothing of it gets lost."""
    assert form_of(response_format) is None


_CLOSED = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("pasted", "name", "is_strict"),
    [
        (_CLOSED, "form", True),
        ({"name": "bill", "schema": _CLOSED}, "bill", True),
        ({"type": "json_schema", "json_schema": {"name": "b c", "schema": _CLOSED}}, "form", True),
        ({**_CLOSED, "required": []}, "form", False),
        ({"type": "array", "items": _CLOSED}, "form", False),
    ],
)
def test_a_pasted_schema_is_taken_with_or_without_its_frame(
    pasted: dict[str, Any], name: str, *, is_strict: bool
) -> None:
    """Strict is said only where the schema keeps the rules for it."""
    named = read_own_schema(json.dumps(pasted))["json_schema"]

    assert (named["name"], named["strict"]) == (name, is_strict)
    assert named["schema"] in (pasted, _CLOSED)


@pytest.mark.parametrize(
    ("text", "code", "detail"),
    [
        ('{"type": "object",\n oops}', "no_json", "2:2"),
        ("[" * 100_000, "no_json", ""),
        ("[]", "no_object", ""),
        ("{}", "no_object", ""),
        ('{"type": "nonsense"}', "no_schema", "type"),
        ('{"properties": {"a": {"type": 1}}}', "no_schema", "properties.a.type"),
        ('{"$ref": "https://example.org/schema.json"}', "outside", "https://example.org/schema"),
        (" " * (MAX_SCHEMA_CHARACTERS + 1), "too_long", ""),
        ('{"not":' * 40 + "{}" + "}" * 40, "too_deep", ""),
    ],
)
def test_a_pasted_schema_that_is_none_says_why(text: str, code: str, detail: str) -> None:
    """And where, as far as that can be known."""
    with pytest.raises(SchemaRejected) as caught:
        read_own_schema(text)

    assert caught.value.code == code
    assert caught.value.detail.startswith(detail)

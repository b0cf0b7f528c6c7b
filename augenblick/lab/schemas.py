"""Fields to `response_format` and back, and schemas that somebody pasted.

What is made keeps the rules of strict mode: no further properties, every property required, and
what may be missing can be null
(https://platform.openai.com/docs/guides/structured-outputs#supported-schemas).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from augenblick.core.json_schema import Schema, SchemaRejected, check_schema, is_strict
from augenblick.lab.form_fields import FieldKind, Form, FormField

ROWS = "items"  # the one property of a schema for several rows
MAX_SCHEMA_CHARACTERS = 100_000
_NAME = "form"
_NULL: Final[Schema] = {"type": "null"}
_PLAIN: Final[Mapping[FieldKind, dict[str, Any]]] = {
    FieldKind.TEXT: {"type": "string"},
    FieldKind.NUMBER: {"type": "number"},
    FieldKind.WHOLE_NUMBER: {"type": "integer"},
    FieldKind.YES_NO: {"type": "boolean"},
    FieldKind.DATE: {"type": "string", "format": "date"},
    FieldKind.TEXTS: {"type": "array", "items": {"type": "string"}},
}


def response_format_of(form: Form) -> dict[str, Any]:
    """The `response_format` that asks for a form without problems."""
    row = _object({field.name: _schema_of(field) for field in form.fields})
    schema = _object({ROWS: {"type": "array", "items": row}}) if form.has_rows else row
    return _json_schema(schema, is_strict=True)


def form_of(response_format: Mapping[str, Any] | None) -> Form | None:
    """The form that `response_format_of` made this from; None where it was made otherwise."""
    schema = schema_of(response_format)
    try:
        form = _form_of(schema) if schema is not None else None
    except (AttributeError, LookupError, TypeError):  # nothing that is made here
        return None
    return form if form is not None and response_format_of(form) == response_format else None


def _form_of(schema: Schema) -> Form | None:
    """The form, if the schema was made from one; of others None, any form, or an error."""
    properties = schema["properties"]
    has_rows = list(properties) == [ROWS] and "properties" in properties[ROWS].get("items", ())
    row = properties[ROWS]["items"]["properties"] if has_rows else properties
    fields = [field for name, each in row.items() if (field := _field_of(str(name), each))]
    return Form(tuple(fields), has_rows) if fields else None


def _field_of(name: str, schema: Schema) -> FormField | None:
    """The field that this schema is made for; None if there is none."""
    description = schema.get("description", "")
    choices = (schema["anyOf"][0] if "anyOf" in schema else schema).get("enum", ())
    if not all(isinstance(text, str) for text in (description, *choices)):
        return None
    fields = (
        FormField(name, kind, tuple(choices), is_required, description)
        for kind in ([FieldKind.CHOICE] if choices else _PLAIN)
        for is_required in (True, False)
    )
    return next((field for field in fields if _schema_of(field) == schema), None)


def schema_of(response_format: Mapping[str, Any] | None) -> Schema | None:
    """The schema in a `response_format`; None where it holds none."""
    if not response_format or response_format.get("type") != "json_schema":
        return None
    named = response_format.get("json_schema")
    schema = named.get("schema") if isinstance(named, Mapping) else None
    return schema if isinstance(schema, Mapping) else None


def read_own_schema(text: str) -> dict[str, Any]:
    """A pasted schema as a `response_format`: the schema alone, or with what stands around it.

    It is sent as strict where it keeps the rules of strict mode. Raises SchemaRejected.
    """
    if len(text) > MAX_SCHEMA_CHARACTERS:
        raise SchemaRejected("too_long")
    try:
        pasted = json.loads(text)
    except json.JSONDecodeError as error:
        raise SchemaRejected("no_json", f"{error.lineno}:{error.colno}") from None
    except (ValueError, RecursionError):
        raise SchemaRejected("no_json") from None
    schema, name = _unwrapped(pasted)
    if not isinstance(schema, dict) or not schema:
        raise SchemaRejected("no_object")
    check_schema(schema)
    return _json_schema(schema, is_strict=is_strict(schema), name=name)


def _json_schema(schema: Schema, *, is_strict: bool, name: str = _NAME) -> dict[str, Any]:
    named = {"name": name, "strict": is_strict, "schema": dict(schema)}
    return {"type": "json_schema", "json_schema": named}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _schema_of(field: FormField) -> dict[str, Any]:
    if field.kind is FieldKind.CHOICE:
        plain: dict[str, Any] = {"type": "string", "enum": list(field.choices)}
        schema = plain if field.is_required else {"anyOf": [plain, dict(_NULL)]}
    else:
        schema = dict(_PLAIN[field.kind])
        if not field.is_required:
            schema |= {"type": [schema["type"], "null"]}
    return schema | ({"description": field.description} if field.description else {})


def _unwrapped(pasted: object) -> tuple[object, str]:
    """The schema in what was pasted, and its name."""
    named = pasted.get("json_schema", pasted) if isinstance(pasted, dict) else pasted
    if isinstance(named, dict) and isinstance(named.get("schema"), dict):
        name = named.get("name")
        is_name = isinstance(name, str) and re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name)
        return named["schema"], str(name) if is_name else _NAME
    return pasted, _NAME

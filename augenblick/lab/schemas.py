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
_KINDS: Final = {json.dumps(plain, sort_keys=True): kind for kind, plain in _PLAIN.items()}


def response_format_of(form: Form) -> dict[str, Any]:
    """The `response_format` that asks for a form without problems."""
    row = _object({field.name: _schema_of(field) for field in form.fields})
    schema = _object({ROWS: {"type": "array", "items": row}}) if form.has_rows else row
    return _json_schema(schema, is_strict=True)


def form_of(response_format: Mapping[str, Any] | None) -> Form | None:
    """The form that `response_format_of` made this from; None where it was made otherwise."""
    schema = schema_of(response_format)
    if schema is None:
        return None
    row = _rows_of(schema)
    form = _form_of_row(schema if row is None else row, has_rows=row is not None)
    return form if form is not None and response_format_of(form) == response_format else None


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


def _rows_of(schema: Schema) -> Schema | None:
    """What one row has to be, in a schema for several."""
    properties = schema.get("properties")
    if not isinstance(properties, Mapping) or list(properties) != [ROWS]:
        return None
    rows = properties[ROWS]
    row = rows.get("items") if isinstance(rows, Mapping) else None
    return row if isinstance(row, Mapping) and "properties" in row else None


def _form_of_row(row: Schema, *, has_rows: bool) -> Form | None:
    properties = row.get("properties")
    if not isinstance(properties, Mapping) or not properties:
        return None
    fields = [_field_of(str(name), schema) for name, schema in properties.items()]
    known = tuple(field for field in fields if field is not None)
    return Form(known, has_rows) if len(known) == len(fields) else None


def _field_of(name: str, schema: object) -> FormField | None:
    if not isinstance(schema, Mapping):
        return None
    description = schema.get("description", "")
    rest = {key: value for key, value in schema.items() if key != "description"}
    if not isinstance(description, str):
        return None
    if "anyOf" in rest or "enum" in rest:
        return _choice_of(name, rest, description)
    kinds = rest.get("type")
    is_required = not isinstance(kinds, list)
    if isinstance(kinds, list):
        rest["type"] = kinds[0] if kinds[1:] == ["null"] else None
    kind = _KINDS.get(json.dumps(rest, sort_keys=True, default=str))
    return None if kind is None else FormField(name, kind, (), is_required, description)


def _choice_of(name: str, schema: Schema, description: str) -> FormField | None:
    options = schema.get("anyOf")
    is_required = options is None
    plain = schema
    if isinstance(options, list):
        if len(options) != 2 or options[1] != _NULL:  # noqa: PLR2004 - the choice, or nothing
            return None
        plain = options[0]
    choices = plain.get("enum") if isinstance(plain, Mapping) else None
    if not isinstance(choices, list) or not all(isinstance(choice, str) for choice in choices):
        return None
    return FormField(name, FieldKind.CHOICE, tuple(choices), is_required, description)


def _unwrapped(pasted: object) -> tuple[object, str]:
    """The schema in what was pasted, and its name."""
    named = pasted.get("json_schema", pasted) if isinstance(pasted, dict) else pasted
    if isinstance(named, dict) and isinstance(named.get("schema"), dict):
        name = named.get("name")
        is_name = isinstance(name, str) and re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name)
        return named["schema"], str(name) if is_name else _NAME
    return pasted, _NAME

"""`response_format`: text, json_object, or json_schema with a schema that is checked on arrival.

The rules for schemas are those the API documents for structured outputs: with `strict`, every
object lists all its properties as required and allows no others. References stay inside the
schema; nothing is fetched. `pattern` is refused, because a regular expression from outside could
keep the process busy for ever.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from augenblick.reader.values import boolean, mapping, missing, one_of, record, string
from augenblick.reader.wire import ApiError, JsonValue

MAX_DEPTH = 32

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_NESTING = ("properties", "$defs", "definitions")
_LISTING = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLE = ("items", "additionalProperties", "not", "if", "then", "else", "contains")


@dataclass(frozen=True, slots=True)
class Format:
    """What the answer has to be; `schema` only with kind `json_schema`."""

    kind: str = "text"
    schema: dict[str, JsonValue] | None = None


def parse_format(value: JsonValue, param: str) -> Format:
    """A `response_format`."""
    entries = mapping(value, param)
    if "type" not in entries:
        raise missing(f"{param}.type")
    kind = one_of("text", "json_object", "json_schema")(entries["type"], f"{param}.type")
    if kind != "json_schema":
        record({"type": string()})(value, param)
        return Format(kind)
    named = record({"type": string(), "json_schema": _named_schema})(value, param)
    return Format(kind, named["json_schema"])


def _named_schema(value: JsonValue, param: str) -> dict[str, JsonValue]:
    fields = record(
        {"name": string()}, {"description": string(), "schema": mapping, "strict": boolean}
    )(value, param)
    if not _NAME.fullmatch(fields["name"]):
        reason = "Expected 1 to 64 letters, digits, underscores or dashes."
        raise ApiError(
            f"Invalid '{param}.name': {reason}", param=f"{param}.name", code="invalid_value"
        )
    schema: dict[str, JsonValue] = fields.get("schema", {})
    check_schema(schema, strict=fields.get("strict", False))
    return schema


def check_schema(schema: dict[str, JsonValue], *, strict: bool) -> None:
    """Raises `ApiError` if the schema is none, refers outside itself or breaks a strict rule."""
    for node, path in _nodes(schema, "", depth=0):
        if "pattern" in node or "patternProperties" in node:
            raise _wrong(path, "'pattern' is not permitted by this endpoint.")
        reference = node.get("$ref", "#")
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise _wrong(path, "'$ref' has to stay inside the schema.")
        if strict:
            _check_strict(node, path)
    if strict and schema.get("type") != "object":
        raise _wrong("", "with 'strict' the schema must be of type 'object'.")
    _check_draft(schema)


def _check_draft(schema: dict[str, JsonValue]) -> None:
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - slow to import, seldom needed
    from jsonschema.exceptions import SchemaError  # noqa: PLC0415 - as above

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        path = "".join(f".{step}" for step in error.absolute_path)
        raise _wrong(path, "this is no JSON Schema.") from error


def _check_strict(node: dict[str, JsonValue], path: str) -> None:
    properties = node.get("properties")
    if node.get("type") != "object" and not isinstance(properties, dict):
        return
    if node.get("additionalProperties") is not False:
        raise _wrong(path, "'additionalProperties' is required to be supplied and to be false.")
    required = node.get("required", [])
    if set(properties or {}) - set(required if isinstance(required, list) else []):
        raise _wrong(path, "'required' is required to include every key in properties.")


def _nodes(node: JsonValue, path: str, *, depth: int) -> Iterator[tuple[dict[str, JsonValue], str]]:
    """Every schema inside a schema, with its path."""
    if not isinstance(node, dict):
        return
    if depth > MAX_DEPTH:
        raise _wrong(path, f"it is nested more than {MAX_DEPTH} deep.")
    yield node, path
    for key, child in _children(node):
        yield from _nodes(child, f"{path}.{key}", depth=depth + 1)


def _children(node: dict[str, JsonValue]) -> Iterator[tuple[str, JsonValue]]:
    for key in _NESTING:
        if isinstance(node.get(key), dict):
            yield from ((f"{key}.{name}", child) for name, child in node[key].items())
    for key in _LISTING:
        if isinstance(node.get(key), list):
            yield from ((f"{key}[{index}]", child) for index, child in enumerate(node[key]))
    yield from ((key, node[key]) for key in _SINGLE if key in node)


def _wrong(path: str, reason: str) -> ApiError:
    where = f" In context {path.lstrip('.')!r}," if path else ""
    return ApiError(
        f"Invalid schema for response_format:{where} {reason}",
        param="response_format",
        code="invalid_json_schema",
    )

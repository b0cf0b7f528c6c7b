"""JSON Schemas from outside: checked, walked, and their references followed; nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

_MAX_DEPTH = 32
_MAX_REFERENCES = 16
_NAMED_CHILDREN = ("properties", "$defs", "definitions", "dependentSchemas", "patternProperties")
_LISTED_CHILDREN = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLE_CHILDREN = (
    "items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames",
    "unevaluatedItems", "unevaluatedProperties",
)  # fmt: skip


class SchemaRejected(ValueError):
    """A schema can't be used: `code` says why, `detail` where or what."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


def check_schema(schema: dict[str, Any]) -> None:
    """Raise SchemaRejected: "too_deep", "outside" (a reference), "no_schema" (of draft 2020-12)."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - slow to import, seldom needed
    from jsonschema.exceptions import SchemaError  # noqa: PLC0415 - as above

    for node in nodes(schema):
        reference = node.get("$ref", "#")
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise SchemaRejected("outside", str(reference)[:200])
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        where = ".".join(str(step) for step in error.absolute_path)
        raise SchemaRejected("no_schema", where or "$") from None


def is_strict(schema: Schema) -> bool:
    """Whether every object of a checked schema requires all its properties and allows no others."""
    return schema.get("type") == "object" and all(
        node.get("additionalProperties") is False
        and set(node.get("required", ())) == set(node.get("properties", {}))
        for node in nodes(schema)
        if node.get("type") == "object" or "properties" in node
    )


def nodes(schema: object, *, depth: int = 0) -> Iterator[Schema]:
    """Every schema inside a schema, itself first. Raises SchemaRejected where it is too deep."""
    if not isinstance(schema, Mapping):
        return
    if depth > _MAX_DEPTH:
        raise SchemaRejected("too_deep")
    yield schema
    for child in _children(schema):
        yield from nodes(child, depth=depth + 1)


def _children(schema: Schema) -> Iterator[object]:
    for key in _NAMED_CHILDREN:
        if isinstance(schema.get(key), Mapping):
            yield from schema[key].values()
    for key in _LISTED_CHILDREN:
        if isinstance(schema.get(key), list):
            yield from schema[key]
    yield from (schema[key] for key in _SINGLE_CHILDREN if key in schema)


def resolved(schema: object, root: Schema) -> Schema:
    """Follow references inside the root schema; an empty one where there is none."""
    for _ in range(_MAX_REFERENCES):
        if not isinstance(schema, Mapping):
            return {}
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return schema
        target: object = root
        for key in reference.lstrip("#").split("/")[1:]:
            target = target.get(key) if isinstance(target, Mapping) else None
        schema = target
    return {}

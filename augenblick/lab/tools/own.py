"""A person's own functions, read from the JSON they typed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from augenblick.lab.tools.definitions import BUILT_IN, Definition

MAX_FUNCTIONS: Final = 128  # the most the API takes
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")  # as the API documents it
_MAX_DETAIL: Final = 160


class FunctionMistake(ValueError):
    """What is wrong with a text of functions: a code, and what a sentence about it names."""

    def __init__(self, code: str, **params: str | int) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


def read_functions(text: str) -> tuple[Definition, ...]:
    """The functions in a JSON text: one object or a list; an empty text holds none.

    Each may be as `tools` wants it, or the inner `function` alone. Raises FunctionMistake with one
    of the codes "no_json", "shape", "name", "twice", "taken", "description", "parameters",
    "schema", "too_many".
    """
    if not text.strip():
        return ()
    try:
        found = json.loads(text)
    except RecursionError:
        raise FunctionMistake("shape", number=1) from None
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        column = getattr(error, "colno", 1)
        raise FunctionMistake("no_json", line=line, column=column) from None
    items = found if isinstance(found, list) else [found]
    if len(items) > MAX_FUNCTIONS:
        raise FunctionMistake("too_many", limit=MAX_FUNCTIONS)
    functions = [_function(item, number) for number, item in enumerate(items, start=1)]
    _refuse_doubles(functions)
    return tuple({"type": "function", "function": function} for function in functions)


def _function(item: object, number: int) -> dict[str, Any]:
    inner = item
    if isinstance(item, Mapping) and "function" in item:
        if item.get("type", "function") != "function":
            raise FunctionMistake("shape", number=number)
        inner = item["function"]
    if not isinstance(inner, Mapping) or "name" not in inner:
        raise FunctionMistake("shape", number=number)
    name = inner["name"]
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise FunctionMistake("name", name=str(name)[:64], number=number)
    if not isinstance(inner.get("description", ""), str):
        raise FunctionMistake("description", name=name)
    _check_parameters(name, inner.get("parameters"))
    return dict(inner)


def _check_parameters(name: str, schema: object) -> None:
    """None is a function without parameters, which may be left out."""
    if schema is None:
        return
    if not isinstance(schema, Mapping) or schema.get("type", "object") != "object":
        raise FunctionMistake("parameters", name=name)
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - keeps the start short
    from jsonschema.exceptions import SchemaError  # noqa: PLC0415 - the same

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        place = ".".join(map(str, error.absolute_path)) or "parameters"
        raise FunctionMistake(
            "schema", name=name, place=place[:_MAX_DETAIL], detail=error.message[:_MAX_DETAIL]
        ) from None
    except RecursionError:
        raise FunctionMistake("parameters", name=name) from None


def _refuse_doubles(functions: list[dict[str, Any]]) -> None:
    seen: set[str] = set()
    for function in functions:
        name = function["name"]
        if name in BUILT_IN:
            raise FunctionMistake("taken", name=name)
        if name in seen:
            raise FunctionMistake("twice", name=name)
        seen.add(name)

"""An answer's text as a form: columns, rows, and what is wrong in each cell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from augenblick.core.conversations import ReplyRecord
from augenblick.core.json_schema import Schema, SchemaRejected, resolved
from augenblick.lab.partial_json import find_json
from augenblick.lab.schemas import schema_of

_MOST_PROBLEMS = 200
_JSON_FORMS = {"json_object", "json_schema"}
_PATTERNS = ("pattern", "patternProperties")
_TYPE_CODES = {
    "string": "no_text", "number": "no_number", "integer": "no_whole_number",
    "boolean": "no_yes_no", "array": "no_list", "object": "no_object",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """One field by its name, with what the schema says about it."""

    name: str
    description: str = ""
    is_date: bool = False


@dataclass(frozen=True, slots=True)
class CellProblem:
    """What is wrong: "missing", "empty", "extra", "choice", "no_date", "no_number", ... "unfit".

    `row` counts from 1; `column` is "" where the whole answer is meant.
    """

    code: str
    row: int
    column: str
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Filled:
    """What an answer says, field by field.

    `columns` is empty where the value is neither an object nor a list of objects. A field that has
    not come, or came as null, is missing in its row.
    """

    value: Any
    columns: tuple[Column, ...]
    rows: tuple[Mapping[str, Any], ...]
    has_rows: bool
    is_whole: bool
    problems: tuple[CellProblem, ...] = ()
    is_checked: bool = False  # against a schema


def is_form(record: ReplyRecord) -> bool:
    """Whether the picked answer was asked for as JSON and said something."""
    form = (record.settings.response_format or {}) if record.settings is not None else {}
    return form.get("type") in _JSON_FORMS and bool(record.picked.text)


def filled_by(record: ReplyRecord) -> Filled | None:
    """The form that the picked answer fills; None where it was not asked to or holds no JSON."""
    form = (record.settings.response_format if record.settings is not None else None) or {}
    return read_filled(record.picked.text, form) if is_form(record) else None


def read_filled(text: str, response_format: Mapping[str, Any]) -> Filled | None:
    """What an answer says in the form that was asked for; None where it holds no JSON at all.

    Of an answer that was cut, what came is read, and what did not come is no problem.
    """
    found = find_json(text)
    if found is None:
        return None
    schema = schema_of(response_format)
    name, row_schema = _rows_in(schema) if schema is not None else ("", None)
    value = found.value
    if row_schema is not None and isinstance(value, list):  # the frame was left out
        value = {name: value}
    if row_schema is None and schema is None:
        name = _only_list(value)
    rows = value.get(name) if isinstance(value, dict) and name else value
    has_rows = bool(row_schema is not None or name or isinstance(value, list))
    entries = (rows if isinstance(rows, list) else []) if has_rows else [value]
    shaped = row_schema if row_schema is not None else schema
    columns = tuple(_columns(shaped, entries, schema))
    filled = Filled(
        value, columns, tuple(_row(entry) for entry in entries), has_rows, found.is_whole
    )
    if schema is None:
        return filled
    problems = tuple(_problems(value, schema, name if row_schema is not None else ""))
    if not found.is_whole:
        problems = _of_what_came(filled, problems)
    return replace(filled, problems=problems, is_checked=True)


def _of_what_came(filled: Filled, problems: Iterable[CellProblem]) -> tuple[CellProblem, ...]:
    """The problems without those that the rest of the text may have solved."""
    last = len(filled.rows)
    open_column = next(reversed(list(filled.rows[-1])), "") if filled.rows else ""
    return tuple(
        problem
        for problem in problems
        if problem.code != "missing" and (problem.row, problem.column) != (last, open_column)
    )


def _row(entry: object) -> Mapping[str, Any]:
    if not isinstance(entry, dict):
        return {}
    return {name: value for name, value in entry.items() if value is not None}


def _rows_in(schema: Schema) -> tuple[str, Schema | None]:
    """The name under which the rows stand, and what a row has to be."""
    properties = resolved(schema, schema).get("properties")
    if not isinstance(properties, Mapping) or len(properties) != 1:
        return "", None
    ((name, child),) = properties.items()
    row = resolved(resolved(child, schema).get("items"), schema)
    return (str(name), row) if isinstance(row.get("properties"), Mapping) else ("", None)


def _only_list(value: object) -> str:
    """The name of the only entry of an object, if that is a list of objects."""
    if isinstance(value, dict) and len(value) == 1:
        ((name, rows),) = value.items()
        if isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows):
            return str(name)
    return ""


def _columns(schema: Schema | None, entries: Iterable[object], root: Schema | None) -> list[Column]:
    """The fields of the schema in their order, then whatever else came."""
    found: dict[str, Column] = {}
    properties = resolved(schema, root or {}).get("properties") if schema is not None else None
    if isinstance(properties, Mapping):
        for name, child in properties.items():
            about: Mapping[str, Any] = child if isinstance(child, Mapping) else {}
            description = str(about.get("description", ""))
            is_date = about.get("format") == "date"
            found[str(name)] = Column(str(name), description, is_date=is_date)
    for entry in entries:
        if isinstance(entry, dict):
            for name in entry:
                found.setdefault(name, Column(name))
    return list(found.values())


def _problems(value: object, schema: Schema, rows_name: str) -> Iterator[CellProblem]:
    from jsonschema import Draft202012Validator, FormatChecker  # noqa: PLC0415 - slow to import, seldom needed
    from referencing import Registry  # noqa: PLC0415 - as above
    from referencing.exceptions import Unresolvable  # noqa: PLC0415 - as above

    # A registry of its own, because the default one would fetch references from the network.
    try:
        validator = Draft202012Validator(
            without_patterns(schema), registry=Registry(), format_checker=FormatChecker(("date",))
        )
        errors = list(islice(validator.iter_errors(value), _MOST_PROBLEMS))
    except (Unresolvable, RecursionError, SchemaRejected):
        yield CellProblem("unchecked", 0, "")
        return
    said = (problem for error in errors for problem in _said(error, rows_name))
    seen: set[tuple[int, str]] = set()
    for problem in said:
        if (problem.row, problem.column) not in seen:  # one sentence for each cell
            seen.add((problem.row, problem.column))
            yield problem


def without_patterns(schema: Any, *, depth: int = 0) -> Any:  # noqa: ANN401 - any JSON value
    """The schema without regular expressions, which could keep the process busy for ever."""
    if depth > _MOST_PROBLEMS:
        raise SchemaRejected("too_deep")
    if isinstance(schema, list):
        return [without_patterns(child, depth=depth + 1) for child in schema]
    if not isinstance(schema, Mapping):
        return schema
    kept: dict[str, Any] = {
        key: child
        for key, child in schema.items()
        if key not in _PATTERNS or not isinstance(child, str if key == "pattern" else Mapping)
    }
    if "patternProperties" in schema and "patternProperties" not in kept:
        kept.pop("additionalProperties", None)
    return {
        key: child
        if key == "enum" and isinstance(child, list)
        else without_patterns(child, depth=depth + 1)
        for key, child in kept.items()
    }


def _said(error: Any, rows_name: str) -> Iterator[CellProblem]:  # noqa: ANN401 - a jsonschema ValidationError
    path = list(error.absolute_path)
    row = 1
    if rows_name and path[:1] == [rows_name]:
        row = path[1] + 1 if len(path) > 1 else 0
        path = path[2:]
    elif rows_name:
        row = 0
    column = str(path[0]) if path else ""
    inside = len(path) > 1
    if error.validator == "required":
        names = [name for name in error.validator_value if name not in error.instance]
        for name in names:
            yield CellProblem("missing", row, column if path else str(name))
    elif error.validator == "additionalProperties" and not inside and not path:
        for name in error.instance:
            if name not in error.schema.get("properties", {}):
                yield CellProblem("extra", row, str(name))
    else:
        code, params = _code(error)
        yield CellProblem(code, row, column, params)


def _code(error: Any) -> tuple[str, dict[str, str]]:  # noqa: ANN401 - as above
    if error.instance is None:
        return "empty", {}
    if error.validator == "type":
        kinds = error.validator_value
        kind = kinds if isinstance(kinds, str) else next(iter(kinds), "")
        return _TYPE_CODES.get(kind, "unfit"), {} if kind in _TYPE_CODES else {"rule": "type"}
    choices = _choices(error)
    if choices:
        return "choice", {"choices": ", ".join(choices)}
    if error.validator == "format" and error.validator_value == "date":
        return "no_date", {}
    rule = str(error.validator)
    value = error.validator_value
    return "unfit", {"rule": f"{rule} {value}" if isinstance(value, int | float | str) else rule}


def _choices(error: Any) -> list[str]:  # noqa: ANN401 - as above
    """What may be chosen, where a choice was not met."""
    if error.validator == "enum":
        return [str(choice) for choice in error.validator_value if choice is not None]
    if error.validator in {"anyOf", "oneOf"}:
        plain = [option for option in error.validator_value if isinstance(option, Mapping)]
        found = [str(choice) for option in plain for choice in option.get("enum", ())]
        return found if all("enum" in each or each == {"type": "null"} for each in plain) else []
    return []

"""PictureAnalysis to JSON: a fixed object for `json_object`, the caller's shape for `json_schema`.

A schema is filled from what was read (`parsed_fields`). What is required and not known becomes null
where the schema allows it. Otherwise the answer is a refusal that names the fields, as the API
gives one when a model does not comply; the reader makes nothing up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from augenblick.core.json_schema import Schema, resolved
from augenblick.core.language import Language
from augenblick.reader.analysis import PictureAnalysis
from augenblick.reader.parsed_fields import MISSING, ParsedFields
from augenblick.reader.picture_facts import dates_in
from augenblick.reader.receipts import total_in
from augenblick.reader.wire import JsonValue

MAX_DEPTH = 16

_NUMBER = re.compile(r"[+-]?[\d.,]+")

Path = tuple[str, ...]  # the names of the fields that lead to one; a name may hold a dot

_ALIASES = {
    "name": "name", "label": "name", "product": "name", "article": "name", "description": "name",
    "artikel": "name", "bezeichnung": "name", "item": "name", "color": "name", "colour": "name",
    "produkt": "name", "ware": "name", "posten": "name", "position": "name", "beschreibung": "name",
    "price": "price", "amount": "price", "total": "price", "preis": "price", "betrag": "price",
    "einzelpreis": "price", "gesamtpreis": "price", "summe": "price", "cost": "price",
    "type": "type", "format": "type", "kind": "type", "typ": "type",
    "content": "content", "value": "content", "data": "content", "text": "content",
    "inhalt": "content", "share": "share", "percent": "share", "anteil": "share",
}  # fmt: skip


class Unfillable(Exception):
    """Required fields that nothing in the pictures fills, as paths."""

    def __init__(self, fields: Sequence[str]) -> None:
        super().__init__(", ".join(fields))
        self.fields = tuple(fields)


def plain_object(analyses: Sequence[PictureAnalysis], language: Language) -> dict[str, JsonValue]:
    """Everything seen: one picture flat, several under `pictures`."""
    seen = [_picture(analysis, language) for analysis in analyses]
    if len(seen) == 1:
        return {"language": language.code, **seen[0]}
    note = {} if seen else {"note": language.text("reader.nothing.sent")}
    return {"language": language.code, "pictures": seen, **note}


def _picture(analysis: PictureAnalysis, language: Language) -> dict[str, JsonValue]:
    fields = ParsedFields([analysis], language)
    total = total_in(fields.lines)
    currency = fields.value_for("currency") or None
    return {
        "text": analysis.text,
        "lines": fields.lines,
        "codes": fields.value_for("codes"),
        "total": {"amount": float(total.value), "currency": total.currency or currency}
        if total
        else None,
        "dates": list(dict.fromkeys(found.value.isoformat() for found in dates_in(fields.lines))),
        "size": {
            "width": analysis.width_px,
            "height": analysis.height_px,
            "megapixels": round(analysis.megapixels, 2),
            "orientation": analysis.orientation,
        },
        "colours": fields.value_for("colours"),
        "sharpness": analysis.sharpness.value,
    }


def filled(
    schema: dict[str, JsonValue], analyses: Sequence[PictureAnalysis], language: Language
) -> JsonValue:
    """A value that the schema allows; raises `Unfillable`."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - slow to import, seldom needed
    from referencing import Registry  # noqa: PLC0415 - as above

    # A registry of its own, because the default one would fetch references from the network.
    checker = Draft202012Validator(schema, registry=Registry())
    filling = _Filling(checker, ParsedFields(analyses, language))
    value = filling.fill(schema, ())
    if filling.unfilled or value is MISSING:
        raise Unfillable(filling.unfilled or ["$"])
    if wrong := filling.errors_of(value, schema):
        raise Unfillable(wrong)
    return value


@dataclass(slots=True)
class _Filling:
    checker: Any  # jsonschema's validator of the whole schema
    fields: ParsedFields
    unfilled: list[str] = field(default_factory=list)

    def errors_of(self, value: JsonValue, schema: JsonValue) -> list[str]:
        """Where a value breaks a part of the schema."""
        from referencing.exceptions import Unresolvable  # noqa: PLC0415 - see `filled`

        try:
            errors = self.checker.evolve(schema=schema).iter_errors(value)
            return [error.json_path for error in errors]
        except (RecursionError, Unresolvable):  # a reference that leads nowhere
            return ["$"]

    def _fits(self, value: JsonValue, schema: JsonValue) -> bool:
        return not self.errors_of(value, schema)

    def fill(
        self, schema: JsonValue, path: Path, element: JsonValue = None, *, depth: int = 0
    ) -> JsonValue:
        """A value for a field, or `MISSING`; `element` is what is known of it as part of a list."""
        node = resolved(schema, self.checker.schema)
        if depth > MAX_DEPTH:
            return MISSING
        if options := node.get("anyOf") or node.get("oneOf"):
            return self._first_of(options, path, element, depth=depth + 1)
        if "const" in node:
            return node["const"]
        if "properties" in node:
            return self._object(node, path, element, depth=depth + 1)
        if not path and element is None:
            return plain_object(self.fields.analyses, self.fields.language)
        return self._leaf(node, path, element, depth=depth + 1)

    def _first_of(
        self, options: Sequence[JsonValue], path: Path, element: JsonValue, *, depth: int
    ) -> JsonValue:
        before = list(self.unfilled)
        for option in options:
            if resolved(option, self.checker.schema) == {"type": "null"}:
                continue
            value = self.fill(option, path, element, depth=depth)
            if value is not MISSING and self.unfilled == before:
                return value
            self.unfilled = list(before)
        return None if self._fits(None, {"anyOf": options}) else MISSING

    def _object(self, node: Schema, path: Path, element: JsonValue, *, depth: int) -> JsonValue:
        if element is not None and not isinstance(element, dict):
            element = {"content": element}
        value: dict[str, JsonValue] = {}
        for name, child in node["properties"].items():
            alias = _ALIASES.get(name.strip().lower(), name)
            own = element.get(alias, MISSING) if element is not None else None
            where = (*path, name)
            part = MISSING if own is MISSING else self.fill(child, where, own, depth=depth)
            if part is not MISSING:
                value[name] = part
            elif self._fits(None, child):
                value[name] = None
            elif name in node.get("required", []):
                self.unfilled.append(".".join(where))
        return value

    def _leaf(self, node: Schema, path: Path, element: JsonValue, *, depth: int) -> JsonValue:
        *above, name = path or ("",)
        value = element
        if value is None:
            value = self.fields.value_for(name, str(node.get("description", "")))
        if isinstance(value, list) and self._fits([], {"type": node.get("type", "array")}):
            parts = [
                self.fill(node.get("items", {}), (*above, f"{name}[{at}]"), each, depth=depth)
                for at, each in enumerate(value)
            ]
            return MISSING if any(part is MISSING for part in parts) else parts
        return next((each for each in _forms(value, node) if self._fits(each, node)), MISSING)


def _forms(value: JsonValue, node: Schema) -> Iterator[JsonValue]:
    """A value as a schema may want it: one instead of several, in its words, in another type."""
    if isinstance(value, list):
        value = value[0] if value else MISSING
    if isinstance(value, dict):
        value = value.get("content", value.get("name", MISSING))
    if value is MISSING:
        return
    yield from (each for each in node.get("enum", ()) if str(each).lower() == str(value).lower())
    if isinstance(value, str | bool):
        yield value
    if isinstance(value, str) and _NUMBER.fullmatch(value):  # read as text beside a label
        with suppress(ValueError):
            yield from _numbers(
                float(value.replace(".", "").replace(",", ".") if "," in value else value), node
            )
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _numbers(value, node)
        yield f"{value:.2f}" if isinstance(value, float) else str(value)


def _numbers(value: float, node: Schema) -> Iterator[float]:
    """A number, without a fraction of zero where only whole ones are wanted."""
    if value == int(value) and "number" not in str(node.get("type")):
        yield int(value)
    yield value

"""PictureAnalysis to JSON: a fixed object for `json_object`, the caller's shape for `json_schema`.

A schema is filled from what was read (`parsed_fields`). What is required and not known becomes null
where the schema allows it. Otherwise the answer is a refusal that names the fields, as the API
gives one when a model does not comply; the reader makes nothing up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from augenblick.core.json_schema import resolved
from augenblick.core.language import Language
from augenblick.reader.analysis import PictureAnalysis
from augenblick.reader.parsed_fields import MISSING, ParsedFields, orientation_of
from augenblick.reader.picture_facts import dates_in
from augenblick.reader.receipts import total_in
from augenblick.reader.wire import JsonValue

MAX_DEPTH = 16

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
    lines = [line.text for line in analysis.lines]
    total = total_in(lines)
    fields = ParsedFields([analysis], language)
    currency = fields.value_for("currency") or None
    return {
        "text": analysis.text,
        "lines": lines,
        "codes": fields.value_for("codes"),
        "total": {"amount": float(total.value), "currency": total.currency or currency}
        if total
        else None,
        "dates": list(dict.fromkeys(found.value.isoformat() for found in dates_in(lines))),
        "size": {
            "width": analysis.width_px,
            "height": analysis.height_px,
            "megapixels": round(analysis.megapixels, 2),
            "orientation": orientation_of(analysis),
        },
        "colours": [
            {"name": language.text(colour.name), "share": colour.share}
            for colour in analysis.colours
        ],
        "sharpness": analysis.sharpness.value,
    }


def filled(
    schema: dict[str, JsonValue], analyses: Sequence[PictureAnalysis], language: Language
) -> JsonValue:
    """A value that the schema allows; raises `Unfillable`."""
    filling = _Filling(schema, ParsedFields(analyses, language))
    value = filling.fill(schema, (), depth=0)
    if filling.unfilled or value is MISSING:
        raise Unfillable(filling.unfilled or ["$"])
    _check(schema, value)
    return value


def _check(schema: dict[str, JsonValue], value: JsonValue) -> None:
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - slow to import, seldom needed
    from referencing import Registry  # noqa: PLC0415 - as above

    # A registry of its own, because the default one would fetch references from the network.
    validator = Draft202012Validator(schema, registry=Registry())
    if wrong := [error.json_path for error in validator.iter_errors(value)]:
        raise Unfillable(wrong)


@dataclass(slots=True)
class _Filling:
    root: dict[str, JsonValue]
    fields: ParsedFields
    unfilled: list[str] = field(default_factory=list)

    def fill(
        self, schema: JsonValue, path: Path, *, depth: int, element: JsonValue = None
    ) -> JsonValue:
        node = resolved(schema, self.root)
        if depth > MAX_DEPTH or not isinstance(node, dict):
            return MISSING
        if options := node.get("anyOf") or node.get("oneOf"):
            return self._first_of(options, path, depth=depth, element=element)
        if "const" in node:
            return node["const"]
        if _allows(node, "object") and "properties" in node:
            return self._object(node, path, depth=depth, element=element)
        if not path and not element:
            return plain_object(self.fields.analyses, self.fields.language)
        return self._leaf(node, path, depth=depth, element=element)

    def _first_of(
        self, options: Sequence[JsonValue], path: Path, *, depth: int, element: JsonValue
    ) -> JsonValue:
        before = list(self.unfilled)
        nodes = [resolved(option, self.root) for option in options]
        for node in nodes:
            if node == {"type": "null"}:
                continue
            value = self.fill(node, path, depth=depth + 1, element=element)
            if value is not MISSING and self.unfilled == before:
                return value
            self.unfilled = list(before)
        return None if {"type": "null"} in nodes else MISSING

    def _object(
        self, node: Mapping[str, JsonValue], path: Path, *, depth: int, element: JsonValue
    ) -> JsonValue:
        value: dict[str, JsonValue] = {}
        for name, child in node["properties"].items():
            own = (
                element.get(_ALIASES.get(name.strip().lower(), name), MISSING) if element else None
            )
            where = (*path, name)
            part = (
                MISSING if own is MISSING else self.fill(child, where, depth=depth + 1, element=own)
            )
            if part is not MISSING:
                value[name] = part
            elif self._is_nullable(child):
                value[name] = None
            elif name in node.get("required", []):
                self.unfilled.append(".".join(where))
        return value

    def _is_nullable(self, schema: JsonValue) -> bool:
        node = resolved(schema, self.root)
        if not isinstance(node, dict):
            return False
        options = node.get("anyOf") or node.get("oneOf") or []
        return "null" in _types(node) or any(self._is_nullable(option) for option in options)

    def _leaf(
        self, node: Mapping[str, JsonValue], path: Path, *, depth: int, element: JsonValue
    ) -> JsonValue:
        name = path[-1] if path else ""
        value = element
        if value is None:
            value = self.fields.value_for(name, str(node.get("description", "")))
        if value is MISSING:
            return MISSING
        if _allows(node, "array") and isinstance(value, list):
            return self._array(node, value, path, depth=depth)
        return _as_allowed(_single(value), node)

    def _array(
        self, node: Mapping[str, JsonValue], values: Sequence[JsonValue], path: Path, *, depth: int
    ) -> JsonValue:
        items = node.get("items", {})
        name = path[-1] if path else ""
        parts = [
            self.fill(items, (*path[:-1], f"{name}[{index}]"), depth=depth + 1, element=value)
            for index, value in enumerate(values)
        ]
        return MISSING if any(part is MISSING for part in parts) else parts


def _types(node: Mapping[str, JsonValue]) -> list[str]:
    kinds = node.get("type", [])
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _allows(node: Mapping[str, JsonValue], kind: str) -> bool:
    return kind in _types(node) or not _types(node)


def _single(value: JsonValue) -> JsonValue:
    """One plain value for a field that holds no list: the first, by its name or content."""
    if isinstance(value, list):
        value = value[0] if value else MISSING
    if isinstance(value, dict):
        return value.get("content", value.get("name", MISSING))
    return value


def _as_allowed(value: JsonValue, node: Mapping[str, JsonValue]) -> JsonValue:
    """The value in a type the schema allows, or MISSING."""
    if options := node.get("enum"):
        same = (each for each in options if str(each).lower() == str(value).lower())
        return next(same, MISSING)
    if isinstance(value, bool):
        return value if _allows(node, "boolean") else MISSING
    if isinstance(value, int | float):
        return _number(value, node)
    if isinstance(value, str):
        return value if _allows(node, "string") else _parsed(value, node)
    return MISSING


def _number(value: float, node: Mapping[str, JsonValue]) -> JsonValue:
    if _allows(node, "number"):
        return value
    if _allows(node, "integer") and value == int(value):
        return int(value)
    return (
        f"{value:.2f}"
        if _allows(node, "string") and isinstance(value, float)
        else (str(value) if _allows(node, "string") else MISSING)
    )


def _parsed(text: str, node: Mapping[str, JsonValue]) -> JsonValue:
    """A number that was read as text beside a label."""
    if not (_allows(node, "number") or _allows(node, "integer")):
        return MISSING
    try:
        value = float(text.replace(".", "").replace(",", ".") if "," in text else text)
    except ValueError:
        return MISSING
    return _number(value, node)

"""The messages of a request, parsed: who says what, with which pictures.

Roles and parts as documented for `messages`. Only a user's message can hold pictures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from augenblick.reader.values import (
    Parse,
    array,
    invalid,
    mapping,
    missing,
    one_of,
    record,
    refused,
    string,
    wrong_type,
)
from augenblick.reader.wire import ApiError, JsonValue

MAX_PICTURES = 50

_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_TEXT_ROLES_PART = "Only messages with role 'user' can hold pictures."


@dataclass(frozen=True, slots=True)
class PictureUri:
    """A picture as it came: the URI, how closely to look, and where it stands in the request."""

    uri: str
    detail: str
    param: str


@dataclass(frozen=True, slots=True)
class Turn:
    """One message."""

    role: str
    text: str
    pictures: tuple[PictureUri, ...] = ()


def parse_turns(value: JsonValue, param: str) -> tuple[Turn, ...]:
    """All messages, oldest first; at least one, with at most `MAX_PICTURES` pictures together."""
    if value == []:
        reason = "empty array. Expected an array with minimum length 1."
        raise invalid(param, reason, code="empty_array")
    turns: tuple[Turn, ...] = array(_parse_turn)(value, param)
    pictures = [picture for turn in turns for picture in turn.pictures]
    if len(pictures) > MAX_PICTURES:
        raise ApiError(
            f"Too many pictures: this endpoint takes at most {MAX_PICTURES} in one request.",
            param=pictures[MAX_PICTURES].param,
            code="too_many_images",
        )
    return turns


def _parse_turn(value: JsonValue, param: str) -> Turn:
    entries = mapping(value, param)
    if "role" not in entries:
        raise missing(f"{param}.role")
    role = one_of(*_ROLES)(entries["role"], f"{param}.role")
    required, optional = _shape(role)
    silent = {"tool_calls", "function_call", "refusal", "audio"}
    if role == "assistant" and not any(entries.get(key) for key in silent):
        required = {**required, "content": _content(role)}
    fields = record(required, optional)(entries, param)
    parts = fields.get("content") or ()
    return Turn(
        role,
        "\n\n".join(part for part in parts if isinstance(part, str)),
        tuple(part for part in parts if isinstance(part, PictureUri)),
    )


def _shape(role: str) -> tuple[Mapping[str, Parse], Mapping[str, Parse]]:
    """The required and the optional keys of a message."""
    own = one_of(role)
    if role == "assistant":
        return {"role": own}, {
            "content": _content(role), "name": string(), "refusal": string(),
            "tool_calls": array(mapping), "function_call": mapping, "audio": mapping,
            "annotations": array(mapping),
        }  # fmt: skip
    if role == "tool":
        return {"role": own, "content": _content(role), "tool_call_id": string()}, {}
    if role == "function":
        return {"role": own, "content": _content(role), "name": string()}, {}
    return {"role": own, "content": _content(role)}, {"name": string(64)}


def _content(role: str) -> Parse:
    def parse(value: JsonValue, param: str) -> tuple[str | PictureUri, ...]:
        if isinstance(value, str):
            return (value,)
        if not isinstance(value, list):
            raise wrong_type(param, "one of a string or array of objects", value)
        return tuple(array(_part(role), low=1)(value, param))

    return parse


def _part(role: str) -> Parse:
    shapes = _USER_PARTS if role == "user" else _OTHER_PARTS

    def parse(value: JsonValue, param: str) -> str | PictureUri:
        entries = mapping(value, param)
        if "type" not in entries:
            raise missing(f"{param}.type")
        kind = entries["type"]
        if kind == "image_url" and role != "user":
            raise ApiError(
                f"Invalid value: 'image_url'. {_TEXT_ROLES_PART}",
                param=f"{param}.type",
                code="invalid_value",
            )
        one_of(*shapes)(kind, f"{param}.type")
        fields = record({"type": string(), kind: shapes[kind]}, _PART_EXTRAS)(value, param)
        content = fields[kind]
        return (
            PictureUri(param=f"{param}.image_url.url", **content)
            if kind == "image_url"
            else content
        )

    return parse


def _picture(value: JsonValue, param: str) -> dict[str, str]:
    fields = record({"url": string()}, {"detail": one_of("auto", "low", "high")})(value, param)
    return {"uri": fields["url"], "detail": fields.get("detail", "auto")}


_PART_EXTRAS: Mapping[str, Parse] = {}
_USER_PARTS: Mapping[str, Parse] = {
    "text": string(),
    "image_url": _picture,
    "input_audio": refused("it hears nothing. Send text and pictures."),
    "file": refused("it opens no files. Send pictures as image_url."),
}
_OTHER_PARTS: Mapping[str, Parse] = {"text": string(), "refusal": string()}

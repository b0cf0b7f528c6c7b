"""Runs one call of a built-in tool; whatever goes wrong is a result that the model can read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from augenblick.core.errors import ImageError
from augenblick.core.messages import Detail, ImagePart, PreparedPicture, ToolCall, ToolResult
from augenblick.lab.tools.definitions import built_in_name, name_of
from augenblick.lab.tools.picture_tools import CallMistake, Region, Sight, picture_of, tell_codes

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A result, and the picture that has to be stored before it is sent."""

    result: ToolResult
    picture: PreparedPicture | None = None


@dataclass(frozen=True, slots=True)
class Toolbox:
    """What the built-in tools work with. Any thread may run calls; none keeps anything."""

    sight: Sight

    def run(
        self, call: ToolCall, tools: Sequence[Mapping[str, Any]], seen: Sequence[ImagePart]
    ) -> Outcome:
        """The result of one call.

        `tools` are the definitions the model was given, `seen` the pictures it sees, oldest first,
        with those that earlier calls of the same round returned. Never raises for what the model
        or a picture did wrong.
        """
        try:
            runners = {"zoom": self._zoom, "read_codes": self._read_codes}
            runner = runners[built_in_name(_tool(call, tools)) or ""]
            return runner(call, _arguments(call), seen)
        except CallMistake as mistake:
            return Outcome(error_result(call, str(mistake)))
        except ImageError as error:
            return Outcome(error_result(call, f"The picture can't be used: {error.code}."))

    def _zoom(self, call: ToolCall, arguments: Arguments, seen: Sequence[ImagePart]) -> Outcome:
        part = picture_of(arguments, seen)
        region = Region.read(arguments, part.attachment)
        closer = self.sight.zoom(part.attachment, region)
        shown = closer.attachment
        said = {
            "picture": len(seen) + 1,
            "width_px": shown.width_px,
            "height_px": shown.height_px,
            "note": "The picture follows in the next message.",
        }
        result = ToolResult(call.id, _text(said), picture=ImagePart(shown, Detail.HIGH))
        return Outcome(result, closer)

    def _read_codes(
        self, call: ToolCall, arguments: Arguments, seen: Sequence[ImagePart]
    ) -> Outcome:
        part = picture_of(arguments, seen)
        region = Region.read(arguments, part.attachment)
        found = self.sight.codes(part.attachment, region)
        return Outcome(ToolResult(call.id, _text(tell_codes(found))))


def error_result(call: ToolCall, message: str) -> ToolResult:
    """A result that says what went wrong."""
    return ToolResult(call.id, _text({"error": message}), is_error=True)


def _tool(call: ToolCall, tools: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    for tool in tools:
        if name_of(tool) == call.name:
            return tool
    known = ", ".join(filter(None, map(name_of, tools))) or "none"
    raise CallMistake(f"There is no function {call.name[:64]!r}. There are: {known}.")


def _arguments(call: ToolCall) -> Arguments:
    """The arguments, where they are a JSON object; nothing at all counts as none."""
    try:
        found = json.loads(call.arguments) if call.arguments.strip() else {}
    except (ValueError, RecursionError):
        raise CallMistake("The arguments are no JSON.") from None
    if isinstance(found, str):  # some servers encode them twice
        try:
            found = json.loads(found)
        except (ValueError, RecursionError):
            found = None
    if not isinstance(found, dict):
        raise CallMistake("The arguments must be a JSON object.")
    return found


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)

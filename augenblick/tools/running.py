"""Runs one call of a built-in tool; whatever goes wrong is a result that the model can read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from augenblick.errors import ImageError
from augenblick.messages import Detail, ImagePart, PreparedPicture, ToolCall, ToolResult
from augenblick.tools.calculate import calculate
from augenblick.tools.clock import Now, tell_time
from augenblick.tools.definitions import built_in_name, default_of, name_of
from augenblick.tools.mistakes import CallMistake
from augenblick.tools.pictures import Region, Sight, picture_of, tell_codes

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
    now: Now = lambda: datetime.now(UTC)

    def run(
        self, call: ToolCall, tools: Sequence[Mapping[str, Any]], seen: Sequence[ImagePart]
    ) -> Outcome:
        """The result of one call.

        `tools` are the definitions the model was given, `seen` the pictures it sees, oldest first,
        with those that earlier calls of the same round returned. Never raises for what the model
        or a picture did wrong.
        """
        try:
            tool = _tool(call, tools)
            runner = _RUNNERS[built_in_name(tool) or ""]
            return runner(self, call, _arguments(call), tool, seen)
        except CallMistake as mistake:
            return Outcome(error_result(call, str(mistake)))
        except ImageError as error:
            return Outcome(error_result(call, f"The picture can't be used: {error.code}."))

    def _zoom(
        self, call: ToolCall, arguments: Arguments, _: Mapping[str, Any], seen: Sequence[ImagePart]
    ) -> Outcome:
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
        self, call: ToolCall, arguments: Arguments, _: Mapping[str, Any], seen: Sequence[ImagePart]
    ) -> Outcome:
        part = picture_of(arguments, seen)
        region = Region.read(arguments, part.attachment)
        found = self.sight.codes(part.attachment, region)
        return Outcome(ToolResult(call.id, _text(tell_codes(found))))

    def _current_time(
        self, call: ToolCall, arguments: Arguments, tool: Mapping[str, Any], _: Sequence[ImagePart]
    ) -> Outcome:
        name = arguments.get("time_zone") or default_of(tool, "time_zone") or ""
        if not isinstance(name, str):
            raise CallMistake("time_zone must be a text.")
        return Outcome(ToolResult(call.id, _text(tell_time(name, now=self.now))))

    def _calculate(
        self, call: ToolCall, arguments: Arguments, _: Mapping[str, Any], __: Sequence[ImagePart]
    ) -> Outcome:
        expression = arguments.get("expression")
        if not isinstance(expression, str):
            raise CallMistake("expression must be a text.")
        return Outcome(ToolResult(call.id, _text({"result": calculate(expression)})))


_Runner = Callable[[Toolbox, ToolCall, Arguments, Mapping[str, Any], Sequence[ImagePart]], Outcome]
_RUNNERS: Mapping[str, _Runner] = {
    "zoom": Toolbox._zoom,  # noqa: SLF001 - one unit
    "read_codes": Toolbox._read_codes,  # noqa: SLF001 - one unit
    "current_time": Toolbox._current_time,  # noqa: SLF001 - one unit
    "calculate": Toolbox._calculate,  # noqa: SLF001 - one unit
}


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

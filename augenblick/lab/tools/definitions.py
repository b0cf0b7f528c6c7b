"""The built-in tools as the API wants them described, in English, which every model reads.

Shapes are those of `tools` (https://platform.openai.com/docs/api-reference/chat/create).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from augenblick.core.settings import RequestSettings

Definition = dict[str, Any]
_Tool = tuple[str, Mapping[str, Any], list[str]]  # description, properties, required

_PICTURE: Final = {
    "type": "integer",
    "minimum": 1,
    "description": "Number of the picture: 1 is the first one in the conversation. Pictures that "
    "were returned by calls count on.",
}
_REGION: Final = {
    name: {
        "type": "number",
        "minimum": 0,
        "description": f"{text}, as a fraction from 0 to 1 of the picture's {side}, or in pixels "
        "of the picture as sent.",
    }
    for name, text, side in (
        ("left", "Left edge", "width"),
        ("top", "Upper edge", "height"),
        ("right", "Right edge", "width"),
        ("bottom", "Lower edge", "height"),
    )
}

_ZOOM: Final[_Tool] = (
    """Look closely at a region of a picture. Returns the region at full resolution, often with \
much more detail than the picture in the conversation. For small print and distant things.""",
    {"picture": _PICTURE, **_REGION},
    ["picture", "left", "top", "right", "bottom"],
)
_READ_CODES: Final[_Tool] = (
    "Read the QR codes and bar codes in a picture, or in a region of it, exactly.",
    {"picture": _PICTURE, **_REGION},
    ["picture"],
)
_ALL: Final[Mapping[str, _Tool]] = {"zoom": _ZOOM, "read_codes": _READ_CODES}
_RETIRED: Final = {
    "current_time": "The present date, weekday and time.",
    "calculate": "Calculate exactly, with decimal numbers:",
}  # built in until 0.3, each with the beginning of its description
BUILT_IN: Final = tuple(_ALL)
"""The names of the built-in tools, in the order in which they are offered."""


def definition(name: str) -> Definition:
    """The definition of a built-in tool."""
    description, properties, required = _ALL[name]
    schema: Definition = {
        "type": "object",
        "properties": copy.deepcopy(dict(properties)),
        "required": list(required),
        "additionalProperties": False,
    }
    function = {"name": name, "description": description, "parameters": schema}
    return {"type": "function", "function": function}


def name_of(tool: Mapping[str, Any]) -> str:
    """The name of the function a definition describes; empty where it has none."""
    function = tool.get("function")
    name = function.get("name") if isinstance(function, Mapping) else None
    return name if isinstance(name, str) else ""


def built_in_name(tool: Mapping[str, Any]) -> str | None:
    """Which built-in tool a definition is of; None for a person's own function."""
    name = name_of(tool)
    return name if name in _ALL else None


def without_retired(settings: RequestSettings) -> RequestSettings:
    """The settings without the tools that were built in once; all else stays.

    For stored settings, which may offer them; nobody would answer their calls. A person's own
    function that has the name of one is told by its description.
    """
    retired = {name_of(tool) for tool in settings.tools if _is_retired(tool)}
    if not retired:
        return settings
    tools = tuple(tool for tool in settings.tools if not _is_retired(tool))
    choice = settings.tool_choice
    is_in_vain = not (tools or "tools" in settings.extra)
    if is_in_vain or (isinstance(choice, Mapping) and name_of(choice) in retired):
        choice = None
    return replace(settings, tools=tools, tool_choice=choice)


def _is_retired(tool: Mapping[str, Any]) -> bool:
    begins = _RETIRED.get(name_of(tool))
    return begins is not None and str(tool["function"].get("description")).startswith(begins)

"""The built-in tools as the API wants them described, in English, which every model reads.

Shapes are those of `tools` (https://platform.openai.com/docs/api-reference/chat/create).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

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
_CURRENT_TIME: Final[_Tool] = (
    "The present date, weekday and time.",
    {
        "time_zone": {
            "type": "string",
            "description": "IANA name of a time zone such as Europe/Berlin; by default where the "
            "person is.",
        }
    },
    [],
)
_CALCULATE: Final[_Tool] = (
    """Calculate exactly, with decimal numbers: + - * / // % **, brackets, the functions sqrt, \
abs, round, floor, ceil, min, max, sum, exp, ln, log10 and the constants pi and e.""",
    {
        "expression": {
            "type": "string",
            "maxLength": 500,
            "description": "For example (12.90 + 3 * 4.50) * 1.19",
        }
    },
    ["expression"],
)
_ALL: Final[Mapping[str, _Tool]] = {
    "zoom": _ZOOM,
    "read_codes": _READ_CODES,
    "current_time": _CURRENT_TIME,
    "calculate": _CALCULATE,
}
BUILT_IN: Final = tuple(_ALL)
"""The names of the built-in tools, in the order in which they are offered."""


def definition(name: str, *, time_zone: str = "") -> Definition:
    """The definition of a built-in tool.

    `time_zone` is the person's, for `current_time`, and stands in the definition as the default.
    """
    description, properties, required = _ALL[name]
    schema: Definition = {
        "type": "object",
        "properties": copy.deepcopy(dict(properties)),
        "required": list(required),
        "additionalProperties": False,
    }
    if time_zone and "time_zone" in schema["properties"]:
        schema["properties"]["time_zone"]["default"] = time_zone
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


def default_of(tool: Mapping[str, Any], argument: str) -> object:
    """The default an argument has in a definition; None without one."""
    found: object = tool
    for step in ("function", "parameters", "properties", argument, "default"):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found

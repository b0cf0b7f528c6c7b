"""Every request field with valid, border and wrong values: what is to arrive, what is refused."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

_FUNCTION = {"name": "read_code-1", "description": "Reads.", "parameters": {"type": "object"}}
TOOL = {"type": "function", "function": _FUNCTION}
CALL = {"type": "function", "function": {"name": "read_code-1"}}
SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "sum", "schema": {"type": "object", "properties": {}}},
}

# Settings besides the model, and the fields of the body besides `model` and `messages`.
Case = tuple[dict[str, Any], dict[str, Any]]
_STREAMED = {"stream": True, "stream_options": {"include_usage": True}}


def _each(name: str, *values: Any) -> Iterator[Case]:
    for value in values:
        arriving = list(value) if isinstance(value, tuple) else value
        yield {name: value}, {name: arriving, **_STREAMED}


RIGHT: list[Case] = [
    ({}, _STREAMED),
    *_each("temperature", 0, 0.0, 0.35, 1, 2, 2.0),
    *_each("top_p", 0, 0.1, 1),
    *_each("n", 1, 2, 128),
    ({"stream": False}, {"stream": False}),
    ({"include_usage": False}, {"stream": True}),
    ({"stream": False, "include_usage": False}, {"stream": False}),
    *_each("stop", ("END",), ("\n",), ("\n\n", " ", "ÄÖ", '"')),
    *_each("max_tokens", 1, 4096, 10**9),
    *_each("presence_penalty", -2, 0, 0.5, 2),
    *_each("frequency_penalty", -2.0, 0.0, 2),
    *_each("logit_bias", {"0": -100}, {"50256": 100, "12": 0, "13": -0.5}),
    *_each("user", "someone", "ö"),
    *_each("response_format", {"type": "text"}, {"type": "json_object"}, SCHEMA),
    *_each("seed", 0, -1, 2**53 + 1, 2**63 - 1, -(2**63)),
    *_each("tools", (TOOL,)),
    *(
        (
            {"tools": (TOOL,), "tool_choice": choice},
            {"tools": [TOOL], "tool_choice": choice, **_STREAMED},
        )
        for choice in ("none", "auto", "required", CALL)
    ),
    ({"extra": {"k": 5, "x": [None, {"y": 1.5}]}}, {"k": 5, "x": [None, {"y": 1.5}], **_STREAMED}),
    ({"temperature": 1, "extra": {"temperature": 9}}, {"temperature": 9, **_STREAMED}),
]  # fmt: skip

# Settings besides the model, and the path that is named.
WRONG: list[tuple[dict[str, Any], str]] = [
    *(({"temperature": value}, "temperature") for value in (-0.01, 2.01, "1", True, math.nan)),
    *(({"top_p": value}, "top_p") for value in (-1, 1.01, math.inf, [1])),
    *(({"n": value}, "n") for value in (0, 129, 1.5, "2", True)),
    *(({"stream": value}, "stream") for value in (1, "true")),
    *(({"include_usage": value}, "include_usage") for value in (0, "false")),
    *(({"stop": value}, "stop") for value in (("",), tuple("abcde"), ("a", 1), "END")),
    *(({"max_tokens": value}, "max_tokens") for value in (0, -1, 1.5, "9")),
    *(({"presence_penalty": value}, "presence_penalty") for value in (-2.1, 2.1, -math.inf)),
    *(({"frequency_penalty": value}, "frequency_penalty") for value in (-3, 3, "0", math.nan)),
    *(({"logit_bias": {token: 1}}, "logit_bias") for token in ("", "a", "-1", "1.5", "٣")),
    *(
        ({"logit_bias": {"7": bias}}, "logit_bias.7")
        for bias in (-101, 100.5, "5", None, True, math.nan)
    ),
    ({"logit_bias": [["7", 1]]}, "logit_bias"),
    *(({"user": value}, "user") for value in (1, ["a"], "\ud800")),
    *(
        ({"response_format": value}, "response_format")
        for value in ("json_object", {}, {"type": "xml"}, [SCHEMA])
    ),
    ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.name"),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a b", "schema": {}}}},
        "response_format.json_schema.name",
    ),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}},
        "response_format.json_schema.schema",
    ),
    (
        {"response_format": {"type": "text", "x": math.nan}},
        "response_format.x",
    ),
    *(({"seed": value}, "seed") for value in (2**63, -(2**63) - 1, 1.0, "7", False)),
    ({"tools": (TOOL,) * 129}, "tools"),
    ({"tools": ({"type": "custom", "function": _FUNCTION},)}, "tools[0].type"),
    ({"tools": (TOOL, {"type": "function"})}, "tools[1].function"),
    *(
        ({"tools": ({"type": "function", "function": {"name": name}},)}, "tools[0].function.name")
        for name in ("", "a b", "ä", "x" * 65, "a\n", None)
    ),
    (
        {"tools": ({"type": "function", "function": {"name": "a", "parameters": []}},)},
        "tools[0].function.parameters",
    ),
    *(
        ({"tools": (TOOL,), "tool_choice": choice}, "tool_choice")
        for choice in ("any", 1, {}, {"type": "function"}, {"type": "function", "function": {}})
    ),
    (
        {
            "tools": (TOOL,),
            "tool_choice": {"type": "function", "function": {"name": "other"}},
        },
        "tool_choice",
    ),
    ({"tool_choice": "auto"}, "tool_choice"),
    *(({"system": value}, "system") for value in (1, None, "\udfff")),
    *(({name: None}, name) for name in ("model", "stream", "stop", "logit_bias", "tools", "extra")),
    ({"extra": []}, "extra"),
    ({"extra": "{}"}, "extra"),
    ({"extra": {"messages": []}}, "extra"),
    ({"extra": {"x": [1, {"y": math.inf}]}}, "extra.x[1].y"),
    ({"extra": {"x": {1, 2}}}, "extra.x"),
]

"""Every field of a request, as one table, and the rules between fields.

Names, types and ranges as documented at https://platform.openai.com/docs/api-reference/chat/create.
A field that may be left out may also be null.

The reader's answers follow from the pictures alone. So `temperature`, `top_p`, `presence_penalty`,
`frequency_penalty`, `logit_bias`, `seed`, `user`, `store`, `metadata`, `reasoning_effort`,
`verbosity`, `service_tier`, `prediction` and the cache and safety identifiers are checked and have
no effect: the same request always has the same answer, and all `n` choices are alike. Functions
are accepted and never called; what would force a call is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from augenblick.reader import MODEL_ID
from augenblick.reader.formats import Format, parse_format
from augenblick.reader.turns import Turn, parse_turns
from augenblick.reader.values import (
    Parse,
    array,
    boolean,
    integer,
    invalid,
    mapping,
    missing,
    number,
    one_of,
    record,
    refused,
    shown,
    string,
    wrong_type,
)
from augenblick.reader.wire import ApiError, JsonValue

MAX_CHOICES = 128

_PLAIN = Format()


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A request that is known to be right, apart from its pictures."""

    turns: tuple[Turn, ...]
    stream: bool = False
    include_usage: bool = False
    n: int = 1
    stop: tuple[str, ...] = ()
    max_tokens: int | None = None
    format: Format = _PLAIN


def parse_request(body: JsonValue) -> ChatRequest:
    """The request, or `ApiError` naming the first field that is wrong."""
    if not isinstance(body, dict):
        raise ApiError("The body has to be a JSON object.", code="invalid_type")
    if unknown := [shown(key) for key in body if key not in FIELDS]:
        plural = "s" if len(unknown) > 1 else ""
        raise ApiError(
            f"Unrecognized request argument{plural} supplied: {', '.join(unknown)}",
            param=unknown[0],
            code="unknown_parameter",
        )
    for name in _REQUIRED:
        if body.get(name) is None:
            raise missing(name)
    given = {name: FIELDS[name](value, name) for name, value in body.items() if value is not None}
    for rule in _RULES:
        rule(given)
    return _request(given)


def _request(given: Mapping[str, JsonValue]) -> ChatRequest:
    return ChatRequest(
        turns=given["messages"],
        stream=given.get("stream", False),
        include_usage=given.get("stream_options", {}).get("include_usage", False),
        n=given.get("n", 1),
        stop=given.get("stop", ()),
        max_tokens=given.get("max_completion_tokens", given.get("max_tokens")),
        format=given.get("response_format", _PLAIN),
    )


def _model(value: JsonValue, param: str) -> str:
    name: str = string()(value, param)
    if name != MODEL_ID:
        raise ApiError(
            f"The model '{shown(name)}' does not exist. This endpoint has '{MODEL_ID}'.",
            param=param,
            code="model_not_found",
            status=404,
        )
    return name


def _stop(value: JsonValue, param: str) -> tuple[str, ...]:
    if isinstance(value, str):
        return (string(min_length=1)(value, param),)
    if not isinstance(value, list):
        raise wrong_type(param, "a string or an array of strings", value)
    return tuple(array(string(min_length=1), low=1, high=4)(value, param))


def _logit_bias(value: JsonValue, param: str) -> dict[str, float]:
    biases = mapping(value, param)
    for token in biases:
        if not (token.isascii() and token.isdigit()):
            raise invalid(param, f"'{shown(token)}' is no token id.")
    return {token: number(-100, 100)(bias, param) for token, bias in biases.items()}


def _logprobs(value: JsonValue, param: str) -> bool:
    if boolean(value, param):
        raise ApiError(
            f"'{param}' is not supported by this endpoint: it has no probabilities.",
            param=param,
            code="unsupported_parameter",
        )
    return False


def _metadata(value: JsonValue, param: str) -> dict[str, str]:
    pairs = mapping(value, param)
    if len(pairs) > 16 or any(len(key) > 64 for key in pairs):  # noqa: PLR2004 - the API's own limits
        raise invalid(param, "expected at most 16 keys of at most 64 characters.")
    return {key: string(512)(text, f"{param}.{shown(key)}") for key, text in pairs.items()}


def _tool_choice(value: JsonValue, param: str) -> str:
    if isinstance(value, dict) or value == "required":
        raise ApiError(
            f"'{param}' can't ask for a call: this endpoint calls no functions, it answers in "
            "words. Use 'none' or 'auto'.",
            param=param,
            code="unsupported_value",
        )
    chosen: str = one_of("none", "auto")(value, param)
    return chosen


def _function_name(value: JsonValue, param: str) -> str:
    name: str = string(64, min_length=1)(value, param)
    if not _FUNCTION_NAME.fullmatch(name):
        raise invalid(param, "expected letters, digits, underscores and dashes only.")
    return name


_FUNCTION_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_FUNCTION = record(
    {"name": _function_name},
    {"description": string(), "parameters": mapping, "strict": boolean},
)
_TOOL = record({"type": one_of("function"), "function": _FUNCTION})

FIELDS: Mapping[str, Parse] = {
    "model": _model,
    "messages": parse_turns,
    "temperature": number(0, 2),
    "top_p": number(0, 1),
    "n": integer(1, MAX_CHOICES),
    "stream": boolean,
    "stream_options": record({}, {"include_usage": boolean, "include_obfuscation": boolean}),
    "stop": _stop,
    "max_tokens": integer(1),
    "max_completion_tokens": integer(1),
    "presence_penalty": number(-2, 2),
    "frequency_penalty": number(-2, 2),
    "logit_bias": _logit_bias,
    "user": string(),
    "response_format": parse_format,
    "seed": integer(-(2**63), 2**63 - 1),
    "tools": array(_TOOL, low=1, high=128),
    "tool_choice": _tool_choice,
    "parallel_tool_calls": boolean,
    "functions": array(_FUNCTION, low=1, high=128),
    "function_call": _tool_choice,
    "logprobs": _logprobs,
    "top_logprobs": integer(0, 20),
    "modalities": array(one_of("text"), low=1),
    "audio": refused("it answers in words only."),
    "web_search_options": refused("it uses no network."),
    "prediction": mapping,
    "store": boolean,
    "metadata": _metadata,
    "reasoning_effort": one_of("none", "minimal", "low", "medium", "high", "xhigh"),
    "verbosity": one_of("low", "medium", "high"),
    "service_tier": one_of("auto", "default", "flex", "scale", "priority"),
    "safety_identifier": string(),
    "prompt_cache_key": string(),
    "prompt_cache_retention": one_of("in-memory", "in_memory", "24h"),
}
_REQUIRED = ("model", "messages")


def _needs(name: str, other: str) -> Callable[[Mapping[str, JsonValue]], None]:
    """`name` makes sense only together with `other`."""

    def rule(given: Mapping[str, JsonValue]) -> None:
        if name in given and not given.get(other):
            raise ApiError(
                f"'{name}' is only allowed when '{other}' is given.",
                param=name,
                code="invalid_value",
            )

    return rule


def _one_limit(given: Mapping[str, JsonValue]) -> None:
    if "max_tokens" in given and "max_completion_tokens" in given:
        raise ApiError(
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
            param="max_tokens",
            code="invalid_parameter_combination",
        )


_RULES = (
    _needs("stream_options", "stream"),
    _needs("tool_choice", "tools"),
    _needs("parallel_tool_calls", "tools"),
    _needs("function_call", "functions"),
    _needs("top_logprobs", "logprobs"),
    _one_limit,
)

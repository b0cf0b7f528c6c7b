"""The request fields of the Chat Completions API besides `messages`, as one value.

Names, ranges and shapes are those of the API
(https://platform.openai.com/docs/api-reference/chat/create). `FIELDS` says what may stand in each,
`refuse_invalid` holds settings against it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, Self

from augenblick.core.errors import SettingsInvalid

MOST_CHOICES = 128  # the largest `n` of the API


@dataclass(frozen=True, slots=True)
class RequestSettings:
    """Every request field besides `messages`. None, or empty, means: not sent.

    "Not sent" and "sent with the default value" are different things to many endpoints.
    """

    model: str
    temperature: float | None = None
    top_p: float | None = None
    n: int | None = None
    stream: bool = True
    include_usage: bool = True  # stream_options.include_usage, sent only with stream
    stop: tuple[str, ...] = ()
    max_tokens: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: Mapping[str, float] = field(default_factory=dict)
    user: str | None = None
    response_format: Mapping[str, Any] | None = None
    seed: int | None = None
    tools: tuple[Mapping[str, Any], ...] = ()
    tool_choice: str | Mapping[str, Any] | None = None
    system: str = ""  # becomes the first message
    extra: Mapping[str, Any] = field(default_factory=dict)  # merged last

    @property
    def choice_count(self) -> int:
        """How many answers are asked for, from 1 to 128."""
        asked = self.extra.get("n", self.n)
        return min(asked, MOST_CHOICES) if isinstance(asked, int) and asked > 1 else 1

    def for_one_answer(self) -> Self:
        """The same without any `n`."""
        extra = {name: value for name, value in self.extra.items() if name != "n"}
        return replace(self, n=None, extra=extra)

    def as_fields(self) -> dict[str, Any]:
        """What differs from the defaults, as JSON values; the model always."""
        plain = RequestSettings(self.model)
        chosen = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in chosen.items()
            if name == "model" or value != getattr(plain, name)
        }

    @classmethod
    def from_fields(cls, given: Mapping[str, Any]) -> Self:
        """Read what `as_fields` wrote, also through JSON; names of a later version are ignored."""
        known = {each.name for each in fields(cls)}
        chosen = {name: value for name, value in given.items() if name in known}
        for name in ("stop", "tools"):
            chosen[name] = tuple(chosen.get(name, ()))
        return cls(**chosen)


class Kind(StrEnum):
    """What stands in a field."""

    NUMBER = "number"
    WHOLE = "whole"
    TEXT = "text"
    FLAG = "flag"
    SHAPE = "shape"  # an object or a list, with rules of its own


@dataclass(frozen=True, slots=True)
class Field:
    """What may stand in a request field.

    `allowed` says it in signs that need no translation; `default` is what the API takes where the
    field is not sent, empty where it takes nothing in particular.
    """

    name: str
    kind: Kind
    allowed: str
    default: str = ""
    low: float = -math.inf
    high: float = math.inf


_MOST_STOPS = 4
_MOST_TOOLS = 128
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_NAMES_ALLOWED = "A-Z a-z 0-9 _ - (1 … 64)"
_FORMATS = ("text", "json_object", "json_schema")
_CHOICES = ("none", "auto", "required")
_LONG = 2**63

FIELDS: Mapping[str, Field] = {
    each.name: each
    for each in (
        Field("model", Kind.TEXT, "…"),
        Field("temperature", Kind.NUMBER, "0 … 2", "1", 0, 2),
        Field("top_p", Kind.NUMBER, "0 … 1", "1", 0, 1),
        Field("n", Kind.WHOLE, "1 … 128", "1", 1, 128),
        Field("stream", Kind.FLAG, "true | false", "false"),
        Field("include_usage", Kind.FLAG, "true | false", "false"),
        Field("stop", Kind.SHAPE, f"1 … {_MOST_STOPS}"),
        Field("max_tokens", Kind.WHOLE, "≥ 1", low=1),
        Field("presence_penalty", Kind.NUMBER, "-2 … 2", "0", -2, 2),
        Field("frequency_penalty", Kind.NUMBER, "-2 … 2", "0", -2, 2),
        Field("logit_bias", Kind.SHAPE, '{"50256": -100 … 100}', low=-100, high=100),
        Field("user", Kind.TEXT, "…"),
        Field("response_format", Kind.SHAPE, '{"type": text | json_object | json_schema}', "text"),
        Field("seed", Kind.WHOLE, "-2⁶³ … 2⁶³-1", low=-_LONG, high=_LONG - 1),
        Field("tools", Kind.SHAPE, f'[{{"type": "function", "function": {{}}}}] (≤ {_MOST_TOOLS})'),
        Field("tool_choice", Kind.SHAPE, 'none | auto | required | {"type": "function"}'),
        Field("system", Kind.TEXT, "…"),
        Field("extra", Kind.SHAPE, "{ }"),
    )
}


def refuse_invalid(settings: RequestSettings) -> None:
    """Raise SettingsInvalid for the first field that the API does not document like this.

    `model_missing` where nobody has said which model is asked.
    """
    for problem in problems_of(settings):
        raise problem
    if not str(settings.extra.get("model", settings.model) or "").strip():
        raise SettingsInvalid(code="model_missing", field="model", allowed=FIELDS["model"].allowed)


def problems_of(settings: RequestSettings) -> tuple[SettingsInvalid, ...]:
    """What can't be sent, at most one problem for each field, in the order of the fields."""
    plain = RequestSettings("")
    found = []
    for each in FIELDS.values():
        value = getattr(settings, each.name)
        if value is None and getattr(plain, each.name) is None:  # not sent
            continue
        check = _SHAPES.get(each.name)
        problems = check(value) if check else _plain(each, value)
        found.append(next(problems, None) or next(_not_json(each.name, value), None))
    found.append(next(_choice_without_tool(settings), None))
    return tuple(problem for problem in found if problem is not None)


def _plain(spec: Field, value: object) -> Iterator[SettingsInvalid]:
    kinds: Mapping[Kind, tuple[type, ...]] = {
        Kind.NUMBER: (int, float),
        Kind.WHOLE: (int,),
        Kind.TEXT: (str,),
        Kind.FLAG: (bool,),
    }
    is_flag = isinstance(value, bool)
    is_right = isinstance(value, kinds[spec.kind]) and is_flag == (spec.kind is Kind.FLAG)
    is_beyond = isinstance(value, int | float) and not spec.low <= value <= spec.high  # NaN too
    if not is_right or is_beyond:
        yield SettingsInvalid(field=spec.name, allowed=spec.allowed)


def _stop(value: object) -> Iterator[SettingsInvalid]:
    texts = value if isinstance(value, tuple | list) else ("",)
    if len(texts) > _MOST_STOPS or not all(isinstance(each, str) and each for each in texts):
        yield SettingsInvalid(field="stop", allowed=FIELDS["stop"].allowed)


def _logit_bias(value: object) -> Iterator[SettingsInvalid]:
    spec = FIELDS["logit_bias"]
    if not isinstance(value, Mapping):
        yield SettingsInvalid(field="logit_bias", allowed=spec.allowed)
        return
    for token, bias in value.items():
        if not (isinstance(token, str) and token.isascii() and token.isdigit()):
            yield SettingsInvalid(field="logit_bias", allowed=spec.allowed)
        elif type(bias) not in {int, float} or not spec.low <= bias <= spec.high:
            yield SettingsInvalid(field=f"logit_bias.{token}", allowed="-100 … 100")


def _response_format(value: object) -> Iterator[SettingsInvalid]:
    if not isinstance(value, Mapping) or value.get("type") not in _FORMATS:
        yield SettingsInvalid(field="response_format", allowed=FIELDS["response_format"].allowed)
    elif value["type"] == "json_schema":
        described = value.get("json_schema")
        named = described if isinstance(described, Mapping) else {}
        if not _is_name(named.get("name")):
            yield SettingsInvalid(field="response_format.json_schema.name", allowed=_NAMES_ALLOWED)
        if not isinstance(named.get("schema"), Mapping):
            yield SettingsInvalid(field="response_format.json_schema.schema", allowed="{ }")


def _is_name(value: object) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _tools(value: object) -> Iterator[SettingsInvalid]:
    if not isinstance(value, tuple | list) or len(value) > _MOST_TOOLS:
        yield SettingsInvalid(field="tools", allowed=FIELDS["tools"].allowed)
        return
    for place, tool in enumerate(value):
        yield from _tool(f"tools[{place}]", tool)


def _tool(path: str, tool: object) -> Iterator[SettingsInvalid]:
    function = tool.get("function") if isinstance(tool, Mapping) else None
    if not isinstance(tool, Mapping) or tool.get("type") != "function":
        yield SettingsInvalid(field=f"{path}.type", allowed="function")
    elif not isinstance(function, Mapping):
        yield SettingsInvalid(field=f"{path}.function", allowed="{ }")
    else:
        yield from _function(f"{path}.function", function)


def _function(path: str, function: Mapping[str, Any]) -> Iterator[SettingsInvalid]:
    if not _is_name(function.get("name")):
        yield SettingsInvalid(field=f"{path}.name", allowed=_NAMES_ALLOWED)
    for name, kind, allowed in (
        ("description", str, "…"),
        ("parameters", Mapping, "{ }"),
        ("strict", bool, "true | false"),
    ):
        if not isinstance(function.get(name), kind | None):
            yield SettingsInvalid(field=f"{path}.{name}", allowed=allowed)


def _tool_choice(value: object) -> Iterator[SettingsInvalid]:
    if isinstance(value, str) and value in _CHOICES:
        return
    function = value.get("function") if isinstance(value, Mapping) else None
    if (
        not isinstance(value, Mapping)
        or value.get("type") != "function"
        or not isinstance(function, Mapping)
        or not _is_name(function.get("name"))
    ):
        yield SettingsInvalid(field="tool_choice", allowed=FIELDS["tool_choice"].allowed)


def _choice_without_tool(settings: RequestSettings) -> Iterator[SettingsInvalid]:
    """A choice among tools needs them; free JSON, which is sent last, may bring them too."""
    choice = settings.tool_choice
    if choice is None or any(_tool_choice(choice)) or any(_tools(settings.tools)):
        return  # wrong by itself
    if "tools" in settings.extra:
        return
    names = [tool["function"]["name"] for tool in settings.tools]
    wanted = choice["function"]["name"] if isinstance(choice, Mapping) else None
    if not names or (wanted is not None and wanted not in names):
        yield SettingsInvalid(field="tool_choice", allowed=" | ".join(names) or "tools: ≥ 1")


def _extra(value: object) -> Iterator[SettingsInvalid]:
    if not isinstance(value, Mapping):
        yield SettingsInvalid(field="extra", allowed=FIELDS["extra"].allowed)
    elif "messages" in value:
        yield SettingsInvalid(
            code="messages_in_extra", field="extra", allowed=FIELDS["extra"].allowed
        )


def _not_json(path: str, value: object) -> Iterator[SettingsInvalid]:
    """Numbers that JSON does not have, half characters, and what is no JSON, however deep."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _not_json(f"{path}.{name}", inner)
    elif isinstance(value, tuple | list):
        for place, inner in enumerate(value):
            yield from _not_json(f"{path}[{place}]", inner)
    elif isinstance(value, float) and not math.isfinite(value):
        yield SettingsInvalid(field=path, allowed="JSON")
    elif isinstance(value, str):
        if any("\ud800" <= character <= "\udfff" for character in value):
            yield SettingsInvalid(field=path, allowed="UTF-8")
    elif value is not None and not isinstance(value, int | float):
        yield SettingsInvalid(field=path, allowed="JSON")


_SHAPES = {
    "stop": _stop,
    "logit_bias": _logit_bias,
    "response_format": _response_format,
    "tools": _tools,
    "tool_choice": _tool_choice,
    "extra": _extra,
}

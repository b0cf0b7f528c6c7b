"""The body of a chat completion request: every field with its type and range, and their errors.

Names, types and ranges as documented at https://platform.openai.com/docs/api-reference/chat/create.
A field that may be left out may also be null. A field that is not listed here is refused: what is
out of date (functions), or what an endpoint that reads pictures has no answer to (audio).

The answers follow from the pictures alone. So `temperature`, `top_p`, `presence_penalty`,
`frequency_penalty`, `logit_bias`, `seed`, `user`, `store`, `metadata`, `reasoning_effort`,
`verbosity`, `service_tier`, `prediction` and the cache and safety identifiers are checked and have
no effect: the same request always has the same answer, and all `n` choices are alike. Tools are
accepted and never called; what would force a call is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from augenblick.core.json_schema import SchemaRejected, check_schema, is_strict
from augenblick.reader import MODEL_ID
from augenblick.reader.wire import ApiError

MAX_CHOICES = 128
MAX_PICTURES = 50


class _Object(BaseModel):
    """A JSON object; what is not declared is refused, and no value is converted."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def _known_model(name: str) -> str:
    if name != MODEL_ID:
        raise ApiError(
            f"The model does not exist. This endpoint has '{MODEL_ID}'.",
            param="model",
            code="model_not_found",
            status=404,
        )
    return name


def _as_list(value: object) -> object:
    """One stop sequence as a list of one; an empty one is none."""
    return [value] if value and isinstance(value, str) else value


def _as_parts(value: object) -> object:
    return [{"type": "text", "text": value}] if isinstance(value, str) else value


Penalty = Annotated[float, Field(ge=-2, le=2)]
TokenLimit = Annotated[int, Field(ge=1)]
Biases = dict[Annotated[str, Field(pattern=r"^[0-9]+$")], Annotated[float, Field(ge=-100, le=100)]]
Identifier = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
ShortText = Annotated[str, Field(max_length=64)]
LongText = Annotated[str, Field(max_length=512)]
StopSequences = Annotated[
    list[Annotated[str, Field(min_length=1)]],
    Field(min_length=1, max_length=4),
    BeforeValidator(_as_list),
]


class TextPart(_Object):
    """Text in a message."""

    type: Literal["text"]
    text: str


class RefusalPart(_Object):
    """An earlier refusal, sent back."""

    type: Literal["refusal"]
    refusal: str


class ImageUrl(_Object):
    """A picture as it came: a URI, and how closely to look."""

    url: str
    detail: Literal["auto", "low", "high"] | None = None


class ImagePart(_Object):
    """A picture in a message."""

    type: Literal["image_url"]
    image_url: ImageUrl


UserPart = Annotated[TextPart | ImagePart, Field(discriminator="type")]
OtherPart = Annotated[TextPart | RefusalPart, Field(discriminator="type")]
_PARTS = Field(min_length=1, fail_fast=True)
UserContent = Annotated[list[UserPart], _PARTS, BeforeValidator(_as_parts)]
OtherContent = Annotated[list[OtherPart], _PARTS, BeforeValidator(_as_parts)]


class InstructionMessage(_Object):
    """What the application tells the model."""

    role: Literal["system", "developer"]
    content: OtherContent
    name: ShortText | None = None


class UserMessage(_Object):
    """What a person asks; the only one that holds pictures."""

    role: Literal["user"]
    content: UserContent
    name: ShortText | None = None


class AssistantMessage(_Object):
    """An earlier answer; without words only where it called a function or refused."""

    role: Literal["assistant"]
    name: str | None = None
    refusal: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    annotations: list[dict[str, Any]] | None = None
    content: OtherContent | None = Field(default=None, validate_default=True)

    @field_validator("content")
    @classmethod
    def _has_content(
        cls, value: list[OtherPart] | None, info: ValidationInfo
    ) -> list[OtherPart] | None:
        if value is None and not (info.data.get("refusal") or info.data.get("tool_calls")):
            raise PydanticCustomError("missing", "it is required.")
        return value


class ToolMessage(_Object):
    """The result of a tool."""

    role: Literal["tool"]
    content: OtherContent
    tool_call_id: str


Message = Annotated[
    InstructionMessage | UserMessage | AssistantMessage | ToolMessage, Field(discriminator="role")
]


def texts_of(message: Message) -> list[str]:
    """What a message says, part by part."""
    return [part.text for part in message.content or () if isinstance(part, TextPart)]


class Function(_Object):
    """A function that could be called."""

    name: Identifier
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(_Object):
    """A function, wrapped."""

    function: Function
    type: Literal["function"]


class StreamOptions(_Object):
    """What a stream holds besides the answer."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class PlainFormat(_Object):
    """Words, or any JSON object."""

    type: Literal["text", "json_object"]


class NamedSchema(_Object):
    """A JSON Schema with its name."""

    name: Identifier
    description: str | None = None
    strict: bool | None = None
    schema_: dict[str, Any] = Field(default={}, alias="schema")

    @model_validator(mode="after")
    def _can_be_filled(self) -> Self:
        """No `pattern`: a regular expression from outside could keep the process busy for ever."""
        try:
            check_schema(self.schema_)
        except SchemaRejected as error:
            raise _wrong_schema(_SCHEMA_REASONS[error.code]) from error
        if _has_patterns(self.schema_):
            raise _wrong_schema("'pattern' is not permitted by this endpoint.")
        if self.strict and not is_strict(self.schema_):
            raise _wrong_schema(
                "with 'strict' it must be of type 'object', and every object in it must list all "
                "its properties in 'required' and have 'additionalProperties' false."
            )
        return self


def _has_patterns(schema: JsonValue) -> bool:
    """Whether there is a regular expression, even where nothing but a reference leads."""
    waiting = [schema]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if isinstance(value.get("pattern"), str) or "patternProperties" in value:
                return True
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return False


_SCHEMA_REASONS = {
    "too_deep": "it is nested too deep.",
    "outside": "'$ref' has to stay inside the schema.",
    "no_schema": "this is no JSON Schema.",
}


def _wrong_schema(reason: str) -> ApiError:
    return ApiError(
        f"Invalid schema for response_format: {reason}",
        param="response_format",
        code="invalid_json_schema",
    )


class SchemaFormat(_Object):
    """An object of a given shape."""

    type: Literal["json_schema"]
    json_schema: NamedSchema


ResponseFormat = Annotated[PlainFormat | SchemaFormat, Field(discriminator="type")]


class ChatRequest(_Object):
    """A request that is known to be right, apart from its pictures."""

    model: Annotated[str, AfterValidator(_known_model)]
    messages: Annotated[list[Message], Field(min_length=1, fail_fast=True)]
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    n: Annotated[int, Field(ge=1, le=MAX_CHOICES)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    stop: StopSequences | None = None
    max_tokens: TokenLimit | None = None
    max_completion_tokens: TokenLimit | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: Biases | None = None
    user: str | None = None
    response_format: ResponseFormat | None = None
    seed: Annotated[int, Field(ge=-(2**63), le=2**63 - 1)] | None = None
    tools: Annotated[list[Tool], Field(min_length=1, max_length=128)] | None = None
    tool_choice: Literal["none", "auto"] | None = None
    parallel_tool_calls: bool | None = None
    logprobs: Literal[False] | None = None
    modalities: Annotated[list[Literal["text"]], Field(min_length=1)] | None = None
    prediction: dict[str, Any] | None = None
    store: bool | None = None
    metadata: Annotated[dict[ShortText, LongText], Field(max_length=16)] | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    service_tier: Literal["auto", "default", "flex", "scale", "priority"] | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: Literal["in-memory", "in_memory", "24h"] | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for name, other in _NEEDS.items():
            if getattr(self, name) is not None and not getattr(self, other):
                raise ApiError(
                    f"'{name}' is only allowed when '{other}' is given.",
                    param=name,
                    code="invalid_value",
                )
        if self.max_tokens is not None and self.max_completion_tokens is not None:
            raise ApiError(
                "'max_tokens' and 'max_completion_tokens' can't be given at the same time.",
                param="max_tokens",
                code="invalid_parameter_combination",
            )
        pictures = [param for message in self.pictures for param, _image in message]
        if len(pictures) > MAX_PICTURES:
            raise ApiError(
                f"Too many pictures: this endpoint takes at most {MAX_PICTURES} in one request.",
                param=pictures[MAX_PICTURES],
                code="too_many_images",
            )
        return self

    @property
    def pictures(self) -> list[list[tuple[str, ImageUrl]]]:
        """The pictures of each message, and where in the request they stand."""
        return [
            [
                (f"messages[{index}].content[{place}].image_url.url", part.image_url)
                for place, part in enumerate(message.content or ())
                if isinstance(part, ImagePart)
            ]
            for index, message in enumerate(self.messages)
        ]

    @property
    def choice_count(self) -> int:
        """How many answers are asked for, from 1 to `MAX_CHOICES`."""
        return self.n or 1

    @property
    def token_limit(self) -> int | None:
        """How many tokens each answer may have."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def has_usage(self) -> bool:
        """Whether a stream ends with the usage."""
        return bool(self.stream_options and self.stream_options.include_usage)


_NEEDS = {
    "stream_options": "stream",
    "tool_choice": "tools",
    "parallel_tool_calls": "tools",
}


def parse_request(body: JsonValue) -> ChatRequest:
    """The request, or `ApiError` for the first field that is wrong."""
    try:
        return ChatRequest.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
    raise _api_error(first)


# The API's codes; all else is "invalid_type" or "invalid_value".
_CODES = {
    "missing": "missing_required_parameter",
    "union_tag_not_found": "missing_required_parameter",
    "extra_forbidden": "unknown_parameter",
}
_SHOWN_CHARACTERS = 64  # of a name that is not ours
_UNIONS = re.compile(r"messages\[\d+\](?:\.content\[\d+\])?|response_format")


def _api_error(found: ErrorDetails) -> ApiError:
    kind, param = found["type"], _param(found["loc"])
    code = _CODES.get(kind, "invalid_type" if kind.endswith("_type") else "invalid_value")
    about = found.get("ctx", {})
    reason = found["msg"]
    if kind.startswith("union_tag"):
        param += "." + str(about["discriminator"]).strip("'")
        reason = (
            f"Expected one of {about['expected_tags']}." if "tag" in about else "It is required."
        )
    if kind == "extra_forbidden" and len(found["loc"]) == 1:
        message = f"Unrecognized request argument supplied: {param}"
    else:
        message = f"Invalid '{param}': {reason}" if param else f"Invalid body: {reason}"
    return ApiError(message, param=param or None, code=code)


def _param(location: Sequence[str | int]) -> str:
    """The path of a field, such as `messages[0].content[1].text`.

    Pydantic's location also names the member of a union, and the keys of a mapping.
    """
    if "[key]" in location or location[:1] == ("logit_bias",):
        return str(location[0])
    path, is_member = "", False
    for step in location:
        if is_member:
            is_member = False
            continue
        path += f"[{step}]" if isinstance(step, int) else f".{step[:_SHOWN_CHARACTERS]}"
        path = path.lstrip(".")
        is_member = _UNIONS.fullmatch(path) is not None
    return path

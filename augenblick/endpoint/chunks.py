"""One decoded event of a Chat Completions stream as a typed value: `read_chunk`.

Pure, and tolerant of every shape that compatible servers have been seen to send. Text is whatever
can be written as text, numbers in the spelling of the JSON (`decode`); what can't is counted in
`ChoiceDelta.unread`. Anything else that is missing, null or of an unexpected type counts as not
sent; nothing but `decode` raises.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from augenblick.core.errors import Failure
from augenblick.core.messages import Usage
from augenblick.endpoint.channels import PICTURE, REASONING, REFUSAL, TEXT, UNREAD, Piece
from augenblick.endpoint.error_body import ErrorBody, error_in_chunk
from augenblick.endpoint.error_mapping import refusal

# In order of preference: an endpoint that sends two of them sends the same text twice.
# DeepSeek and vLLM; OpenRouter and new vLLM; others seen in the wild.
_REASONING_KEYS = (
    "reasoning_content", "reasoning", "reasoning_details", "thinking", "reasoning_text", "thought",
    "thoughts",
)  # fmt: skip
_PLAIN_KEYS = {"role", "content"}  # most of what comes has nothing else
_TEXT_KEYS = ("text", "content", "value", "output_text")
_BESIDE_TEXT = {"annotations", "citations", "id", "index", "logprobs", "role"}
_REASONING_TYPES = {"thinking", "reasoning", "reasoning_text", "reasoning.text", "thought"}
_WITHOUT_TEXT = {"reference"}  # Mistral's citations: numbers of sources that nobody is shown
_PICTURE_KEYS = (
    "image_url", "url", "image", "source", "inline_data", "inlineData", "b64_json", "data",
    "result", "base64", "image_base64", "file", "file_data",
)  # fmt: skip
_MAX_DEPTH = 8
_LONG_DIGITS = 18
_TOO_MANY = 2**53  # from here on a float is no count any more


class Spelled(float):
    """A number with its spelling in `text`: an amount of 1.10 is not to be read as 1.1."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        """The number that a JSON text spells."""
        number = super().__new__(cls, text)
        number.text = text
        return number


def _whole_number(text: str) -> int | Spelled:
    return Spelled(text) if len(text) > _LONG_DIGITS or text == "-0" else int(text)


_QUICK = json.JSONDecoder(parse_float=Spelled, parse_constant=Spelled)
_COMPLETE = json.JSONDecoder(parse_float=Spelled, parse_constant=Spelled, parse_int=_whole_number)
_MOST_QUICK_CHARS = 4_000  # `int` refuses more digits than 4,300


def decode(data: str | bytes) -> object:
    """A JSON value in which numbers keep their spelling. Raises ValueError and RecursionError."""
    if isinstance(data, bytes):
        data = data.decode(json.detect_encoding(data))
    is_plain = len(data) < _MOST_QUICK_CHARS and "-0" not in data
    return (_QUICK if is_plain else _COMPLETE).decode(data)


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A fragment of a tool call. `index` is None where the server did not number it."""

    index: int | None
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class ChoiceDelta:
    """What one chunk adds to one choice.

    `is_whole`: the texts are the complete `message`, not a piece (answers that were not streamed,
    and servers that repeat it at the end); they count only where nothing has come piecewise.
    `pictures` are addresses, mostly data URIs. `unread` are the types of parts that are neither
    text nor picture.
    """

    index: int = 0
    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tool_calls: tuple[ToolCallDelta, ...] = ()
    finish_reason: str | None = None  # as on the wire
    is_whole: bool = False
    pictures: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def has_content(self) -> bool:
        """Whether this is progress of the answer and not only a sign of life."""
        said = self.text or self.reasoning or self.refusal or self.tool_calls
        return bool(said or self.pictures or self.unread)


@dataclass(frozen=True, slots=True)
class Chunk:
    """One decoded event of the stream. `is_done` marks `[DONE]`, `is_malformed` broken JSON.

    `error` is what the endpoint reported inside the stream; `ChatStream` raises it after
    having yielded what else the event held, so only readers of recorded streams meet it here.
    """

    choices: tuple[ChoiceDelta, ...] = ()
    usage: Usage | None = None
    model: str = ""
    system_fingerprint: str = ""
    is_done: bool = False
    is_malformed: bool = False
    error: Failure | None = None
    raw: object = field(default=None, repr=False, compare=False)  # the JSON it was made of


def parse_chunk(wire: object, *, event: str = "message") -> Chunk:
    """The chunk in a decoded JSON value. Never raises; what is not understood is left out."""
    chunk, body = read_chunk(wire, event=event)
    return chunk if body is None else replace(chunk, error=refusal(0, body).failure)


def read_chunk(wire: object, *, event: str = "message") -> tuple[Chunk, ErrorBody | None]:
    """The chunk in a decoded JSON value, and the error it reports, as it came."""
    body = error_in_chunk(wire, event=event)
    if not isinstance(wire, dict):
        return Chunk(raw=wire), body
    chunk = Chunk(
        tuple(_choices(wire["choices"])) if wire.get("choices") else (),
        _usage(wire) if "usage" in wire or "x_groq" in wire else None,
        _text(wire.get("model")),
        _text(wire.get("system_fingerprint")),
        raw=wire,
    )
    return chunk, body


def _choices(wire: object) -> Iterator[ChoiceDelta]:
    for choice in wire if isinstance(wire, list) else [wire]:
        if not isinstance(choice, dict):
            continue
        finish = _finish_reason(choice.get("finish_reason"))
        index = _count(choice.get("index")) or 0
        yield _channels(choice.get("delta"), index, finish, text=choice.get("text"))
        if choice.get("message") is not None:
            yield _channels(choice["message"], index, None, is_whole=True)


def _channels(
    wire: object, index: int, finish: str | None, *, text: object = None, is_whole: bool = False
) -> ChoiceDelta:
    if not isinstance(wire, dict):
        wire = {"content": wire}
    content = wire.get("content")
    if text is None and wire.keys() <= _PLAIN_KEYS and isinstance(content, str | None):
        return ChoiceDelta(index, content or "", finish_reason=finish, is_whole=is_whole)
    said: dict[str, list[str]] = {TEXT: [], REASONING: [], REFUSAL: [], PICTURE: [], UNREAD: []}
    audio = wire.get("audio")
    transcript = audio.get("transcript") if isinstance(audio, dict) else None
    for source in (content, text if text is not None else wire.get("text"), transcript):
        if source is not None and not said[TEXT]:
            for channel, piece in _read(source):
                said[channel].append(piece)
    for pictures in (wire[key] for key in ("images", "image") if key in wire):
        for channel, piece in _read_images(pictures):
            said[channel].append(piece)
    thoughts = (_flat(wire[key]) for key in _REASONING_KEYS if key in wire)
    has_calls = "tool_calls" in wire or "function_call" in wire
    return ChoiceDelta(
        index=index,
        text="".join(said[TEXT]),
        reasoning=next(filter(None, thoughts), "".join(said[REASONING])),
        refusal=_scalar(wire.get("refusal")) or "".join(said[REFUSAL]),
        tool_calls=tuple(_tool_calls(wire)) if has_calls else (),
        finish_reason=finish,
        is_whole=is_whole,
        pictures=tuple(said[PICTURE]),
        unread=tuple(said[UNREAD]),
    )


def _read(part: object, *, depth: int = 0) -> Iterator[Piece]:
    """What a `content` holds, be it a string, a number, a part or a list of parts."""
    if depth > _MAX_DEPTH:
        yield UNREAD, ""
    elif isinstance(part, list):
        for each in part:
            yield from _read(each, depth=depth + 1)
    elif isinstance(part, dict):
        yield from _read_object(part, depth)
    elif part is not None:
        yield TEXT, _written(part)


def _read_object(part: Mapping[str, object], depth: int) -> Iterator[Piece]:
    kind = _text(part.get("type"))
    if kind in _REASONING_TYPES:
        yield REASONING, _flat(part.get("thinking")) or _flat(part)
    elif kind == "refusal":
        yield REFUSAL, _scalar(part.get("refusal"))
    elif (picture := _picture(part)) and _is_picture(part, kind, picture):
        yield PICTURE, picture
    elif (key := _text_key(part, kind)) is not None:
        yield from _read(part[key], depth=depth + 1)
    elif part and "type" not in part:  # an answer in JSON that was not written as text
        yield TEXT, _written(part)
    elif part and kind not in _WITHOUT_TEXT:
        yield UNREAD, kind


def _read_images(wire: object) -> Iterator[Piece]:
    """The `images` of a message (OpenRouter, LiteLLM), which hold nothing else."""
    for each in wire if isinstance(wire, list) else [wire]:
        if picture := _picture(each):
            yield PICTURE, picture
        elif each:
            yield UNREAD, "image"


def _text_key(part: Mapping[str, object], kind: str) -> str | None:
    """Where the text of a part stands; an object with a value among others is an answer in JSON."""
    is_part = kind or "text" in part or not part.keys() - _BESIDE_TEXT - set(_TEXT_KEYS)
    return next((key for key in _TEXT_KEYS if is_part and key in part), None)


def _is_picture(part: Mapping[str, object], kind: str, address: str) -> bool:
    """Whether what a part holds is a picture, and no sound, page or film."""
    named = (part.get(key) for key in ("mediaType", "media_type", "mimeType", "mime_type"))
    medium = next(filter(None, map(_text, named)), kind)
    return "image" in medium or not medium or address.startswith("data:image/")


def _picture(wire: object) -> str:
    """The address of a picture, as a data URI where its bytes came; empty for anything else."""
    for _ in range(_MAX_DEPTH):
        if isinstance(wire, str):
            return wire
        if not isinstance(wire, dict):
            return ""
        key = next((key for key in _PICTURE_KEYS if wire.get(key)), "")
        inner = wire.get(key)
        if isinstance(inner, str) and not inner.startswith(("data:", "http:", "https:")):
            return f"data:image/png;base64,{inner}"  # its bytes tell what it really is
        wire = inner
    return ""


def _flat(wire: object) -> str:
    """The text of a reasoning: a string, an object with a text, or a list of either."""
    if isinstance(wire, list):
        return "".join(_flat(item) for item in wire if not isinstance(item, list))
    if isinstance(wire, dict):
        found = (wire.get(key) for key in ("text", "content", "summary", "thinking", "reasoning"))
        return next((text for each in found if (text := _scalar(each))), "")
    return _scalar(wire)


def _tool_calls(wire: Mapping[str, object]) -> Iterator[ToolCallDelta]:
    calls = wire.get("tool_calls")
    for call in calls if isinstance(calls, list) else [calls]:
        if isinstance(call, dict):
            yield _tool_call(call, call.get("function") or call)
    legacy = wire.get("function_call")
    if isinstance(legacy, dict):
        yield _tool_call({"index": 0}, legacy)


def _tool_call(call: Mapping[str, object], function: object) -> ToolCallDelta:
    inner = function if isinstance(function, dict) else {"name": function, **call}
    return ToolCallDelta(
        _count(call.get("index")),
        _scalar(call.get("id")),
        _text(inner.get("name")),
        _written(inner.get("arguments")),
    )


def _finish_reason(wire: object) -> str | None:
    if wire is None:
        return None
    if isinstance(wire, dict):
        wire = wire.get("type")
    return wire.strip() or None if isinstance(wire, str) else None


def _usage(wire: Mapping[str, object]) -> Usage | None:
    found = wire.get("usage")
    groq = wire.get("x_groq")
    if not isinstance(found, dict) and isinstance(groq, dict):
        found = groq.get("usage")
    if not isinstance(found, dict):
        return None
    details = found.get("completion_tokens_details")
    inner = details if isinstance(details, dict) else found
    usage = Usage(
        _first_count(found, "prompt_tokens", "input_tokens"),
        _first_count(found, "completion_tokens", "output_tokens"),
        _first_count(found, "total_tokens"),
        _first_count(inner, "reasoning_tokens"),
    )
    return usage if usage != Usage() else None


def _first_count(wire: Mapping[str, object], *keys: str) -> int | None:
    for key in keys:
        if (count := _count(wire.get(key))) is not None:
            return count
    return None


def _text(wire: object) -> str:
    return wire if isinstance(wire, str) else ""


def _scalar(wire: object) -> str:
    """The text of a string or number; here `true` is a mark and no text (Gemini's `thought`)."""
    return "" if isinstance(wire, bool | dict | list) else _written(wire)


def _written(wire: object) -> str:
    """Anything as text: a string itself, null as nothing, all else as the JSON spelled it."""
    if isinstance(wire, str):
        return wire
    try:
        return "" if wire is None else _spelled(wire)
    except (ValueError, RecursionError):  # of depth or digits without end
        return ""


def _spelled(wire: object) -> str:
    if isinstance(wire, Spelled):
        return wire.text
    if isinstance(wire, list):
        return f"[{', '.join(map(_spelled, wire))}]"
    if isinstance(wire, dict):
        return f"{{{', '.join(f'{_spelled(key)}: {_spelled(wire[key])}' for key in wire)}}}"
    return json.dumps(wire, ensure_ascii=False)


def _count(wire: object) -> int | None:
    """A whole number from 0 on, also where it is written as 3.0 or "3"; None for anything else."""
    if isinstance(wire, str) and wire.isascii() and wire.isdigit() and len(wire) < _LONG_DIGITS:
        wire = int(wire)
    if type(wire) is int:
        return wire if 0 <= wire < _TOO_MANY else None
    if not isinstance(wire, float) or not 0 <= wire < _TOO_MANY:  # which no NaN is
        return None
    return int(wire) if wire == wire // 1 else None

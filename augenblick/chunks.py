"""One decoded event of a Chat Completions stream as a typed value: `parse_chunk`.

Pure, and tolerant of every shape that compatible servers have been seen to send: what is missing,
null or of an unexpected type counts as not sent; nothing here raises.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from augenblick.errors import Failure
from augenblick.messages import Usage
from augenblick.refusals import ErrorBody, error_in_chunk, refusal

# In order of preference: an endpoint that sends two of them sends the same text twice.
# DeepSeek and vLLM; OpenRouter and new vLLM; others seen in the wild.
_REASONING_KEYS = (
    "reasoning_content", "reasoning", "reasoning_details", "thinking", "reasoning_text", "thought",
    "thoughts",
)  # fmt: skip
_TEXT_TYPES = {"", "text", "output_text", "input_text"}
_REASONING_TYPES = {"thinking", "reasoning", "reasoning_text", "reasoning.text", "thought"}
_TOO_MANY = 2**53  # from here on a float is no count any more


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
    """

    index: int = 0
    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tool_calls: tuple[ToolCallDelta, ...] = ()
    finish_reason: str | None = None  # as on the wire
    is_whole: bool = False

    @property
    def has_content(self) -> bool:
        """Whether this is progress of the answer and not only a sign of life."""
        return bool(self.text or self.reasoning or self.refusal or self.tool_calls)


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
    for choice in wire if isinstance(wire, list) else ():
        if not isinstance(choice, dict):
            continue
        finish = _finish_reason(choice.get("finish_reason"))
        index = _count(choice.get("index")) or 0
        yield _lanes(choice.get("delta"), index, finish, text=_text(choice.get("text")))
        if isinstance(message := choice.get("message"), dict):
            yield _lanes(message, index, None, is_whole=True)


def _lanes(
    wire: object, index: int, finish: str | None, *, text: str = "", is_whole: bool = False
) -> ChoiceDelta:
    if not isinstance(wire, dict):
        return ChoiceDelta(index, text, finish_reason=finish, is_whole=is_whole)
    said, thought, refused = _content(wire.get("content"))
    if len(wire) == 1 and said:  # most of what comes: a piece of text and nothing else
        return ChoiceDelta(index, said, thought, refused, (), finish, is_whole)
    has_calls = "tool_calls" in wire or "function_call" in wire
    return ChoiceDelta(
        index=index,
        text=said or text,
        reasoning=_reasoning(wire) or thought,
        refusal=_text(wire.get("refusal")) or refused,
        tool_calls=tuple(_tool_calls(wire)) if has_calls else (),
        finish_reason=finish,
        is_whole=is_whole,
    )


def _content(wire: object) -> tuple[str, str, str]:
    """Text, reasoning and refusal in a `content`, be it a string, a part or a list of parts."""
    if isinstance(wire, str):
        return wire, "", ""
    if wire is None:
        return "", "", ""
    parts = wire if isinstance(wire, list) else [wire]
    lanes = [_part(part) for part in parts]
    said, thought, refused = ("".join(lane) for lane in zip(*lanes, strict=True)) if lanes else (
        "", "", "",
    )  # fmt: skip
    return said, thought, refused


def _part(part: object) -> tuple[str, str, str]:
    if isinstance(part, str):
        return part, "", ""
    if not isinstance(part, dict):
        return "", "", ""
    kind = _text(part.get("type"))
    if kind in _REASONING_TYPES:
        return "", _flat(part.get("thinking")) or _flat(part), ""
    if kind == "refusal":
        return "", "", _text(part.get("refusal"))
    if kind not in _TEXT_TYPES:
        return "", "", ""
    text = part.get("text")
    nested = text.get("value") if isinstance(text, dict) else text
    return _text(nested) or _text(part.get("content")), "", ""


def _reasoning(wire: Mapping[str, object]) -> str:
    for key in _REASONING_KEYS:
        if key in wire and (text := _flat(wire[key])):
            return text
    return ""


def _flat(wire: object) -> str:
    """The text of a reasoning: a string, an object with a text, or a list of either."""
    if isinstance(wire, str):
        return wire
    if isinstance(wire, list):
        return "".join(_flat(item) for item in wire if not isinstance(item, list))
    if isinstance(wire, dict):
        for key in ("text", "content", "summary", "thinking", "reasoning"):
            if text := _text(wire.get(key)):
                return text
    return ""


def _tool_calls(wire: Mapping[str, object]) -> Iterator[ToolCallDelta]:
    calls = wire.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict):
            yield _tool_call(call, call.get("function"))
    legacy = wire.get("function_call")
    if isinstance(legacy, dict):
        yield _tool_call({"index": 0}, legacy)


def _tool_call(call: Mapping[str, object], function: object) -> ToolCallDelta:
    inner = function if isinstance(function, dict) else {}
    arguments = inner.get("arguments")
    if isinstance(arguments, dict | list):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return ToolCallDelta(
        _count(call.get("index")), _text(call.get("id")), _text(inner.get("name")), _text(arguments)
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


def _count(wire: object) -> int | None:
    """A whole number from 0 on, also where it is written as 3.0; None for anything else."""
    if type(wire) is int:
        return wire if 0 <= wire < _TOO_MANY else None
    if not isinstance(wire, float) or not 0 <= wire < _TOO_MANY:  # which no NaN is
        return None
    return int(wire) if wire == wire // 1 else None

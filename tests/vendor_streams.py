"""An endpoint that plays one recorded stream after the other, and the shapes of several vendors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.faults.server import Framing, Pause, Piece, Received, Step, answered_json, framed

Wire = dict[str, Any]
Stream = Sequence[Wire | Pause]


@dataclass
class Playlist:
    """Answers request after request with the next of `streams`; the last one again and again.

    A stream is a list of events; a dict with an `error` alone is refused with 400.
    """

    streams: list[Stream]
    models: Sequence[str] = ("gpt-4o",)
    asked: list[Received] = field(default_factory=list)

    def __call__(self, received: Received) -> Iterable[Step]:
        """Answer one request."""
        if received.path.endswith("/models"):
            return answered_json({"data": [{"id": name} for name in self.models]})
        at = min(len(self.asked), len(self.streams) - 1)
        self.asked.append(received)
        stream = self.streams[at]
        if len(stream) == 1 and isinstance(stream[0], dict) and "error" in stream[0]:
            return answered_json(stream[0], status="400 Bad Request")
        return framed([*map(_piece, stream), b"data: [DONE]\n\n"], Framing.CHUNKED)

    def body(self, number: int) -> Any:
        """The body of a request, decoded."""
        return self.asked[number].json()


def _piece(event: Wire | Pause) -> Piece:
    return event if isinstance(event, Pause) else f"data: {json.dumps(event)}\n\n".encode()


def delta(finish: str | None = None, **fields: Any) -> Wire:
    """A chunk of the first choice."""
    choice = {"index": 0, "delta": fields, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}


def usage(prompt: int, completion: int) -> Wire:
    """The chunk with the counts."""
    total = prompt + completion
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}
    return {"id": "c", "object": "chat.completion.chunk", "choices": [], "usage": counts}


def says(text: str, *, finish: str = "stop") -> list[Wire]:
    """A plain answer."""
    return [delta(role="assistant", content=text), delta(finish)]


def _function(name: str | None, arguments: Any) -> Wire:
    found = {"name": name, "arguments": arguments}
    return {key: value for key, value in found.items() if value is not None}


def openai(*calls: tuple[str, str, str], text: str = "") -> list[Wire]:
    """OpenAI: numbered calls, the id and name once, arguments in fragments."""
    events = [delta(role="assistant", content=text or None)]
    for index, (call_id, name, arguments) in enumerate(calls):
        first = {"index": index, "id": call_id, "type": "function", "function": _function(name, "")}
        events.append(delta(tool_calls=[first]))
        for start in range(0, len(arguments), 7):
            piece = {"index": index, "function": {"arguments": arguments[start : start + 7]}}
            events.append(delta(tool_calls=[piece]))
    return [*events, delta("tool_calls")]


def mistral(*calls: tuple[str, str, str]) -> list[Wire]:
    """Mistral: whole calls in one chunk, no numbers, the finish_reason with them."""
    listed = [{"id": i, "function": _function(name, args)} for i, name, args in calls]
    return [delta(role="assistant", content=""), delta("tool_calls", content="", tool_calls=listed)]


def ollama(*calls: tuple[str, str]) -> list[Wire]:
    """Ollama: whole calls, all numbered 0, without ids; the arguments an object; "stop"."""
    events = [
        delta(
            role="assistant",
            content="",
            tool_calls=[{"index": 0, "function": _function(name, json.loads(arguments))}],
        )
        for name, arguments in calls
    ]
    return [*events, delta("stop", role="assistant", content="")]


def legacy(name: str, arguments: str) -> list[Wire]:
    """The `function_call` of 2023."""
    return [
        delta(role="assistant", content=None, function_call=_function(name, "")),
        delta(function_call={"arguments": arguments[:4]}),
        delta(function_call={"arguments": arguments[4:]}),
        delta("function_call"),
    ]


def deepseek(reasoning: str, *calls: tuple[str, str, str]) -> list[Wire]:
    """DeepSeek: thinks first, then calls as OpenAI does."""
    return [delta(role="assistant", content=None, reasoning_content=reasoning), *openai(*calls)]

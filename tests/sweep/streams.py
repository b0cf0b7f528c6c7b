"""The streams in tests/faults/streams and what a client must have kept of any beginning of them.

The streams are written down after the shapes that OpenAI, Azure, DeepSeek and OpenRouter document
or that users published; none holds anybody's data. What must be kept is worked out with the
reference parser and a few lines of folding that share nothing with `augenblick.endpoint.reply`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.sweep.reference import ReferenceEvent, read_stream

STREAMS_DIR = Path(__file__).parent.parent / "faults" / "streams"
Said = dict[
    tuple[int, str], str
]  # (choice index, channel) -> text; a channel "tool 0" holds arguments


@dataclass(frozen=True, slots=True)
class Expected:
    """What a beginning of a stream says.

    `least` is what its complete events say, `most` counts an unterminated last event in, if its
    JSON is whole. `is_finished` and `may_be_finished` are the same two for the end of the answer:
    [DONE], or a finish_reason for every choice that began.
    """

    least: Said
    most: Said
    is_finished: bool
    may_be_finished: bool


def stream_names() -> list[str]:
    """Every stream there is, without the ending of its file name."""
    return sorted(path.stem for path in STREAMS_DIR.glob("*.sse"))


def load_stream(name: str) -> bytes:
    """The bytes of a stream as a server would send them."""
    return (STREAMS_DIR / f"{name}.sse").read_bytes()


def blocks_of(content: bytes) -> list[bytes]:
    """The stream, cut after every blank line: what a server writes at once."""
    blank = b"\r\n\r\n" if b"\r\n" in content else b"\n\n"
    return [block + blank for block in content.split(blank) if block]


def expect(beginning: bytes) -> Expected:
    """What must have been kept when a stream broke off here."""
    reading = read_stream(beginning)
    least, is_finished = _fold(reading.events)
    if reading.tail is None or not is_whole(reading.tail.data):
        return Expected(least, least, is_finished, is_finished)
    most, may_be_finished = _fold((*reading.events, reading.tail))
    return Expected(least, most, is_finished, may_be_finished)


def is_whole(data: str) -> bool:
    """Whether data without its blank line can still be trusted: [DONE] or one JSON object."""
    data = data.strip(" \t\n\r\v\f")
    try:
        return data == "[DONE]" or isinstance(json.loads(data), dict)
    except json.JSONDecodeError:
        return False


def _fold(events: tuple[ReferenceEvent, ...]) -> tuple[Said, bool]:
    said: defaultdict[tuple[int, str], str] = defaultdict(str)
    seen: set[int] = set()
    finished: set[int] = set()
    is_done = False
    for event in events:
        if event.data == "[DONE]":
            is_done = True
            break
        for choice in _choices(event.data):
            index = choice["index"]
            seen.add(index)
            delta = choice.get("delta") or {}
            for channel, text in _texts(delta):
                said[index, channel] += text
            if choice["finish_reason"]:
                finished.add(index)
    is_finished = is_done or (bool(seen) and seen == finished)
    return {key: text for key, text in said.items() if text}, is_finished


def _choices(data: str) -> list[dict[str, Any]]:
    try:
        choices: list[dict[str, Any]] = json.loads(data)["choices"]
    except json.JSONDecodeError:
        return []
    return choices


def _texts(delta: dict[str, Any]) -> list[tuple[str, str]]:
    reasoning = delta.get("reasoning_content") or delta.get("reasoning") or ""
    calls = [
        (f"tool {call['index']}", call["function"].get("arguments", ""))
        for call in delta.get("tool_calls", [])
    ]
    return [("text", delta.get("content") or ""), ("reasoning", reasoning), *calls]

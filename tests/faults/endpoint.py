"""A small endpoint on the fault server that obeys the API, except for the gaps it is told to have.

It looks at the doctor's test pictures for real, pixel by pixel, so a picture drawn wrongly or sent
wrongly is not seen.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageChops, ImageDraw, ImageFont, ImageStat

from augenblick.ops.doctor.probe_pictures import COLOURS
from tests.faults.server import (
    Framing,
    Pause,
    Piece,
    Received,
    Step,
    answered_json,
    framed,
)

_WORDS = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen", "twenty",
)  # fmt: skip


_UNASKED = {
    "n": 2,
    "stop": ["three"],
    "max_tokens": 16,
    "max_completion_tokens": 16,
    "response_format": {"type": "json_schema"},
    "stream_options": {"include_usage": True},
}


@dataclass(frozen=True, slots=True)
class Gaps:
    """What an endpoint does not do, or does wrongly."""

    refused_fields: frozenset[str] = frozenset()
    ignored_fields: frozenset[str] = frozenset()
    lists_models: bool = True
    streams: bool = True
    buffers: bool = False
    tells_usage: bool = True
    sees: bool = True
    takes_pictures: bool = True
    key: str = ""
    error: tuple[str, str] | None = None  # a status and a message, for every question
    pause_seconds: float = 0.004
    always: frozenset[str] = frozenset()  # fields that act though nobody sent them
    cuts: bool = False  # every answer ends without an end
    thinks_seconds: float = 0.0  # silence before the first word


class Endpoint:
    """The answer to every request, for a FaultServer."""

    def __init__(self, gaps: Gaps | None = None) -> None:
        self._gaps = gaps or Gaps()

    def __call__(self, received: Received) -> list[Step]:
        """One response."""
        gaps = self._gaps
        if gaps.key and received.headers.get("authorization") != f"Bearer {gaps.key}":
            sent = received.headers.get("authorization", "nothing")
            return _refusal("401 Unauthorized", f"Incorrect API key provided: {sent}")
        if received.path == "/v1/models" and gaps.lists_models:
            return answered_json({"object": "list", "data": [{"id": "m"}, {"id": "other"}]})
        if received.path != "/v1/chat/completions":
            return _refusal("404 Not Found", "Not Found")
        return self._answer(received.json())

    def _answer(self, request: dict[str, Any]) -> list[Step]:
        gaps = self._gaps
        if gaps.error is not None:
            return _refusal(*gaps.error)
        for name in sorted(gaps.refused_fields & set(_field_names(request))):
            return _refusal("400 Bad Request", f"Unrecognized request argument supplied: {name}")
        if not gaps.takes_pictures and _picture(request) is not None:
            return _refusal("400 Bad Request", "This model does not support image input")
        kept = {name: value for name, value in request.items() if not self._ignores(name, value)}
        kept = {**{name: _UNASKED[name] for name in gaps.always}, **kept}
        answers = [_words(kept, sees=gaps.sees) for _ in range(kept.get("n", 1))]
        if request.get("stream") and gaps.streams:
            return self._streamed(kept, answers)
        return answered_json(_whole(kept, answers))

    def _ignores(self, name: str, value: object) -> bool:
        ignored = self._gaps.ignored_fields
        return name in ignored or _sub_name(name, value) in ignored

    def _streamed(self, request: dict[str, Any], answers: list[list[str]]) -> list[Step]:
        pieces: list[Piece] = [Pause(self._gaps.thinks_seconds)]
        for index, words in enumerate(answers):
            for word in words:
                pieces += [_event(_choice(index, {"content": word}))]
                pieces += [] if self._gaps.buffers else [Pause(self._gaps.pause_seconds)]
            call = _call(request)
            if call is not None:
                pieces.append(_event(_choice(index, {"tool_calls": [call]})))
            pieces.append(_event(_choice(index, {}, _finish(request, words))))
        if self._gaps.cuts:
            return framed([piece for piece in pieces if not _is_end(piece)], Framing.CHUNKED)
        asked = (request.get("stream_options") or {}).get("include_usage")
        if asked and self._gaps.tells_usage:
            pieces.append(_event({"choices": [], "usage": _usage(request, answers)}))
        pieces.append(b"data: [DONE]\n\n")
        if self._gaps.buffers:
            whole = b"".join(piece for piece in pieces if isinstance(piece, bytes))
            return framed([Pause(0.3), whole], Framing.CHUNKED)
        return framed(pieces, Framing.CHUNKED)


def _is_end(piece: Piece) -> bool:
    return isinstance(piece, bytes) and b'"finish_reason": null' not in piece


def _refusal(status: str, message: str) -> list[Step]:
    kind = "invalid_request_error"
    return answered_json({"error": {"message": message, "type": kind}}, status=status)


def _event(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def _choice(index: int, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": delta, "finish_reason": finish}]}


def _whole(request: dict[str, Any], answers: list[list[str]]) -> dict[str, Any]:
    choices = [
        {
            "index": index,
            "message": {"role": "assistant", "content": "".join(words)},
            "finish_reason": _finish(request, words),
        }
        for index, words in enumerate(answers)
    ]
    return {"choices": choices, "usage": _usage(request, answers)}


def _field_names(request: dict[str, Any]) -> Iterator[str]:
    for name, value in request.items():
        yield name
        yield _sub_name(name, value)


def _sub_name(name: str, value: object) -> str:
    return f"{name}.{value['type']}" if isinstance(value, dict) and "type" in value else name


def _limit(request: dict[str, Any]) -> int:
    return int(request.get("max_tokens") or request.get("max_completion_tokens") or 10_000)


def _finish(request: dict[str, Any], words: list[str]) -> str:
    if _call(request) is not None:
        return "tool_calls"
    return "length" if len(words) >= _limit(request) else "stop"


def _call(request: dict[str, Any]) -> dict[str, Any] | None:
    """The call of a tool that is asked for, by the field or by the question."""
    is_asked = "tool_choice" in request or "weather" in json.dumps(request["messages"])
    if "tools" not in request or not is_asked:
        return None
    function = {"name": "weather", "arguments": '{"place": "Paris"}'}
    return {"index": 0, "id": "call_1", "type": "function", "function": function}


def _usage(request: dict[str, Any], answers: list[list[str]]) -> dict[str, int]:
    prompt = 20 if _picture(request) is None else 276
    completion = sum(len(words) for words in answers)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def _words(request: dict[str, Any], *, sees: bool) -> list[str]:
    """The answer, word by word."""
    if _call(request) is not None:
        return []
    if "response_format" in request:
        return ['{"colour": ', '"red"}']
    text = _answer_to(request, sees=sees)
    for stop in request.get("stop", ()):
        text = text.partition(stop)[0]
    return [f"{word} " for word in text.split()][: _limit(request)]


def _answer_to(request: dict[str, Any], *, sees: bool) -> str:
    question = json.dumps(request["messages"][-1]["content"])
    picture = _picture(request)
    if picture is not None:
        return _describe(picture) if sees else "I see a nice picture."
    if "digit=" in question:
        return "There is no picture."
    if "500" in question:
        return ", ".join(_WORDS * 25)
    if "Count from 1" in question:
        return ", ".join(_WORDS * 2)
    return "one two three four five" if "three" in question else "ready"


def _picture(request: dict[str, Any]) -> Image.Image | None:
    content = request["messages"][-1]["content"]
    if isinstance(content, str):
        return None
    for part in content:
        if part["type"] == "image_url":
            encoded = part["image_url"]["url"].partition(";base64,")[2]
            return Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB")
    return None


def _describe(image: Image.Image) -> str:
    ground = image.getpixel((3, 3))
    colour = next(name for name, value in COLOURS.items() if value == ground)
    return f"digit={_digit(image)}, colour={colour}, arrow={_direction(image)}"


def _digit(image: Image.Image) -> int | None:
    """The digit whose drawing at that place comes nearest to what is there."""
    side = image.width
    box = (0, 0, side, side * 5 // 8)
    ground = image.getpixel((3, 3))
    seen = image.crop(box)
    ink = (16, 16, 16) if ground == COLOURS["yellow"] else (255, 255, 255)
    differing: dict[int, float] = {}
    for digit in range(10):
        drawn = Image.new("RGB", seen.size, ground)
        font = ImageFont.load_default(size=side / 2)
        place = (side / 2, side * 5 // 8 / 2)
        ImageDraw.Draw(drawn).text(place, str(digit), font=font, anchor="mm", fill=ink)
        differing[digit] = sum(ImageStat.Stat(ImageChops.difference(seen, drawn)).mean)
    nearest = min(differing, key=lambda digit: differing[digit])
    return nearest if differing[nearest] < 1 else None


def _direction(image: Image.Image) -> str | None:
    side = image.width
    x, y = side // 2, (side * 5 // 8 + side) // 2
    near, far = side // 8 * 3 // 10, side // 16
    heads = {
        "up": ((x - near, y - far), (x + near, y - far)),
        "down": ((x - near, y + far), (x + near, y + far)),
        "left": ((x - far, y - near), (x - far, y + near)),
        "right": ((x + far, y - near), (x + far, y + near)),
    }
    for name, points in heads.items():
        if all(_is_dark(image, point) for point in points):
            return name
    return None


def _is_dark(image: Image.Image, point: tuple[int, int]) -> bool:
    value = image.getpixel(point)
    return isinstance(value, tuple) and sum(value) < 150

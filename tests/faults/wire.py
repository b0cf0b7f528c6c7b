"""The bytes of a small answer, and how a fault gets into it."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any

from tests.faults.server import Ending, Framing, Piece, Step, framed


class Moment(StrEnum):
    """When a fault strikes: before any text, between texts, after the last text."""

    BEFORE = "before"
    MIDDLE = "middle"
    END = "end"


TEXTS = ("Auf dem Foto ", "schläft ein Bär 🐻 ", "im Laub.")
WHOLE_TEXT = "".join(TEXTS)
_TEXTS_BEFORE = {Moment.BEFORE: 0, Moment.MIDDLE: 2, Moment.END: len(TEXTS)}


def kept(moment: Moment) -> str:
    """The text that had been sent when the fault struck."""
    return "".join(TEXTS[: _TEXTS_BEFORE[moment]])


def data(value: object) -> bytes:
    """An event with a JSON value."""
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def chunk(*choices: dict[str, Any], **fields: Any) -> bytes:
    """A chat.completion.chunk."""
    return data(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m-1",
            "choices": list(choices),
            **fields,
        }
    )


def delta(finish_reason: str | None = None, *, index: int = 0, **fields: Any) -> bytes:
    """A chunk with one delta."""
    return chunk({"index": index, "delta": fields, "finish_reason": finish_reason})


ROLE = delta(role="assistant", content="")
STOP = delta("stop")
USAGE = chunk(usage={"prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 16})
DONE = b"data: [DONE]\n\n"
FAREWELL = (STOP, USAGE, DONE)


def with_inserted(
    moment: Moment, *inserted: Piece, farewell: tuple[bytes, ...] = FAREWELL
) -> list[Piece]:
    """A whole answer in which something more comes at a moment."""
    at = _TEXTS_BEFORE[moment]
    texts = [delta(content=text) for text in TEXTS]
    opening = [] if moment is Moment.BEFORE else [ROLE]
    return [*opening, *texts[:at], *inserted, *texts[at:], *farewell]


def broken_off(
    moment: Moment, framing: Framing, *last: Piece, ending: Ending = Ending.WHOLE
) -> list[Step]:
    """An answer that reaches a moment, sends something last and goes no further."""
    texts = [delta(content=text) for text in TEXTS[: _TEXTS_BEFORE[moment]]]
    return framed([ROLE, *texts, *last], framing, ending=ending)


def whole_answer(framing: Framing) -> list[Step]:
    """The answer without a fault."""
    return framed([ROLE, *(delta(content=text) for text in TEXTS), *FAREWELL], framing)


def whole_body() -> bytes:
    """The body of `whole_answer` in one piece."""
    return b"".join([ROLE, *(delta(content=text) for text in TEXTS), *FAREWELL])


def answered_at_once() -> dict[str, Any]:
    """The answer as a server gives it that does not stream."""
    message = {"role": "assistant", "content": WHOLE_TEXT}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m-1",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 16},
    }

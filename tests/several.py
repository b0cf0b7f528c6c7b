"""An endpoint that gives several answers: at once, one at a time, or refusing to be asked so."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from tests.faults.server import (
    Ending,
    Framing,
    Pause,
    Piece,
    Received,
    Step,
    answered_json,
    framed,
    held,
)

Words = Sequence[str]
REFUSED = {"error": {"message": "'n' : number must be at most 1", "type": "invalid_request_error"}}


@dataclass
class Several:
    """An endpoint with an answer for each choice, in words that come in turns.

    `most` is how many choices it gives in one request; beyond that it refuses with `refusal`, or
    gives no more where there is none. A request for one answer gets the next that nobody got.
    """

    answers: Sequence[Words] = (("Eins ", "a."), ("Zwei ", "b ", "c."), ("Drei.",))
    finish_reasons: Sequence[str] = ("stop", "stop", "stop")
    most: int = 128
    refusal: dict[str, Any] | None = None
    failing: frozenset[int] = frozenset()  # answers that end with an error instead
    pause_seconds: float = 0.0
    waits_before: str = ""  # no answer goes on to that while it is set
    ending: Ending = Ending.WHOLE
    is_numbered_backwards: bool = False
    asked: list[Received] = field(default_factory=list)
    given: int = 0
    at_once: int = 0  # the most requests that were open at a time
    _open: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def text(self, at: int) -> str:
        """The whole of an answer."""
        return "".join(self.answers[at])

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """What was asked, in the order of arrival."""
        return [received.json() for received in self.asked]

    def __call__(self, received: Received) -> Iterable[Step]:
        """Answer one request."""
        if received.path.endswith("/models"):
            return answered_json({"object": "list", "data": [{"id": "gpt-4o", "object": "model"}]})
        wanted = int(received.json().get("n", 1))
        with self._lock:
            self.asked.append(received)
            if wanted > self.most and self.refusal is not None:
                return answered_json(self.refusal, status="400 Bad Request")
            first = self.given
            self.given += min(wanted, self.most)
        return self._answered(range(first, self.given))

    def _answered(self, numbers: range) -> Iterable[Step]:
        if self.failing & set(numbers):
            yield from answered_json({"error": {"message": "no"}}, status="400 Bad Request")
            return
        with self._lock:
            self._open += 1
            self.at_once = max(self.at_once, self._open)
        try:
            pieces = list(self._pieces([at % len(self.answers) for at in numbers]))
            steps = framed(pieces, Framing.CHUNKED, ending=self.ending)
            yield from held(steps, lambda: self.waits_before)
        finally:
            with self._lock:
                self._open -= 1

    def _pieces(self, numbers: Sequence[int]) -> Iterable[Piece]:
        rows = zip_longest(*(self.answers[at] for at in numbers))
        lengths = [len(self.answers[at]) for at in numbers]
        for number, row in enumerate(rows):
            places = list(enumerate(row))
            for index, word in reversed(places) if self.is_numbered_backwards else places:
                if word is not None:
                    yield _event(index, {"content": word})
                if number + 1 == lengths[index] and self.ending is Ending.WHOLE:
                    yield _event(index, {}, self.finish_reasons[numbers[index]])
            yield Pause(self.pause_seconds)
        usage = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
        yield _data({"id": "chatcmpl-1", "choices": [], "usage": usage})
        yield b"data: [DONE]\n\n"


def _event(index: int, delta: dict[str, str], finish_reason: str | None = None) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": finish_reason}
    return _data({"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice]})


def _data(chunk: dict[str, Any]) -> bytes:
    return f"data: {json.dumps({'model': 'gpt-4o', **chunk})}\n\n".encode()

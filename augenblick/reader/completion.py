"""One completion on the wire: all choices, cut and counted, whole or as events.

Shapes as documented at https://platform.openai.com/docs/api-reference/chat (object, streaming).
The answer follows from the pictures alone, so the `n` choices of a request say the same; when
streaming they take turns word by word.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace

from augenblick.reader import MODEL_ID, VERSION, wire
from augenblick.reader.chat_request import ChatRequest
from augenblick.reader.generation import Piece, generate
from augenblick.reader.prompt import Prompt
from augenblick.reader.tokens import Cutter
from augenblick.reader.vision_worker import VisionWorker
from augenblick.reader.wire import ApiError, Body

SYSTEM_FINGERPRINT = "fp_" + hashlib.sha256(f"{MODEL_ID} {VERSION}".encode()).hexdigest()[:10]


@dataclass(slots=True)
class Completion:
    """An answer to one request."""

    request: ChatRequest
    prompt: Prompt
    worker: VisionWorker
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def _cutter(self) -> Cutter:
        return Cutter(stop=self.request.stop or (), max_tokens=self.request.token_limit)

    def _usage(self, cutter: Cutter) -> Body:
        """By the reader's own tokenizer (`tokens`)."""
        asked, said = self.prompt.prompt_tokens, cutter.tokens * self.request.choice_count
        return {
            "prompt_tokens": asked,
            "completion_tokens": said,
            "total_tokens": asked + said,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }

    async def _words(self, cutter: Cutter) -> AsyncIterator[Piece]:
        """The answer in words, up to where it is cut; what is no answer yet, as it is."""
        last = Piece("")
        async for piece in generate(self.prompt, self.worker):
            if piece.field == "reasoning_content":
                yield piece
                continue
            last = piece
            for word in cutter.feed(piece.text):
                yield replace(piece, text=word)
            if cutter.finish_reason:
                return
        for word in cutter.end():
            yield replace(last, text=word)

    async def whole(self) -> Body:
        """A `chat.completion`."""
        cutter = self._cutter()
        spoken = [piece async for piece in self._words(cutter)]
        text = "".join(piece.text for piece in spoken if piece.field != "reasoning_content")
        is_refusal = any(piece.field == "refusal" for piece in spoken)
        message: Body = {
            "role": "assistant",
            "content": None if is_refusal else text,
            "refusal": text if is_refusal else None,
            "annotations": [],
        }
        choices = [
            {**choice, "message": message, "finish_reason": cutter.finish_reason or "stop"}
            for choice in self._choices()
        ]
        return self._body("chat.completion", choices, usage=self._usage(cutter))

    async def events(self, *, pace_seconds: float) -> AsyncIterator[bytes]:
        """Server-sent events up to `[DONE]`; a failure on the way is an event of its own."""
        try:
            async for event in self._events(pace_seconds):
                yield event
        except Exception:  # noqa: BLE001 - the head is sent, so only an event can still say it
            error = ApiError("The answer broke off.", code="internal_error", status=500)
            yield wire.event(error.body)
            return
        yield wire.DONE

    async def _events(self, pace_seconds: float) -> AsyncIterator[bytes]:
        for event in self._deltas({"role": "assistant", "content": "", "refusal": None}):
            yield event
        cutter = self._cutter()
        async for word in self._words(cutter):
            for event in self._deltas({word.field: word.text}):
                yield event
            if word.field != "reasoning_content":
                await asyncio.sleep(pace_seconds)
        for event in self._deltas({}, finish_reason=cutter.finish_reason):
            yield event
        if self.request.has_usage:
            yield self._chunk([], usage=self._usage(cutter))

    def _deltas(self, delta: Body, *, finish_reason: str | None = None) -> Iterator[bytes]:
        """A chunk for each choice."""
        for choice in self._choices():
            yield self._chunk([{**choice, "delta": delta, "finish_reason": finish_reason}])

    def _choices(self) -> list[Body]:
        return [{"index": index, "logprobs": None} for index in range(self.request.choice_count)]

    def _chunk(self, choices: list[Body], *, usage: Body | None = None) -> bytes:
        """A `chat.completion.chunk`; `usage` is there only where it was asked for."""
        more = {"usage": usage} if self.request.has_usage else {}
        return wire.event(self._body("chat.completion.chunk", choices, **more))

    def _body(self, kind: str, choices: list[Body], **more: Body | None) -> Body:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": MODEL_ID,
            "service_tier": "default",
            "system_fingerprint": SYSTEM_FINGERPRINT,
            "choices": choices,
            **more,
        }

"""One completion on the wire: all choices, cut and counted, whole or as events.

The answer follows from the pictures alone, so the `n` choices of a request say the same; when
streaming they take turns word by word.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

from augenblick.reader import wire
from augenblick.reader.chat_request import ChatRequest
from augenblick.reader.generation import Piece, Sight, generate
from augenblick.reader.prompt import Prompt
from augenblick.reader.tokens import Cutter
from augenblick.reader.wire import ApiError, Body, Envelope


@dataclass(slots=True)
class Completion:
    """An answer to one request."""

    request: ChatRequest
    prompt: Prompt
    sight: Sight
    envelope: Envelope = field(default_factory=Envelope)

    def _cutter(self) -> Cutter:
        return Cutter(stop=self.request.stop or (), max_tokens=self.request.token_limit)

    def _usage(self, cutter: Cutter) -> Body:
        return wire.usage(self.prompt.prompt_tokens, cutter.tokens * self.request.choice_count)

    async def _words(self, cutter: Cutter) -> AsyncIterator[Piece]:
        """The answer in words, up to where it is cut; what is no answer yet, as it is."""
        last = Piece("")
        async for piece in generate(self.prompt, self.sight):
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
        choices = [
            wire.choice(
                index,
                content=None if is_refusal else text,
                refusal=text if is_refusal else None,
                finish_reason=cutter.finish_reason or "stop",
            )
            for index in range(self.request.choice_count)
        ]
        return self.envelope.completion(choices, self._usage(cutter))

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
        for index in range(self.request.choice_count):
            yield self._chunk(
                wire.delta(index, {"role": "assistant", "content": "", "refusal": None})
            )
        cutter = self._cutter()
        async for word in self._words(cutter):
            for index in range(self.request.choice_count):
                yield self._chunk(wire.delta(index, {word.field: word.text}))
            if word.field != "reasoning_content":
                await asyncio.sleep(pace_seconds)
        for index in range(self.request.choice_count):
            yield self._chunk(wire.delta(index, {}, finish_reason=cutter.finish_reason))
        if self.request.has_usage:
            yield self.envelope.chunk([], usage=self._usage(cutter), with_usage=True)

    def _chunk(self, choice: Body) -> bytes:
        return self.envelope.chunk([choice], usage=None, with_usage=self.request.has_usage)

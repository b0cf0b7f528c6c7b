"""One reply on the wire: all choices, cut and counted, whole or as events.

The answer follows from the pictures alone, so the `n` choices of a request say the same; when
streaming they take turns word by word.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from augenblick.reader import wire
from augenblick.reader.fields import ChatRequest
from augenblick.reader.speaking import Ask, Look, Spoken, speak
from augenblick.reader.tokens import Cutter
from augenblick.reader.wire import ApiError, Body, Count, Envelope


@dataclass(slots=True)
class Reply:
    """An answer to one request."""

    request: ChatRequest
    ask: Ask
    look: Look
    envelope: Envelope = field(default_factory=Envelope)

    def _cutter(self) -> Cutter:
        return Cutter(stop=self.request.stop, max_tokens=self.request.max_tokens)

    def _count(self, cutter: Cutter) -> Count:
        return Count(self.ask.prompt_tokens, cutter.tokens * self.request.n)

    async def _words(self, cutter: Cutter) -> AsyncIterator[Spoken]:
        """The answer in words, up to where it is cut."""
        is_refusal = False
        async for spoken in speak(self.ask, self.look):
            is_refusal = spoken.is_refusal
            for word in cutter.feed(spoken.text):
                yield Spoken(word, is_refusal)
            if cutter.finish_reason:
                return
        for word in cutter.end():
            yield Spoken(word, is_refusal)

    async def whole(self) -> Body:
        """A `chat.completion`."""
        cutter = self._cutter()
        spoken = [piece async for piece in self._words(cutter)]
        text = "".join(piece.text for piece in spoken)
        is_refusal = any(piece.is_refusal for piece in spoken)
        choices = [
            wire.choice(
                index,
                content=None if is_refusal else text,
                refusal=text if is_refusal else None,
                finish_reason=cutter.finish_reason or "stop",
            )
            for index in range(self.request.n)
        ]
        return self.envelope.completion(choices, self._count(cutter))

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
        for index in range(self.request.n):
            yield self._chunk(
                wire.delta(index, {"role": "assistant", "content": "", "refusal": None})
            )
        cutter = self._cutter()
        async for word in self._words(cutter):
            lane = "refusal" if word.is_refusal else "content"
            for index in range(self.request.n):
                yield self._chunk(wire.delta(index, {lane: word.text}))
            await asyncio.sleep(pace_seconds)
        for index in range(self.request.n):
            yield self._chunk(wire.delta(index, {}, finish_reason=cutter.finish_reason))
        if self.request.include_usage:
            yield self.envelope.chunk([], usage=self._count(cutter).body, with_usage=True)

    def _chunk(self, choice: Body) -> bytes:
        return self.envelope.chunk([choice], usage=None, with_usage=self.request.include_usage)

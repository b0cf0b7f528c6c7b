"""How much one page may send over its WebSocket.

What a page sends is read by the thread that sends to all others, and a long text costs everybody
some milliseconds at each of its steps: beside a tab that asked for 200 runs a second, others got
the last word of their answers after 1.0 s instead of 0.1. Beyond what people do, the next message
is read later; meanwhile the page's own system keeps it, and nothing is lost.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from augenblick.core.token_bucket import TokenBucket

_LONGEST_SECONDS = 20.0  # a pause of 30 would let the server's pings go unanswered


@dataclass(frozen=True, slots=True)
class RateLimits:
    """What is read at once, and in the long run. One message is one click, or one question."""

    burst_messages: int = 60
    messages_per_second: float = 10.0
    burst_bytes: int = 4 * 1024 * 1024  # pictures come another way
    bytes_per_second: float = 128 * 1024


class WebSocketRate:
    """Read each WebSocket no faster than its limits."""

    def __init__(self, app: ASGIApp, *, limits: RateLimits | None = None) -> None:
        self._app = app
        self._limits = limits or RateLimits()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request; a WebSocket no faster than its limits."""
        if scope["type"] == "websocket":
            receive = _limited(receive, self._limits)
        await self._app(scope, receive, send)


def _limited(receive: Receive, limits: RateLimits) -> Receive:
    messages = TokenBucket(limits.burst_messages, limits.messages_per_second)
    content = TokenBucket(
        limits.burst_bytes,
        limits.bytes_per_second,
        most_owed=_LONGEST_SECONDS * limits.bytes_per_second,
    )

    async def limited() -> Message:
        message = await receive()
        if message["type"] == "websocket.receive":
            now = time.monotonic()
            size = len(message.get("bytes") or message.get("text") or "")
            seconds = max(messages.take(now=now), content.take(size, now=now))
            if seconds:
                await asyncio.sleep(seconds)
        return message

    return limited

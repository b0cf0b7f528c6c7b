"""An endpoint for `bench.crowd`, in a process of its own: many answers at a steady pace.

A question `bench NAME TOKENS RATE` is answered with so many tokens, so many a second. A token is
the moment of its sending, in milliseconds since `epoch` (the monotonic clock is one for all
processes of a machine), as five digits in base 36; it is never the same twice within an answer. So
whoever sees a token knows how old it is. Eighty tokens are a paragraph. `GET /v1/answers` gives
back what was sent: the text of each answer by its name.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time

import uvloop

TOKEN_CHARS = 5
_PARAGRAPH_TOKENS = 80
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_QUESTION = re.compile(rb"bench ([\w-]+) (\d+) (\d+)")
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def token_of(milliseconds: int) -> str:
    """A moment as a token."""
    digits = ""
    for _ in range(TOKEN_CHARS):
        milliseconds, digit = divmod(milliseconds, 36)
        digits = _DIGITS[digit] + digits
    return digits


def _event(delta: dict[str, str], finish_reason: str | None = None) -> bytes:
    chunk = {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": 1760000000,
        "model": "bench",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
    }
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


_BEFORE, _AFTER = _event({"content": "@"}).split(b"@")


def _as_chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


class _Answer:
    """One answer on its way: a chain of timers, since a task for each costs twice as much."""

    def __init__(self, writer: asyncio.StreamWriter, tokens: int, rate: int, epoch: float) -> None:
        self.sent: list[str] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._writer = writer
        self._tokens = tokens
        self._gap = 1 / rate
        self._epoch = epoch
        self._last = -1
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time()

    def begin(self) -> None:
        self._writer.write(_HEAD + _as_chunk(_event({"role": "assistant", "content": ""})))
        self._beat()

    def _beat(self) -> None:
        self._last = max(self._last + 1, int(1000 * (time.monotonic() - self._epoch)))
        is_end_of_paragraph = (len(self.sent) + 1) % _PARAGRAPH_TOKENS == 0
        token = token_of(self._last)
        self.sent.append(token + ("\n\n" if is_end_of_paragraph else " "))
        space = b"\\n\\n" if is_end_of_paragraph else b" "
        self._writer.write(_as_chunk(_BEFORE + token.encode() + space + _AFTER))
        if len(self.sent) < self._tokens and not self._writer.is_closing():
            self._due += self._gap
            self._loop.call_at(self._due, self._beat)
            return
        end = _as_chunk(_event({}, "stop")) + _as_chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"
        self._writer.write(end)
        self.done.set_result(None)


class _Endpoint:
    def __init__(self) -> None:
        self.epoch = time.monotonic()
        self._answers: dict[str, _Answer] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while True:
                await self._one(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        body = await reader.readexactly(int(length[1])) if length else b""
        asked = _QUESTION.findall(body)
        if head.startswith(b"GET /v1/answers"):
            _send_json(writer, {name: "".join(a.sent) for name, a in self._answers.items()})
        elif not asked:
            _send_json(writer, {"object": "list", "data": [{"id": "bench", "object": "model"}]})
        else:
            name, tokens, rate = asked[-1]
            answer = _Answer(writer, int(tokens), int(rate), self.epoch)
            self._answers[name.decode()] = answer
            answer.begin()
            await answer.done
        await writer.drain()


def _send_json(writer: asyncio.StreamWriter, value: object) -> None:
    body = json.dumps(value).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    writer.write(head % len(body) + body)


async def _main() -> None:
    endpoint = _Endpoint()
    server = await asyncio.start_server(endpoint.serve, "127.0.0.1", 0, backlog=1000)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"base_url": f"http://127.0.0.1:{port}/v1", "epoch": endpoint.epoch}))
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)  # until whoever started us closes it


if __name__ == "__main__":
    uvloop.run(_main())

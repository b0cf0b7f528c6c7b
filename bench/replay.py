"""An endpoint that replays one long Markdown answer, in a process of its own.

`replay TOKENS RATE` in the question is answered with so many tokens, so many a second. Every few
words stands a mark, `m0`, `m1` and so on, whose moment of sending is kept: whoever sees a mark
knows how late it is. `GET /v1/sent` gives back, of the last answer: when the question came in,
when each mark and the last token were sent (seconds since 1970), and the whole text.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import sys
import time
from collections.abc import Iterator

import uvloop

_QUESTION = re.compile(rb"replay (\d+) (\d+)")
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_TOKEN = re.compile(r"\S{1,6}\s*|\s+")
_MARK = re.compile(r"m(\d+)\s*$")
_SECTION = """## Part {}

The picture shows @ a counter with several @ people in front of it, and *behind it* a shelf @ full
of boxes. On the left @ there is a **sign with prices**, of which @ three can be read well @.

It costs less than @ one would think, as the following @ numbers say. They were read from the @
sign and from the receipt beside it @, which is folded once.

- the first line says @ that bread is sold by weight
- the second one @ names a price of `2.40`
- the third is @ covered by a hand

```python
def total(lines): # @
    return sum(line.price for line in lines) # @
```

| goods | price @ | count |
|---|---|---|
| bread @ | 2.40 | 1 |
| milk @ | 1.19 | 2 |
| coffee @ | 5.99 | 1 |

All of it together @ is what the last line says, so the @
receipt is right.

"""


def answer_tokens(count: int) -> list[str]:
    """The first `count` tokens of the answer, the last of them a mark."""
    marks = itertools.count()

    def sections() -> Iterator[str]:
        for number in itertools.count(1):
            section = _SECTION.format(number)
            yield re.sub("@", lambda _: f"m{next(marks)}", section)

    tokens = ["m0 ".replace("0", str(next(marks)))]
    for section in sections():
        tokens += _TOKEN.findall(section)
        if len(tokens) >= count - 1:
            break
    last = max(int(found[1]) for token in tokens[: count - 1] if (found := _MARK.search(token)))
    return [*tokens[: count - 1], f"\n\nm{last + 1}"]


class _Replay:
    def __init__(self) -> None:
        self.asked_at = 0.0
        self.marks: dict[int, float] = {}
        self.ended_at = 0.0
        self.text = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while True:
                await self._one(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        arrived_at = time.time()
        length = re.search(rb"(?i)content-length: (\d+)", head)
        body = await reader.readexactly(int(length[1])) if length else b""
        asked = _QUESTION.findall(body)
        if head.startswith(b"GET /v1/sent"):
            _send_json(writer, vars(self))
        elif not asked:
            _send_json(writer, {"object": "list", "data": [{"id": "bench", "object": "model"}]})
        else:
            self.asked_at = arrived_at
            await self._answer(writer, *map(int, asked[-1]))
        await writer.drain()

    async def _answer(self, writer: asyncio.StreamWriter, count: int, rate: int) -> None:
        tokens = answer_tokens(count)
        self.text, self.marks = "".join(tokens), {}
        writer.write(_HEAD + _chunk({"role": "assistant", "content": ""}))
        due = asyncio.get_running_loop().time() + 0.1
        for token in tokens:
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            due += 1 / rate
            writer.write(_chunk({"content": token}))
            if found := _MARK.search(token):
                self.marks[int(found[1])] = time.time()
        self.ended_at = time.time()
        writer.write(_chunk({}, "stop") + _as_chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")


def _chunk(delta: dict[str, str], finish_reason: str | None = None) -> bytes:
    chunk = {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": 1760000000,
        "model": "bench",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
    }
    return _as_chunk(b"data: " + json.dumps(chunk).encode() + b"\n\n")


def _as_chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


def _send_json(writer: asyncio.StreamWriter, value: object) -> None:
    body = json.dumps(value).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    writer.write(head % len(body) + body)


async def _main() -> None:
    server = await asyncio.start_server(_Replay().serve, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await asyncio.to_thread(sys.stdin.read)  # until whoever started us closes it


if __name__ == "__main__":
    uvloop.run(_main())

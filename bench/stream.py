"""What reading a stream costs: added latency per event and events per second, four readers.

`python -m bench.stream [--rounds N] [--json]`

A server in a process of its own sends events that carry the moment of their sending (the monotonic
clock is one for all processes of a machine); what is counted as latency is the time from there to
the moment the reader hands the text out. The flood sends as fast as it can. The readers take turns
within a round, so that a busy moment of the machine hits all of them; of several rounds the median
counts.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import httpx_sse
import openai
import requests

from augenblick.core.providers import ApiKey, Provider
from augenblick.endpoint.client import ChatClient
from tests.faults.server import FaultServer, Framing, Received, Step, head

_PACED_EVENTS = 200
_PACE_SECONDS = 0.004
_FLOOD_EVENTS = 20_000
_STAMP_WIDTH = 20
_MODEL = "bench"

Reader = Callable[[str, str], Iterator[str]]


def _event(text: str) -> bytes:
    chunk = {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": 1760000000,
        "model": _MODEL,
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}],
    }
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


_TEMPLATE = _event("@" * _STAMP_WIDTH)
_STAMP_AT = _TEMPLATE.index(b"@")
_DONE = b"data: [DONE]\n\n"


def _stamped() -> bytes:
    stamp = b"%020d" % time.monotonic_ns()
    return _TEMPLATE[:_STAMP_AT] + stamp + _TEMPLATE[_STAMP_AT + _STAMP_WIDTH :]


def _answer(received: Received) -> Iterator[Step]:
    kind, _, framing = str(received.json()["user"]).partition("/")
    is_chunked = framing == Framing.CHUNKED
    count = _PACED_EVENTS if kind == "paced" else _FLOOD_EVENTS
    size = count * len(_TEMPLATE) + len(_DONE)
    how = {
        Framing.CHUNKED: ("Transfer-Encoding", "chunked"),
        Framing.LENGTH: ("Content-Length", str(size)),
        Framing.CLOSE: ("Connection", "close"),
    }[Framing(framing)]
    yield head(headers=[how], content_type="text/event-stream")
    for _ in range(count):
        if kind == "paced":
            time.sleep(_PACE_SECONDS)
        yield _as_chunk(_stamped()) if is_chunked else _stamped()
    yield _as_chunk(_DONE) + b"0\r\n\r\n" if is_chunked else _DONE


def _as_chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


def _payload(user: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": "go"}]
    return {"model": _MODEL, "messages": messages, "stream": True, "user": user}


def read_with_augenblick(base_url: str, user: str) -> Iterator[str]:
    """Our client, up to the typed chunk."""
    with (
        ChatClient(Provider("bench", "bench", base_url, ApiKey("x"))) as client,
        client.stream(_payload(user)) as stream,
    ):
        for chunk in stream:
            for choice in chunk.choices:
                yield choice.text


def read_with_openai(base_url: str, user: str) -> Iterator[str]:
    """The vendor's client, up to its typed chunk."""
    with openai.OpenAI(base_url=base_url, api_key="x", max_retries=0) as client:
        stream = client.chat.completions.create(
            model=_MODEL, messages=[{"role": "user", "content": "go"}], stream=True, user=user
        )
        for chunk in stream:
            for choice in chunk.choices:
                yield choice.delta.content or ""


def read_with_httpx_sse(base_url: str, user: str) -> Iterator[str]:
    """The pair httpx and httpx-sse, up to the decoded JSON."""
    url = f"{base_url}/chat/completions"
    with (
        httpx.Client() as client,
        httpx_sse.connect_sse(client, "POST", url, json=_payload(user)) as source,
    ):
        for event in source.iter_sse():
            if event.data != "[DONE]":
                yield json.loads(event.data)["choices"][0]["delta"]["content"]


def read_bare(base_url: str, user: str) -> Iterator[str]:
    """The least one can do: read what is there, cut at blank lines, decode the JSON."""
    url = f"{base_url}/chat/completions"
    with requests.post(url, json=_payload(user), stream=True, timeout=30) as response:
        rest = b""
        while piece := response.raw.read1(65536):
            *blocks, rest = (rest + piece).split(b"\n\n")
            for block in blocks:
                if not block.endswith(b"[DONE]"):
                    yield json.loads(block[len(b"data: ") :])["choices"][0]["delta"]["content"]


READERS: dict[str, Reader] = {
    "augenblick": read_with_augenblick,
    "openai": read_with_openai,
    "httpx-sse": read_with_httpx_sse,
    "bare loop": read_bare,
}


@dataclass(frozen=True, slots=True)
class Figures:
    """One reader in one framing, one round."""

    p50_milliseconds: float
    p99_milliseconds: float
    max_milliseconds: float
    events_per_second: float


def measure(reader: Reader, base_url: str, framing: Framing) -> Figures:
    """Read a paced stream and a flood."""
    late: list[float] = []
    for text in reader(base_url, f"paced/{framing}"):
        late.append((time.monotonic_ns() - int(text)) / 1e6)  # noqa: PERF401 - as each arrives
    if len(late) != _PACED_EVENTS:
        raise RuntimeError(f"{len(late)} of {_PACED_EVENTS} events arrived")
    late.sort()
    began = time.perf_counter()
    count = sum(1 for _ in reader(base_url, f"flood/{framing}"))
    seconds = time.perf_counter() - began
    if count != _FLOOD_EVENTS:
        raise RuntimeError(f"{count} of {_FLOOD_EVENTS} events arrived")
    return Figures(late[len(late) // 2], late[len(late) * 99 // 100], late[-1], count / seconds)


def median_of(rounds: list[Figures]) -> Figures:
    """The median of every figure by itself."""
    return Figures(
        *(
            statistics.median(getattr(figures, name) for figures in rounds)
            for name in (
                "p50_milliseconds", "p99_milliseconds", "max_milliseconds", "events_per_second",
            )
        )
    )  # fmt: skip


def measure_all(base_url: str, rounds: int) -> dict[Framing, dict[str, Figures]]:
    """Every reader in every framing; readers take turns within a round."""
    found: dict[Framing, dict[str, Figures]] = {}
    for framing in Framing:
        for reader in READERS.values():
            measure(reader, base_url, framing)  # imports, caches and sockets are warm after this
        by_reader: dict[str, list[Figures]] = {name: [] for name in READERS}
        for _ in range(rounds):
            for name, reader in READERS.items():
                by_reader[name].append(measure(reader, base_url, framing))
        found[framing] = {name: median_of(figures) for name, figures in by_reader.items()}
    return found


def print_table(found: dict[Framing, dict[str, Figures]]) -> None:
    """The figures, each with its ratio to the bare loop (1.0 is as good as can be)."""
    print(f"{'framing':<9} {'reader':<11} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8} "
          f"{'x bare':>7} {'events/s':>10} {'of bare':>8} {'x openai':>9}")  # fmt: skip
    for framing, by_reader in found.items():
        bare, vendor = by_reader["bare loop"], by_reader["openai"]
        for name, got in by_reader.items():
            delay = got.p50_milliseconds / bare.p50_milliseconds
            speed = got.events_per_second
            print(
                f"{framing:<9} {name:<11} {got.p50_milliseconds:>8.3f} "
                f"{got.p99_milliseconds:>8.3f} {got.max_milliseconds:>8.3f} {delay:>7.2f} "
                f"{speed:>10,.0f} {speed / bare.events_per_second:>8.2f} "
                f"{speed / vendor.events_per_second:>9.2f}"
            )


@contextlib.contextmanager
def server_process() -> Iterator[str]:
    """The base URL of a server in a process of its own."""
    command = [sys.executable, "-m", "bench.stream", "--serve"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()  # which it waits for


def serve() -> None:
    """Serve until standard input is closed."""
    with FaultServer(_answer) as server:
        print(server.base_url, flush=True)
        sys.stdin.read()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.stream", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
        return
    with server_process() as base_url:
        found = measure_all(base_url, options.rounds)
    if options.json:
        plain = {
            framing.value: {
                name: {field: getattr(figures, field) for field in figures.__slots__}
                for name, figures in by_reader.items()
            }
            for framing, by_reader in found.items()
        }
        print(json.dumps(plain, indent=2))
    else:
        print_table(found)


if __name__ == "__main__":
    main()

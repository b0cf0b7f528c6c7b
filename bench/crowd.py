"""Many people at once: `python -m bench.crowd [--live 10 200] [--bare 200] [--naive 10]`.

Each person is a tab of its own browser that speaks Streamlit's WebSocket protocol, without a
screen, and asks one question; the endpoint answers each at a steady pace, in a process of its own.
A token carries the moment of its sending, so its age is known when it reaches a tab:

- visible lag: the age of all tokens of all tabs, when their frame came in
- end lag: the same for the last token of each answer
- lost: characters that are missing on the page or in the database, or stand there twice

Ours runs as it is delivered, with every token durable before it is shown; naive is the tutorial's
page (`bench/naive_page.py`), bare the least that is possible (`bench/bare_page.py`). CPU and memory
are those of the server's processes, per answer.
`--unfair` measures what others notice of one person with ten answers, of a tab that reruns without
end, and of one that asks with a giant text.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import uvloop
from streamlit.proto.Element_pb2 import Element

from augenblick.core.paths import PROJECT_DIR
from bench.crowd_endpoint import TOKEN_CHARS
from bench.pages import PAGE_SETTINGS, page_command
from tests.crash.playing import descendants, stored_conversations
from tests.serving import AppServer, ask, serve_app, serve_command
from tests.streamlit_client import Page, open_page, visit

_GAP_SECONDS = 0.02  # between two questions of different people
_PATIENCE_SECONDS = 180.0  # beyond the time that the answers take
_UNSENT = "00000"  # what counts as lost for a question that could not be asked
_TAIL_CHARS = 60 * (TOKEN_CHARS + 1)
_TOKEN = re.compile(r"\d[0-9a-z]{4}")  # no word of the page looks like it, for about four hours
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
Hostility = Callable[[str, int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the answers come from; tokens count from `epoch` on the monotonic clock."""

    base_url: str
    epoch: float

    def age_ms(self, token: str) -> float:
        """How long ago a token was sent."""
        return 1000 * (time.monotonic() - self.epoch) - int(token, 36)

    def answers(self) -> Mapping[str, str]:
        """What was sent, by name."""
        sent: dict[str, str] = json.loads(ask(self.base_url, "/v1/answers").body)
        return sent


@dataclass(slots=True)
class Viewer:
    """What one tab has seen of its answer."""

    name: str
    page: Page
    endpoint: Endpoint
    wanted: int
    lags: list[float] = field(default_factory=list)
    frames: int = 0
    asked_at: float = 0.0
    whole_at: float = 0.0
    is_whole: asyncio.Event = field(default_factory=asyncio.Event)
    _seen: set[str] = field(default_factory=set)

    def see(self, element: Element) -> None:
        """Take in an element that was drawn."""
        if element.WhichOneof("type") != "markdown":
            return
        body = element.markdown.body
        tokens = body[-_TAIL_CHARS:].split()[1:]
        if not tokens or tokens[0] not in self._seen:
            tokens = body.split()
        new = [token for token in tokens if token not in self._seen and _TOKEN.fullmatch(token)]
        if not new:
            return
        self.frames += 1
        self._seen.update(new)
        self.lags += [self.endpoint.age_ms(token) for token in new]
        if len(self.lags) >= self.wanted and not self.is_whole.is_set():
            self.whole_at = time.monotonic()
            self.is_whole.set()


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table."""

    app: str
    live: int
    ends: list[float]
    visible: list[float]
    firsts: list[float]
    cpu_seconds: float  # per answer
    cores: float
    megabytes: float  # per answer, what memory grew by
    kilobytes: float  # per answer, on the wire
    frames: float  # per answer
    lost: int
    driver_cores: float
    finishes: list[float]  # seconds from the question to the last token

    def line(self) -> str:
        """As Markdown."""
        cells = [
            self.app,
            str(self.live),
            _quantiles(self.ends, 0.5, 0.95, 1),
            _quantiles(self.visible, 0.5, 0.95, 1),
            _quantiles(self.firsts, 0.5, 1),
            f"{self.cpu_seconds:.2f}",
            f"{self.cores:.2f}",
            f"{self.megabytes:.2f}",
            f"{self.kilobytes:.0f}",
            f"{self.frames:.0f}",
            str(self.lost),
            f"{self.driver_cores:.2f}",
        ]
        return f"| {' | '.join(cells)} |"


_HEADING = (
    "| app | live | end lag p50 / p95 / max ms | visible lag p50 / p95 / max ms "
    "| first p50 / max ms | CPU s | cores | MB | KB | frames | lost | driver's cores |\n"
    f"|{' --- |' * 12}"
)


def _quantiles(values: Sequence[float], *shares: float) -> str:
    ordered = sorted(values)
    if not ordered:
        return "-"
    found = (ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in shares)
    return " / ".join(f"{value:.0f}" for value in found)


@contextlib.contextmanager
def running_endpoint() -> Iterator[Endpoint]:
    """The endpoint, as long as the block."""
    command = [sys.executable, "-m", "bench.crowd_endpoint"]
    with subprocess.Popen(
        command, cwd=PROJECT_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        yield Endpoint(**json.loads(process.stdout.readline()))
        process.terminate()


@contextlib.contextmanager
def running_app(app: str, endpoint: Endpoint, **more: str) -> Iterator[AppServer]:
    """Ours, or one of the pages of this folder, in a folder of its own; `more` are variables."""
    env = {
        "OPENAI_BASE_URL": endpoint.base_url,
        "OPENAI_API_KEY": "bench",
        "OPENAI_MODEL": "bench",
        "AUGENBLICK_MAX_REPLIES": "1000",
        **more,
    }
    with tempfile.TemporaryDirectory(prefix="crowd-") as name:
        folder = Path(name)
        if app == "ours":
            with serve_app(folder, env=env) as server:
                yield server
            return
        command = page_command(app)
        with serve_command(command, folder, cwd=folder, env=env | PAGE_SETTINGS) as server:
            yield server


def cpu_seconds(server: AppServer) -> float:
    """What the server and its children have used so far (Linux)."""
    total = 0.0
    for pid in (server.process.pid, *descendants(server.process.pid)):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / _TICKS
    return total


def resident_megabytes(server: AppServer) -> float:
    """What the server holds in memory, without its children (Linux)."""
    pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1])
    return pages * _PAGE_BYTES / 1e6


class Crowd:
    """People with a tab each, at one server."""

    def __init__(self, server: AppServer, endpoint: Endpoint, *, tokens: int, rate: int) -> None:
        self._server = server
        self._endpoint = endpoint
        self._tokens = tokens
        self._rate = rate
        self._round = 0

    async def measure(self, app: str, live: int, hostility: Hostility | None = None) -> Row:
        """Have so many people ask, `_GAP_SECONDS` apart, and read to the end."""
        self._round += 1
        async with contextlib.AsyncExitStack() as opened:
            viewers = [await self._open(opened, number) for number in range(live)]
            await asyncio.gather(*(v.page.wait_for(_idle(v.page), seconds=120) for v in viewers))
            hostile = None
            if hostility is not None:
                hostile = asyncio.create_task(self._be_hostile(hostility))
            row = await self._read(app, viewers)
            if hostile is not None:
                hostile.cancel()
                with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                    await hostile
        return row

    async def _be_hostile(self, hostility: Hostility) -> None:
        await hostility(self._server.url, self._tokens)

    async def _open(self, opened: contextlib.AsyncExitStack, number: int) -> Viewer:
        page = await opened.enter_async_context(open_page(self._server.url))
        viewer = Viewer(f"r{self._round}-{number}", page, self._endpoint, self._tokens)
        page.on_element = viewer.see
        return viewer

    async def _read(self, app: str, viewers: Sequence[Viewer]) -> Row:
        cpu, own_cpu = cpu_seconds(self._server), time.process_time()
        memory, started = resident_megabytes(self._server), time.monotonic()
        received = sum(viewer.page.received_bytes for viewer in viewers)
        for number, viewer in enumerate(viewers):
            await asyncio.sleep(started + number * _GAP_SECONDS - time.monotonic())
            viewer.asked_at = time.monotonic()
            await viewer.page.submit(f"bench {viewer.name} {self._tokens} {self._rate}")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_SECONDS + self._tokens / self._rate):
                await asyncio.gather(*(viewer.is_whole.wait() for viewer in viewers))
        seconds = time.monotonic() - started
        grown = resident_megabytes(self._server) - memory
        used, own_used = cpu_seconds(self._server) - cpu, time.process_time() - own_cpu
        for viewer in viewers:
            with contextlib.suppress(TimeoutError, ConnectionError):  # then something is lost
                await viewer.page.wait_for(_idle(viewer.page), seconds=60)
        count = len(viewers)
        return Row(
            app,
            count,
            ends=[viewer.lags[-1] for viewer in viewers if viewer.is_whole.is_set()],
            visible=[lag for viewer in viewers for lag in viewer.lags],
            firsts=[viewer.lags[0] for viewer in viewers if viewer.lags],
            cpu_seconds=used / count,
            cores=used / seconds,
            megabytes=grown / count,
            kilobytes=(sum(v.page.received_bytes for v in viewers) - received) / count / 1000,
            frames=sum(viewer.frames for viewer in viewers) / count,
            lost=self._lost(app, viewers),
            driver_cores=own_used / seconds,
            finishes=[v.whole_at - v.asked_at for v in viewers if v.is_whole.is_set()],
        )

    def _lost(self, app: str, viewers: Sequence[Viewer]) -> int:
        sent = self._endpoint.answers()
        lost = 0
        for viewer in viewers:
            shown = " ".join(viewer.page.messages[-1].texts) if viewer.page.messages else ""
            lost += _difference(sent.get(viewer.name, _UNSENT), shown)
        if app == "ours":
            lost += self._lost_in_store(sent)
        return lost

    def _lost_in_store(self, sent: Mapping[str, str]) -> int:
        lost = 0
        for conversation in stored_conversations(self._server.data_dir):
            question, answer = conversation.path()[:2]
            name = question.message.text.split()[1]
            if name.startswith(f"r{self._round}-"):
                lost += _difference(sent[name], answer.message.text)
        return lost


def _idle(page: Page) -> Callable[[], bool]:
    return lambda: page.is_idle


def _difference(sent: str, shown: str) -> int:
    """Characters that differ, blank ones aside."""
    wanted = sent.split()
    found = [word for word in shown.split() if _TOKEN.fullmatch(word)]
    missing = set(wanted) ^ set(found)
    return TOKEN_CHARS * (len(missing) + abs(len(found) - len(set(found))))


async def many_answers(url: str, tokens: int) -> None:
    """One person with ten tabs, each with an answer twice as fast as those of the others."""
    async with contextlib.AsyncExitStack() as opened:
        cookies = await asyncio.to_thread(visit, url)
        pages = [
            await opened.enter_async_context(open_page(url, cookies=cookies)) for _ in range(10)
        ]
        for number, page in enumerate(pages):
            await page.submit(f"bench greedy-{time.monotonic_ns()}-{number} {2 * tokens} 100")
        await asyncio.Event().wait()


async def reruns(url: str, _tokens: int) -> None:
    """A tab that asks for a run of its script two hundred times a second."""
    async with open_page(url) as page:
        while True:
            await page.rerun()
            await asyncio.sleep(0.005)


async def giant_texts(url: str, _tokens: int) -> None:
    """A tab that asks with a million characters, again and again."""
    async with open_page(url) as page:
        while True:
            await page.submit("bench giant 10 100 " + "word " * 200_000)
            await asyncio.sleep(1)


_HOSTILE: Mapping[str, Hostility] = {
    "one with ten answers": many_answers,
    "200 reruns a second": reruns,
    "a giant text each second": giant_texts,
}


async def _crowds(options: argparse.Namespace, endpoint: Endpoint) -> None:
    print(_HEADING)
    for app, lives in (("ours", options.live), ("bare", options.bare), ("naive", options.naive)):
        for live in lives:
            with running_app(app, endpoint) as server:
                crowd = Crowd(server, endpoint, tokens=options.tokens, rate=options.rate)
                await crowd.measure(app, 2)  # so that the first row is not the one that warms up
                print((await crowd.measure(app, live)).line(), flush=True)


async def _unfair(options: argparse.Namespace, endpoint: Endpoint) -> None:
    print(_HEADING)
    with running_app("ours", endpoint) as server:
        crowd = Crowd(server, endpoint, tokens=options.tokens, rate=options.rate)
        await crowd.measure("ours", 2)
        print((await crowd.measure("undisturbed", options.people)).line(), flush=True)
        for name, hostility in _HOSTILE.items():
            row = await crowd.measure(name, options.people, hostility)
            print(row.line(), flush=True)
        print((await crowd.measure("undisturbed again", options.people)).line(), flush=True)


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.crowd", description=__doc__)
    parser.add_argument("--live", type=int, nargs="*", default=[10, 50, 100, 200, 400])
    parser.add_argument("--bare", type=int, nargs="*", default=[10, 100, 200])
    parser.add_argument("--naive", type=int, nargs="*", default=[10, 50, 100])
    parser.add_argument("--tokens", type=int, default=2000, help="of each answer")
    parser.add_argument("--rate", type=int, default=50, help="tokens a second of each answer")
    parser.add_argument("--unfair", action="store_true", help="measure hostile people instead")
    parser.add_argument("--people", type=int, default=50, help="with --unfair: how many others")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    options = _read_options()
    print(f"{options.tokens} tokens, {options.rate} a second; load {os.getloadavg()[0]:.1f}\n")
    with running_endpoint() as endpoint:
        uvloop.run((_unfair if options.unfair else _crowds)(options, endpoint))
    print(f"\nload afterwards {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")


if __name__ == "__main__":
    main()

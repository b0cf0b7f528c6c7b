"""One answer in a real browser: `python -m bench.answer [--rounds 3] [--bare] [--gradio]`.

Ours beside the tutorial's page (`bench/naive_page.py`); with `--bare` the least that is possible
(`bench/bare_page.py`), with `--gradio` Gradio's chat in a virtual environment that is made for it
and thrown away. The answer comes from `bench.replay`; what
is measured is counted in the page itself and read through DevTools when all is over:

- KB: what came over the page's WebSocket (Gradio: over its event stream)
- submit: from the Enter key until the endpoint has the request
- first, end lag: from sending the first and the last mark until it stands in the page
- lag p95: the same for all marks
- fps, worst: frames a second while the answer came, and the longest pause between two
- main, server: seconds of the page's main thread, CPU seconds of the server's processes

Frames are those of a headless browser at 60 Hz; a mark shows in the frame after it was drawn, so
all lags are up to 17 ms too long. Writes its table to `docs/bench.md`.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from augenblick.core.paths import PROJECT_DIR
from bench.crowd import cpu_seconds, resident_megabytes
from bench.devtools import Tab, open_tab
from bench.pages import PAGE_SETTINGS, page_command
from bench.tables import write_section
from tests.serving import AppServer, ask, serve_app, serve_command

_LOADS = ((300, 100), (300, 500), (2000, 100), (2000, 500), (8000, 100), (8000, 500))
_PATIENCE_SECONDS = 400.0
_COUNTERS = """
(() => {
  const seen = [], frames = [];
  const counts = window.bench = { seen, frames, bytes: 0, messages: 0, asked: 0, answers: "" };
  const now = () => (performance.timeOrigin + performance.now()) / 1000;
  const sizeOf = (data) => data.byteLength ?? data.size ?? data.length ?? 0;
  const Plain = window.WebSocket;
  window.WebSocket = class extends Plain {
    constructor(...given) {
      super(...given);
      this.addEventListener("message", (event) => {
        counts.bytes += sizeOf(event.data); counts.messages += 1;
      });
    }
  };
  const plainFetch = window.fetch;
  window.fetch = async (...given) => {
    const response = await plainFetch(...given);
    if (!(response.headers.get("content-type") ?? "").includes("event-stream")) return response;
    const counted = new TransformStream({ transform(chunk, out) {
      counts.bytes += chunk.byteLength; counts.messages += 1; out.enqueue(chunk);
    } });
    return new Response(response.body.pipeThrough(counted), response);
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter") { counts.asked = now(); counts.running = true; }
  }, true);
  const lastMark = (root) => {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    let node = root;
    while (node.lastChild) node = node.lastChild;
    walker.currentNode = node;
    for (let looked = 0; node && looked < 60; looked += 1) {
      const found = [...(node.nodeValue ?? "").matchAll(/\\bm(\\d+)\\b/g)].pop();
      if (found) return Number(found[1]);
      node = walker.previousNode();
    }
    return -1;
  };
  const look = () => {
    const at = now();
    if (counts.running) {
      frames.push(at);
      const all = document.querySelectorAll(counts.answers);
      const last = all.length > counts.known ? all[all.length - 1] : null;
      const mark = last ? lastMark(last) : -1;
      if (mark > (seen.length ? seen[seen.length - 1][1] : -1)) seen.push([at, mark]);
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})();
"""


@dataclass(frozen=True, slots=True)
class App:
    """A page to be measured, and where in it things stand."""

    name: str
    server: AppServer
    input_selector: str
    answer_selector: str


@dataclass(frozen=True, slots=True)
class Figures:
    """One answer."""

    kilobytes: float
    submit_ms: float
    first_ms: float
    end_lag_ms: float
    lag_p95_ms: float
    fps: float
    worst_ms: float
    main_seconds: float
    server_seconds: float
    server_mb: float


def measure(app: App, endpoint: str, tokens: int, rate: int) -> Figures:
    """Have one answer written in a fresh browser. Raises TimeoutError when its end never shows."""
    with open_tab(_COUNTERS) as tab:
        tab.send("Page.navigate", url=app.server.url)
        tab.wait_for(f"document.querySelector({app.input_selector!r})")
        time.sleep(2)  # the page loads parts of itself when it has nothing else to do
        _ask(tab, app, "replay 300 500")
        _wait_for_end(tab, endpoint, 300, 500)
        time.sleep(1)
        tab.evaluate("Object.assign(bench, {bytes: 0, messages: 0, running: false});"
                     "bench.seen.length = 0; bench.frames.length = 0; 0")  # fmt: skip
        main, cpu = tab.metrics()["TaskDuration"], cpu_seconds(app.server)
        _ask(tab, app, f"replay {tokens} {rate}")
        sent = _wait_for_end(tab, endpoint, tokens, rate)
        time.sleep(0.5)
        main, cpu = tab.metrics()["TaskDuration"] - main, cpu_seconds(app.server) - cpu
        return _figures(tab.evaluate("bench"), sent, main, cpu, resident_megabytes(app.server))


def _ask(tab: Tab, app: App, question: str) -> None:
    tab.wait_for(f"!document.querySelector({app.input_selector!r}).disabled")
    tab.evaluate(f"bench.answers = {app.answer_selector!r}; bench.running = false; 0")
    tab.evaluate(f"document.querySelector({app.input_selector!r}).focus()")
    tab.send("Input.insertText", text=question)
    time.sleep(0.3)
    known = "bench.known = document.querySelectorAll(bench.answers).length"
    tab.evaluate(f"{known}; bench.seen.length = 0; 0")
    key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
    tab.send("Input.dispatchKeyEvent", type="keyDown", **key)
    tab.send("Input.dispatchKeyEvent", type="keyUp", **key)


def _wait_for_end(tab: Tab, endpoint: str, tokens: int, rate: int) -> dict[str, Any]:
    """Look rarely while the answer comes, for looking takes time in the page too."""
    time.sleep(tokens / rate)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        sent = _sent(endpoint)
        last = max(map(int, sent["marks"]), default=-1)
        shown = tab.evaluate("bench.seen.length ? bench.seen[bench.seen.length - 1][1] : -1")
        if sent["ended_at"] > sent["asked_at"] and shown == last:
            return sent
        time.sleep(0.25)
    raise TimeoutError("the end of the answer never showed")


def _sent(endpoint: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ask(endpoint.removesuffix("/v1"), "/v1/sent").body)
    return found


def _figures(
    counts: dict[str, Any], sent: dict[str, Any], main: float, cpu: float, megabytes: float
) -> Figures:
    marks = {int(number): at for number, at in sent["marks"].items()}
    lags, shown = [], iter(counts["seen"])
    at, newest = next(shown)
    for mark in sorted(marks):
        while newest < mark:
            at, newest = next(shown)
        lags.append(1000 * (at - marks[mark]))
    frames = [frame for frame in counts["frames"] if marks[0] <= frame <= at]
    gaps = [later - earlier for earlier, later in itertools.pairwise(frames)]
    return Figures(
        kilobytes=counts["bytes"] / 1000,
        submit_ms=1000 * (sent["asked_at"] - counts["asked"]),
        first_ms=lags[0],
        end_lag_ms=lags[-1],
        lag_p95_ms=sorted(lags)[int(0.95 * (len(lags) - 1))],
        fps=len(gaps) / sum(gaps),
        worst_ms=1000 * max(gaps),
        main_seconds=main,
        server_seconds=cpu,
        server_mb=megabytes,
    )


@contextlib.contextmanager
def running_endpoint() -> Iterator[str]:
    """The replaying endpoint; gives its base URL."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.replay"],
        cwd=PROJECT_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()  # which it waits for


@contextlib.contextmanager
def running_app(name: str, endpoint: str) -> Iterator[App]:
    """One of the pages, in a folder of its own."""
    env = {"OPENAI_BASE_URL": endpoint, "OPENAI_API_KEY": "bench", "OPENAI_MODEL": "bench"}
    area = '[data-testid="stChatInputTextArea"]'
    answers = '[data-testid="stChatMessage"]'
    with tempfile.TemporaryDirectory(prefix="answer-") as path:
        folder = Path(path)
        if name == "ours":
            with serve_app(folder, env=env) as server:
                yield App(name, server, ".composer textarea", answers)
            return
        if name != "gradio":
            command = page_command(name)
        else:
            command = [_with_gradio(folder), str(PROJECT_DIR / "bench" / "gradio_page.py")]
            area, answers = "textarea", '[data-testid="bot"]'
        with serve_command(
            command, folder, cwd=folder, env=env | PAGE_SETTINGS, health="/"
        ) as server:
            yield App(name, server, area, answers)


def _with_gradio(folder: Path) -> str:
    """A Python that has Gradio; the packages are fetched anew."""
    venv.create(folder / "venv", with_pip=True)
    python = str(folder / "venv" / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-q", "gradio", "openai"], check=True)
    return python


def median_of(rounds: list[Figures]) -> Figures:
    """The median of every figure by itself."""
    names = (field.name for field in fields(Figures))
    return Figures(*(statistics.median(getattr(one, name) for one in rounds) for name in names))


def row(load: str, name: str, got: Figures) -> str:
    """A row of the table."""
    cells = (
        load, name, f"{got.kilobytes:,.0f}", f"{got.submit_ms:.0f}", f"{got.first_ms:.0f}",
        f"{got.end_lag_ms:,.0f}", f"{got.lag_p95_ms:,.0f}", f"{got.fps:.0f}", f"{got.worst_ms:.0f}",
        f"{got.main_seconds:.2f}", f"{got.server_seconds:.2f}", f"{got.server_mb:.0f}",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def ratios(load: str, ours: Figures, other: Figures, name: str) -> str:
    """How many times more the other takes."""
    return (
        f"| {load} | {name} : ours | {other.kilobytes / ours.kilobytes:,.0f}x | | | "
        f"{other.end_lag_ms / max(ours.end_lag_ms, 1):,.1f}x | "
        f"{other.lag_p95_ms / max(ours.lag_p95_ms, 1):,.1f}x | | | "
        f"{other.main_seconds / ours.main_seconds:.1f}x | "
        f"{other.server_seconds / ours.server_seconds:.1f}x | |"
    )


_COLUMNS = (
    "tokens @ a second", "page", "KB to page", "submit ms", "first ms", "end lag ms", "lag p95 ms",
    "fps", "worst frame ms", "main thread s", "server CPU s", "server MB",
)  # fmt: skip
_HEADING = (f"| {' | '.join(_COLUMNS)} |", "|---|---|" + 10 * "---:|")


def measure_load(
    names: list[str], endpoint: str, tokens: int, rate: int, rounds: int
) -> dict[str, Figures]:
    """All pages at one load; pages take turns within a round, each with a server of its own."""
    found: dict[str, list[Figures]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            with running_app(name, endpoint) as app:
                found[name].append(measure(app, endpoint, tokens, rate))
    return {name: median_of(figures) for name, figures in found.items()}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(prog="python -m bench.answer", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--bare", action="store_true", help="measure the bare page too")
    parser.add_argument("--gradio", action="store_true", help="measure Gradio too; needs a network")
    parser.add_argument("--loads", nargs="*", default=[f"{t}@{r}" for t, r in _LOADS])
    options = parser.parse_args()
    names = ["ours", "naive"]
    names += [name for name in ("bare", "gradio") if getattr(options, name)]
    lines = list(_HEADING)
    print("\n".join(lines), flush=True)
    before = os.getloadavg()[0]
    with running_endpoint() as endpoint:
        for load in options.loads:
            tokens, rate = map(int, load.split("@"))
            rounds = 1 if tokens / rate > 30 else options.rounds
            found = measure_load(names, endpoint, tokens, rate, rounds)
            new = [row(load, name, figures) for name, figures in found.items()]
            new += [ratios(load, found["ours"], found[name], name) for name in names[1:]]
            print("\n".join(new), flush=True)
            lines += new
    after = os.getloadavg()[0]
    note = (
        f"Rounds: {options.rounds}, one where an answer takes longer than 30 s; medians. "
        f"{os.cpu_count()} cores, load {before:.1f} before and {after:.1f} after; with more than 1 "
        "a core, times say much of what else was running. How: `bench/answer.py`."
    )
    write_section("One answer", [note, "", *lines])


if __name__ == "__main__":
    main()

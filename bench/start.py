"""How soon things begin, and what stays: `python -m bench.start [--answers 2000]`.

- imports: what `app.py` and the pages load before the first visitor, and which modules take longest
- cold: from starting the server to its first answer, and from there to the first drawn page
- shifts: how far what was drawn moves while the start page comes (Layout Instability, web.dev/cls),
  beside a bare Streamlit page, as wide as a phone and as a desk, on a first visit and on the next
- submit: from submitting a question to the request at the endpoint, over a WebSocket, with
  a new photo, with one that was prepared before, and with a question that follows upon a picture
- memory: what the server holds after 200, 1000 and 2000 answers, each in a conversation of its own
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from augenblick.core.paths import PROJECT_DIR
from bench.answer import running_endpoint
from bench.crowd import resident_megabytes
from bench.devtools import Tab, open_tab
from tests.serving import AppServer, ask, serve_app, serve_command
from tests.streamlit_client import Page, open_page, visit

_ROUNDS = 15
_LOOKS_AT = (200, 1000, 2000)
_SETTLED_SECONDS = 4.0
_SCREENS = ((390, 844), (1280, 900))
_INPUT = ".composer textarea, [data-testid=stChatInput]"
_SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
_TABS = 8  # that ask side by side while memory is watched
_IMPORT = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \|(\s+)(\S+)")
_SHOWN_IMPORTS = 14
_HEAVY = ("PIL", "pillow_heif", "rapidocr", "onnxruntime", "altair", "pandas", "numpy", "pyarrow",
          "requests", "sqlalchemy", "alembic", "pypdfium2", "babel", "openai")  # fmt: skip


def print_imports() -> None:
    """The slowest imports of the launcher, whole trees in milliseconds."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import app"],
        cwd=PROJECT_DIR, capture_output=True, text=True, check=True,
    )  # fmt: skip
    rows = [
        (int(found[2]) / 1000, len(found[3]) // 2, found[4])
        for found in map(_IMPORT.match, done.stderr.splitlines())
        if found
    ]
    total = next(took for took, _, name in rows if name == "app")
    print(f"imports of app.py: {total:.0f} ms")
    top = sorted((row for row in rows if row[1] == 1), reverse=True)[:_SHOWN_IMPORTS]
    print("  slowest: " + ", ".join(f"{name} {took:.0f}" for took, _, name in top))
    loaded = {name for _, _, name in rows}
    print("  heavy ones among them: " + ", ".join(name for name in _HEAVY if name in loaded))


def print_cold(folder: Path, env: dict[str, str]) -> None:
    """A fresh server, data folder included."""
    started = time.perf_counter()
    with serve_app(folder, env=env) as server:
        served = time.perf_counter()
        asyncio.run(_first_page(server))
        drawn = time.perf_counter()
        asyncio.run(_first_page(server))
        again = time.perf_counter()
    print(
        f"cold start: server answers after {served - started:.2f} s, first page drawn "
        f"{1000 * (drawn - served):.0f} ms later, the next visitor's in "
        f"{1000 * (again - drawn):.0f} ms"
    )


def print_shifts(folder: Path, env: dict[str, str]) -> None:
    """The sum of all layout shifts before anybody touches anything."""
    script = PROJECT_DIR / "bench" / "naive_page.py"
    bare = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port=0"]
    with (
        serve_app(folder, env=env) as ours,
        serve_command(bare, folder, cwd=folder, env=env) as theirs,
    ):
        for name, url in (("ours", ours.url), ("bare Streamlit page", theirs.url)):
            for width, height in _SCREENS:
                with open_tab(_SHIFTS) as tab:
                    tab.send(
                        "Emulation.setDeviceMetricsOverride",
                        width=width, height=height, deviceScaleFactor=1, mobile=False,
                    )  # fmt: skip
                    first, following = (_shifted(tab, url) for _ in range(2))
                print(
                    f"layout shift at {width} px, {name}: first visit {first:.4f}, "
                    f"next {following:.4f}"
                )


def _shifted(tab: Tab, url: str) -> float:
    tab.send("Page.navigate", url=url)
    tab.wait_for(f"document.querySelector('{_INPUT}')")
    time.sleep(_SETTLED_SECONDS)
    return float(tab.evaluate("window.shifted"))


async def _first_page(server: AppServer) -> None:
    async with open_page(server.url) as page:
        await _at_rest(page)


async def print_submits(server: AppServer, endpoint: str) -> None:
    """Median and least of the ways to ask."""
    cookies = await asyncio.to_thread(visit, server.url)
    photos = [_photo(number) for number in range(_ROUNDS)]
    for what, files, is_follow_up in (
        ("words alone", [None] * _ROUNDS, False),
        ("a new 12 MP photo", photos, False),
        ("a photo that was prepared before", photos, False),
        ("words after a picture", [None] * _ROUNDS, True),
    ):
        times = []
        for photo in files:
            async with open_page(server.url, cookies=cookies) as page:
                await _at_rest(page)
                if is_follow_up:
                    await _answered(page, endpoint, photos[0])
                times.append(await _answered(page, endpoint, photo))
        print(f"  {what:<34} {statistics.median(times):8.1f} {min(times):8.1f}", flush=True)


async def _at_rest(page: Page) -> None:
    await page.wait_for(lambda: page.is_idle and page.composer is not None)


async def _answered(page: Page, endpoint: str, photo: bytes | None) -> float:
    """Ask and wait for the answer; milliseconds from submitting to the request."""
    ended = len(page.messages)
    await page.submit("replay 20 500", {"photo.jpg": photo} if photo else None)
    await page.wait_for(lambda: page.is_idle and len(page.messages) >= ended + 2, seconds=60)
    return 1000 * (_asked_at(endpoint) - page.submitted_at)


def _asked_at(endpoint: str) -> float:
    sent = json.loads(ask(endpoint.removesuffix("/v1"), "/v1/sent").body)
    return float(sent["asked_at"])


def _photo(number: int) -> bytes:
    noise = Image.effect_noise((504, 378), 40 + number).resize((4032, 3024)).convert("RGB")
    file = io.BytesIO()
    noise.save(file, "JPEG")
    return file.getvalue()


async def print_memory(server: AppServer, answers: int) -> None:
    """Resident megabytes while answers come and go."""
    looks: Iterator[int] = iter([look for look in _LOOKS_AT if look <= answers] or [answers])
    print(f"  before                             {resident_megabytes(server):8.0f} MB")
    done, next_look = 0, next(looks, 0)
    while next_look:
        await asyncio.gather(*(_one_answer(server) for _ in range(_TABS)))
        done += _TABS
        if done >= next_look:
            print(f"  after {done:5d} answers {resident_megabytes(server):18.0f} MB", flush=True)
            next_look = next(looks, 0)


async def _one_answer(server: AppServer) -> None:
    async with open_page(server.url) as page:
        await page.wait_for(lambda: page.is_idle, seconds=120)
        await page.submit("replay 200 2000")
        await page.wait_for(lambda: page.is_idle and len(page.messages) >= 2, seconds=120)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.start", description=__doc__)
    parser.add_argument("--answers", type=int, default=2000, help="0 leaves memory out")
    options = parser.parse_args()
    print_imports()
    with running_endpoint() as endpoint, tempfile.TemporaryDirectory() as path:
        env = {"OPENAI_BASE_URL": endpoint, "OPENAI_API_KEY": "bench", "OPENAI_MODEL": "bench"}
        folder = Path(path)
        print_cold(folder, env)
        print_shifts(folder, env)
        with serve_app(folder, env=env) as server:
            print("from submitting to the request at the endpoint    median    least ms")
            asyncio.run(print_submits(server, endpoint))
        if options.answers:
            with serve_app(folder, env=env) as server:
                print("resident memory of the server")
                asyncio.run(print_memory(server, options.answers))


if __name__ == "__main__":
    main()

"""Eight people for an hour: `python -m bench.soak [--minutes 60] [--people 8] [--think 15]`.

Each has a browser of its own that speaks Streamlit's WebSocket protocol, without a screen, and asks
the built-in reader about pictures that nobody has asked about before: ten shapes, four formats, a
PDF now and then. They ask on, have a question answered anew, delete conversations, begin others,
look in from a second tab, close tabs and come back. The time they think keeps it below half a core.

Printed each minute: what the server's processes hold in memory (RSS and, behind the stroke, PSS:
shared pages by their share), threads and open files of the main one, sessions, open tabs, answers
so far, and cores used in that minute. The end judges a plateau: in the second half of the time the
main process and the reader grow by less than `--main-mb` and `--reader-mb`; else exit code 1.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pillow_heif
from PIL import Image, ImageDraw, ImageFont
from streamlit.proto.Common_pb2 import StringTriggerValue
from streamlit.proto.WidgetStates_pb2 import WidgetState

from augenblick.core.paths import PROJECT_DIR
from bench.crowd import cpu_seconds
from tests.crash.playing import descendants
from tests.serving import AppServer, serve_app, serve_command
from tests.streamlit_client import Page, open_page, visit

_FORMATS: Final = ("JPEG",) * 6 + ("PNG",) * 3 + ("WEBP",) * 2 + ("HEIF", "PDF")
_SIZES: Final = (
    *((320, 240), (480, 640), (640, 480), (720, 1280), (800, 600)),
    *((1024, 768), (1080, 1920), (1200, 400), (1600, 1200), (3000, 2000)),
)
_SHARES: Final = (1, 1, 1, 0.5, 1, 0.5, 0.1, 1, 0.1, 0.05)  # large ones take the reader seconds
_WORDS: Final = (
    *("Gesamtbetrag", "Königstraße", "Lieferung", "morning", "total", "opening hours", "window"),
    *("Sendung", "Gewicht", "invoice number", "Bäckerei", "Montag", "Sunday", "closed", "price"),
)
_QUESTIONS: Final = ("What does it say?", "Was steht da?", "How much is it?", "Which colours?")
_FOLLOW_UPS: Final = ("And the first line?", "Read all of it.", "Is there a number?")
_MOST_QUESTIONS: Final = 5  # of a conversation
_ANSWER_SECONDS: Final = 180.0
_SAMPLE_SECONDS: Final = 60.0
_FIELD = re.compile(r"^(\w+):\s+(\d+) kB", re.MULTILINE)
_SESSIONS = re.compile(rb"^active_sessions\S* (\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Sample:
    """What the server held at one moment; memory in bytes, by the role of the process."""

    rss: Counter[str]
    pss: Counter[str]
    threads: int
    files: int


def measure(server: AppServer) -> Sample:
    """Measure all processes of the server (Linux); threads and files are the main one's."""
    rss: Counter[str] = Counter()
    pss: Counter[str] = Counter()
    threads = files = 0
    for pid in (server.process.pid, *descendants(server.process.pid)):
        with contextlib.suppress(OSError):  # it has just ended
            process = Path(f"/proc/{pid}")
            role = _role_of((process / "cmdline").read_bytes())
            fields = dict(_FIELD.findall((process / "smaps_rollup").read_text()))
            rss[role] += 1024 * int(fields["Rss"])
            pss[role] += 1024 * int(fields["Pss"])
            if role == "main":
                threads += len(list((process / "task").iterdir()))
                files += len(list((process / "fd").iterdir()))
    return Sample(rss, pss, threads, files)


def _role_of(command: bytes) -> str:
    if b"augenblick.reader" in command:
        return "reader"
    return "workers" if b"worker_process" in command else "main"


def draw_picture(chance: random.Random) -> tuple[str, bytes]:
    """A picture with a few words that was never there before, as a file."""
    width, height = chance.choices(_SIZES, _SHARES)[0]
    ground = tuple(chance.randrange(150, 256) for _ in range(3))
    image = Image.new("RGB", (width, height), ground)
    brush = ImageDraw.Draw(image)
    size_px = chance.randrange(18, 18 + height // 12)
    font = ImageFont.load_default(size_px)
    for line in range(chance.randrange(1, 6)):
        words = " ".join(chance.choices(_WORDS, k=chance.randrange(1, 5)))
        text = f"{words} {chance.randrange(10_000)}"
        brush.text((width // 20, (line + 0.5) * 1.6 * size_px), text, fill=(20, 20, 30), font=font)
    patch = Image.effect_noise((width // 4, height // 4), 60)  # so that a file has some weight
    image.paste(patch.convert("RGB"), (width - width // 4, height - height // 4))
    kind = chance.choice(_FORMATS)
    file = io.BytesIO()
    image.save(file, kind)
    return f"picture.{kind.lower()}", file.getvalue()


class Person:
    """Somebody at a browser, with one tab and sometimes a second one."""

    def __init__(
        self, url: str, *, think_seconds: float, closes_tabs: bool, chance: random.Random
    ) -> None:
        self._url = url
        self._closes_tabs = closes_tabs
        self._think_seconds = think_seconds
        self._chance = chance
        self._cookies: dict[str, str] = {}
        self._query = ""
        self._questions = 0  # of the conversation that is open
        self.answers = 0
        self.tabs = 0
        self.troubles: Counter[str] = Counter()

    async def live(self) -> None:
        """Work with the page until cancelled."""
        self._cookies = await asyncio.to_thread(visit, self._url)
        while True:
            try:
                await self._use_a_tab()
            except (TimeoutError, ConnectionError, OSError) as error:
                self.troubles[type(error).__name__] += 1
                self._query, self._questions = "", 0

    async def _use_a_tab(self) -> None:
        if self._chance.random() < 0.5:  # a new tab shows a new conversation
            self._query, self._questions = "", 0
        async with open_page(self._url, query=self._query, cookies=self._cookies) as page:
            self.tabs += 1
            try:
                await page.wait_for(lambda: page.is_idle)
                left = self._chance.randrange(3, 15)
                while left or not self._closes_tabs:
                    left -= 1
                    await asyncio.sleep(self._chance.expovariate(1 / self._think_seconds))
                    await self._do_something(page)
                    self._query = page.query
            finally:
                self.tabs -= 1

    async def _do_something(self, page: Page) -> None:
        dice = self._chance.random()
        if not self._questions or dice < 0.4:
            await self._ask_about_pictures(page)
        elif dice < 0.6:
            await page.submit(self._chance.choice(_FOLLOW_UPS))
            await self._read_answer(page)
        elif dice < 0.72:
            await page.click("Ask again")
            await self._read_answer(page)
        elif dice < 0.84:
            await page.click("New conversation")
            await page.wait_for(lambda: page.is_idle)
            self._questions = 0
        elif dice < 0.94:
            await self._delete(page)
        else:
            await self._look_from_a_second_tab(page)

    async def _ask_about_pictures(self, page: Page) -> None:
        if self._questions >= _MOST_QUESTIONS:
            await page.click("New conversation")
            await page.wait_for(lambda: page.is_idle)
            self._questions = 0
        count = self._chance.choice((1, 1, 1, 2))
        drawn = [await asyncio.to_thread(draw_picture, self._chance) for _ in range(count)]
        files = {f"{number}-{name}": content for number, (name, content) in enumerate(drawn)}
        await page.submit(self._chance.choice(_QUESTIONS), files)
        await self._read_answer(page)

    async def _read_answer(self, page: Page) -> None:
        await page.wait_for(
            lambda: page.is_idle and "Ask again" in page.buttons, seconds=_ANSWER_SECONDS
        )
        self._questions += 1
        self.answers += 1

    async def _delete(self, page: Page) -> None:
        menu = next((element.menu_button for element in page.elements("menu_button")), None)
        if menu is None:
            return
        choice = next(option for option in menu.options if option.startswith(":material/delete"))
        value = StringTriggerValue(data=choice)
        await page.rerun(WidgetState(id=menu.id, string_trigger_value=value))
        await page.wait_for(lambda: page.is_idle)
        self._questions = 0

    async def _look_from_a_second_tab(self, page: Page) -> None:
        async with open_page(self._url, query=page.query, cookies=self._cookies) as second:
            self.tabs += 1
            try:
                await second.wait_for(lambda: second.is_idle)
                await asyncio.sleep(self._chance.expovariate(1 / self._think_seconds))
            finally:
                self.tabs -= 1


def _megabytes(sample: Sample, role: str) -> str:
    return f"{sample.rss[role] / 1e6:.0f} / {sample.pss[role] / 1e6:.0f}"


def _session_count(server: AppServer) -> str:
    found = _SESSIONS.search(server.request("/_stcore/metrics").body)
    return found[1].decode() if found else "-"


async def _soak(server: AppServer, options: argparse.Namespace) -> list[Sample]:
    """Have the people work and print a line each minute; returns what was measured."""
    people = [
        Person(
            server.url,
            think_seconds=options.think,
            closes_tabs=number % 2 == 0,
            chance=random.Random(options.seed * 1000 + number),
        )
        for number in range(options.people)
    ]
    lives = [asyncio.create_task(person.live()) for person in people]
    samples: list[Sample] = []
    started, used = time.monotonic(), cpu_seconds(server)
    try:
        for minute in range(1, options.minutes + 1):
            await asyncio.sleep(started + minute * _SAMPLE_SECONDS - time.monotonic())
            for life in lives:
                if life.done():
                    await life  # raises what ended it
            samples.append(sample := await asyncio.to_thread(measure, server))
            sessions = await asyncio.to_thread(_session_count, server)
            used, before = cpu_seconds(server), used
            cells = [
                str(minute),
                str(sum(person.answers for person in people)),
                *(_megabytes(sample, role) for role in ("main", "reader", "workers")),
                str(sample.threads),
                str(sample.files),
                sessions,
                str(sum(person.tabs for person in people)),
                f"{(used - before) / _SAMPLE_SECONDS:.2f}",
            ]
            print(f"| {' | '.join(cells)} |", flush=True)
    finally:
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)
    if troubles := sum((person.troubles for person in people), Counter[str]()):
        print("troubles:", dict(troubles))
    return samples


def growth_megabytes(values: Sequence[int]) -> float:
    """By how much the second half grew: the least of its last third less that of its first.

    The least, for what is at work on a picture just then takes some hundred megabytes.
    """
    late = values[len(values) // 2 :]
    third = max(1, len(late) // 3)
    return (min(late[-third:]) - min(late[:third])) / 1e6


_SMALL_CACHES = """
from functools import partial

import streamlit as st

import app as real
from augenblick.core.paths import PROJECT_DIR
from augenblick.pictures import variants
from augenblick.ui import resources
from augenblick.ui.pictures import thumbnails

BYTES = 2_000_000
resources.PicturePool = partial(resources.PicturePool, cache_bytes=BYTES, originals_bytes=BYTES)
variants.DataUris = partial(variants.DataUris, max_bytes=BYTES)
thumbnails.Thumbnails = partial(thumbnails.Thumbnails, max_bytes=BYTES)
app = st.App(
    PROJECT_DIR / "augenblick" / "ui" / "main.py",
    routes=real.routes,
    middleware=real.middleware,
    lifespan=real.lifespan,
    on_script_error=real.show_script_error,
)
"""


def _serve(folder: Path, *, usual_caches: bool) -> AbstractContextManager[AppServer]:
    """The real server, on a free port."""
    env = {"AUGENBLICK_METRICS_FROM": "127.0.0.1"}
    if usual_caches:
        return serve_app(folder, env=env)
    script = folder / "small_caches.py"
    script.write_text(_SMALL_CACHES, encoding="utf-8")
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port=0"]
    return serve_command(command, folder, cwd=PROJECT_DIR, env=env)


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--think", type=float, default=15.0, help="seconds, on average")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--usual-caches", action="store_true")
    parser.add_argument("--main-mb", type=float, default=15.0, help="the main process may grow by")
    parser.add_argument("--reader-mb", type=float, default=15.0, help="the reader may grow by")
    return parser.parse_args()


def main() -> int:
    """Soak, print, judge."""
    options = _read_options()
    pillow_heif.register_heif_opener()
    print(f"{options.people} people, seed {options.seed}\n")
    print("| minute | answers | main MB | reader MB | workers MB | threads | files | sessions "
          f"| tabs | cores |\n|{' --- |' * 10}")  # fmt: skip
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as name,
        _serve(Path(name), usual_caches=options.usual_caches) as server,
    ):
        samples = asyncio.run(_soak(server, options))
    is_flat = True
    for role, bound in (("main", options.main_mb), ("reader", options.reader_mb)):
        grown = growth_megabytes([sample.rss[role] for sample in samples])
        is_flat &= grown < bound
        print(f"{role}: grew by {grown:.1f} MB in the second half, allowed {bound:.0f}")
    return 0 if is_flat else 1


if __name__ == "__main__":
    sys.exit(main())

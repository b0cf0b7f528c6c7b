"""What a rerun of a long conversation costs: `python -m bench.rerun [--profile]`.

The store holds one conversation of 200 messages with 50 pictures. A tab without a screen opens it
at the real server and has it drawn again and again, as every touched widget does: the time runs
from asking to the end of the script, ours and Streamlit's together. Then what the store takes by
itself, and what is spent in our own modules in one rerun, as a profiler sees it, which slows what
it measures about twofold.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import io
import os
import pstats
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from streamlit.runtime.scriptrunner import RerunData, ScriptRunner
from streamlit.testing.v1 import AppTest

from augenblick.core.messages import PreparedPicture
from augenblick.core.paths import PROJECT_DIR
from augenblick.pictures import PicturePool, PictureSource
from augenblick.store import Store
from augenblick.ui.pictures.thumbnails import Thumbnails
from augenblick.ui.resources import close_services
from augenblick.ui.tab_state import Tab
from augenblick.web.browser_cookie import browser_id, cookie_key
from tests.core.blocks.texts import CORPUS
from tests.serving import AppServer, serve_app
from tests.store.values import a_question, a_record
from tests.streamlit_client import open_page, visit

MAIN = PROJECT_DIR / "augenblick" / "ui" / "main.py"
_EARLIER = re.compile("frühere|earlier")  # on the button that unfolds
_ROUNDS = 15
_MESSAGES = 200
_PICTURES = 50


def a_conversation(store: Store, pictures: list[PreparedPicture], owner: str) -> str:
    """Save questions and answers, a picture with each of the last questions; returns the id."""
    conversation_id = parent_id = None
    without = _MESSAGES // 2 - len(pictures)
    for number in range(_MESSAGES // 2):
        opened = store.save_question(
            a_question(
                f"Question {number}: what stands here?",
                pictures=tuple(pictures[max(0, number - without) : number - without + 1]),
                conversation_id=conversation_id,
                parent_id=parent_id,
                owner=owner,
            )
        )
        store.finish_reply(opened.reply_id, a_record(CORPUS[number % len(CORPUS)]))
        conversation_id, parent_id = opened.conversation_id, opened.reply_id
    assert conversation_id is not None
    return conversation_id


def some_pictures(count: int) -> list[PreparedPicture]:
    """Photographs as prepared for sending, each another one."""
    sources = []
    for number in range(count):
        noise = Image.effect_noise((160, 120), 60 + number).resize((1600, 1200)).convert("RGB")
        file = io.BytesIO()
        noise.save(file, "JPEG")
        sources.append(PictureSource(f"photo{number}.jpg", file.getvalue()))
    with PicturePool() as pool:
        found = [pool.prepare_many([source])[0] for source in sources]
    return [picture for picture in found if isinstance(picture, PreparedPicture)]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a tab noticed: milliseconds of the first run and of each rerun, and bytes of one."""

    first: float
    reruns: list[float]
    byte_count: int

    def line(self, what: str) -> str:
        """A row of the table."""
        return (
            f"{what:<44} {statistics.median(self.reruns):8.1f} {min(self.reruns):8.1f}"
            f"   first {self.first:.0f} ms, {self.byte_count / 1000:.0f} KB a rerun"
        )


async def seen_by_a_tab(
    server: AppServer, cookies: Mapping[str, str], conversation_id: str, *, is_unfolded: bool
) -> Seen:
    """Open a conversation and have it drawn again and again."""
    started = time.perf_counter()
    async with open_page(server.url, query=f"c={conversation_id}", cookies=cookies) as page:
        await page.wait_for(lambda: page.is_idle and bool(page.messages), seconds=120)
        first = 1000 * (time.perf_counter() - started)
        while is_unfolded and (earlier := [b for b in page.buttons if _EARLIER.search(b)]):
            await page.click(earlier[0])
            await page.wait_for(lambda: page.is_idle, seconds=120)
        times, before = [], page.received_bytes
        for _ in range(_ROUNDS):
            started = time.perf_counter()
            await page.rerun()
            await page.wait_for(lambda: page.is_idle, seconds=120)
            times.append(1000 * (time.perf_counter() - started))
        return Seen(first, times, (page.received_bytes - before) // _ROUNDS)


def profiled(conversation_id: str) -> pstats.Stats:
    """The profile of one rerun of the page, in this process."""
    page = AppTest.from_file(str(MAIN), default_timeout=120)
    page.context = {"locale": "en-US", "url": "http://localhost:8501/"}
    page.query_params["c"] = conversation_id
    page.session_state["tab"] = Tab(own_id="me")  # there is no cookie here
    page.run()
    page.run()
    profile = cProfile.Profile()
    original = ScriptRunner._run_script  # noqa: SLF001 - the thread to look at begins here

    def with_profile(runner: ScriptRunner, data: RerunData) -> None:
        profile.enable()
        try:
            original(runner, data)
        finally:
            profile.disable()

    ScriptRunner._run_script = with_profile  # type: ignore[method-assign,assignment]  # noqa: SLF001
    page.run()
    ScriptRunner._run_script = original  # type: ignore[method-assign]  # noqa: SLF001
    assert len(page.chat_message) > 1
    return pstats.Stats(profile)


def in_own_modules(stats: pstats.Stats) -> float:
    """Milliseconds spent in functions of ours themselves, not in what they call."""
    ours = (str(PROJECT_DIR / "augenblick"), str(PROJECT_DIR / "pages"))
    rows = stats.get_stats_profile().func_profiles.values()
    return 1000 * sum(row.tottime for row in rows if row.file_name.startswith(ours))


def measure(folder: Path, *, shows_profile: bool) -> None:
    """Fill a store and print the table."""
    env = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_MODEL": "none"}
    with serve_app(folder, env=env) as server:
        cookies = visit(server.url)
        key = cookie_key({}, folder=server.data_dir)
        store = Store(f"sqlite:///{server.data_dir / 'augenblick.db'}")
        pictures = some_pictures(_PICTURES)
        theirs = a_conversation(store, pictures, browser_id(cookies, key=key) or "")
        print(f"{_MESSAGES} messages, {_PICTURES} pictures{'':<23} {'median':>8} {'least':>8} ms")
        for what, is_unfolded in (("as opened", False), ("unfolded", True)):
            seen = seen_by_a_tab(server, cookies, theirs, is_unfolded=is_unfolded)
            print(asyncio.run(seen).line(f"a tab, to the end of the script, {what}"), flush=True)
    hashes = [picture.attachment.sha256 for picture in pictures]
    print_row("the store: load the conversation", lambda: store.load_conversation(theirs))
    print_row("the store: load 50 thumbnails", lambda: [*map(store.load_thumbnail, hashes)])
    kept = Thumbnails()
    print_row("kept: 50 thumbnails", lambda: [kept.get(h, store.load_thumbnail) for h in hashes])
    ours = a_conversation(store, pictures, "me")
    store.close()
    os.environ |= {**env, "AUGENBLICK_DATA_DIR": str(folder / "data")}
    stats = profiled(ours)
    close_services()
    print(f"{'our own modules in one rerun, profiled':<44} {in_own_modules(stats):8.1f}")
    if shows_profile:
        stats.sort_stats("cumulative").print_stats(40)


def print_row(what: str, work: Callable[[], object]) -> None:
    """Median and fastest of some runs."""
    times = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - started))
    print(f"{what:<44} {statistics.median(times):8.1f} {min(times):8.1f}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.rerun", description=__doc__)
    parser.add_argument("--profile", action="store_true", help="print where the time goes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), shows_profile=options.profile)


if __name__ == "__main__":
    main()

"""What pages keep of uploads is bounded for a person and in all, and free again with its tab."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from augenblick.core.errors import NoRoom
from augenblick.web.upload_memory import UploadMemory, UploadMemoryLimits
from tests.raising import raises
from tests.serving import serve_script
from tests.streamlit_client import Page, open_page

_LIMITS = UploadMemoryLimits(per_person_bytes=50_000, total_bytes=80_000)


@dataclass(eq=False)
class _Tab:
    own_id: str
    session_id: str = ""
    person: str = ""
    files: list[bytes] = field(default_factory=list)

    def held(self) -> list[bytes]:
        return list(self.files)

    def let_go(self) -> None:
        self.files.clear()


def _open(memory: UploadMemory[_Tab], name: str, *, person: str = "") -> _Tab:
    tab = _Tab(name, session_id=f"session-{name}", person=person)
    memory.watch(tab)
    return tab


def _give(memory: UploadMemory[_Tab], tab: _Tab, count: int) -> None:
    file = bytes(count)
    memory.take(tab, [file], partial(tab.files.append, file))


def test_a_person_may_keep_so_much_in_all_tabs_together() -> None:
    """A third file fits in neither tab; another person's does, and once one was taken out."""
    memory = UploadMemory[_Tab](_LIMITS)
    one, other = _open(memory, "1", person="anna"), _open(memory, "2", person="anna")
    bert = _open(memory, "3", person="bert")
    _give(memory, one, 20_000)
    _give(memory, other, 20_000)

    for tab in (one, other):
        with raises("too_much_kept"):
            _give(memory, tab, 20_000)
        assert len(tab.files) == 1
    _give(memory, bert, 20_000)
    one.files.clear()
    _give(memory, other, 20_000)


def test_tabs_of_nobody_known_are_no_person_together() -> None:
    """Where the browser keeps no cookie, each tab is for itself."""
    memory = UploadMemory[_Tab](_LIMITS)
    one, other = _open(memory, "1"), _open(memory, "2")

    _give(memory, one, 35_000)
    _give(memory, other, 35_000)


def test_all_people_together_are_bounded() -> None:
    """Many people can't fill the memory, and what was there stays."""
    memory = UploadMemory[_Tab](_LIMITS)
    tabs = [_open(memory, str(number), person=f"p{number}") for number in range(5)]
    for tab in tabs[:3]:
        _give(memory, tab, 25_000)

    for tab in tabs[3:]:
        with raises("server_is_full"):
            _give(memory, tab, 25_000)

    assert [len(tab.files) for tab in tabs] == [1, 1, 1, 0, 0]


def test_files_in_thousands_count_however_small() -> None:
    """No file is for nothing."""
    memory = UploadMemory[_Tab](_LIMITS)
    tab = _open(memory, "1")

    def fill() -> None:
        for number in range(1000):
            file = str(number).encode()
            memory.take(tab, [file], partial(tab.files.append, file))

    with raises("too_much_kept"):
        fill()


def test_the_pages_of_one_file_count_once() -> None:
    """They share its bytes."""
    memory = UploadMemory[_Tab](_LIMITS)
    tab = _open(memory, "1")
    file = bytes(40_000)

    memory.take(tab, [file] * 3, partial(tab.files.extend, [file] * 3))

    _give(memory, tab, 5_000)


def test_a_tab_that_is_gone_counts_no_more() -> None:
    """Nobody has to say so."""
    memory = UploadMemory[_Tab](_LIMITS)
    tab = _open(memory, "1", person="anna")
    _give(memory, tab, 45_000)
    del tab

    _give(memory, _open(memory, "2", person="anna"), 45_000)


def test_a_session_that_has_ended_lets_go() -> None:
    """Its tab may be kept by whomever: the files are gone, those of others are there."""
    memory = UploadMemory[_Tab](_LIMITS)
    one, other = _open(memory, "1"), _open(memory, "2")
    _give(memory, one, 30_000)
    _give(memory, other, 30_000)

    memory.forget("session-1")

    assert (one.files, len(other.files)) == ([], 1)


def test_two_at_once_do_not_both_get_the_last_room() -> None:
    """Sixteen threads want room that is there for five."""
    memory = UploadMemory[_Tab](UploadMemoryLimits(per_person_bytes=10**9, total_bytes=57_000))
    tabs = [_open(memory, str(number)) for number in range(16)]
    together = threading.Barrier(len(tabs))

    def give(tab: _Tab) -> None:
        together.wait()
        try:
            _give(memory, tab, 10_000)
        except NoRoom:
            return

    _run_all([partial(give, tab) for tab in tabs])

    assert sum(len(tab.files) for tab in tabs) == 5


def _run_all(works: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


_PAGE = """
import streamlit as st
from augenblick.pictures import PictureSource
from augenblick.ui.chat.question_draft import Question
from augenblick.ui.upload_accounting import UPLOAD_MEMORY
from augenblick.ui.tab_state import tab

memory = tab()
if st.button("Keep"):
    memory.asked = [Question("id", "", (PictureSource("a.jpg", bytes(5000)),))]
st.button("Look")
with UPLOAD_MEMORY._lock:
    held = sum(len(file) for tab in UPLOAD_MEMORY._tabs.values() for file in tab.held())
st.markdown(f"held: {held}")
"""


def test_a_closed_tab_gives_back_what_it_kept(tmp_path: Path) -> None:
    """On the real server, once nobody can come back to it any more."""
    env = {"STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL": "1"}
    with serve_script(tmp_path, _PAGE, env=env) as server:
        asyncio.run(_keep_and_close(server.url))


async def _keep_and_close(url: str) -> None:
    async with open_page(url) as other:
        async with open_page(url) as page:
            await page.click("Keep")
            await page.wait_for(lambda: _says(page, "held: 5000"))
            await other.click("Look")
            await other.wait_for(lambda: _says(other, "held: 5000"))
        deadline = time.monotonic() + 60
        while not _says(other, "held: 0") and time.monotonic() < deadline:
            await other.click("Look")
            await other.wait_for(lambda: other.is_idle)
        assert _says(other, "held: 0")


def _says(page: Page, text: str) -> bool:
    return any(text == element.markdown.body for element in page.elements("markdown"))

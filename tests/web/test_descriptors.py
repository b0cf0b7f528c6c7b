"""File descriptors are raised at the start, given back by themselves, and never run out."""

from __future__ import annotations

import asyncio
import os
import resource
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from augenblick.core.paths import PROJECT_DIR
from augenblick.web.descriptors import KEPT_FREE, has_descriptors, raise_descriptor_limit
from tests.serving import WITHOUT_READER, AppServer, serve_app
from tests.streamlit_client import open_page, visit

_HARD = resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def _open_files(pid: int | str) -> list[Path]:
    return list(Path(f"/proc/{pid}/fd").iterdir())


def _used(pid: int | str = "self") -> int:
    return len(_open_files(pid))


@contextmanager
def _own_limit(soft: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def _limit(server: AppServer, soft: int) -> None:
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (soft, _HARD))


def test_the_server_takes_as_many_as_it_is_given(tmp_path: Path) -> None:
    """Started under a low soft limit, it raises it to the hard one, within reason."""
    with _own_limit(512), serve_app(tmp_path, env=WITHOUT_READER) as server:
        soft, hard = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)

    assert soft == min(_HARD, 65_536)
    assert hard == _HARD


def test_a_limit_is_never_lowered() -> None:
    """Who gave the process more than we want meant it."""
    with _own_limit(600):
        raise_descriptor_limit(500)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 600
        raise_descriptor_limit(700)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 700


def test_the_unit_asks_for_as_many() -> None:
    """Systemd gives 1024 unless told otherwise."""
    unit = (PROJECT_DIR / "deploy" / "augenblick@.service").read_text(encoding="utf-8")

    assert "\nLimitNOFILE=65536\n" in unit


def test_what_is_free_is_counted_as_it_is() -> None:
    """Also when the highest numbers are taken and low ones are free again, and when none is."""
    with _own_limit(_used() + 200), ExitStack() as opened:
        assert has_descriptors(150)
        assert not has_descriptors(250)
        files = [opened.enter_context(open(os.devnull)) for _ in range(100)]  # noqa: PTH123
        assert has_descriptors(50)
        assert not has_descriptors(150)
        for file in files[:80]:
            file.close()
        assert has_descriptors(150)
        with suppress(OSError):
            while True:
                opened.enter_context(open(os.devnull))  # noqa: PTH123
        assert not has_descriptors(1)


def test_left_tabs_give_back_all_of_theirs(tmp_path: Path) -> None:
    """Each at its time, though nobody else comes or goes."""
    env = {"STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL": "2"}
    with serve_app(tmp_path, env=env) as server:
        pid = server.process.pid

        async def open_and_leave() -> None:
            cookies = visit(server.url)
            async with AsyncExitStack() as tabs:
                pages = [
                    await tabs.enter_async_context(open_page(server.url, cookies=cookies))
                    for _ in range(20)
                ]
                for page in pages:
                    await page.wait_for(lambda page=page: page.is_idle)  # type: ignore[misc]
                assert _loops(pid) > 20

        asyncio.run(open_and_leave())
        deadline = time.monotonic() + 60
        while _loops(pid) > 1 and time.monotonic() < deadline:
            time.sleep(0.2)
        assert _loops(pid) == 1  # the server's own


def _loops(pid: int) -> int:
    """Event loops of a process."""
    kinds = []
    for file in _open_files(pid):
        with suppress(FileNotFoundError):  # closed meanwhile
            kinds.append(str(file.readlink()))
    return kinds.count("anon_inode:[eventpoll]")


def test_a_full_server_says_so_and_goes_on(tmp_path: Path) -> None:
    """New pages are told in the visitor's language; those that are open stay open and work."""
    with serve_app(tmp_path, env=WITHOUT_READER) as server:
        asyncio.run(_fill(server))


async def _fill(server: AppServer) -> None:
    pid = server.process.pid
    cookies = visit(server.url)
    async with open_page(server.url, cookies=cookies) as page:
        await page.wait_for(lambda: page.is_idle)
        await asyncio.sleep(6)  # until connections that are kept for another request are closed
        _limit(server, _used(pid) + KEPT_FREE)
        german = await asyncio.to_thread(_page, server, "de")
        english = await asyncio.to_thread(_page, server, "en", "/history?x=1")
        assert (german[0], english[0]) == (503, 503)
        assert "Gerade ist kein Platz mehr" in german[1]
        assert "No room right now" in english[1]
        assert "augenblick_browser" not in german[2]
        async with open_page(server.url, cookies=cookies) as other:  # its page was let in before
            await other.wait_for(lambda: other.is_idle)
        _limit(server, _used(pid) + KEPT_FREE // 4)
        with pytest.raises(Exception, match="403"):
            async with open_page(server.url, cookies=cookies):
                pass
        await page.rerun()
        await page.wait_for(lambda: page.is_idle)
        assert page.is_connected
        _limit(server, _HARD)
        assert (await asyncio.to_thread(_page, server, "de"))[0] == 200


def _page(server: AppServer, spoken: str, path: str = "/") -> tuple[int, str, str]:
    answer = server.request(path, headers={"Accept": "text/html", "Accept-Language": spoken})
    return answer.status, answer.body.decode(), answer.headers.get("set-cookie", "")

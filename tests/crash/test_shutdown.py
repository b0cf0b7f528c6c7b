"""The server is told to end: everything is put away, and the page comes back with the next one."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from augenblick.core.messages import ReplyEnd
from tests.crash.playing import (
    CountingEndpoint,
    a_picture,
    count_up_to,
    descendants,
    shown_answer,
    stored_answers,
)
from tests.faults.server import FaultServer
from tests.serving import AppServer, serve_app
from tests.streamlit_client import open_page, visit


def test_live_replies_are_put_away_when_the_server_ends(tmp_path: Path) -> None:
    """Told to end, it does so; text is kept and marked as interrupted."""
    marks = [f"q{number}" for number in range(8)]
    with FaultServer(CountingEndpoint()) as listening:
        with serve_app(tmp_path, env={"OPENAI_BASE_URL": listening.base_url}) as server:
            shown = asyncio.run(_read_until_the_end(server, marks))
        assert listening.wait_until_left()

    answers = stored_answers(tmp_path / "data")
    for mark in marks:
        (node,) = answers[mark]
        text = node.message.text
        assert text == count_up_to(mark, text.count(" ") - 1)
        assert text.startswith(shown[mark])
        assert node.reply is not None
        assert node.reply.end is ReplyEnd.INTERRUPTED
    assert "Error" not in server.output
    assert "Traceback" not in server.output


async def _read_until_the_end(server: AppServer, marks: Sequence[str]) -> dict[str, str]:
    async with contextlib.AsyncExitStack() as opened:
        cookies = visit(server.url)
        pages = {
            mark: await opened.enter_async_context(open_page(server.url, cookies=cookies))
            for mark in marks
        }
        for mark, page in pages.items():
            await page.submit(f"{mark}?")
        for mark, page in pages.items():
            await page.wait_for(lambda mark=mark, page=page: " 5" in shown_answer(page, mark))  # type: ignore[misc]
        await asyncio.to_thread(_end, server)
        for page in pages.values():
            with contextlib.suppress(ConnectionError):
                await page.wait_for(lambda: False)
        return {mark: shown_answer(page, mark) for mark, page in pages.items()}


def _end(server: AppServer) -> None:
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(60) in {0, -signal.SIGTERM}


def test_no_process_is_left(tmp_path: Path) -> None:
    """With the server go the reader and the workers that prepare pictures."""
    with serve_app(tmp_path) as server:
        asyncio.run(_ask_the_reader(server))
        children = descendants(server.process.pid)
        _end(server)

    assert len(children) >= 2
    deadline = time.monotonic() + 90
    while (left := [pid for pid in children if _is_alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []


async def _ask_the_reader(server: AppServer) -> None:
    async with open_page(server.url) as page:
        await page.submit("q1?", {"photo.png": a_picture()})
        await page.wait_for(lambda: len(page.messages) == 2 and page.is_idle)


def _is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_a_page_comes_back_after_a_restart_and_goes_on(tmp_path: Path) -> None:
    """A viewer that connects again finds the whole conversation and can have it written on."""
    endpoint = CountingEndpoint()
    with FaultServer(endpoint) as listening:
        env = {"OPENAI_BASE_URL": listening.base_url, "AUGENBLICK_COOKIE_SECRET": "of the team"}
        with serve_app(tmp_path, env=env) as server:
            cookies = visit(server.url)
            query, shown = asyncio.run(_ask_and_restart(server, cookies))
        endpoint.length = 20
        with serve_app(tmp_path, env=env) as server:
            asyncio.run(_go_on(server, cookies, query, shown))


async def _ask_and_restart(server: AppServer, cookies: dict[str, str]) -> tuple[str, str]:
    async with open_page(server.url, cookies=cookies) as page:
        await page.submit("q1?")
        await page.wait_for(lambda: " 5" in shown_answer(page, "q1"))
        await asyncio.to_thread(_end, server)
        with contextlib.suppress(ConnectionError):
            await page.wait_for(lambda: False)
        return page.query, shown_answer(page, "q1")


async def _go_on(server: AppServer, cookies: dict[str, str], query: str, shown: str) -> None:
    async with open_page(server.url, query=query, cookies=cookies) as page:
        await page.wait_for(lambda: page.is_idle)
        assert page.messages[0].texts == ("q1?",)
        assert shown_answer(page, "q1").startswith(shown)
        await page.click("Continue")
        await page.wait_for(lambda: page.is_idle and page.messages[-1].texts[0].endswith("19"))
        assert shown_answer(page, "q1").startswith(shown)

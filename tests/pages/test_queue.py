"""What people see of the queue, on a real server that writes one answer at a time."""

from __future__ import annotations

import asyncio
from pathlib import Path

from augenblick.core.language import language
from tests.crash.playing import CountingEndpoint, shown_answer
from tests.faults.server import FaultServer
from tests.serving import AppServer, serve_app
from tests.streamlit_client import Page, open_page

TEXTS = language("en")
ONE_BEFORE = TEXTS.text("answer.queued", count=1)
NEXT = TEXTS.text("answer.queued_next")


def test_who_waits_sees_the_place_move_and_can_stop(tmp_path: Path) -> None:
    """Three people ask: the third moves up when the second stops, also on a page opened anew."""
    endpoint = CountingEndpoint()
    with FaultServer(endpoint) as listening:
        env = {"OPENAI_BASE_URL": listening.base_url, "AUGENBLICK_MAX_REPLIES": "1"}
        with serve_app(tmp_path, env=env) as server:
            asyncio.run(_wait_and_move_up(server))
    assert endpoint.asked == ["q1", "q3"]


async def _wait_and_move_up(server: AppServer) -> None:
    async with (
        open_page(server.url) as first,
        open_page(server.url) as second,
        open_page(server.url) as third,
    ):
        await first.submit("q1?")
        await first.wait_for(lambda: " 5" in shown_answer(first, "q1"))
        await second.submit("q2?")
        await second.wait_for(lambda: _says(second, NEXT))
        await third.submit("q3?")
        await third.wait_for(lambda: _says(third, ONE_BEFORE))
        cookies = third.cookies
        async with open_page(server.url, cookies=cookies, query=third.query) as reloaded:
            await reloaded.wait_for(lambda: _says(reloaded, ONE_BEFORE))
            await second.stop()
            await second.wait_for(lambda: second.is_idle and "Ask again" in second.buttons)
            await reloaded.wait_for(lambda: _says(reloaded, NEXT))
            await first.stop()
            await reloaded.wait_for(lambda: " 5" in shown_answer(reloaded, "q3"))
            await third.wait_for(lambda: " 5" in shown_answer(third, "q3"))
            await third.stop()
            await third.wait_for(lambda: third.is_idle)


def _says(page: Page, label: str) -> bool:
    return any(label in element.markdown.body for element in page.elements("markdown"))

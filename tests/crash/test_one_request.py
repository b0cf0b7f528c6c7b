"""One submit is one request, however often and from wherever it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from augenblick.core.language import language
from augenblick.core.messages import Role
from tests.crash.playing import CountingEndpoint, a_picture, shown_answer, stored_conversations
from tests.faults.server import FaultServer
from tests.serving import AppServer, serve_app
from tests.streamlit_client import open_page, visit

Served = tuple[AppServer, CountingEndpoint]
IN_PROGRESS = language("en").text("error.reply_in_progress.title")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with an endpoint that counts for ever."""
    endpoint = CountingEndpoint()
    with FaultServer(endpoint) as listening:
        env = {"OPENAI_BASE_URL": listening.base_url}
        with serve_app(tmp_path_factory.mktemp("served"), env=env) as server:
            yield server, endpoint


@pytest.fixture(autouse=True)
def _fresh_endpoint(served: Served) -> None:
    served[1].asked.clear()
    served[1].length = None


def test_two_hundred_rapid_submits_are_one_request(served: Served) -> None:
    """Of a burst of different questions in one tab exactly one is sent."""
    server, endpoint = served

    async def play() -> None:
        async with open_page(server.url) as page:
            await page.wait_for(lambda: page.is_idle)
            for number in range(200):
                await page.submit(f"q{number}?")
            await page.wait_for(lambda: bool(endpoint.asked))
            await page.wait_for(lambda: " 20" in shown_answer(page, endpoint.asked[0]))
            await page.stop()
            await page.wait_for(lambda: page.is_idle, seconds=90)  # ten runs a second at most

    asyncio.run(play())
    assert len(endpoint.asked) == 1


def test_what_comes_too_early_is_given_back(served: Served) -> None:
    """A question asked while another is answered goes back, words and picture, with the reason."""
    server, endpoint = served

    async def play() -> None:
        async with open_page(server.url) as page:
            await page.submit("q1?")
            await page.wait_for(lambda: " 3" in shown_answer(page, "q1"))
            await page.submit("q2?", {"photo.png": a_picture()})
            await page.wait_for(lambda: page.given_back == ["q2?"])
            assert page.waiting == ["photo.png"]
            await page.wait_for(lambda: IN_PROGRESS in " ".join(page.notices))
            await page.wait_for(lambda: " 20" in shown_answer(page, "q1"))
            await page.stop()
            await page.wait_for(lambda: page.is_idle)

    asyncio.run(play())
    assert endpoint.asked == ["q1"]


def test_a_double_click_is_one_question(served: Served) -> None:
    """The same words again while they are on their way are the same question, not another one."""
    server, endpoint = served

    async def play() -> None:
        async with open_page(server.url) as page:
            await page.wait_for(lambda: page.is_idle)
            for _ in range(50):
                await page.submit("q1?")
            await page.wait_for(lambda: " 20" in shown_answer(page, "q1"))
            assert page.notices == []
            assert page.given_back == []
            await page.stop()
            await page.wait_for(lambda: page.is_idle)

    asyncio.run(play())
    assert endpoint.asked == ["q1"]


def test_two_tabs_at_once_are_one_request(served: Served) -> None:
    """Both submit in the same conversation: one is asked, the other gets words and reason back."""
    server, endpoint = served

    async def play() -> str:
        cookies = visit(server.url)
        async with open_page(server.url, cookies=cookies) as first:
            endpoint.length = 3
            await first.submit("q1?")
            await first.wait_for(lambda: first.is_idle and bool(first.query))
            endpoint.length = None
            async with open_page(server.url, cookies=cookies, query=first.query) as second:
                await second.wait_for(lambda: second.is_idle)
                await asyncio.gather(first.submit("q2?"), second.submit("q3?"))
                tabs = {"q2": first, "q3": second}
                await first.wait_for(lambda: len(endpoint.asked) > 1)
                won = endpoint.asked[-1]
                lost = "q3" if won == "q2" else "q2"
                await tabs[lost].wait_for(lambda: f"{lost}?" in tabs[lost].given_back)
                await tabs[lost].wait_for(lambda: IN_PROGRESS in " ".join(tabs[lost].notices))
                await tabs[lost].wait_for(lambda: " 20" in shown_answer(tabs[lost], won))
                await tabs[lost].stop()
                await tabs[won].wait_for(lambda: tabs[won].is_idle)
                return first.query

    query = asyncio.run(play())
    assert len(endpoint.asked) == 2
    stored = {f"c={found.id}": found for found in stored_conversations(server.data_dir)}
    questions = [node for node in stored[query].nodes if node.message.role is Role.USER]
    assert [question.message.text for question in questions] == ["q1?", f"{endpoint.asked[-1]}?"]


@pytest.mark.parametrize("gap_seconds", [0.05, 0.1, 0.2])
def test_a_question_outlives_a_touched_widget(served: Served, gap_seconds: float) -> None:
    """Whatever is touched right after Enter, the question is asked."""
    server, endpoint = served

    async def play() -> None:
        async with open_page(server.url) as page:
            await page.wait_for(lambda: page.is_idle)
            await page.submit("q1?", {"photo.png": a_picture()})
            await asyncio.sleep(gap_seconds)
            await page.rerun()
            await page.wait_for(lambda: " 3" in shown_answer(page, "q1"))
            await page.stop()
            await page.wait_for(lambda: page.is_idle)

    asyncio.run(play())
    assert endpoint.asked == ["q1"]

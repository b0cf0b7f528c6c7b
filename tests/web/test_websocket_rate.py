"""A page that says more than a person can is heard later, and all that it said is heard."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from starlette.types import Message, Receive, Scope, Send

from augenblick.web.websocket_rate import RateLimits, WebSocketRate
from tests.browser.playing import Script
from tests.faults.server import FaultServer
from tests.serving import AppServer, serve_app
from tests.streamlit_client import open_page

_LIMITS = RateLimits(
    burst_messages=10, messages_per_second=5, burst_bytes=1000, bytes_per_second=100
)


def _heard_after(sizes: list[int], monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When each of these messages, all sent at once, is heard; in seconds of a made-up clock."""
    now = 100.0
    waiting = iter([{"type": "websocket.receive", "bytes": bytes(size)} for size in sizes])
    heard: list[float] = []

    async def receive() -> Message:
        return next(waiting)

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    async def listen(_scope: Scope, receive: Receive, _send: Send) -> None:
        for size in sizes:
            assert len((await receive())["bytes"]) == size
            heard.append(now - 100.0)

    async def send(_message: Message) -> None:
        raise AssertionError("nothing is sent")

    monkeypatch.setattr("augenblick.web.websocket_rate.time.monotonic", lambda: now)
    monkeypatch.setattr("augenblick.web.websocket_rate.asyncio.sleep", sleep)
    asyncio.run(WebSocketRate(listen, limits=_LIMITS)({"type": "websocket"}, receive, send))
    return heard


def test_many_messages_are_heard_at_a_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A burst at once; of a flood so many a second, in their order."""
    heard = _heard_after([10] * 30, monkeypatch)

    assert heard[:10] == [0.0] * 10
    assert heard[10:] == pytest.approx([(n + 1) / 5 for n in range(20)])


def test_long_messages_are_heard_at_a_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """One long text is heard at once, more of them so many bytes a second; none takes for ever."""
    assert _heard_after([1000, 500, 500], monkeypatch) == pytest.approx([0.0, 5.0, 10.0])
    assert _heard_after([1_000_000, 10], monkeypatch) == pytest.approx([20.0, 20.1])


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """The app with an endpoint that answers."""
    with FaultServer(Script()) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url}
        with serve_app(tmp_path_factory.mktemp("pace"), env=env) as running:
            yield running


def test_a_question_after_a_flood_is_answered(server: AppServer) -> None:
    """What a page asked for in a flood is late for itself; its question is not lost in it."""

    async def flood_and_ask() -> list[str]:
        async with open_page(server.url) as page:
            await page.wait_for(lambda: page.is_idle)  # as a browser, it knows its page by then
            for _ in range(90):
                await page.rerun()
            await page.submit("Und jetzt?")
            await page.wait_for(lambda: page.is_idle and len(page.messages) == 2)
            return [message.name for message in page.messages]

    assert asyncio.run(flood_and_ask()) == ["user", "assistant"]

"""The server is killed: what viewers were shown, and what they asked, is there afterwards."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from augenblick.core.conversations import Conversation
from augenblick.core.messages import ReplyEnd
from tests.crash.playing import (
    CountingEndpoint,
    a_picture,
    kill_at_once,
    shown_answer,
    stored_conversations,
    wait_until_interrupted,
)
from tests.crash.sweep import Findings, sweep
from tests.faults.server import FaultServer
from tests.serving import AppServer, serve_app
from tests.streamlit_client import open_page, visit


def test_a_killed_server_has_lost_nothing_it_had_shown(tmp_path: Path) -> None:
    """Kills with twenty live replies: all that was shown is kept, and can be written on."""
    findings = sweep(tmp_path, 2, Findings())
    while not findings.shown_characters and findings.rounds < 10:  # all came too early
        sweep(tmp_path, 1, findings)

    assert findings.faults == 0, findings
    assert findings.rounds >= 2
    assert findings.shown_characters > 0


def test_question_and_picture_are_kept_before_the_endpoint_hears_of_them(tmp_path: Path) -> None:
    """A kill the moment the endpoint's port is reached leaves the whole question behind."""
    endpoint = CountingEndpoint()
    endpoint.goes_on.clear()
    with FaultServer(endpoint) as listening:
        env = {"OPENAI_BASE_URL": listening.base_url, "OPENAI_MODEL": "m"}
        with serve_app(tmp_path, env=env) as server:
            cookies = visit(server.url)
            asyncio.run(_ask_and_kill(server, listening, cookies))
        endpoint.goes_on.set()
        with serve_app(tmp_path, env=env) as server:
            wait_until_interrupted(server)
            conversation = _marked(server)
            question, answer = conversation.nodes
            asyncio.run(_sees_question(server, conversation.id, cookies))

    assert question.message.text == "q1?"
    assert [part.receipt.source_name for part in question.message.attachments] == ["photo.png"]
    assert answer.reply is not None
    assert answer.reply.end is ReplyEnd.INTERRUPTED


def _marked(server: AppServer) -> Conversation:
    """The one conversation, as soon as the started server has marked what was left open."""
    deadline = time.monotonic() + 90
    while True:
        (conversation,) = stored_conversations(server.data_dir)
        if conversation.live_node is None or time.monotonic() > deadline:
            return conversation
        time.sleep(0.05)


async def _ask_and_kill(server: AppServer, listening: FaultServer, cookies: dict[str, str]) -> None:
    async with open_page(server.url, cookies=cookies) as page:
        await page.submit("q1?", {"photo.png": a_picture()})
        await asyncio.to_thread(_kill_on_contact, server, listening)


def _kill_on_contact(server: AppServer, listening: FaultServer) -> None:
    while not listening.open_count:
        time.sleep(0.001)
    kill_at_once(server)


async def _sees_question(server: AppServer, conversation_id: str, cookies: dict[str, str]) -> None:
    async with open_page(server.url, cookies=cookies, query=f"c={conversation_id}") as page:
        await page.wait_for(lambda: page.is_idle)
        assert page.messages[0].texts[-1] == "q1?"
        assert str(page.elements("html")).count("data-picture") == 1
        assert {"Ask again"} <= set(page.buttons)


def test_another_server_on_the_same_store_marks_what_a_dead_one_left(tmp_path: Path) -> None:
    """Whoever follows a reply of a server that dies is told, and can have it written on."""
    endpoint = CountingEndpoint()
    data = {"AUGENBLICK_DATA_DIR": str(tmp_path / "data")}
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    with FaultServer(endpoint) as listening:
        env = {"OPENAI_BASE_URL": listening.base_url, **data}
        with (
            serve_app(tmp_path / "first", env=env) as first,
            serve_app(tmp_path / "second", env=env) as second,
        ):
            asyncio.run(_follow_to_the_death(first, second))


async def _follow_to_the_death(first: AppServer, second: AppServer) -> None:
    async with open_page(first.url) as asking:
        await asking.submit("q1?")
        await asking.wait_for(lambda: " 5" in shown_answer(asking, "q1"))
        async with open_page(second.url, cookies=asking.cookies, query=asking.query) as following:
            await following.wait_for(lambda: " 20" in shown_answer(following, "q1"))
            await asyncio.to_thread(kill_at_once, first)
            await following.wait_for(
                lambda: following.is_idle and {"Continue", "Ask again"} <= set(following.buttons)
            )
            assert shown_answer(following, "q1").startswith(shown_answer(asking, "q1"))

"""`python -m tests.crash.sweep --count 200`: kill -9 the real server with twenty live replies.

Each round starts the server on the same data, has twenty tabs ask and read, kills the whole server
at a random moment, and starts it again. Everything that had arrived at a tab is looked for in the
store; what a tab had said was not saved yet, because the disk took seconds, is counted apart.
Prints what was found; the exit status is 1 unless nothing was lost.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from augenblick.core.language import language
from augenblick.core.messages import ReplyEnd
from tests.crash.playing import (
    CountingEndpoint,
    count_up_to,
    is_whole,
    kill_at_once,
    open_reply_count,
    shown_answer,
    stored_answers,
    wait_until_interrupted,
)
from tests.faults.server import FaultServer
from tests.serving import AppServer, serve_app
from tests.streamlit_client import Page, open_page, visit

LIVE_REPLIES = 20
NOT_WRITTEN = language("en").text("chat.not_written")
_LONGEST_LIFE_SECONDS = 2.0  # until the kill, at random
_EARLY_EVERY = (
    4  # in each fourth round counted from the questions, else from when all answers began
)


@dataclass(slots=True)
class Findings:
    """What a sweep found."""

    rounds: int = 0
    live_replies: int = 0
    shown_characters: int = 0
    lost_characters: int = 0
    announced_characters: int = 0  # lost, but the page said that they were not saved yet
    wrong_replies: int = 0
    lost_questions: int = 0
    still_open: int = 0
    without_buttons: int = 0
    damaged_files: int = 0
    interrupted_seconds: list[float] = field(default_factory=list)
    details: list[str] = field(default_factory=list)

    @property
    def faults(self) -> int:
        """Everything that must be 0."""
        return (
            self.lost_characters
            + self.wrong_replies
            + self.lost_questions
            + self.still_open
            + self.without_buttons
            + self.damaged_files
        )


@dataclass(slots=True)
class Round:
    """What the tabs of one round were shown when the server died, by mark."""

    shown: dict[str, str]
    addresses: dict[str, str]
    unwritten: set[str]  # the tab said that the answer was not saved yet
    cookies: Mapping[str, str]  # of the browser with all these tabs


def sweep(folder: Path, count: int, findings: Findings) -> Findings:
    """Kill so many times on one data directory, which grows on."""
    endpoint = CountingEndpoint()
    with FaultServer(endpoint) as listening:
        env = {
            "OPENAI_BASE_URL": listening.base_url,
            "AUGENBLICK_MAX_REPLIES_PER_PERSON": str(LIVE_REPLIES),
        }
        past: Round | None = None
        for number in range(count + 1):
            with serve_app(folder, env=env) as server:
                if past is not None:
                    _check(server, past, endpoint.asked, findings)
                if number < count:
                    past = asyncio.run(_live_and_die(server, number))
    return findings


async def _live_and_die(server: AppServer, number: int) -> Round:
    """Ask in twenty tabs and kill the server while they read."""
    cookies = await asyncio.to_thread(visit, server.url)
    marks = [f"q{number}-{index}" for index in range(LIVE_REPLIES)]
    async with contextlib.AsyncExitStack() as opened:
        pages = [
            await opened.enter_async_context(open_page(server.url, cookies=cookies)) for _ in marks
        ]
        tabs = dict(zip(marks, pages, strict=True))
        asking = [asyncio.create_task(_ask(page, mark)) for mark, page in tabs.items()]
        if number % _EARLY_EVERY != _EARLY_EVERY - 1:
            await asyncio.gather(*(_has_begun(page, mark) for mark, page in tabs.items()))
        await asyncio.sleep(random.random() * _LONGEST_LIFE_SECONDS)
        await asyncio.to_thread(kill_at_once, server)
        await asyncio.gather(*asking, *(_read_rest(page) for page in pages))
        shown = {mark: text for mark, page in tabs.items() if (text := shown_answer(page, mark))}
        addresses = {mark: tabs[mark].query for mark in shown}
        unwritten = {mark for mark, page in tabs.items() if NOT_WRITTEN in page.notices}
        return Round(shown, addresses, unwritten, cookies)


async def _ask(page: Page, mark: str) -> None:
    with contextlib.suppress(ConnectionError):
        await page.submit(f"{mark}?")


async def _has_begun(page: Page, mark: str) -> None:
    await page.wait_for(lambda: shown_answer(page, mark) != "", seconds=90)


async def _read_rest(page: Page) -> None:
    with contextlib.suppress(ConnectionError):
        await page.wait_for(lambda: False, seconds=90)


def _check(server: AppServer, past: Round, asked: Sequence[str], findings: Findings) -> None:
    """Look for all that was shown, as soon as the server is up again."""
    findings.interrupted_seconds.append(wait_until_interrupted(server))
    findings.still_open += open_reply_count(server.data_dir)
    findings.damaged_files += not is_whole(server.data_dir)
    answers = stored_answers(server.data_dir)
    findings.lost_questions += len(set(asked) - answers.keys())
    for mark, shown in past.shown.items():
        (node,) = answers[mark]
        text = node.message.text
        findings.live_replies += 1
        findings.shown_characters += len(shown)
        lost = max(0, len(shown) - len(text.rstrip()))
        if mark in past.unwritten:
            findings.announced_characters += lost
        else:
            findings.lost_characters += lost
        is_right = not text or text == count_up_to(mark, text.count(" ") - 1)
        is_interrupted = node.reply is not None and node.reply.end is ReplyEnd.INTERRUPTED
        findings.wrong_replies += not (is_right and is_interrupted)
        if (lost and mark not in past.unwritten) or not (is_right and is_interrupted):
            findings.details.append(f"{shown!r} was kept as {text!r}")
    if written := [past.addresses[mark] for mark in past.shown if answers[mark][0].message.text]:
        address = random.choice(written)
        findings.without_buttons += not asyncio.run(_offers_to_go_on(server, address, past.cookies))
    findings.rounds += 1


async def _offers_to_go_on(server: AppServer, address: str, cookies: Mapping[str, str]) -> bool:
    async with open_page(server.url, cookies=cookies, query=address) as page:
        await page.wait_for(lambda: page.is_idle)
        return {"Continue", "Ask again"} <= set(page.buttons)


def main() -> None:
    """Sweep and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        findings = sweep(Path(folder), options.count, Findings())
    print(f"rounds               {findings.rounds}")
    print(f"live replies         {findings.live_replies}")
    print(f"shown characters     {findings.shown_characters}")
    print(f"lost characters      {findings.lost_characters}")
    print(f"lost, as announced   {findings.announced_characters}")
    print(f"wrong replies        {findings.wrong_replies}")
    print(f"lost questions       {findings.lost_questions}")
    print(f"still open           {findings.still_open}")
    print(f"without Continue     {findings.without_buttons}")
    print(f"damaged files        {findings.damaged_files}")
    median = statistics.median(findings.interrupted_seconds)
    slowest = max(findings.interrupted_seconds)
    print(f"marked interrupted   {median:.2f} s after the restart, at most {slowest:.2f} s")
    for detail in findings.details:
        print(detail)
    sys.exit(1 if findings.faults else 0)


if __name__ == "__main__":
    main()

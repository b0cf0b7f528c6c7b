"""Several tabs on one server: they see the same, and leave nothing behind."""

from __future__ import annotations

import asyncio
from pathlib import Path

from augenblick.core.language import language
from tests.crash.playing import CountingEndpoint, shown_answer
from tests.faults.server import FaultServer
from tests.serving import AppServer, serve_app
from tests.streamlit_client import open_page, visit

STOPPED = language("en").text("end.stopped")
ANSWERS = 100
AT_ONCE = 10
_TTL_SECONDS = 1
Count = tuple[int, int]


def test_what_is_asked_in_one_tab_is_seen_and_stopped_in_another(tmp_path: Path) -> None:
    """A tab that is touched or opened follows the answer; Stop in one ends it in all."""
    endpoint = CountingEndpoint(length=3)
    with (
        FaultServer(endpoint) as listening,
        serve_app(tmp_path, env={"OPENAI_BASE_URL": listening.base_url}) as server,
    ):
        asyncio.run(_share(server, endpoint))


async def _share(server: AppServer, endpoint: CountingEndpoint) -> None:
    cookies = visit(server.url)
    async with open_page(server.url, cookies=cookies) as asking:
        await asking.submit("q1?")
        await asking.wait_for(lambda: asking.is_idle and "Ask again" in asking.buttons)
        async with open_page(server.url, cookies=cookies, query=asking.query) as touched:
            await touched.wait_for(lambda: touched.is_idle)
            endpoint.length = None
            await asking.submit("q2?")
            await asking.wait_for(lambda: " 5" in shown_answer(asking, "q2"))
            assert shown_answer(touched, "q2") == ""

            await touched.rerun()
            async with open_page(server.url, cookies=cookies, query=asking.query) as opened:
                for page in (touched, opened):
                    await page.wait_for(lambda page=page: " 20" in shown_answer(page, "q2"))  # type: ignore[misc]
                assert [message.name for message in opened.messages] == ["user", "assistant"] * 2

                await touched.stop()

                shown = set()
                for page in (asking, touched, opened):
                    await page.wait_for(lambda page=page: page.is_idle)  # type: ignore[misc]
                    assert STOPPED in " ".join(page.messages[-1].texts)
                    shown.add(shown_answer(page, "q2"))
                assert len(shown) == 1
    assert endpoint.asked == ["q1", "q2"]


def test_viewers_that_come_and_go_leave_nothing_behind(tmp_path: Path) -> None:
    """After a hundred answers, half of them left early, threads and files are what they were."""
    endpoint = CountingEndpoint(pace_seconds=0.005, length=20)
    with FaultServer(endpoint) as listening:
        env = {
            "OPENAI_BASE_URL": listening.base_url,
            "STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL": str(_TTL_SECONDS),
        }
        with serve_app(tmp_path, env=env) as server:
            asyncio.run(_come_and_go(server, AT_ONCE))
            before = asyncio.run(_at_rest(server))
            asyncio.run(_come_and_go(server, ANSWERS))
            threads, files = asyncio.run(_at_rest(server, down_to=before))
    assert len(endpoint.asked) == ANSWERS + AT_ONCE
    assert threads <= before[0] + 3
    assert files <= before[1] + 10


async def _come_and_go(server: AppServer, count: int) -> None:
    cookies = visit(server.url)

    async def ask(number: int) -> None:
        async with open_page(server.url, cookies=cookies) as page:
            mark = f"q{number}"
            await page.submit(f"{mark}?")
            if number % 2:
                await page.wait_for(lambda: shown_answer(page, mark) != "")
            else:
                await page.wait_for(lambda: page.is_idle and " 19" in shown_answer(page, mark))

    for start in range(0, count, AT_ONCE):
        await asyncio.gather(*(ask(number) for number in range(start, start + AT_ONCE)))


async def _at_rest(server: AppServer, *, down_to: Count = (0, 0)) -> Count:
    """Threads and open files of the server, when they have fallen so far or fall no more.

    Streamlit drops expired sessions when another one comes or goes, so one does.
    """
    process = Path(f"/proc/{server.process.pid}")
    found = (0, 0)
    for _ in range(8):
        await asyncio.sleep(_TTL_SECONDS + 0.5)
        async with open_page(server.url) as page:
            await page.wait_for(lambda: page.is_idle)
        await asyncio.sleep(0.5)
        last = found
        found = (len(list((process / "task").iterdir())), len(list((process / "fd").iterdir())))
        is_down = found[0] <= down_to[0] and found[1] <= down_to[1]
        if is_down or (found == last and down_to == (0, 0)):
            break
    return found

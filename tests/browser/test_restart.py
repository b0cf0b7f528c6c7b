"""The server dies under an open page and comes back."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.playing import ask, messages, shown_answer
from tests.crash.playing import CountingEndpoint, kill_at_once
from tests.faults.server import FaultServer
from tests.serving import serve_app


def test_an_open_page_survives_the_death_of_the_server(open_page: OpenPage, tmp_path: Path) -> None:
    """The tab connects again by itself, shows what it had shown, and the answer can be taken up."""
    endpoint = CountingEndpoint()
    with FaultServer(endpoint) as listening:
        env = {"OPENAI_BASE_URL": listening.base_url}
        with serve_app(tmp_path, env=env) as server:
            page, watch = open_page(server.url)
            watch.expect("ERR_CONNECTION_REFUSED|WebSocket connection|ERR_EMPTY|ERR_NETWORK")
            watch.expect("reaching server endpoint|server is not responding")
            watch.expect("status of 404 .*/tray/")  # the new server knows no tab of the old one
            port = server.url.rpartition(":")[2]
            ask(page, "q1?")
            expect(messages(page).last).to_contain_text(" 9 ")
            before = shown_answer(page)
            kill_at_once(server)
        endpoint.length = 12
        with serve_app(tmp_path, env=env, arguments=("--port", port)):
            go_on = page.get_by_role("button", name="Continue", exact=True)
            expect(go_on).to_be_visible()
            expect(page.get_by_role("button", name="Ask again")).to_be_visible()
            assert shown_answer(page).startswith(before)
            assert page.url.startswith(server.url + "/?c=")

            go_on.click()

            expect(messages(page).last).to_contain_text("10 11")
            assert shown_answer(page).startswith(before)
            page.close()

"""The server goes away and comes back while a page is open."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.playing import area, new_conversation
from tests.serving import AppServer, serve_app


def _type_a_question(server: AppServer, open_page: OpenPage) -> tuple[Page, Locator]:
    """Open the page and type; returns it and the input."""
    page, watch = open_page(server.url, locale="de-DE")
    watch.expect("")
    field = area(page)
    field.fill("Was steht auf dem Schild?")
    return page, field


def test_a_lost_connection_is_said_in_the_persons_words_and_loses_none(
    tmp_path: Path, open_page: OpenPage
) -> None:
    """What was typed still stands there once the server is back, and can be sent."""
    with serve_app(tmp_path) as server:
        page, field = _type_a_question(server, open_page)
    notice = page.get_by_role("dialog")
    expect(notice.get_by_role("heading")).to_have_text("Verbindung unterbrochen")
    expect(notice).to_contain_text("Der Server ist nicht erreichbar. Sobald er es wieder ist")
    expect(notice).not_to_contain_text("Streamlit")

    with serve_app(tmp_path, arguments=("--port", str(urlsplit(server.url).port))):
        expect(notice).to_have_count(0)
        expect(field).to_be_enabled()
        expect(field).to_have_value("Was steht auf dem Schild?")
        field.press("Enter")
        expect(page.get_by_test_id("stChatMessage").first).to_contain_text("Was steht auf dem")


_NOTE_RUNS = """() => {
  const app = document.querySelector('[data-testid="stApp"]');
  new MutationObserver(() => {
    const isConnected = app.dataset.testConnectionState === "CONNECTED";
    const page = document.documentElement.dataset;
    if (isConnected && app.dataset.testScriptState === "running") page.run = "begun";
    if (page.run && app.dataset.testScriptState === "notRunning") page.run = "ended";
  }).observe(app, { attributes: true });
}"""


def test_the_first_click_after_a_restart_of_the_server_counts(
    tmp_path: Path, open_page: OpenPage
) -> None:
    """The page draws itself anew where the server is another one, so its buttons are known."""
    with serve_app(tmp_path) as server:
        page, field = _type_a_question(server, open_page)
        field.press("Enter")
        expect(page.get_by_role("button", name="Noch einmal")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(1)
    page.evaluate(_NOTE_RUNS)

    with serve_app(tmp_path, arguments=("--port", str(urlsplit(server.url).port))):
        expect(page.locator("html[data-run=ended]")).to_have_count(1)
        new_conversation(page)
        expect(page.get_by_role("heading", name="Was möchten Sie wissen?")).to_be_visible()

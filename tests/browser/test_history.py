"""Conversations found again, put in order and deleted; on a desk and on a phone."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from augenblick.store import Store
from tests.browser.conftest import OpenPage
from tests.browser.playing import (
    Script,
    ask,
    expect_whole,
    messages,
    new_conversation,
    photo,
    set_sidebar,
)
from tests.faults.server import FaultServer
from tests.serving import AppServer, serve_app

Endpoint = tuple[AppServer, Script]
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
_THUMB_PX = 40


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A server with an endpoint that says what a test wants."""
    script = Script()
    with FaultServer(script) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url}
        with serve_app(tmp_path_factory.mktemp("history"), env=env) as server:
            yield server, script


def _ask_about(
    page: Page, script: Script, question: str, answer: str, pictures: tuple[Path, ...] = ()
) -> None:
    script.words = (answer,)
    ask(page, question, pictures)
    expect_whole(page, answer)


def _lines(page: Page) -> Locator:
    return page.locator("[class*='st-key-line_']")


def _click_anywhere(line: Locator) -> None:
    """Click on the picture, where no button seems to be."""
    line.click(position={"x": 40, "y": 40})


def _menu(page: Page, title: str, choice: str) -> None:
    page.get_by_role("button", name=f"More options for “{title}”").click()
    page.get_by_role("menuitem", name=choice).click()


def test_a_conversation_is_found_renamed_pinned_deleted_and_brought_back(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path
) -> None:
    """The whole life of a line of the list, with a mouse."""
    server, script = connected
    page, _ = open_page(server.url)
    cat = photo(tmp_path, "cat.jpg")
    _ask_about(page, script, "Where is the cat?", "On the red sofa.", (cat,))
    new_conversation(page)
    expect(messages(page)).to_have_count(0)
    _ask_about(page, script, "Who are you?", "A model.")

    page.get_by_role("link", name="Conversations").click()
    expect(_lines(page)).to_have_count(2)
    expect(_lines(page).first).to_contain_text("Who are you?")
    expect(_lines(page).last).to_contain_text("1 question")
    expect(_lines(page).last.get_by_test_id("stImage")).to_be_visible()

    page.locator(".st-key-history_words input").fill("sof")
    expect(_lines(page)).to_have_count(1)
    expect(_lines(page).locator("mark")).to_have_text("sofa")
    _click_anywhere(_lines(page))
    expect_whole(page, "On the red sofa.")
    assert re.search(r"/\?c=[\w-]+", page.url)

    page.get_by_role("link", name="Conversations").click()
    page.locator(".st-key-history_words input").fill("")
    expect(_lines(page)).to_have_count(2)
    _menu(page, "Where is the cat?", "Rename")
    page.get_by_role("textbox", name="Title").fill("A <b>cat</b> & 2 $5")
    page.get_by_role("button", name="Save").click()
    expect(_lines(page).last).to_contain_text("A <b>cat</b> & 2 $5")
    _menu(page, "A <b>cat</b> & 2 $5", "Pin to the top")
    expect(_lines(page).first).to_contain_text("A <b>cat</b>")
    _menu(page, "Who are you?", "Delete")
    expect(page.get_by_text("Deleted: “Who are you?”")).to_be_visible()
    expect(_lines(page)).to_have_count(1)
    expect(page.get_by_test_id("stSidebar").get_by_text("Who are you?")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(_lines(page)).to_have_count(2)
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)


def test_what_stands_in_another_answer_opens_with_that_answer(
    connected: Endpoint, open_page: OpenPage
) -> None:
    """A search finds answers that were asked for again, and shows the very one."""
    server, script = connected
    page, _ = open_page(server.url)
    _ask_about(page, script, "Tell me", "It is a walrus.")
    script.words = ("It is a seal.",)
    page.get_by_role("button", name="Ask again").click()
    expect_whole(page, "It is a seal.")

    page.get_by_role("link", name="Conversations").click()
    page.locator(".st-key-history_words input").fill("walrus")
    expect(_lines(page).locator("mark")).to_have_text("walrus")
    _lines(page).get_by_role("button", name="Tell me", exact=True).click()

    expect(messages(page).last).to_contain_text("It is a walrus.")


def test_on_a_phone_everything_is_in_reach_of_a_thumb(
    connected: Endpoint, open_page: OpenPage
) -> None:
    """One column, large targets, and a sidebar that goes once something was chosen in it."""
    server, script = connected
    page, _ = open_page(server.url, locale="de-DE", **PHONE)
    for number in range(3):
        set_sidebar(page).get_by_role("button", name="Neues Gespräch").tap()
        expect(page.get_by_test_id("stSidebar")).to_have_attribute("data-collapsed", "true")
        expect(messages(page)).to_have_count(0)
        _ask_about(page, script, f"Frage {number} " + "mit sehr vielen Wörtern " * 4, "Ja.")
    set_sidebar(page)
    page.locator(".st-key-recent button").last.tap()
    expect(page.get_by_test_id("stSidebar")).to_have_attribute("data-collapsed", "true")
    expect(messages(page).first).to_contain_text("Frage 0")

    set_sidebar(page)
    page.get_by_role("link", name="Gespräche").tap()
    expect(page.get_by_test_id("stSidebar")).to_have_attribute("data-collapsed", "true")
    expect(_lines(page)).to_have_count(3)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for button in (
        page.get_by_role("button", name="Mehr zu").first,
        page.get_by_role("button", name="Mehrere auswählen"),
    ):
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= _THUMB_PX
    page.get_by_role("button", name="Mehrere auswählen").tap()
    expect(page.get_by_role("checkbox")).to_have_count(3)
    for index in (0, 1):
        _lines(page).nth(index).tap(position={"x": 40, "y": 40})
        delete = page.get_by_role("button", name=f"{index + 1} löschen")
        expect(delete).to_be_enabled()
    delete.tap()
    expect(page.get_by_text("2 Gespräche gelöscht")).to_be_visible()
    expect(_lines(page)).to_have_count(1)
    page.get_by_role("button", name="Rückgängig").tap()
    expect(_lines(page)).to_have_count(3)


def test_everything_is_taken_along_and_deleted(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path
) -> None:
    """The file holds every word and picture; after the deletion nothing is left anywhere."""
    server, script = connected
    page, _ = open_page(server.url)
    owner = _browser_id(page)
    _ask_about(page, script, "Where is it?", "On the sofa.", (photo(tmp_path, "cat.jpg"),))
    page.get_by_role("link", name="My data").click()
    expect(page.locator(".st-key-holdings")).to_contain_text("1 conversation with 1 question")

    link = page.get_by_role("link", name="Download everything").get_attribute("href")
    taken = page.request.get(f"{server.url}/{link}")
    page.get_by_role("button", name="Delete everything …").click()
    page.get_by_text("Yes, delete everything.").click()
    page.get_by_role("button", name="Delete everything now").click()
    expect(page.locator(".st-key-holdings")).to_contain_text("Nothing is saved")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("link", name="Augenblick").click()
    expect(page.get_by_role("heading", name="What would you like to know?")).to_be_visible()

    with zipfile.ZipFile(io.BytesIO(taken.body())) as archive:
        names = archive.namelist()
        (written,) = [json.loads(archive.read(n)) for n in names if n.endswith(".json")]
    assert written["messages"][1]["content"] == "On the sofa."
    assert any(name.endswith("picture-001.jpg") for name in names)
    store = Store(f"sqlite:///{server.data_dir / 'augenblick.db'}")
    held = store.storage_stats(owner)
    store.close()
    assert (held.conversations, held.questions, held.pictures) == (0, 0, 0)


def _browser_id(page: Page) -> str:
    cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    return cookies["augenblick_browser"].partition(".")[0]

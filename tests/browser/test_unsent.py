"""Words that were typed and not sent are there again, in the browser that they were typed in."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.playing import (
    Script,
    area,
    ask,
    choose,
    expect_rest,
    expect_whole,
    messages,
    new_conversation,
    open_settings,
    photo,
    send,
    set_sidebar,
    tray,
)
from tests.faults.server import FaultServer
from tests.serving import AppServer, serve_app

Endpoint = tuple[AppServer, Script]
_KEPT = "() => JSON.stringify(Object.entries(sessionStorage).filter(([k]) => k.includes('unsent')))"


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """The server with an endpoint."""
    script = Script()
    with FaultServer(script) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url}
        with serve_app(tmp_path_factory.mktemp("connected"), env=env) as server:
            yield server, script


@pytest.fixture(autouse=True)
def _fresh_script(connected: Endpoint) -> None:
    script = connected[1]
    for name, value in vars(Script()).items():
        setattr(script, name, value)


def _kept(page: Page) -> dict[str, str]:
    """What the browser keeps, by conversation."""
    found = json.loads(page.evaluate(_KEPT))
    return {key.partition(":")[2]: value for key, value in found}


def _wait_until_kept(page: Page, expected: dict[str, str]) -> None:
    deadline = time.monotonic() + 90
    while _kept(page) != expected and time.monotonic() < deadline:
        page.wait_for_timeout(50)
    assert _kept(page) == expected


def _go(page: Page, name: str) -> None:
    """Follow a link of the navigation, on a phone too."""
    if name == "Ask":
        new_conversation(page)
        return
    set_sidebar(page).get_by_role("link", name=name).click()


@pytest.mark.parametrize("width", [390, 1280])
def test_typed_words_outlast_another_page_and_a_reload(
    connected: Endpoint, open_page: OpenPage, width: int
) -> None:
    """They stand in the input again, can be sent, and are nowhere after that."""
    server, script = connected
    page, _ = open_page(server.url, viewport={"width": width, "height": 800})
    area(page).type("Was kostet\tdas \N{EURO SIGN}")
    typed = area(page).input_value()
    _go(page, "Conversations")
    expect(page.locator(".composer")).to_have_count(0)
    _go(page, "Ask")
    expect(area(page)).to_have_value(typed)
    page.reload()
    expect(area(page)).to_have_value(typed)

    area(page).press("End")
    area(page).type("?")
    send(page)
    expect_whole(page, script.text)

    assert typed + "?" in json.loads(script.asked[-1].body)["messages"][-1]["content"]
    expect(area(page)).to_have_value("")
    assert _kept(page) == {}
    page.reload()
    expect(messages(page)).to_have_count(2)
    expect(area(page)).to_have_value("")


def _look_elsewhere(page: Page) -> None:
    """Go to another page and come back."""
    _go(page, "Conversations")
    expect(page.locator(".composer")).to_have_count(0)
    expect_rest(page)
    _go(page, "Ask")
    expect(area(page)).to_be_visible()
    expect_rest(page)


def _pictures_asked(script: Script) -> list[int]:
    """How many pictures the last message of each request has."""
    last = [json.loads(asked.body)["messages"][-1]["content"] for asked in script.asked]
    return [sum(part["type"] == "image_url" for part in parts) for parts in last]


@pytest.mark.parametrize("width", [390, 1280])
def test_attached_pictures_outlast_another_page(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path, width: int
) -> None:
    """They wait beside the input, go with the question, and are nowhere after that."""
    server, script = connected
    page, _ = open_page(server.url, viewport={"width": width, "height": 800})
    choose(page, photo(tmp_path, "a.jpg", text="1"))
    choose(page, photo(tmp_path, "b.jpg", text="2"))
    area(page).type("Was steht da?")

    _look_elsewhere(page)
    expect(tray(page)).to_have_count(2)
    expect(area(page)).to_have_value("Was steht da?")
    _look_elsewhere(page)
    expect(tray(page)).to_have_count(2)
    send(page)
    expect_whole(page, script.text)
    _look_elsewhere(page)

    expect(tray(page)).to_have_count(0)
    assert _pictures_asked(script) == [2]


def test_the_pages_of_a_pdf_can_be_chosen_after_another_page(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path
) -> None:
    """All of them wait, and the choice among them is still there."""
    server, _ = connected
    page, _ = open_page(server.url)
    pages = [Image.new("RGB", (300, 400), color) for color in ("#604040", "#406040")]
    pages[0].save(tmp_path / "contract.pdf", save_all=True, append_images=pages[1:])
    choose(page, tmp_path / "contract.pdf")

    _look_elsewhere(page)
    expect(tray(page)).to_have_count(2)
    page.get_by_role("button", name="Choose pages: contract.pdf").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("contract.pdf has 2 pages")
    dialog.get_by_text("Page 2", exact=True).click()
    dialog.get_by_role("button", name="Use this page").click()

    expect(tray(page)).to_have_count(1)


def test_what_was_taken_out_or_used_is_not_there_again(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path
) -> None:
    """Pictures taken out or sent, and a file for another page."""
    server, script = connected
    page, _ = open_page(server.url)
    choose(page, photo(tmp_path, "a.jpg", text="1"))
    with page.expect_response(lambda answer: answer.request.method == "DELETE"):
        page.get_by_role("button", name="Remove a.jpg").click()
    _look_elsewhere(page)
    expect(tray(page)).to_have_count(0)

    ask(page, "Was ist das?", [photo(tmp_path, "b.jpg", text="2")])
    expect_whole(page, script.text)
    _look_elsewhere(page)
    expect(tray(page)).to_have_count(0)

    (tmp_path / "chats.json").write_text("{}")
    _go(page, "My data")
    page.get_by_test_id("stFileUploader").locator("input").set_input_files(tmp_path / "chats.json")
    expect(page.get_by_test_id("stAlert").first).to_be_visible()
    _go(page, "Ask")
    expect(area(page)).to_be_visible()
    _look_elsewhere(page)
    expect(tray(page)).to_have_count(0)
    expect(page.get_by_test_id("stAlert")).to_have_count(0)


def test_each_conversation_has_its_own_words(connected: Endpoint, open_page: OpenPage) -> None:
    """What was typed for one is not sent to another; it is there on coming back."""
    server, script = connected
    page, _ = open_page(server.url)
    ask(page, "Erste Frage?")
    expect_whole(page, script.text)
    area(page).fill("Noch etwas zur ersten")
    new_conversation(page)
    expect(area(page)).to_have_value("")
    area(page).fill("Etwas ganz anderes")
    page.get_by_role("button", name="Erste Frage?").click()
    expect(messages(page)).to_have_count(2)
    expect(area(page)).to_have_value("Noch etwas zur ersten")
    page.go_back()
    expect(area(page)).to_have_value("Etwas ganz anderes")

    assert sorted(_kept(page).values()) == ["Etwas ganz anderes", "Noch etwas zur ersten"]
    area(page).fill("")
    assert list(_kept(page).values()) == ["Noch etwas zur ersten"]


def test_words_sent_by_the_keyboard_are_gone_at_once(
    connected: Endpoint, open_page: OpenPage
) -> None:
    """While the answer is being written, a reload puts nothing back."""
    server, script = connected
    script.first_pause_seconds = 300
    page, _ = open_page(server.url)
    area(page).type("Einmal genügt?")
    assert _kept(page) == {"new": "Einmal genügt?"}
    area(page).press("Enter")
    _wait_until_kept(page, {})
    expect(messages(page)).to_have_count(2)

    page.reload()
    expect(messages(page)).to_have_count(2)
    expect(area(page)).to_have_value("")
    script.first_pause_seconds = 0
    page.get_by_role("button", name="Stop").click()


def test_a_temporary_conversation_leaves_nothing_in_the_browser(
    connected: Endpoint, open_page: OpenPage
) -> None:
    """What was typed before the switch is taken out too, but stays in the input."""
    server, _ = connected
    page, _ = open_page(server.url)
    area(page).type("Geheim")
    assert _kept(page) == {"new": "Geheim"}
    page.locator(".composer-add").click()
    page.get_by_role("menuitemcheckbox", name="Don't save").click()
    _wait_until_kept(page, {})
    area(page).type("er Plan")

    expect(area(page)).to_have_value("Geheimer Plan")
    assert _kept(page) == {}


def test_words_given_back_are_kept_like_typed_ones(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path
) -> None:
    """A question that could not be asked outlasts a visit elsewhere, and so does its picture."""
    server, _ = connected
    page, _ = open_page(server.url, "/?expert=true")
    open_settings(page, section="Sampling")
    field = page.locator(".st-key-temperature").locator("input")
    field.fill("3")  # nothing can be sent with that
    field.press("Enter")
    expect_rest(page)
    ask(page, "Was ist das?", [photo(tmp_path, "a.jpg")])
    expect(page.get_by_test_id("stAlert").first).to_be_visible()
    expect(tray(page)).to_have_count(1)
    expect(area(page)).to_have_value("Was ist das?")
    _wait_until_kept(page, {"new": "Was ist das?"})
    _go(page, "Conversations")
    expect(page.locator(".composer")).to_have_count(0)
    _go(page, "Ask")

    expect(area(page)).to_have_value("Was ist das?")
    expect(tray(page)).to_have_count(1)


def test_words_typed_while_the_first_answer_is_written_stay(
    connected: Endpoint, open_page: OpenPage
) -> None:
    """Also when the page learns which conversation this is."""
    server, script = connected
    script.waits_before = script.words[-1]
    page, _ = open_page(server.url)
    ask(page, "Erste Frage?")
    expect(messages(page)).to_have_count(2)
    area(page).type("Und dann?")
    script.waits_before = ""

    expect_whole(page, script.text)
    expect_rest(page)
    _wait_until_kept(page, {page.url.split("c=")[1]: "Und dann?"})
    expect(area(page)).to_have_value("Und dann?")
    send(page)
    expect(messages(page)).to_have_count(4)

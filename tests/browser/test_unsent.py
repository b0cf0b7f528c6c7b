"""Words that were typed and not sent are there again, in the browser that they were typed in."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.playing import Script, ask, expect_rest, expect_whole, messages, photo
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


def _area(page: Page) -> Locator:
    return page.get_by_test_id("stChatInputTextArea")


def _kept(page: Page) -> dict[str, str]:
    """What the browser keeps, by conversation."""
    found = json.loads(page.evaluate(_KEPT))
    return {key.partition(":")[2]: value for key, value in found}


def _wait_until_kept(page: Page, expected: dict[str, str]) -> None:
    deadline = time.monotonic() + 30
    while _kept(page) != expected and time.monotonic() < deadline:
        page.wait_for_timeout(50)
    assert _kept(page) == expected


def _go(page: Page, name: str) -> None:
    """Follow a link of the navigation, on a phone too."""
    link = page.get_by_test_id("stSidebarNavLink").filter(has_text=name)
    if page.evaluate("innerWidth") < 500:
        page.get_by_test_id("stExpandSidebarButton").click()
    link.click()


@pytest.mark.parametrize("width", [390, 1280])
def test_typed_words_outlast_another_page_and_a_reload(
    connected: Endpoint, open_page: OpenPage, width: int
) -> None:
    """They stand in the input again, can be sent, and are nowhere after that."""
    server, script = connected
    page, _ = open_page(server.url, viewport={"width": width, "height": 800})
    _area(page).type("Was kostet\tdas \N{EURO SIGN}")
    typed = _area(page).input_value()
    _go(page, "Conversations")
    expect(page.get_by_test_id("stChatInput")).to_have_count(0)
    _go(page, "Ask")
    expect(_area(page)).to_have_value(typed)
    page.reload()
    expect(_area(page)).to_have_value(typed)

    _area(page).press("End")
    _area(page).type("?")
    page.get_by_test_id("stChatInputSubmitButton").click()
    expect_whole(page, script.text)

    assert typed + "?" in json.loads(script.asked[-1].body)["messages"][-1]["content"]
    expect(_area(page)).to_have_value("")
    assert _kept(page) == {}
    page.reload()
    expect(messages(page)).to_have_count(2)
    expect(_area(page)).to_have_value("")


def _attach(page: Page, *files: Path) -> None:
    chooser = page.locator('[data-testid="stChatInput"] input[type="file"]').first
    with page.expect_response(lambda answer: "upload_file" in answer.url):
        chooser.set_input_files(files)
    for file in files:
        expect(page.get_by_test_id("stChatInput")).to_contain_text(file.name)


def _look_elsewhere(page: Page) -> None:
    """Go to another page and come back."""
    _go(page, "Conversations")
    expect(page.get_by_test_id("stChatInput")).to_have_count(0)
    expect_rest(page)
    _go(page, "Ask")
    expect(_area(page)).to_be_visible()
    expect_rest(page)


def _drafts(page: Page) -> Locator:
    return page.locator(".st-key-drafts").get_by_test_id("stImage")


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
    _attach(page, photo(tmp_path, "a.jpg", text="1"))
    _attach(page, photo(tmp_path, "b.jpg", text="2"))
    _area(page).type("Was steht da?")

    _look_elsewhere(page)
    expect(_drafts(page)).to_have_count(2)
    expect(_area(page)).to_have_value("Was steht da?")
    _look_elsewhere(page)
    expect(_drafts(page)).to_have_count(2)
    page.get_by_test_id("stChatInputSubmitButton").click()
    expect_whole(page, script.text)
    _look_elsewhere(page)

    expect(_drafts(page)).to_have_count(0)
    assert _pictures_asked(script) == [2]


def test_an_attached_pdf_asks_for_its_pages_after_another_page(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path
) -> None:
    """As it would have with its question."""
    server, _ = connected
    page, _ = open_page(server.url)
    pages = [Image.new("RGB", (300, 400), color) for color in ("#604040", "#406040")]
    pages[0].save(tmp_path / "contract.pdf", save_all=True, append_images=pages[1:])
    _attach(page, tmp_path / "contract.pdf")

    _look_elsewhere(page)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("contract.pdf has 2 pages")
    dialog.get_by_role("button", name="Use this page").click()
    dialog.get_by_role("button", name="Done").click()

    expect(_drafts(page)).to_have_count(1)


def test_what_was_taken_out_or_used_is_not_there_again(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path
) -> None:
    """Pictures taken out, sent or chosen in the dialog, and a file for another page."""
    server, script = connected
    page, _ = open_page(server.url)
    _attach(page, photo(tmp_path, "a.jpg", text="1"))
    with page.expect_response(lambda answer: answer.request.method == "DELETE"):
        page.get_by_test_id("stChatInput").get_by_role("button", name="Remove a.jpg").click()
    _look_elsewhere(page)
    expect(_drafts(page)).to_have_count(0)

    ask(page, "Was ist das?", [photo(tmp_path, "b.jpg", text="2")])
    expect_whole(page, script.text)
    _look_elsewhere(page)
    expect(_drafts(page)).to_have_count(0)

    (tmp_path / "chats.json").write_text("{}")
    _go(page, "My data")
    page.get_by_test_id("stFileUploader").locator("input").set_input_files(tmp_path / "chats.json")
    expect(page.get_by_test_id("stAlert").first).to_be_visible()
    _go(page, "Ask")
    expect(_area(page)).to_be_visible()
    _look_elsewhere(page)
    expect(_drafts(page)).to_have_count(0)
    expect(page.get_by_test_id("stAlert")).to_have_count(0)

    page.get_by_role("button", name="Pictures").click()
    dialog = page.get_by_role("dialog")
    dialog.locator('input[type="file"]').set_input_files(photo(tmp_path, "c.jpg", text="3"))
    expect(dialog.get_by_test_id("stImage").first).to_be_visible()
    dialog.get_by_role("button", name="Done").click()
    expect(dialog).to_have_count(0)
    _look_elsewhere(page)
    expect(_drafts(page)).to_have_count(1)


def test_each_conversation_has_its_own_words(connected: Endpoint, open_page: OpenPage) -> None:
    """What was typed for one is not sent to another; it is there on coming back."""
    server, script = connected
    page, _ = open_page(server.url)
    ask(page, "Erste Frage?")
    expect_whole(page, script.text)
    _area(page).fill("Noch etwas zur ersten")
    page.get_by_role("button", name="New conversation").click()
    expect(_area(page)).to_have_value("")
    _area(page).fill("Etwas ganz anderes")
    page.get_by_role("button", name="Erste Frage?").click()
    expect(messages(page)).to_have_count(2)
    expect(_area(page)).to_have_value("Noch etwas zur ersten")
    page.go_back()
    expect(_area(page)).to_have_value("Etwas ganz anderes")

    assert sorted(_kept(page).values()) == ["Etwas ganz anderes", "Noch etwas zur ersten"]
    _area(page).fill("")
    assert list(_kept(page).values()) == ["Noch etwas zur ersten"]


def test_words_sent_by_the_keyboard_are_gone_at_once(
    connected: Endpoint, open_page: OpenPage
) -> None:
    """While the answer is being written, a reload puts nothing back."""
    server, script = connected
    script.first_pause_seconds = 60
    page, _ = open_page(server.url)
    _area(page).type("Einmal genügt?")
    assert _kept(page) == {"new": "Einmal genügt?"}
    _area(page).press("Enter")
    _wait_until_kept(page, {})
    expect(messages(page)).to_have_count(2)

    page.reload()
    expect(messages(page)).to_have_count(2)
    expect(_area(page)).to_have_value("")
    script.first_pause_seconds = 0
    page.get_by_role("button", name="Stop").click()


def test_a_temporary_conversation_leaves_nothing_in_the_browser(
    connected: Endpoint, open_page: OpenPage
) -> None:
    """What was typed before the switch is taken out too, but stays in the input."""
    server, _ = connected
    page, _ = open_page(server.url)
    _area(page).type("Geheim")
    assert _kept(page) == {"new": "Geheim"}
    page.get_by_text("Do not store").click()
    _wait_until_kept(page, {})
    _area(page).type("er Plan")

    expect(_area(page)).to_have_value("Geheimer Plan")
    assert _kept(page) == {}


def test_words_given_back_are_kept_like_typed_ones(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path
) -> None:
    """A question that could not be used outlasts a visit to another page."""
    server, _ = connected
    page, _ = open_page(server.url)
    broken = tmp_path / "kaputt.jpg"
    broken.write_bytes(b"\xff\xd8\xff kein Bild")
    ask(page, "Was ist das?", [broken])
    expect(_area(page)).to_have_value("Was ist das?")
    _wait_until_kept(page, {"new": "Was ist das?"})
    _go(page, "Conversations")
    expect(page.get_by_test_id("stChatInput")).to_have_count(0)
    _go(page, "Ask")

    expect(_area(page)).to_have_value("Was ist das?")


_TYPE_AT_ONCE = """
(text) => {
  const set = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set;
  const look = () => {
    const area = document.querySelector('[data-testid="stChatInputTextArea"]');
    if (!area || area.disabled) return requestAnimationFrame(look);
    set.call(area, text);
    area.dispatchEvent(new Event("input", { bubbles: true }));
  };
  look();
}
"""


def test_words_typed_the_moment_an_answer_ends_stay(
    connected: Endpoint, open_page: OpenPage
) -> None:
    """Also after the first one, when the page learns which conversation this is."""
    server, script = connected
    script.pause_seconds = 0.1
    page, _ = open_page(server.url)
    ask(page, "Erste Frage?")
    expect(messages(page)).to_have_count(2)
    expect(_area(page)).to_be_disabled()

    page.evaluate(_TYPE_AT_ONCE, "Und dann?")

    expect_whole(page, script.text)
    expect_rest(page)
    _wait_until_kept(page, {page.url.split("c=")[1]: "Und dann?"})
    expect(_area(page)).to_have_value("Und dann?")
    page.get_by_test_id("stChatInputSubmitButton").click()
    expect(messages(page)).to_have_count(4)

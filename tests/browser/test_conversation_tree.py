"""Working with a conversation, as people do it at a phone and at a desk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.playing import (
    Script,
    ask,
    click_until,
    expect_rest,
    expect_whole,
    messages,
    photo,
    set_sidebar,
)
from tests.faults.server import FaultServer
from tests.serving import AppServer, serve_app

Endpoint = tuple[AppServer, Script]
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """The server with an endpoint; tests change the script."""
    script = Script()
    with FaultServer(script) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url}
        with serve_app(tmp_path_factory.mktemp("tree"), env=env) as server:
            yield server, script


@pytest.fixture(autouse=True)
def _fresh_script(connected: Endpoint) -> None:
    for name, value in vars(Script()).items():
        setattr(connected[1], name, value)


def _sent(script: Script) -> list[list[str]]:
    """What each question of the last request was made of: "picture", or its words."""
    asked = [m for m in json.loads(script.asked[-1].body)["messages"] if m["role"] == "user"]
    return [
        [str(part.get("text", "picture")) for part in message["content"]]
        if isinstance(message["content"], list)
        else [message["content"]]
        for message in asked
    ]


def _button(within: Page | Locator, name: str) -> Locator:
    return within.get_by_role("button", name=name, exact=True)


def _menu(page: Page, name: str) -> None:
    item = page.get_by_role("menuitem", name=name)
    click_until(page.get_by_role("button", name="Menü zu"), item)
    item.click()


def _close_dialog(page: Page) -> None:
    """Close a dialog once it is there; it is not yet while the run that opens it goes on."""
    _button(page.get_by_role("dialog"), "Schließen").click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_question_is_changed_at_a_phone(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path
) -> None:
    """One picture is taken out and one put in; both versions are there to go back and forth."""
    server, script = connected
    script.words = ("Zwei Zahlen.",)
    page, _ = open_page(server.url, locale="de-DE", viewport=PHONE)
    pictures = [photo(tmp_path, "a.jpg"), photo(tmp_path, "b.jpg", text="7")]
    ask(page, "Welche Zahlen?", pictures)
    expect_whole(page, "Zwei Zahlen.")
    ask(page, "Und ihre Summe?")
    expect(messages(page)).to_have_count(4)
    expect_whole(page, "Zwei Zahlen.")
    first_bytes = json.loads(script.asked[-1].body)["messages"][0]["content"][1]
    script.words = ("Eine andere.",)

    _button(messages(page).first, "Frage bearbeiten: Welche Zahlen?").click()
    panel = messages(page).first
    expect(panel.get_by_role("textbox")).to_be_focused()
    expect(panel.get_by_role("textbox")).to_be_in_viewport()
    panel.get_by_text("mitsenden").first.click()
    panel.locator("summary").click()
    expect(panel.get_by_role("button", name="Auswählen …")).to_be_visible()
    expect(panel.get_by_text("per file")).to_be_hidden()  # Streamlit's own words
    panel.locator('input[type="file"]').set_input_files(photo(tmp_path, "c.jpg", text="9"))
    expect(panel.get_by_text("c.jpg")).to_be_visible()
    panel.get_by_role("textbox").fill("Welche ist neu?")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    _button(panel, "Senden").click()

    expect(messages(page)).to_have_count(2)
    expect_whole(page, "Eine andere.")
    assert _sent(script) == [["picture", "picture", "Welche ist neu?"]]
    assert json.loads(script.asked[-1].body)["messages"][0]["content"][0] == first_bytes
    expect(messages(page).first).to_contain_text("Version 2 von 2")
    messages(page).first.get_by_role("button", name="Vorherige").click()
    expect(messages(page)).to_have_count(4)
    expect(messages(page).first).to_contain_text("Welche Zahlen?")
    messages(page).first.get_by_role("button", name="Nächste").click()
    expect(messages(page)).to_have_count(2)
    expect(messages(page).last).to_contain_text("Eine andere.")


def test_earlier_pictures_are_switched_off_at_a_phone(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path
) -> None:
    """The line says what goes along and what it costs; only what is ticked is sent."""
    server, script = connected
    page, _ = open_page(server.url, locale="de-DE", viewport=PHONE)
    ask(page, "Was ist das?", [photo(tmp_path, "a.jpg"), photo(tmp_path, "b.jpg", text="7")])
    expect_whole(page, script.text)
    ask(page, "Und das?", [photo(tmp_path, "c.jpg", text="9")])
    expect(messages(page)).to_have_count(4)
    expect_whole(page, script.text)
    strip = page.locator(".st-key-context_strip")
    expect(strip).to_contain_text("3 frühere Bilder werden mitgesendet · etwa 1.300 Tokens")

    strip.locator("summary").click()
    fewer = strip.get_by_text("2 von 3 früheren Bildern mitgesendet · etwa 850 Tokens")
    click_until(strip.get_by_text("mitsenden").first, fewer)  # what opens is moving still
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.locator("#stMain").evaluate("element => { element.scrollTop = 0 }")
    expect(messages(page).last).not_to_be_in_viewport()
    ask(page, "Noch etwas?")
    expect(messages(page)).to_have_count(6)
    expect_whole(page, script.text)
    expect(messages(page).last).to_be_in_viewport()  # it was scrolled away when it was asked
    assert _sent(script) == [["picture", "Was ist das?"], ["picture", "Und das?"], ["Noch etwas?"]]
    expect(strip.locator("details[open]")).to_have_count(0)
    strip.locator("summary").click()
    expect(strip.get_by_test_id("stButtonGroup").get_by_role("radio")).to_have_count(3)
    newest = strip.get_by_test_id("stButtonGroup").get_by_text("1", exact=True)
    click_until(newest, strip.get_by_text("1 von 3 früheren Bildern mitgesendet"))
    page.reload()
    ask(page, "Und jetzt?")
    expect(messages(page)).to_have_count(8)
    expect_whole(page, script.text)

    assert _sent(script)[:2] == [["Was ist das?"], ["picture", "Und das?"]]


def test_deleted_messages_can_be_had_back(connected: Endpoint, open_page: OpenPage) -> None:
    """The foot says what else went; the branch that is left is shown, and stays after a reload."""
    server, script = connected
    page, _ = open_page(server.url, locale="de-DE")
    ask(page, "Erste")
    expect_whole(page, script.text)
    script.words = ("Noch einmal.",)
    _button(page, "Noch einmal").click()
    expect_whole(page, "Noch einmal.")
    ask(page, "Zweite")
    expect(messages(page)).to_have_count(4)
    expect_whole(page, "Noch einmal.")

    messages(page).nth(1).get_by_role("button", name="Mehr zur Antwort auf „Erste“").click()
    page.get_by_role("menuitem", name="Antwort auf „Erste“ löschen").click()
    expect(page.locator(".st-key-undo")).to_contain_text("Antwort und 1 spätere Frage gelöscht.")
    expect(messages(page)).to_have_count(2)
    expect(messages(page).last).to_contain_text("Ein Schild mit")
    _button(page, "Rückgängig").click()
    expect(messages(page)).to_have_count(4)
    expect_rest(page)
    messages(page).nth(1).get_by_role("button", name="Mehr zur Antwort auf „Erste“").click()
    page.get_by_role("menuitem", name="Antwort auf „Erste“ löschen").click()
    expect(messages(page)).to_have_count(2)
    page.reload()
    expect(messages(page)).to_have_count(2)
    expect(messages(page).last).not_to_contain_text("Antwort 1 von 2")


def test_the_menu_of_a_conversation(connected: Endpoint, open_page: OpenPage) -> None:
    """Another title, a place at the top, a file, a link; and deleting, which can be undone."""
    server, script = connected
    page, _ = open_page(server.url, locale="de-DE")
    ask(page, "Was ist das?")
    expect_whole(page, script.text)
    sidebar = page.get_by_test_id("stSidebar")

    _menu(page, "Umbenennen")
    page.get_by_role("dialog").get_by_role("textbox").fill("Das *neue* Schild")
    _button(page, "Speichern").click()
    expect(sidebar.get_by_role("button", name="Das *neue* Schild")).to_be_visible()
    _menu(page, "Oben anheften")
    unpin = page.get_by_role("menuitem", name="Nicht mehr anheften")
    click_until(page.get_by_role("button", name="Menü zu"), unpin)
    page.get_by_role("menuitem", name="Herunterladen").click()
    expect(page.get_by_role("dialog").get_by_test_id("stDownloadButton")).to_have_count(3)
    _close_dialog(page)
    _menu(page, "Link zum Lesen teilen")
    expect(page.get_by_role("dialog")).to_contain_text("Link")
    _close_dialog(page)
    _menu(page, "Gespräch löschen")
    expect(messages(page)).to_have_count(0)
    expect(page.get_by_role("heading", name="Was möchten Sie wissen?")).to_be_visible()
    _button(page, "Rückgängig").click()

    expect_whole(page, script.text)


def test_the_menu_is_in_reach_at_the_end_of_a_long_answer(
    connected: Endpoint, open_page: OpenPage
) -> None:
    """On a phone too; the open sidebar lies over it."""
    server, script = connected
    script.words = [f"Absatz {number}\n\n" for number in range(60)]
    page, _ = open_page(server.url, locale="de-DE", viewport=PHONE)
    ask(page, "Was ist das?")
    expect_whole(page, "Absatz 59")
    expect(messages(page).first).not_to_be_in_viewport()

    page.get_by_role("button", name="Menü zu").click()
    page.get_by_role("menuitem", name="Umbenennen").click()

    expect(page.get_by_role("dialog")).to_contain_text("Umbenennen")
    page.keyboard.press("Escape")
    set_sidebar(page).get_by_role("button", name="Neues Gespräch").click()
    expect(page.get_by_role("heading", name="Was möchten Sie wissen?")).to_be_visible()


def test_a_temporary_conversation_is_said_and_stands_in_no_list(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path
) -> None:
    """It goes on and survives a reload; the next conversation is stored again."""
    server, script = connected
    page, _ = open_page(server.url, locale="de-DE", viewport=PHONE)
    note = page.locator(".st-key-top_bar").get_by_text("Nicht gespeichert")
    page.locator(".composer-add").click()
    page.get_by_role("menuitemcheckbox", name="Nicht speichern").click()
    badge = page.get_by_text("Dieses Gespräch wird nicht gespeichert")
    expect(badge).to_be_visible()
    ask(page, "Was ist das Geheime?", [photo(tmp_path, "a.jpg")])
    expect_whole(page, script.text)
    expect(note).to_be_visible()
    ask(page, "Und weiter?")
    expect(messages(page)).to_have_count(4)
    expect_whole(page, script.text)
    assert _sent(script) == [["picture", "Was ist das Geheime?"], ["Und weiter?"]]

    page.reload()

    expect(messages(page)).to_have_count(4)
    expect(note).to_be_visible()
    page.goto(server.url)
    expect(page.get_by_role("heading", name="Was möchten Sie wissen?")).to_be_visible()
    expect(badge).to_have_count(0)
    expect(page.get_by_test_id("stSidebar").get_by_text("Was ist das Geheime?")).to_have_count(0)


def test_the_browsers_back_button_leads_where_people_were(
    connected: Endpoint, open_page: OpenPage
) -> None:
    """To the empty page and on to the conversation again; another page in between loses nothing."""
    server, script = connected
    page, _ = open_page(server.url)
    start = page.get_by_role("heading", name="What would you like to know?")
    expect(start).to_be_visible()
    ask(page, "Where is the cat?")
    expect_whole(page, script.text)

    page.go_back()
    expect(start).to_be_visible()
    expect(messages(page)).to_have_count(0)
    page.go_forward()
    expect(messages(page)).to_have_count(2)
    page.get_by_role("link", name="Models and connections").click()
    expect(page.get_by_role("heading", name="Models and connections")).to_be_visible()
    page.go_back()

    expect(messages(page)).to_have_count(2)
    expect(messages(page).last).to_contain_text("Ein Schild mit")


def test_one_step_back_is_one_page(connected: Endpoint, open_page: OpenPage) -> None:
    """What was chosen in between, and what Streamlit did to the address, is no step of its own."""
    server, script = connected
    page, _ = open_page(server.url)
    start = page.get_by_role("heading", name="What would you like to know?")
    expect(start).to_be_visible()
    before = page.evaluate("history.length")
    ask(page, "Where is the cat?")
    expect_whole(page, script.text)
    page.get_by_test_id("stSidebar").get_by_text("Deutsch", exact=True).click()
    expect(page.get_by_role("button", name="Neues Gespräch").first).to_be_visible()
    page.get_by_role("link", name="Meine Daten").click()
    expect(page.get_by_role("heading", name="Meine Daten")).to_be_visible()
    page.get_by_role("link", name="Gespräche").click()
    page.get_by_test_id("stMain").get_by_role(
        "button", name="Where is the cat?", exact=True
    ).click()
    expect(messages(page)).to_have_count(2)
    expect_rest(page)

    assert page.evaluate("history.length") == before + 4
    page.go_back()
    expect(page.get_by_role("heading", name="Gespräche")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Meine Daten")).to_be_visible()
    page.go_back()
    expect(messages(page)).to_have_count(2)
    page.go_back()
    expect(page.get_by_role("heading", name="Was möchten Sie wissen?")).to_be_visible()
    expect(messages(page)).to_have_count(0)

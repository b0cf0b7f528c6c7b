"""A person who knows no JSON gets what stands in a picture as a form, at a desk and on a phone."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.playing import Script, ask, choose_a_form, messages, take_example
from tests.faults.server import FaultServer
from tests.serving import AppServer, serve_app

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def _ask_about_the_receipt(page: Page) -> Locator:
    page.get_by_role("button", name="Wie hoch ist der Gesamtbetrag?").click()
    expect(messages(page)).to_have_count(2)
    answer = messages(page).last
    expect(answer.get_by_role("button", name="CSV", exact=True)).to_be_visible(timeout=60_000)
    return answer


def test_a_receipt_becomes_a_form_with_two_clicks(
    app_server: AppServer, open_page: OpenPage, tmp_path: Path
) -> None:
    """Total and date by name; there after a reload without the switch, and as a file."""
    page, _ = open_page(app_server.url, "/?expert=true", locale="de-DE")
    choose_a_form(page)
    take_example(page, "Kassenbeleg")
    answer = _ask_about_the_receipt(page)
    expect(answer).to_contain_text("Gesamtbetrag 22,24")
    page.goto(page.url.replace("expert=true", "expert=false"))

    expect(answer).to_contain_text("Gesamtbetrag 22,24")
    expect(answer).to_contain_text("Datum 21. November 2026")
    expect(answer).to_contain_text("Geschäft Frischmarkt Müller")
    expect(answer).to_contain_text("Alle Felder stimmen mit den Vorgaben überein.")
    expect(page.get_by_role("tab", name="Format")).to_have_count(0)
    with page.expect_download() as download:
        answer.get_by_role("button", name="CSV", exact=True).click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert path.name == "antwort.csv"
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    read = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline="")))
    assert read == [
        ["Geschäft", "Datum", "Gesamtbetrag", "Währung", "MwSt"],
        ["Frischmarkt Müller", "2026-11-21", "22.24", "EUR", "2.11"],
    ]


def test_the_posts_of_a_receipt_become_a_table(app_server: AppServer, open_page: OpenPage) -> None:
    """A row for everything that was bought."""
    page, _ = open_page(app_server.url, "/?expert=true", locale="de-DE")
    choose_a_form(page)
    take_example(page, "Posten eines Belegs")
    answer = _ask_about_the_receipt(page)

    rows = answer.get_by_role("row")
    expect(rows).to_have_count(8)
    expect(rows.nth(2)).to_contain_text("Käsebrötchen")
    expect(rows.nth(2)).to_contain_text("1,49")


def test_fields_of_ones_own_are_typed_on_a_phone(
    app_server: AppServer, open_page: OpenPage
) -> None:
    """Two fields in the table, by touch alone, the last one done in the middle of its cell."""
    page, _ = open_page(app_server.url, "/?expert=true", locale="de-DE", **PHONE)
    choose_a_form(page)
    page.get_by_role("button", name="Felder festlegen").tap()
    _type_cell(page, 0, "Summe")
    _choose_cell(page, 0, "Zahl")
    _open_cell(page, 1, _NAME_X, page.locator(_CELL)).fill("Einkaufsdatum")
    page.get_by_role("button", name="Fertig").tap()
    expect(page.get_by_test_id("stDialog")).to_have_count(0)
    expect(page.locator(".st-key-expert_panel")).to_contain_text("Summe · Einkaufsdatum")
    page.locator(".panel-toggle").click()
    answer = _ask_about_the_receipt(page)

    expect(answer).to_contain_text("Summe 22,24")
    expect(answer).to_contain_text("Einkaufsdatum 2026-11-21")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["viewport"]["width"]  # type: ignore[index] # the size above


_ROW_PX, _MIDDLE_PX = 35, 17
_NAME_X, _KIND_X = 80, 210
_CELL = "#portal textarea.gdg-input"


def _open_cell(page: Page, row: int, x: int, inside: Locator) -> Locator:
    """Tap a cell until it is open; the first tap of a pair may only choose it."""
    table = page.get_by_test_id("stDataFrame")
    expect(table.locator("canvas").first).to_be_visible()
    for _ in range(10):
        box = table.bounding_box()
        assert box is not None
        y = box["y"] + (row + 1) * _ROW_PX + _MIDDLE_PX
        page.touchscreen.tap(box["x"] + x, y)
        page.touchscreen.tap(box["x"] + x, y)
        try:
            inside.wait_for(timeout=2_000)
        except Exception as error:  # noqa: BLE001 - Playwright's own timeout; tapped again
            last = error
        else:
            return inside
    raise last


def _type_cell(page: Page, row: int, text: str) -> None:
    field = _open_cell(page, row, _NAME_X, page.locator(_CELL))
    field.fill(text)
    field.press("Enter")
    expect(field).to_have_count(0)


def _choose_cell(page: Page, row: int, name: str) -> None:
    option = page.get_by_role("option", name=name, exact=True)
    _open_cell(page, row, _KIND_X, option).tap()
    expect(option).to_have_count(0)


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AppServer, Script]]:
    """The server with an endpoint that streams a form slowly."""
    script = Script()
    with FaultServer(script) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url}
        with serve_app(tmp_path_factory.mktemp("connected"), env=env) as server:
            yield server, script


def test_a_form_streams_as_json_and_lands_once(
    connected: tuple[AppServer, Script], open_page: OpenPage
) -> None:
    """The code grows in lines while it comes; afterwards there is the form alone."""
    server, script = connected
    script.words = ('{"Geschäft": "Café", "Ges', 'amtbetrag": 3.5}')
    script.pause_seconds = 20
    page, _ = open_page(server.url, "/?expert=true", locale="de-DE")
    choose_a_form(page)
    take_example(page, "Kassenbeleg")
    ask(page, "Was kostet das?")
    coming = messages(page).last.get_by_test_id("stMarkdownContainer").locator("pre")

    expect(coming).to_contain_text('"Geschäft": "Café"')
    page.get_by_role("button", name="Stoppen").click()
    last = messages(page).last
    expect(last).to_contain_text("Geschäft Café")
    expect(last).to_contain_text("Die Antwort bricht ab.")
    expect(coming).to_have_count(0)
    sent = json.loads(script.asked[-1].body)["response_format"]
    assert sent["json_schema"]["schema"]["properties"]["Datum"]["format"] == "date"

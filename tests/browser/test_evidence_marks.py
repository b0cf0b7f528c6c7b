"""Answers that can be checked: what stands in the picture is marked and shown there."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Locator, Page, expect

from augenblick.core.paths import PROJECT_DIR
from tests.browser.conftest import OpenPage
from tests.browser.playing import (
    Script,
    ask,
    choose_a_form,
    click_until,
    expect_rest,
    expect_whole,
    messages,
    new_conversation,
    take_example,
)
from tests.faults.server import FaultServer, Received, Step
from tests.serving import AppServer, serve_app
from tests.several import Several

RECEIPT = PROJECT_DIR / "augenblick" / "pictures" / "samples" / "receipt.jpg"
TOTAL = (690, 845, 825, 900)  # of the receipt: where its total stands, about
WORDS = (
    "The total is **22.24 €**, paid on 21 November 2026 at 2:32 PM.\n\n",
    "| Thing | Price |\n|---|---|\n| Rapsöl | 2.19 |\n| Brot | 2.95 |\n\n",
    "```text\nBar 30,00\n```\n\nNothing else, $5 <b>aside</b>.",
)
SEVERAL = (
    ["It was 22.24 € ", "on 21 November 2026."],
    ["It was 22.25 € ", "on 22 November 2026."],
    ["It was 22.24 € ", "on 21 November 2026."],
)
FORM = {
    "Geschäft": "Frischmarkt Müller",
    "Datum": "2026-11-21",
    "Gesamtbetrag": 22.24,
    "MwSt": 2.12,
}
ROWS = [{"Artikel": "Rapsöl 500 ml", "Preis": 2.19}, {"Artikel": "Weißbrot", "Preis": 2.95}]
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
WIDE: dict[str, Any] = {"viewport": {"width": 1680, "height": 800}}  # room for the panel, too
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True}


def _answer(received: Received) -> Iterable[Step]:
    """In words, several times, or as the form that was asked for."""
    body = received.json() if received.body else {}
    if "response_format" in body:
        names = list(body["response_format"]["json_schema"]["schema"]["properties"])
        filled = FORM if len(names) > 1 else {names[0]: ROWS}
        return Script(words=(json.dumps(filled),))(received)
    if "n" in body:
        return Several(answers=SEVERAL)(received)
    return Script(words=WORDS)(received)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """The server with a foreign model, beside which the built-in reader runs."""
    with FaultServer(_answer) as endpoint:
        env = {
            "OPENAI_BASE_URL": endpoint.base_url,
            "OPENAI_MODEL": "gpt-4o",
            "AUGENBLICK_READER": "on",
        }
        with serve_app(tmp_path_factory.mktemp("evidence"), env=env) as running:
            yield running


def _asked(server: AppServer, open_page: OpenPage, picture: Path, **context: Any) -> Page:
    page, _ = open_page(server.url, **context)
    ask(page, "What does it cost?", [picture])
    expect_whole(page, "aside")
    expect_rest(page)
    return page


def _found(page: Page | Locator) -> Locator:
    return page.locator(".evidence-found")


def _line(page: Page) -> Locator:
    return page.locator(".evidence")


def _outlined(page: Page) -> tuple[float, float, float, float]:
    """Where the outline stands, in pixels of the picture."""
    found: list[float] = page.locator(".viewer-outline").evaluate(
        """it => [it.offsetLeft, it.offsetTop, it.offsetLeft + it.offsetWidth,
                  it.offsetTop + it.offsetHeight]"""
    )
    left, top, right, bottom = found
    return left, top, right, bottom


def test_values_are_marked_and_shown_in_the_picture(server: AppServer, open_page: OpenPage) -> None:
    """By pointer and keyboard, in text, table and code; after a reload as well."""
    page = _asked(server, open_page, RECEIPT, **DESKTOP)

    def check() -> None:
        expect(_line(page)).to_have_text("5 of 6 values found in the picture")
        values = ["22.24", "21 November 2026", "2:32 PM", "2.19", "30,00"]
        expect(_found(page)).to_have_text(values)
        expect(page.locator(".evidence-missing")).to_have_text(["2.95"])
        expect(page.locator(".evidence-missing")).to_have_attribute(
            "title", "Not found in the picture"
        )

    check()
    _found(page).first.hover()
    expect(page.locator(".viewer-outline")).to_have_count(1)
    assert _outlined(page) == pytest.approx(TOTAL, abs=25)
    page.mouse.move(5, 5)
    expect(page.locator(".viewer-outline")).to_have_count(0)
    _found(page).nth(1).focus()
    before = _outlined(page)
    page.keyboard.press("Tab")
    assert _outlined(page) != before
    page.reload()
    check()


def test_each_of_several_answers_is_checked_by_itself(
    server: AppServer, open_page: OpenPage
) -> None:
    """With and without marks of what differs, which may end within a date; after a reload, too."""
    page, _ = open_page(server.url, "/?expert=true&n=3", **DESKTOP)
    ask(page, "What does it cost?", [RECEIPT])
    cards = messages(page).last.get_by_test_id("stColumn")

    def check(*words: str) -> None:
        lines = [f"{count} of 2 values found in the picture" for count in (2, 0, 2)]
        expect(_line(page)).to_have_text(lines, timeout=60_000)
        for at in (0, 2):
            expect(_found(cards.nth(at))).to_have_text(list(words))
        expect(_found(cards.nth(1))).to_have_count(0)
        expect(cards.nth(1).locator(".evidence-missing").first).to_have_text("22.25")

    check("22.24", "21", " November 2026")
    expect(cards.first.locator('.evidence-found[tabindex="0"]')).to_have_text(["22.24", "21"])
    page.reload()
    check("22.24", "21", " November 2026")
    dialog = page.get_by_role("dialog", name="Pictures in this conversation")
    click_until(_found(cards.last).first, dialog)
    assert _outlined(page) == pytest.approx(TOTAL, abs=25)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.get_by_text("Highlight differences").click()
    expect(page.locator(".compared")).to_have_count(0)
    check("22.24", "21 November 2026")


@pytest.mark.parametrize(
    ("example", "said", "found", "missing"),
    [
        (
            "Kassenbeleg",
            "3 von 4 Angaben im Bild gefunden",
            ["Frischmarkt Müller", "21. November 2026", "22,24"],
            "2,12",
        ),
        (
            "Posten eines Belegs",
            "3 von 4 Angaben im Bild gefunden",
            ["500", "2,19", "Weißbrot"],
            "2,95",
        ),
    ],
)
def test_the_cells_of_a_form_are_checked(
    server: AppServer,
    open_page: OpenPage,
    example: str,
    said: str,
    found: list[str],
    missing: str,
) -> None:
    """As they are written for people, and not in the JSON beside them; after a reload, too."""
    page, _ = open_page(server.url, "/?expert=true", locale="de-DE", **WIDE)
    choose_a_form(page)
    take_example(page, example)
    ask(page, "Was steht da?", [RECEIPT])

    def check() -> None:
        expect(_line(page)).to_have_text(said, timeout=60_000)
        expect(_found(page)).to_have_text(found)
        expect(page.locator(".evidence-missing")).to_have_text([missing])

    check()
    _found(page).get_by_text("2", exact=False).last.hover()
    expect(page.locator(".viewer-outline")).to_have_count(1)
    page.reload()
    check()


def test_the_marks_go_with_the_answer(server: AppServer, open_page: OpenPage) -> None:
    """Another conversation and another language have none of them left; copies are as before."""
    page = _asked(server, open_page, RECEIPT, **DESKTOP)
    expect(_found(page)).to_have_count(5)
    text = messages(page).last.locator(".stMarkdown p").first.inner_text()
    assert text == "The total is 22.24 €, paid on 21 November 2026 at 2:32 PM."

    page.get_by_text("Deutsch").click()
    expect(_line(page)).to_have_text("5 von 6 Angaben im Bild gefunden")
    expect(_found(page)).to_have_count(5)
    expect(_found(page).first).to_have_attribute("title", "Steht im Bild")
    new_conversation(page)
    expect(messages(page)).to_have_count(0)
    ask(page, "And without a picture?")
    expect_whole(page, "aside")
    expect_rest(page)
    expect(page.locator(".evidence, .evidence-found, .evidence-missing")).to_have_count(0)


def test_on_a_phone_a_tap_opens_the_place(server: AppServer, open_page: OpenPage) -> None:
    """The picture comes over the whole page, the place in sight."""
    page = _asked(server, open_page, RECEIPT, **PHONE)
    expect(_found(page)).to_have_count(5)

    _found(page).first.tap()

    dialog = page.get_by_role("dialog", name="Pictures in this conversation")
    expect(dialog).to_be_visible()
    expect(dialog.locator(".viewer-outline")).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(_found(page).first).to_be_focused()


def test_much_text_is_read_when_somebody_asks(
    server: AppServer, open_page: OpenPage, tmp_path: Path
) -> None:
    """And where a picture has none, nothing is said."""
    image = Image.new("RGB", (1100, 2000), "white")
    for row in range(40):
        text = "Total 22,24" if row == 20 else f"Line {row}"
        ImageDraw.Draw(image).text((60, 20 + 48 * row), text, "black", font_size=26)
    long = tmp_path / "long.png"
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    long.write_bytes(buffer.getvalue())
    page = _asked(server, open_page, long, **DESKTOP)

    button = page.get_by_role("button", name="Check against the picture")
    expect(button).to_be_visible()
    button.click()

    expect(_line(page)).to_have_text("1 of 6 values found in the picture")
    expect(_found(page)).to_have_text(["22.24"])


def test_an_answer_is_checked_for_its_own_browser_alone(
    server: AppServer, open_page: OpenPage
) -> None:
    """Everybody else gets 404, as for one that does not exist."""
    page = _asked(server, open_page, RECEIPT, **DESKTOP)
    address = _line(page).get_attribute("data-evidence") or ""
    stranger, _ = open_page(server.url)

    assert page.request.get(server.url + address).ok
    assert stranger.request.get(server.url + address).status == 404
    assert page.request.get(server.url + address.rpartition("/")[0] + "/xx").status == 404

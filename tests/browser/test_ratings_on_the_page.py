"""Whether an answer was good: marked with a click, kept, exported, counted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, Watch
from tests.browser.playing import Script, ask, expect_rest, expect_whole, messages
from tests.faults.server import FaultServer
from tests.serving import AppServer, serve_app

GOOD = "Good answer to “Who is that?”"
BAD = "Bad answer to “Who is that?”"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[AppServer]:
    """A server with one model."""
    script = Script()
    with FaultServer(script) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url, "OPENAI_MODEL": "gpt-4o"}
        with serve_app(tmp_path, env=env) as served:
            yield served


def _asked(open_page: OpenPage, server: AppServer) -> tuple[Page, Watch]:
    page, watch = open_page(server.url)
    ask(page, "Who is that?")
    expect_whole(page, Script().text)
    expect_rest(page)
    return page, watch


def _rate(page: Page, name: str, *, is_pressed: bool) -> None:
    """Click, and wait until the server has it."""
    button = page.get_by_role("button", name=name)
    with page.expect_response(lambda response: "/rating/" in response.url) as saved:
        button.click()
    assert saved.value.status == 204
    expect(button).to_have_attribute("aria-pressed", str(is_pressed).lower())


def test_one_click_marks_an_answer_and_another_takes_it_back(
    server: AppServer, open_page: OpenPage
) -> None:
    """It is there after a reload and after the next question, and one takes the other's place."""
    page, _ = _asked(open_page, server)
    good, bad = (page.get_by_role("button", name=name) for name in (GOOD, BAD))
    expect(good).to_have_attribute("aria-pressed", "false")

    _rate(page, GOOD, is_pressed=True)
    page.reload()
    expect(good).to_have_attribute("aria-pressed", "true")
    expect(bad).to_have_attribute("aria-pressed", "false")

    _rate(page, BAD, is_pressed=True)
    expect(good).to_have_attribute("aria-pressed", "false")
    ask(page, "And that?")
    expect(messages(page)).to_have_count(4)
    expect_whole(page, Script().text)
    expect(bad).to_have_attribute("aria-pressed", "true")

    bad.focus()
    with page.expect_response(lambda response: "/rating/" in response.url):
        page.keyboard.press("Enter")
    page.reload()
    expect(bad).to_have_attribute("aria-pressed", "false")


def test_a_rating_that_was_not_saved_is_put_back_with_a_word(
    server: AppServer, open_page: OpenPage
) -> None:
    """Nobody believes to have said what the server has not heard."""
    page, watch = _asked(open_page, server)
    watch.expect("ERR_FAILED .*/rating/")
    page.route("**/rating/**", lambda route: route.abort())
    good = page.get_by_role("button", name=GOOD)
    good.click()
    expect(page.locator(".rating").get_by_role("status")).to_have_text(
        "Not saved. Please try again."
    )
    expect(good).to_have_attribute("aria-pressed", "false")


def test_the_row_is_one_line_on_a_phone(server: AppServer, open_page: OpenPage) -> None:
    """At 390 px, for fingers, in German, whose words are long."""
    page, _ = open_page(
        server.url, locale="de-DE", viewport={"width": 390, "height": 844}, has_touch=True
    )
    ask(page, "Wer ist das?")
    expect_whole(page, Script().text)
    expect_rest(page)
    buttons = page.locator('[class*="st-key-row_"] button')
    expect(buttons).to_have_count(5)
    boxes = [button.bounding_box() for button in buttons.all()]
    middles = {round(box["y"] + box["height"] / 2) for box in boxes if box}
    assert max(middles) - min(middles) <= 2
    assert min(box["height"] for box in boxes if box) >= 44


def test_ratings_are_counted_by_model_and_others_cannot_set_them(
    server: AppServer, open_page: OpenPage
) -> None:
    """The page of models has a line; it does not say who or about what."""
    page, _ = _asked(open_page, server)
    _rate(page, GOOD, is_pressed=True)
    address = page.locator(".rating").get_attribute("data-address")
    stranger, _ = open_page(server.url)
    headers = {"Origin": server.url}
    for path, status in ((f"{address}/down", 404), ("rating/unknown/up", 404)):
        found = stranger.request.put(f"{server.url}/{path}", headers=headers)
        assert found.status == status
    assert page.request.put(f"{server.url}/{address}/down").status == 403  # from no page of ours
    assert page.request.put(f"{server.url}/{address}/best", headers=headers).status == 404

    stranger.goto(f"{server.url}/endpoints")
    expect(stranger.get_by_text(re.compile("gpt-4o: 1 . good, 0 . bad"))).to_be_visible()


def test_one_click_is_one_in_another_language_too(server: AppServer, open_page: OpenPage) -> None:
    """The script hears of its new words, and no click is heard twice for it."""
    page, _ = _asked(open_page, server)
    page.get_by_text("Deutsch", exact=True).click()
    expect(page.get_by_role("radiogroup", name="Sprache")).to_be_visible()
    expect_rest(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    _rate(page, "Gute Antwort auf „Who is that?“", is_pressed=True)
    expect_rest(page)

    assert [url.rpartition("/")[2] for url in asked if "/rating/" in url] == ["up"]

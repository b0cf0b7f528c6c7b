"""The expert settings in a real browser: the address, a reload, other pages, biases, a phone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.playing import (
    Script,
    area,
    ask,
    expect_rest,
    expect_whole,
    messages,
    new_conversation,
    open_settings,
    photo,
)
from tests.faults.server import FaultServer
from tests.serving import AppServer, serve_app

Endpoint = tuple[AppServer, Script]


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """The server with an endpoint that writes down what it is asked."""
    script = Script()
    with FaultServer(script) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url, "OPENAI_API_KEY": "k"}
        with serve_app(tmp_path_factory.mktemp("experts"), env=env) as server:
            yield server, script


def _field(page: Page, key: str) -> Locator:
    return page.locator(f".st-key-{key}").locator("input, textarea")


def _type(page: Page, key: str, text: str) -> None:
    expect_rest(page)
    field = _field(page, key)
    field.fill(text)
    field.press("Control+Enter" if field.evaluate("e => e.tagName") == "TEXTAREA" else "Enter")


def _sent(page: Page, count: int) -> None:
    """Wait until the panel says how much is sent."""
    words = f"{count} setting is sent" if count == 1 else f"{count} settings are sent"
    expect(page.get_by_text(words)).to_be_visible()


def _body(script: Script) -> dict[str, Any]:
    body = json.loads(script.asked[-1].body)
    return {name: value for name, value in body.items() if name not in {"model", "stream_options"}}


def _address(page: Page) -> dict[str, str]:
    found = parse_qs(urlsplit(page.url).query)
    return {name: values[0] for name, values in found.items() if name not in {"c", "expert"}}


def test_settings_outlive_a_reload_and_other_pages(
    connected: Endpoint, open_page: OpenPage
) -> None:
    """Short fields stand in the address, prompts never; after both ways all of them are sent."""
    server, script = connected
    page, _ = open_page(server.url, "/?expert=true&temperature=0.2")
    open_settings(page, section="Length")
    _type(page, "stop", "END\n\\n\\n")
    _sent(page, 2)
    open_settings(page, section="System message")
    _type(page, "expert_system", "canary: be brief")
    _sent(page, 3)

    expect(page).to_have_url(re.compile("stop="))
    assert _address(page) == {"temperature": "0.2", "stop": "END\n\\n\\n"}
    ask(page, "Hi")
    expect_whole(page, script.text)
    first = _body(script)
    assert first["messages"][0] == {"role": "system", "content": "canary: be brief"}
    assert (first["stop"], first["temperature"]) == (["END", "\n\n"], 0.2)
    assert "canary" not in page.url

    page.reload()
    _sent(page, 3)
    ask(page, "Hi")
    expect_whole(page, script.text)
    again = _body(script)
    assert again["messages"][0] == first["messages"][0]
    assert again | {"messages": []} == first | {"messages": []}

    page.get_by_role("link", name="All conversations").click()
    expect(page.get_by_role("heading", name="Conversations")).to_be_visible()
    page.get_by_role("link", name="Augenblick").click()
    _sent(page, 3)
    assert _address(page) == {"temperature": "0.2", "stop": "END\n\\n\\n"}


def test_a_bad_value_leaves_the_address(connected: Endpoint, open_page: OpenPage) -> None:
    """The sentence names the field; what is good in the link is sent, and asking works."""
    server, script = connected
    page, _ = open_page(server.url, "/?expert=true&temperature=9&stream=perhaps&n=2")

    _sent(page, 1)
    expect(page.get_by_text("The link has a value for temperature")).to_be_visible()
    expect(page.get_by_text("The link has a value for stream")).to_be_visible()
    expect(page).not_to_have_url(re.compile("temperature|stream"))
    expect(_field(page, "temperature")).to_have_value("")
    ask(page, "Hi")
    expect_whole(page, script.text)

    assert _body(script) == {
        "messages": [{"role": "user", "content": "Hi"}],
        "n": 2,
        "stream": True,
    }


def test_answers_that_do_not_stream_are_shown(connected: Endpoint, open_page: OpenPage) -> None:
    """Chosen on the page, the whole answer is asked for at once, and nothing else changes."""
    server, script = connected
    page, _ = open_page(server.url, "/?expert=true")
    open_settings(page, section="Request and free JSON")
    expect_rest(page)
    page.locator(".st-key-stream").get_by_role("combobox").click()
    page.get_by_role("option", name="false").click()
    _sent(page, 1)

    ask(page, "Hi")
    expect_whole(page, script.text)

    assert _body(script) == {"messages": [{"role": "user", "content": "Hi"}], "stream": False}
    assert "stream_options" not in json.loads(script.asked[-1].body)


def test_biases_are_typed_as_json(connected: Endpoint, open_page: OpenPage) -> None:
    """What is wrong is named right below; put right, it is sent, after a reload as well."""
    server, script = connected
    page, _ = open_page(server.url, "/?expert=true")
    open_settings(page, section="Sampling")
    _type(page, "expert_logit_bias", '{"50256": 101}')
    expect(page.get_by_text("logit_bias.50256 is not sent")).to_be_visible()
    expect(page.get_by_text("Can't be sent like this: logit_bias")).to_be_visible()
    _type(page, "expert_logit_bias", "50256")
    expect(page.get_by_text('such as {"50256": -100}.', exact=False).last).to_be_visible()
    _type(page, "expert_logit_bias", '{"50256": -100, "12": 5.5}')
    _sent(page, 1)

    page.reload()
    _sent(page, 1)
    ask(page, "Hi")
    expect_whole(page, script.text)

    assert _body(script)["logit_bias"] == {"50256": -100, "12": 5.5}
    assert "50256" not in page.url


def test_the_panel_fits_a_phone(connected: Endpoint, open_page: OpenPage) -> None:
    """Every section opened, nothing is wider than the screen, and a field can be typed into."""
    server, script = connected
    page, _ = open_page(
        server.url,
        "/?expert=true",
        viewport={"width": 390, "height": 844},
        has_touch=True,
        is_mobile=True,
    )
    panel = open_settings(page)
    titles = panel.locator("summary")
    for place in range(titles.count()):
        titles.nth(place).click()
    _type(page, "n", "2")
    _sent(page, 1)

    for tab in panel.get_by_role("tab").all():
        tab.click()
        expect(tab).to_have_attribute("aria-selected", "true")
        for field in panel.locator("input, textarea, button").all():
            box = field.bounding_box()
            assert box is None or box["x"] + box["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert script.models


def _box(locator: Locator) -> dict[str, float]:
    box = locator.bounding_box()
    assert box is not None
    return {"left": box["x"], "right": box["x"] + box["width"], "height": box["height"]}


@pytest.mark.parametrize(("width", "is_picture_beside"), [(1280, False), (1680, True)])
def test_on_a_wide_page_the_panel_stands_beside_the_conversation(
    connected: Endpoint,
    open_page: OpenPage,
    tmp_path: Path,
    width: int,
    is_picture_beside: bool,  # noqa: FBT001 - a parameter of pytest
) -> None:
    """It covers nothing; pictures stand beside both where there is room, or once it is closed."""
    server, script = connected
    viewport = {"width": width, "height": 900}
    page, _ = open_page(server.url, "/?expert=true", viewport=viewport)
    panel = open_settings(page)
    ask(page, "Hi", [photo(tmp_path, "a.jpg")])
    expect_whole(page, script.text)
    expect_rest(page)

    assert _box(panel)["left"] == width - 360
    assert _box(messages(page).last)["right"] <= width - 360
    assert _box(page.locator(".composer"))["right"] <= width - 360
    expect(page.locator(".viewer-stage")).to_be_visible(visible=is_picture_beside)

    page.locator(".panel-toggle").click()
    expect(panel).to_be_hidden()
    expect(page.locator(".viewer-stage")).to_be_visible()


def test_on_a_phone_the_panel_lies_over_the_page(connected: Endpoint, open_page: OpenPage) -> None:
    """Nothing below it can be reached; Escape, an answer and a new conversation close it."""
    server, script = connected
    page, _ = open_page(server.url, "/?expert=true", viewport={"width": 390, "height": 844})
    expect(area(page)).to_be_visible()
    toggle, panel = page.locator(".panel-toggle"), page.locator(".st-key-expert_panel")
    expect(toggle).to_have_attribute("aria-expanded", "false")
    expect(panel).to_be_hidden()
    open_settings(page)
    expect(area(page)).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_be_hidden()

    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(toggle).to_be_focused()
    ask(page, "Hi")
    expect_whole(page, script.text)
    open_settings(page)
    expect(messages(page).last).to_be_hidden()
    new_conversation(page)
    expect(panel).to_be_hidden()
    expect(area(page)).to_be_visible()


def test_without_the_switch_there_is_no_panel(connected: Endpoint, open_page: OpenPage) -> None:
    """The page has its whole width again, and other pages have theirs."""
    server, _ = connected
    page, _ = open_page(server.url, "/?expert=true")
    open_settings(page)
    assert _box(page.get_by_test_id("stMain"))["right"] == 1280 - 360
    page.get_by_role("link", name="All conversations").click()
    expect(page.get_by_role("heading", name="Conversations")).to_be_visible()
    expect(page.locator(".st-key-expert_panel")).to_have_count(0)
    assert _box(page.get_by_test_id("stMain"))["right"] == 1280
    page.get_by_role("link", name="Augenblick").click()
    expect(page.locator(".st-key-expert_panel")).to_be_visible()
    expect_rest(page)
    page.get_by_text("Expert settings").click()

    expect(page.locator(".st-key-expert_panel")).to_have_count(0)
    expect(page.locator(".panel-toggle")).to_have_count(0)
    assert _box(page.get_by_test_id("stMain"))["right"] == 1280


def test_the_log_leads_to_what_went_over_the_wire(connected: Endpoint, open_page: OpenPage) -> None:
    """Each answer of the conversation, the newest first."""
    server, script = connected
    page, _ = open_page(server.url, "/?expert=true")
    expect(open_settings(page, "Log")).to_contain_text("is listed here")
    for question in ("First?", "Second?"):
        ask(page, question)
        expect_whole(page, script.text)
    log = open_settings(page, "Log").get_by_role("tabpanel").get_by_role("button")
    expect(log).to_have_text([re.compile("Second"), re.compile("First")])
    expect_rest(page)
    log.last.click()
    expect(page.get_by_role("dialog")).to_contain_text("First?")

"""The expert settings in a real browser: the address, a reload, other pages, biases, a phone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.playing import Script, ask, expect_rest, expect_whole, set_sidebar
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


def _unfold(page: Page, title: str) -> None:
    expect_rest(page)
    page.locator(".st-key-expert_sections summary", has_text=title).click()


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
    _unfold(page, "Length")
    _type(page, "stop", "END\n\\n\\n")
    _sent(page, 2)
    _unfold(page, "System message")
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
    _unfold(page, "Request")
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
    _unfold(page, "Sampling")
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
    set_sidebar(page)
    titles = page.locator(".st-key-expert_sections summary")
    expect(titles.last).to_be_visible()
    for place in range(titles.count()):
        titles.nth(place).click()
    _type(page, "n", "2")
    _sent(page, 1)

    for field in page.locator(".st-key-expert_sections").locator("input, textarea, button").all():
        box = field.bounding_box()
        assert box is None or box["x"] + box["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert script.models

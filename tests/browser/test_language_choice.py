"""The language that was chosen stays chosen, in this browser."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from augenblick.core.language import LANGUAGES, language
from augenblick.web.language_cookie import LANGUAGE_COOKIE
from tests.browser.conftest import OpenPage
from tests.browser.playing import Script, expect_rest
from tests.faults.server import FaultServer
from tests.serving import AppServer, serve_app

GERMAN, ENGLISH = "Was möchten Sie wissen?", "What would you like to know?"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """The server with an endpoint that nobody asks."""
    with FaultServer(Script()) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url}
        with serve_app(tmp_path_factory.mktemp("server"), env=env) as found:
            yield found


def _choose(page: Page, name: str) -> None:
    page.get_by_test_id("stSidebar").get_by_text(name, exact=True).click()


def _expect_heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", name=text)).to_be_visible()


def _cookie(page: Page) -> dict[str, Any]:
    """The cookie of the language, once there is one."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        for cookie in page.context.cookies():
            if cookie.get("name") == LANGUAGE_COOKIE:
                return dict(cookie)
        page.wait_for_timeout(50)
    raise AssertionError("no cookie")


def test_another_tab_begins_with_the_chosen_language(
    server: AppServer, open_page: OpenPage
) -> None:
    """Without anything in its address; and one that names a language has that."""
    page, _ = open_page(server.url)
    _expect_heading(page, ENGLISH)
    assert all(cookie.get("name") != LANGUAGE_COOKIE for cookie in page.context.cookies())
    _choose(page, "Deutsch")
    _expect_heading(page, GERMAN)
    cookie = _cookie(page)

    tab = page.context.new_page()
    tab.goto(server.url)
    _expect_heading(tab, GERMAN)
    tab.goto(f"{server.url}/?lang=English")
    _expect_heading(tab, ENGLISH)
    tab.goto(f"{server.url}/history")
    _expect_heading(tab, "Gespräche")
    assert (cookie["value"], cookie["path"], cookie["sameSite"]) == ("de", "/", "Lax")


def test_back_speaks_the_chosen_language(server: AppServer, open_page: OpenPage) -> None:
    """Also where the address is from before it was chosen."""
    page, _ = open_page(server.url)
    _expect_heading(page, ENGLISH)
    _choose(page, "Deutsch")
    _expect_heading(page, GERMAN)
    page.get_by_role("link", name="Gespräche").click()
    _expect_heading(page, "Gespräche")
    expect_rest(page)  # by then the address is whole

    page.go_back()

    _expect_heading(page, GERMAN)
    _choose(page, "English")
    _expect_heading(page, ENGLISH)
    page.reload()
    _expect_heading(page, ENGLISH)


def test_the_first_language_can_be_chosen_again(server: AppServer, open_page: OpenPage) -> None:
    """What was chosen last is what counts."""
    page, _ = open_page(server.url)
    _choose(page, "Deutsch")
    _expect_heading(page, GERMAN)
    _cookie(page)
    _choose(page, "English")
    _expect_heading(page, ENGLISH)
    deadline = time.monotonic() + 90
    while _cookie(page)["value"] != "en" and time.monotonic() < deadline:
        page.wait_for_timeout(50)
    tab = page.context.new_page()
    tab.goto(server.url)

    _expect_heading(tab, ENGLISH)


_ALL_BESIDE_EACH_OTHER = """width => {
  const names = [...document.querySelectorAll(".st-key-lang button")];
  const places = names.map((it) => it.getBoundingClientRect());
  const isCut = names.some((it) => it.scrollWidth > it.clientWidth);
  return new Set(places.map(({ y }) => y)).size === 1 && !isCut
    && places.every(({ left, right }) => left >= 0 && right < width);
}"""


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_language_can_be_chosen(server: AppServer, open_page: OpenPage, code: str) -> None:
    """By its own name; on the narrowest phone all names are readable beside each other."""
    width = 320
    page, _ = open_page(server.url, viewport={"width": width, "height": 700})
    _expect_heading(page, ENGLISH)
    page.get_by_role("button", name="Open sidebar").click()
    names = page.locator(".st-key-lang button")
    expect(names).to_have_text([language(each).text("language.name") for each in LANGUAGES])
    page.wait_for_function(_ALL_BESIDE_EACH_OTHER, arg=width)  # once the sidebar has come in

    _choose(page, language(code).text("language.name"))
    page.wait_for_function("code => document.documentElement.lang === code", arg=code)
    page.keyboard.press("Escape")
    _expect_heading(page, language(code).text("chat.welcome"))


@pytest.mark.parametrize(("value", "spoken"), [("de", "de"), ("xx", "en")])
def test_pages_outside_of_the_app_speak_it_too(server: AppServer, value: str, spoken: str) -> None:
    """A link that leads nowhere says so in the chosen language; nonsense is as good as nothing."""
    headers = {"Cookie": f"{LANGUAGE_COOKIE}={value}", "Accept-Language": "en"}
    answer = server.request("/share/nothing", headers=headers)

    assert f'<html lang="{spoken}">' in answer.body.decode()

"""The page says which language it is in, and nothing on it is in another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.playing import Script, ask, expect_rest, expect_whole, photo
from tests.faults.server import FaultServer
from tests.serving import AppServer, serve_app

_NAMES_OF_STREAMLIT = re.compile(
    r"^(Upload|file upload|Send message|Full|Help for|Chat message|App pages|Sidebar|Skip|Expand"
    r"|Collapse)"
)
_FOCUSED = """async () => {
  for (let frame = 0; frame < 2; frame += 1) await new Promise(requestAnimationFrame);
  const { dataset } = document.activeElement;
  const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
  const isMarked = outlineStyle === "solid" && outlineWidth === "2px";
  return { kind: dataset.testid ?? "", isMarked };
}"""
_LANGUAGE = "document.documentElement.lang"


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AppServer, Script]]:
    """The server with an endpoint."""
    script = Script()
    with FaultServer(script) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url, "OPENAI_MODEL": "gpt-4o"}
        with serve_app(tmp_path_factory.mktemp("server"), env=env) as server:
            yield server, script


def _expect_language(page: Page, code: str) -> None:
    page.wait_for_function(f"code => {_LANGUAGE} === code", arg=code)


def _names(page: Page) -> list[str]:
    """The names in the whole page, as a screen reader hears them."""
    return re.findall(r'- [\'"]?\w+ "([^"]+)"', page.locator("body").aria_snapshot())


def test_a_screen_reader_hears_german_on_a_german_page(
    connected: tuple[AppServer, Script], open_page: OpenPage, tmp_path: Path
) -> None:
    """The document is German, and so are the names of buttons that Streamlit draws itself."""
    server, script = connected
    page, _ = open_page(server.url, locale="de-DE")
    _expect_language(page, "de")
    ask(page, "Was ist das?", [photo(tmp_path, "a.jpg")])
    expect_whole(page, script.text)

    expect(page.get_by_role("button", name="Senden")).to_have_count(1)
    expect(page.get_by_role("group", name="Antwort")).to_have_count(1)
    expect(page.get_by_role("link", name="a.jpg ansehen")).to_have_count(1)
    expect(page.get_by_role("link", name="Zum Inhalt springen")).to_have_count(1)
    assert [name for name in _names(page) if _NAMES_OF_STREAMLIT.match(name)] == []


def test_the_language_of_the_page_follows_the_choice(
    connected: tuple[AppServer, Script], open_page: OpenPage
) -> None:
    """There and back, and on the other pages."""
    server, _ = connected
    page, _ = open_page(server.url, "/history")
    _expect_language(page, "en")
    page.get_by_role("link", name="Augenblick").click()
    expect(page.get_by_role("button", name="Send")).to_have_count(1)

    page.get_by_test_id("stSidebar").get_by_text("Deutsch", exact=True).click()
    _expect_language(page, "de")
    expect(page.get_by_role("button", name="Senden")).to_have_count(1)

    page.get_by_test_id("stSidebar").get_by_text("English", exact=True).click()
    _expect_language(page, "en")
    expect(page.get_by_role("button", name="Send")).to_have_count(1)
    expect(page.get_by_role("link", name="Skip to main content")).to_have_count(1)


def test_the_camera_speaks_german(connected: tuple[AppServer, Script], open_page: OpenPage) -> None:
    """What to do while it is not allowed, without a way to a foreign page; and the button."""
    server, _ = connected
    page, _ = open_page(server.url, locale="de-DE", permissions=[])
    page.get_by_role("button", name="Fotos hinzufügen und Optionen").click()
    page.get_by_role("menuitem", name="Foto aufnehmen").click()

    camera = page.get_by_test_id("stCameraInput")
    expect(camera.get_by_role("button", name="Aufnehmen", exact=True)).to_be_visible()
    expect(camera.get_by_role("link")).to_have_count(0)
    assert "This app" not in camera.inner_text()


def test_who_goes_by_keyboard_sees_where_they_are(
    connected: tuple[AppServer, Script], open_page: OpenPage
) -> None:
    """The links of the bar and the sidebar are marked."""
    server, _ = connected
    page, _ = open_page(server.url, locale="de-DE")
    _expect_language(page, "de")
    expect_rest(page)  # what is drawn anew loses the focus
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        found = page.evaluate(_FOCUSED)
        if found["isMarked"]:
            seen.append(found["kind"])
        if seen.count("stPageLink-NavLink") == 4:
            break

    assert seen.count("stPageLink-NavLink") == 4

"""Tools in a real browser: arguments that stream, a picture that a call returned."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.playing import ask, click_until, expect_whole, messages, open_settings, photo
from tests.faults.server import FaultServer, Pause
from tests.serving import serve_app
from tests.vendor_streams import Playlist, openai, says

WHERE = '{"picture": 1, "left": 0.25, "top": 0.25, "right": 0.5, "bottom": 0.75}'
ZOOMED = "Looked closely at picture 1 · ↔ 25–50 % · ↕ 25–75 %"  # noqa: RUF001 - from and to


def test_a_model_zooms_into_a_picture(open_page: OpenPage, tmp_path: Path) -> None:
    """The call is seen while it streams, can be stopped, and stays with its picture."""
    playlist = Playlist([[*openai(("a", "zoom", WHERE))[:4], Pause(60)]])
    with FaultServer(playlist) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url, "OPENAI_API_KEY": "k"}
        with serve_app(tmp_path, env=env) as server:
            page, watch = open_page(server.url, "/?expert=true")
            _pick(page, "Zoom")

            ask(page, "What is this?", [photo(tmp_path, "a.jpg")])
            expect(_last(page).locator("code")).to_contain_text('{"picture": 1')
            page.get_by_role("button", name="Stop", exact=True).click()
            expect(_last(page)).to_contain_text("Stopped.")
            assert [tool["function"]["name"] for tool in playlist.body(0)["tools"]] == ["zoom"]

            playlist.asked.clear()
            playlist.streams = [openai(("a", "zoom", WHERE), text="Closer."), says("A number.")]
            ask(page, "And there?")
            expect_whole(page, "A number.")
            _expect_zoomed(page)

            page.reload()
            expect_whole(page, "A number.")
            _expect_zoomed(page)

            assert watch.problems == []
            roles = [message["role"] for message in playlist.body(1)["messages"]]
            assert roles[-3:] == ["assistant", "tool", "user"]


def _pick(page: Page, name: str) -> None:
    panel = open_settings(page, "Tools")
    pill = panel.get_by_role("button", name=name, exact=True)
    click_until(pill, panel.get_by_role("button", name=name, exact=True, pressed=True))


def _last(page: Page) -> Locator:
    return messages(page).last


def _expect_zoomed(page: Page) -> None:
    """One folded line above the text, which opens to the region."""
    expect(_last(page).get_by_text("Closer.")).to_have_count(1)
    line = _last(page).locator("summary")
    expect(line).to_have_count(1)
    expect(line).to_contain_text(ZOOMED)
    line.click()
    picture = _last(page).locator("img")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") == 160

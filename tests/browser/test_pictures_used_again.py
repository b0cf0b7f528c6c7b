"""A picture of an earlier question is asked about once more, without its file."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from augenblick.pictures.prepare import prepare_image
from augenblick.store import Store
from augenblick.web.browser_cookie import COOKIE_NAME
from tests.browser.conftest import OpenPage
from tests.browser.playing import (
    Script,
    area,
    ask,
    expect_rest,
    expect_whole,
    new_conversation,
    open_menu_item,
    photo,
    tray,
)
from tests.faults.server import FaultServer
from tests.serving import AppServer, serve_app
from tests.store.values import a_question


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AppServer, Script]]:
    """The server with an endpoint that remembers what it was asked."""
    script = Script()
    with FaultServer(script) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url, "OPENAI_MODEL": "gpt-4o"}
        with serve_app(tmp_path_factory.mktemp("earlier"), env=env) as server:
            yield server, script


def _open_dialog(page: Page) -> Locator:
    return open_menu_item(page, "Use an earlier picture")


def _sent_pictures(script: Script) -> list[str]:
    """The pictures of the last message that the endpoint was sent."""
    content = json.loads(script.asked[-1].body)["messages"][-1]["content"]
    return [part["image_url"]["url"] for part in content if part["type"] == "image_url"]


def test_the_picture_that_was_sent_is_sent_again(
    connected: tuple[AppServer, Script], open_page: OpenPage, tmp_path: Path
) -> None:
    """The same bytes; a second tap takes it out again. Nobody else is offered it."""
    server, script = connected
    page, _ = open_page(server.url)
    expect(_open_dialog(page).get_by_text("There are none yet.")).to_be_visible()
    page.keyboard.press("Escape")
    ask(page, "Which?", [photo(tmp_path, f"{name}.jpg", text=name) for name in ("one", "two")])
    expect_whole(page, script.text)
    first, second = _sent_pictures(script)

    new_conversation(page)
    expect(page.locator(".hero")).to_be_visible()
    dialog = _open_dialog(page)
    expect(dialog.get_by_role("img")).to_have_count(2)
    for number in (1, 2):
        name = f"picture {number} from “Which?”"
        dialog.get_by_role("button", name=f"Add {name}").click()
        expect(dialog.get_by_role("button", name=f"Remove {name}")).to_be_visible()
    image = dialog.get_by_role("img").first
    assert image.evaluate("image => image.naturalWidth") > 0
    dialog.get_by_role("button", name="Remove picture 1 from “Which?”").click()
    expect(dialog.get_by_role("button", name="Add picture 1 from “Which?”")).to_be_visible()
    dialog.get_by_role("button", name="Done").click()
    expect(dialog).to_have_count(0)
    expect(tray(page)).to_have_count(1)
    ask(page, "And this?")
    expect_whole(page, script.text)
    assert _sent_pictures(script) == [second]
    assert first != second

    other, _ = open_page(server.url)
    expect(_open_dialog(other).get_by_text("There are none yet.")).to_be_visible()


def test_a_conversation_that_is_not_saved_offers_none(
    connected: tuple[AppServer, Script], open_page: OpenPage, tmp_path: Path
) -> None:
    """Not in its own tab, and in no other."""
    server, script = connected
    page, _ = open_page(server.url)
    expect(area(page)).to_be_visible()
    page.locator(".composer-add").click()
    page.get_by_role("menuitemcheckbox", name="Don't save").click()
    expect(page.get_by_text("This conversation isn't saved")).to_be_visible()
    ask(page, "Which?", [photo(tmp_path, "secret.jpg")])
    expect_whole(page, script.text)
    for each in (page, page.context.new_page()):
        if each is not page:
            each.goto(server.url)
        expect(_open_dialog(each).get_by_text("There are none yet.")).to_be_visible()


def test_more_are_shown_on_request(
    connected: tuple[AppServer, Script], open_page: OpenPage
) -> None:
    """Two dozen at first; no more can be chosen than a question takes."""
    server, _ = connected
    page, _ = open_page(server.url)
    expect(area(page)).to_be_visible()
    cookies = {each["name"]: each["value"] for each in page.context.cookies()}
    owner = cookies[COOKIE_NAME].partition(".")[0]
    with closing(Store(f"sqlite:///{server.data_dir / 'augenblick.db'}")) as store:
        for shade in range(30):
            buffer = io.BytesIO()
            Image.new("RGB", (64, 48), (8 * shade, 90, 90)).save(buffer, "PNG")
            picture = prepare_image(buffer.getvalue(), name=f"{shade}.png")
            store.save_question(a_question(f"Shade {shade}", pictures=(picture,), owner=owner))

    dialog = _open_dialog(page)
    pictures = dialog.get_by_role("img")
    expect(pictures).to_have_count(24)
    expect(dialog.get_by_role("button", name="Add picture 1 from “Shade 29”")).to_be_visible()
    dialog.get_by_role("button", name="Show more").click()
    expect(pictures).to_have_count(30)
    expect(dialog.get_by_role("button", name="Show more")).to_have_count(0)
    for number in range(1, 11):
        dialog.get_by_role("button", name=f"Add picture {number} from").first.click()
        expect(dialog.get_by_role("button", name="Remove picture")).to_have_count(number)
        expect_rest(page)
    expect(dialog.get_by_text("there is no room for more")).to_be_visible()
    expect(dialog.get_by_role("button", name="Add picture 30 from")).to_be_disabled()
    page.keyboard.press("Escape")
    expect(tray(page)).to_have_count(10)

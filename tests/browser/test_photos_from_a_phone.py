"""Photos from a phone beside the computer: a code is scanned, and they are in the tray."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.playing import (
    Script,
    area,
    expect_rest,
    expect_whole,
    open_phone_dialog,
    photo,
    problems,
    scan,
    send,
    tray,
)
from tests.faults.server import FaultServer
from tests.serving import AppServer, serve_app

_PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
}


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AppServer, Script]]:
    """A server that others in the network can reach, with an endpoint."""
    script = Script()
    with FaultServer(script) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url, "OPENAI_MODEL": "gpt-4o"}
        folder = tmp_path_factory.mktemp("phone")
        with serve_app(folder, env=env, arguments=["--share", "--host", "desk.test"]) as server:
            yield server, script


def _take(phone: Page, *files: Path) -> None:
    phone.get_by_label("Fotografieren").set_input_files([str(file) for file in files])


def test_a_photo_of_the_phone_is_there_without_a_click(
    connected: tuple[AppServer, Script], open_page: OpenPage, tmp_path: Path
) -> None:
    """With the dialog open and closed, until the connection is ended; then it is asked about."""
    server, script = connected
    page, _ = open_page(server.url)
    dialog = open_phone_dialog(page)
    address = urlsplit(scan(dialog))
    assert address.hostname not in {"localhost", "127.0.0.1"}
    assert address.port == urlsplit(server.url).port
    expect(dialog.get_by_text("No photo has arrived yet")).to_be_visible()

    phone, watch = open_page(server.url, address.path, locale="de-DE", **_PHONE)
    assert phone.context.cookies() == []
    _take(phone, photo(tmp_path, "IMG_1.jpg"))
    expect(phone.get_by_text("Angekommen")).to_have_count(1)
    small = phone.locator(".photos img")
    assert small.evaluate("image => image.naturalWidth") == 640
    expect(tray(page)).to_have_count(1)
    expect(dialog.get_by_text("1 photo has arrived")).to_be_visible()

    bad = tmp_path / "IMG_2.jpg"
    bad.write_bytes(b"broken")
    phone.get_by_label("Fotos auswählen").set_input_files(
        [str(bad), str(photo(tmp_path, "IMG_3.jpg", text="7"))]
    )
    expect(phone.get_by_text("IMG_2.jpg ist kein Bild")).to_be_visible()
    expect(phone.get_by_text("Angekommen")).to_have_count(2)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(tray(page)).to_have_count(2)
    expect(problems(page)).to_have_count(0)

    _take(phone, photo(tmp_path, "IMG_4.jpg", text="9"))
    expect(tray(page)).to_have_count(3)
    expect_rest(page)
    area(page).fill("What is that?")
    send(page)
    expect_whole(page, script.text)
    expect(tray(page)).to_have_count(0)

    dialog = open_phone_dialog(page)
    assert urlsplit(scan(dialog)).path == address.path
    dialog.get_by_role("button", name="Disconnect").click()
    expect(dialog).to_have_count(0)
    watch.expect("status of 404")
    _take(phone, photo(tmp_path, "IMG_5.jpg"))
    expect(phone.get_by_role("heading", name="Die Verbindung ist beendet")).to_be_visible()
    phone.reload()
    expect(phone.get_by_role("heading", name="Die Verbindung ist beendet")).to_be_visible()
    assert urlsplit(scan(open_phone_dialog(page))).path != address.path
    assert address.path.rpartition("/")[2] not in server.output


def test_a_photo_that_was_cut_off_can_be_sent_again(
    connected: tuple[AppServer, Script], open_page: OpenPage, tmp_path: Path
) -> None:
    """The phone says so, and keeps it."""
    server, _ = connected
    page, _ = open_page(server.url)
    path = urlsplit(scan(open_phone_dialog(page))).path
    phone, watch = open_page(server.url, path, locale="de-DE", **_PHONE)
    watch.expect("ERR_FAILED")
    phone.route("**/camera/*/*", lambda route: route.abort())
    _take(phone, photo(tmp_path, "IMG_1.jpg"))
    expect(phone.get_by_text("Nicht angekommen")).to_be_visible()

    phone.unroute("**/camera/*/*")
    phone.get_by_role("button", name="Erneut senden").click()
    expect(phone.get_by_text("Angekommen")).to_be_visible()
    expect(tray(page)).to_have_count(1)


def test_it_is_said_where_no_phone_can_come(tmp_path: Path, open_page: OpenPage) -> None:
    """A server for one machine only gives no code that leads nowhere; a phone needs none."""
    env = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_MODEL": "m"}
    with serve_app(tmp_path, env=env) as server:
        page, _ = open_page(server.url)
        dialog = open_phone_dialog(page)
        expect(dialog.get_by_text("make run SHARE=1")).to_be_visible()
        expect(dialog.get_by_role("img")).to_have_count(0)

        phone, _ = open_page(server.url, **_PHONE)
        expect(area(phone)).to_be_visible()
        phone.locator(".composer-add").click()
        expect(phone.get_by_role("menuitem").first).to_be_visible()
        expect(phone.get_by_role("menuitem", name="phone")).to_have_count(0)

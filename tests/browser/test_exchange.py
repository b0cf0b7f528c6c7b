"""Conversations out and in, as people do it: files, links, another device."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from augenblick.core.language import LANGUAGES, language
from augenblick.exchange.exporting import write_json
from augenblick.store import Store
from tests.browser.conftest import OpenPage
from tests.exchange.values import a_saved_conversation
from tests.serving import AppServer, serve_script

_PAGE = """
import streamlit as st

from augenblick.ui.history import share_dialog
from augenblick.ui import tab_state
from augenblick.ui.resources import services

parts = services()
owner = parts.owner()
found = parts.store.list_conversations(owner)
st.text(f"Gespräche: {len(found)}")
share_dialog.draw_import(parts)
if found:
    conversation = parts.store.load_conversation(found[0].id, owner=owner)
    share_dialog.draw_export(conversation, parts)
    if st.button("share", key="share"):
        share_dialog.draw_share_dialog(conversation, parts)
    if st.button("device", key="device"):
        share_dialog.draw_device_dialog(conversation, parts)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """The real launcher around a page with all parts on it."""
    with serve_script(tmp_path_factory.mktemp("server"), _PAGE) as served:
        yield served


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A conversation as another server exported it."""
    folder = tmp_path_factory.mktemp("exported")
    store = Store(f"sqlite:///{folder}/store.db")
    file = io.BytesIO()
    conversation = store.load_conversation(a_saved_conversation(store))
    write_json(conversation, file, load_content=store.load_content)
    store.close()
    path = folder / "export.json"
    path.write_bytes(file.getvalue())
    return path


def _import(page: Page, path: Path) -> None:
    page.get_by_test_id("stFileUploader").locator("input").set_input_files(path)
    expect(page.get_by_test_id("stAlert").first).to_contain_text("Café: Rechnung?")
    expect(page.get_by_text("Gespräche: 1")).to_be_visible()


def _pictures(page: Page) -> list[int]:
    """The widths of the pictures that really loaded."""
    expect(page.locator("img").first).to_be_visible()
    widths: list[int] = page.evaluate(
        "Promise.all([...document.images].map(i => i.decode().then(() => i.naturalWidth)))"
    )
    return widths


@pytest.mark.parametrize("code", LANGUAGES)
def test_exported_page_opens_from_disk_without_a_network(
    server: AppServer,
    open_page: OpenPage,
    browser: Browser,
    exported: Path,
    tmp_path: Path,
    code: str,
) -> None:
    """Imported, saved as a web page, opened from disk offline: every picture is there."""
    spoken = language(code)
    page, _ = open_page(server.url, locale=code)
    _import(page, exported)

    for key, suffix in (
        ("export.markdown", ".zip"),
        ("export.json", ".json"),
        ("export.html", ".html"),
    ):
        with page.expect_download() as downloading:
            page.get_by_role("button", name=spoken.text(key)).click()
        assert downloading.value.suggested_filename == f"Café Rechnung{suffix}"
        downloading.value.save_as(tmp_path / f"export{suffix}")

    offline = browser.new_context(offline=True, java_script_enabled=True, color_scheme="dark")
    saved = offline.new_page()
    saved.goto((tmp_path / "export.html").as_uri())
    expect(saved.get_by_role("heading", level=2).first).to_have_text(
        spoken.text("document.question")
    )
    expect(saved.get_by_role("heading", level=1)).to_have_text("Café: Rechnung?")
    assert _pictures(saved) == [900, 320, 900]
    assert (tmp_path / "export.json").read_bytes().count(b'"role": "assistant"') >= 2
    offline.close()


def test_a_link_is_read_and_taken_back_and_another_device_goes_on(
    server: AppServer, open_page: OpenPage, exported: Path
) -> None:
    """On a phone: preview, link and code; another browser reads it until it is taken back.

    Then the link for another device: its button gives the conversation, once.
    """
    phone = {"viewport": {"width": 390, "height": 844}}
    page, _ = open_page(server.url, locale="de-DE", **phone)
    _import(page, exported)
    page.get_by_role("button", name="share", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("2 Fragen · 3 Bilder")

    dialog.get_by_text("Vorschau").click()
    preview = page.frame_locator("iframe")
    expect(preview.get_by_role("heading", level=1)).to_have_text("Café: Rechnung?")
    expect(preview.locator("img")).to_have_count(3)

    dialog.get_by_text("30 Tage").click()
    dialog.get_by_role("button", name="Link erstellen").click()
    link = dialog.get_by_text(re.compile(r"/share/")).first
    expect(link).to_be_visible()
    expect(dialog.get_by_alt_text("QR-Code")).to_be_visible()
    path = link.inner_text().strip().removeprefix(server.url)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    reader, watch = open_page(server.url, path, locale="en-US", java_script_enabled=False, **phone)
    expect(reader.get_by_role("heading", level=2).first).to_have_text("Question")
    expect(reader.locator("img")).to_have_count(3)
    assert reader.context.cookies() == []

    dialog.get_by_role("button", name="Zurückziehen").click()
    expect(dialog.get_by_alt_text("QR-Code")).to_have_count(0)
    watch.expect("410")
    answer = reader.reload()
    assert answer is not None
    assert answer.status == 410
    expect(reader.get_by_role("heading", level=1)).to_have_text("This link is no longer valid")

    page.keyboard.press("Escape")
    page.get_by_role("button", name="device", exact=True).click()
    link = page.get_by_role("dialog").get_by_text(re.compile(r"/device/")).first
    expect(link).to_be_visible()
    path = link.inner_text().strip().removeprefix(server.url)

    other, watch = open_page(server.url, path, locale="de-DE")
    other.get_by_role("button", name="Hier weitermachen").click()
    expect(other.get_by_text("Gespräche: 1")).to_be_visible()
    assert "?c=" in other.url

    watch.expect("410")
    other.goto(server.url + path)
    expect(other.get_by_role("heading", level=1)).to_have_text("Dieser Link gilt nicht mehr")
    assert path not in server.output

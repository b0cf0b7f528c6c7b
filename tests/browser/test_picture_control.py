"""Pictures under control in a real browser: what is chosen by hand is what the endpoint gets."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.playing import (
    Script,
    ask,
    choose,
    click_until,
    expect_whole,
    messages,
    tray,
)
from tests.faults.server import FaultServer
from tests.serving import AppServer, serve_app

PHONE = {"viewport": {"width": 390, "height": 844}}


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AppServer, Script]]:
    """The server with an endpoint that remembers what it was asked."""
    script = Script(prompt_tokens=1234)
    with FaultServer(script) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url, "OPENAI_MODEL": "gpt-4o"}
        with serve_app(tmp_path_factory.mktemp("control"), env=env) as server:
            yield server, script


def _photo(path: Path, size: tuple[int, int]) -> Path:
    image = Image.new("RGB", size, "#204060")
    ImageDraw.Draw(image).rectangle((0, 0, size[0] // 3, size[1] // 3), fill="white")
    image.save(path, "JPEG", quality=90)
    return path


def _pdf(path: Path, pages: int) -> Path:
    first, *others = [Image.new("RGB", (300, 400), f"#{60 + 40 * n:02x}4040") for n in range(pages)]
    first.save(path, "PDF", save_all=True, append_images=others)
    return path


def _sent(script: Script) -> list[tuple[str, tuple[int, int]]]:
    """Detail and size of the pictures of the last question."""
    content = json.loads(script.asked[-1].body)["messages"][-1]["content"]
    return [
        (part["image_url"]["detail"], _size(part["image_url"]["url"]))
        for part in content
        if part["type"] == "image_url"
    ]


def _size(url: str) -> tuple[int, int]:
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).size


def _open_receipt(page: Page) -> None:
    page.locator('[class*="st-key-receipt_"] summary').last.click()


def _open_options(page: Page) -> Locator:
    page.locator(".composer-add").click()
    page.get_by_role("menuitem", name="Photo options").click()
    return page.get_by_role("dialog")


def test_a_picture_is_prepared_on_a_phone_and_sent_again_sharper(
    connected: tuple[AppServer, Script], open_page: OpenPage, tmp_path: Path
) -> None:
    """Choose, turn, choose a size, ask, read the receipt, ask for more."""
    server, script = connected
    page, _ = open_page(server.url, **PHONE)
    choose(page, _photo(tmp_path / "menu.jpg", (1600, 1200)))
    with page.expect_response(lambda answer: answer.url.endswith("/turn")):
        page.get_by_role("button", name="Rotate menu.jpg right").click()
    dialog = _open_options(page)
    expect(dialog.get_by_text("1200 × 1600 pixels")).to_be_visible()  # noqa: RUF001 - as shown
    dialog.get_by_text("1024", exact=True).click()
    dialog.get_by_role("radio", name="high").or_(
        dialog.get_by_role("button", name="high", exact=True)
    ).click()
    expect(dialog.get_by_text("768 × 1024 pixels")).to_be_visible()  # noqa: RUF001 - as shown
    dialog.get_by_role("button", name="Done").click()
    expect(dialog).to_have_count(0)
    expect(tray(page)).to_have_count(1)
    ask(page, "What does it say?")
    expect_whole(page, script.text)
    assert _sent(script) == [("high", (768, 1024))]

    _open_receipt(page)
    second = page.get_by_text("Version 2 of 2", exact=True)
    click_until(page.get_by_role("button", name="Ask again in higher resolution"), second)
    expect_whole(page, script.text)
    assert _sent(script) == [("high", (1200, 1600))]
    expect(messages(page).first).to_contain_text("What does it say?")


def test_the_pages_of_a_pdf_are_chosen_in_the_page(
    connected: tuple[AppServer, Script], open_page: OpenPage, tmp_path: Path
) -> None:
    """All of a short one wait; others are chosen by looking at them, before anything is sent."""
    server, script = connected
    page, _ = open_page(server.url)
    before = len(script.asked)
    choose(page, _pdf(tmp_path / "contract.pdf", 4))
    expect(tray(page)).to_have_count(4)
    expect(page.get_by_text("contract.pdf: page 1–4 of 4")).to_be_visible()  # noqa: RUF001 - as shown
    page.get_by_role("button", name="Choose pages: contract.pdf").click()
    dialog = page.get_by_role("dialog")
    for number in (2, 4):
        dialog.get_by_text(f"Page {number}", exact=True).click()
    dialog.get_by_role("button", name="Use these 2 pages").click()
    expect(tray(page)).to_have_count(2)
    expect(page.get_by_text("contract.pdf: page 1, 3 of 4")).to_be_visible()

    ask(page, "What does it cost?")
    expect_whole(page, script.text)

    assert len(script.asked) == before + 1
    assert len(_sent(script)) == 2
    expect(messages(page).first).to_contain_text("What does it cost?")

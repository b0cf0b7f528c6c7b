"""Regions that a person marks on a waiting picture: with a mouse, a finger and the keyboard."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import FloatRect, Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.playing import Script, area, ask, choose, expect_whole, messages, photo, tray
from tests.faults.server import FaultServer
from tests.serving import AppServer, serve_app

Endpoint = tuple[AppServer, Script]
_FINGER_MS = 40  # from one place of a finger to the next
_NAMES = (
    "The pictures of this message: Picture 1 has 2 numbered regions outlined. "
    "Picture 2 is region 1 of picture 1 at full resolution. "
    "Picture 3 is region 2 of picture 1 at full resolution."
)


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """The server with an endpoint that remembers what it was asked."""
    script = Script()
    with FaultServer(script) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url, "OPENAI_MODEL": "gpt-4o"}
        with serve_app(tmp_path_factory.mktemp("regions"), env=env) as server:
            yield server, script


@pytest.fixture(autouse=True)
def _fresh_script(connected: Endpoint) -> None:
    connected[1].asked = []


def _quarters(folder: Path) -> Path:
    """A photo of 12 megapixels: above red and green, below blue and white."""
    image = Image.new("RGB", (4000, 3000), "white")
    for colour, place in (("red", (0, 0)), ("lime", (2000, 0)), ("blue", (0, 1500))):
        image.paste(colour, (*place, place[0] + 2000, place[1] + 1500))
    path = folder / "quarters.jpg"
    image.save(path, quality=95)
    return path


def _open_editor(page: Page, name: str = "quarters.jpg") -> Locator:
    page.get_by_role("button", name=f"Mark or pixelate regions in {name}").click()
    dialog = page.get_by_role("dialog", name="Mark regions")
    expect(dialog).to_be_visible()
    page.wait_for_function(
        "image => image.complete && image.naturalWidth > 0",
        arg=dialog.locator(".regions-picture img").element_handle(),
    )
    return dialog


def _picture(page: Page) -> FloatRect:
    box = page.locator(".regions-picture").bounding_box()
    assert box is not None
    return box


def _drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag from one place to another, in shares of the picture's sides."""
    box = _picture(page)
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
    page.mouse.move(*points[0])
    page.mouse.down()
    page.mouse.move(*points[1], steps=4)
    page.mouse.up()


def _region(dialog: Locator, number: int) -> Locator:
    return dialog.get_by_role("button", name=re.compile(rf"^Region {number}:"))


def _done(page: Page, dialog: Locator) -> None:
    dialog.get_by_role("button", name="Done").click()
    expect(dialog).to_have_count(0)
    expect(tray(page)).to_have_count(1)


def _sent(script: Script) -> tuple[list[Image.Image], list[str]]:
    """The pictures and the texts of the last question."""
    content = json.loads(script.asked[-1].body)["messages"][-1]["content"]
    uris = [part["image_url"]["url"] for part in content if part["type"] == "image_url"]
    opened = [Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))) for uri in uris]
    return [each.convert("RGB") for each in opened], [
        part["text"] for part in content if part["type"] == "text"
    ]


def _colour(image: Image.Image) -> str:
    """Which of the quarters it shows, and nothing else."""
    red, green, blue = (bool(each > 128) for each in np.asarray(image).mean((0, 1)))
    assert np.asarray(image).std((0, 1)).max() < 12
    names = {"100": "red", "010": "lime", "001": "blue", "111": "white"}
    return names[f"{red:d}{green:d}{blue:d}"]


def test_with_a_mouse_regions_are_drawn_moved_resized_and_removed(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path
) -> None:
    """What is sent is the numbered overview and each region at full resolution, in order."""
    server, script = connected
    page, _ = open_page(server.url, viewport={"width": 1280, "height": 800})
    choose(page, _quarters(tmp_path))
    dialog = _open_editor(page)
    _drag(page, (0.1, 0.1), (0.2, 0.2))
    _drag(page, (0.9, 0.9), (0.6, 0.6))
    _drag(page, (0.05, 0.6), (0.45, 0.9))
    _drag(page, (0.5, 0.05), (0.5, 0.052))  # no more than a click
    expect(dialog.locator(".regions-box")).to_have_count(3)

    _drag(page, (0.15, 0.15), (0.75, 0.15))  # from red to lime
    corner = _region(dialog, 1).locator('[data-corner="se"]').bounding_box()
    assert corner is not None
    page.mouse.move(corner["x"] + corner["width"] / 2, corner["y"] + corner["height"] / 2)
    page.mouse.down()
    box = _picture(page)
    page.mouse.move(box["x"] + 0.95 * box["width"], box["y"] + 0.45 * box["height"], steps=4)
    page.mouse.up()
    expect(_region(dialog, 1)).to_have_accessible_name(
        re.compile(r"^Region 1: 70% from the left, 10% from the top, 2[45]% wide, 3[45]% high$")
    )
    _drag(page, (0.75, 0.75), (0.76, 0.75))
    dialog.get_by_role("button", name="Remove region 2").click()
    expect(dialog.locator(".regions-box")).to_have_count(2)
    _done(page, dialog)

    ask(page, "What does 2 say?")
    expect_whole(page, script.text)
    (overview, first, second), texts = _sent(script)
    assert (_colour(first), _colour(second)) == ("lime", "blue")
    assert first.width == pytest.approx(0.25 * 4000, abs=60)
    assert second.size == pytest.approx((0.4 * 4000, 0.3 * 3000), abs=30)
    assert overview.width <= 2048
    assert texts == [_NAMES, "What does 2 say?"]

    receipt = messages(page).first.get_by_text("2 regions marked")
    expect(receipt).to_contain_text("Sent smaller · 2 regions marked")
    receipt.click()
    expect(messages(page).first.get_by_text("From a large picture: region 2")).to_be_visible()
    for name in ("2 regions marked", "region 1", "region 2"):
        expect(page.get_by_role("img", name=f"quarters.jpg · {name}").first).to_be_attached()


def test_with_a_finger_regions_are_drawn_and_the_picture_is_moved(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path
) -> None:
    """A finger draws; where the person chose so it moves the picture instead."""
    server, script = connected
    page, _ = open_page(
        server.url, viewport={"width": 390, "height": 780}, has_touch=True, is_mobile=True
    )
    choose(page, _quarters(tmp_path))
    dialog = _open_editor(page)
    _swipe(page, (0.6, 0.1), (0.9, 0.4))
    expect(dialog.locator(".regions-box")).to_have_count(1)

    moving = dialog.get_by_role("button", name="Move picture")
    moving.tap()
    expect(moving).to_have_attribute("aria-pressed", "true")
    for _ in range(3):
        dialog.get_by_role("button", name="Enlarge").tap()
    stage = dialog.locator(".regions-stage")
    left, top = stage.evaluate("stage => [stage.scrollLeft, stage.scrollTop]")
    _swipe(page, (0.6, 0.6), (0.45, 0.45))
    expect(stage).not_to_have_js_property("scrollLeft", left)
    expect(stage).not_to_have_js_property("scrollTop", top)
    expect(dialog.locator(".regions-box")).to_have_count(1)

    dialog.get_by_role("button", name="Draw").tap()
    _swipe(page, (0.55, 0.55), (0.65, 0.65))
    expect(dialog.locator(".regions-box")).to_have_count(2)
    dialog.get_by_role("button", name="Done").tap()
    expect(tray(page)).to_have_count(1)
    ask(page, "Was steht in 1?")
    expect_whole(page, script.text)

    (_, first, second), _ = _sent(script)
    assert (_colour(first), _colour(second)) == ("lime", "white")
    assert first.size == pytest.approx((1200, 900), abs=40)
    assert second.size == pytest.approx((400, 300), abs=40)


def _swipe(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag one finger over the picture, as the browser gets it from the screen.

    It rests before it is lifted: a tap on what moves on by itself would only hold it.
    """
    box = _picture(page)
    session = page.context.new_cdp_session(page)
    steps = 8
    for at in (*range(steps + 1), steps, steps):
        x, y = (one + (other - one) * at / steps for one, other in zip(start, end, strict=True))
        x, y = box["x"] + x * box["width"], box["y"] + y * box["height"]
        kind = "touchMove" if at else "touchStart"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        page.wait_for_timeout(_FINGER_MS)
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    session.detach()


def test_with_the_keyboard_regions_are_added_moved_resized_and_removed(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path
) -> None:
    """Each step is said; Escape leaves all as it was, and stops no answer."""
    server, script = connected
    page, _ = open_page(server.url, viewport={"width": 1280, "height": 800})
    choose(page, _quarters(tmp_path))
    opener = page.get_by_role("button", name="Mark or pixelate regions in quarters.jpg")
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Mark regions")
    expect(dialog.get_by_role("button", name="Add region")).to_be_focused()
    page.keyboard.press("Enter")
    expect(_region(dialog, 1)).to_be_focused()
    for key in ("ArrowLeft",) * 20 + ("ArrowUp",) * 50 + ("Shift+ArrowRight",) * 5:
        page.keyboard.press(key)
    said = "Region 1: 15% from the left, 0% from the top, 35% wide, 30% high"
    expect(dialog.get_by_role("status")).to_have_text(said)
    dialog.get_by_role("button", name="Enlarge").press("Enter")
    found = Axe().run(page, {"include": ["dialog.regions"]}).response["violations"]
    assert found == []

    dialog.get_by_role("button", name="Add region").focus()
    page.keyboard.press("Enter")
    expect(_region(dialog, 2)).to_be_focused()
    page.keyboard.press("Delete")
    expect(_region(dialog, 1)).to_be_focused()
    dialog.get_by_role("button", name="Done").focus()
    page.keyboard.press("Enter")
    expect(opener).to_be_focused()
    expect(opener).to_have_text("1")

    page.keyboard.press("Enter")
    expect(_region(dialog, 1)).to_be_visible()
    _region(dialog, 1).focus()
    page.keyboard.press("Delete")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(opener).to_have_text("1")

    ask(page, "What does 1 say?")
    expect_whole(page, script.text)
    (_, only), _ = _sent(script)
    assert _colour(only) == "red"
    assert only.size == pytest.approx((0.35 * 4000, 0.3 * 3000), abs=2)


def test_no_more_regions_than_a_question_has_room_for(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path
) -> None:
    """With eight other pictures there is room for one, and the page says why.

    Without room for any the dialog opens all the same: there a picture can be pixelated.
    """
    server, _ = connected
    page, _ = open_page(server.url, viewport={"width": 1280, "height": 800})
    files = [photo(tmp_path, f"{number}.jpg", text=str(number)) for number in range(9)]
    choose(page, *files)
    dialog = _open_editor(page, "0.jpg")
    add = dialog.get_by_role("button", name="Add region")
    add.click()
    expect(add).to_have_attribute("aria-disabled", "true")
    add.press("Enter")
    expect(dialog.get_by_role("status")).to_contain_text("up to 10 pictures")
    dialog.get_by_role("button", name="Done").click()
    expect(page.get_by_role("button", name="Mark or pixelate regions in 0.jpg")).to_have_text("1")

    dialog = _open_editor(page, "1.jpg")
    expect(dialog.get_by_role("status")).to_contain_text("up to 10 pictures")
    expect(add).to_have_attribute("aria-disabled", "true")
    dialog.get_by_role("button", name="Pixelate …").click()
    dialog = page.get_by_role("dialog", name="Pixelate areas")
    dialog.get_by_role("button", name="Add area").click()
    dialog.get_by_role("button", name="Pixelate", exact=True).click()
    expect(page.locator(".composer-note")).to_have_text("Areas pixelated in 1.jpg: 1")


def test_regions_outlive_a_turn_a_reload_and_a_picture_that_is_gone(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path
) -> None:
    """What was drawn is there again; where it could not be kept the page says so."""
    server, script = connected
    page, watch = open_page(server.url, viewport={"width": 1280, "height": 800})
    choose(page, _quarters(tmp_path))
    dialog = _open_editor(page)
    _drag(page, (0.55, 0.05), (0.95, 0.45))
    _done(page, dialog)
    page.get_by_role("button", name="Rotate quarters.jpg right").click()
    image = tray(page).get_by_role("img", name="quarters.jpg")
    page.wait_for_function(
        "image => image.naturalHeight > image.naturalWidth", arg=image.element_handle()
    )
    page.reload()
    opener = page.get_by_role("button", name="Mark or pixelate regions in quarters.jpg")
    expect(opener).to_have_text("1")
    dialog = _open_editor(page)
    expect(_region(dialog, 1)).to_have_accessible_name(
        re.compile(r"^Region 1: 55% from the left, 5[45]% from the top, 40% wide, 40% high$")
    )

    watch.expect("status of 404")
    page.route("**/regions", lambda route: route.fulfill(status=404, json={}))
    _drag(page, (0.1, 0.1), (0.4, 0.4))
    dialog.get_by_role("button", name="Done").click()
    expect(page.locator(".composer-note")).to_contain_text("That didn't work")
    page.unroute("**/regions")
    dialog = _open_editor(page)
    expect(dialog.locator(".regions-box")).to_have_count(2)
    _done(page, dialog)
    expect(opener).to_have_text("2")
    expect(area(page)).to_be_visible()

    ask(page, "What does 1 say?")
    expect_whole(page, script.text)
    (_, first, second), _ = _sent(script)
    assert (_colour(first), _colour(second)) == ("lime", "blue")

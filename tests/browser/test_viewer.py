"""The viewer: every picture of a conversation opens in it, is enlarged, moved and left again."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from augenblick.core.paths import PROJECT_DIR
from tests.browser.conftest import OpenPage
from tests.browser.playing import Script, ask, click_until, expect_rest, expect_whole, messages
from tests.faults.server import FaultServer
from tests.serving import AppServer, serve_app

Endpoint = tuple[AppServer, Script]
SAMPLES = PROJECT_DIR / "augenblick" / "pictures" / "samples"
PHOTOS = [SAMPLES / name for name in ("receipt.jpg", "sign.jpg", "label.jpg")]
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True}


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """The server with an endpoint that remembers what it was asked."""
    script = Script(words=[f"Line {number} of the answer.\n\n" for number in range(40)])
    with FaultServer(script) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url, "OPENAI_MODEL": "gpt-4o"}
        with serve_app(tmp_path_factory.mktemp("viewer"), env=env) as server:
            yield server, script


def _asked(connected: Endpoint, open_page: OpenPage, pictures: list[Path], **context: Any) -> Page:
    """A page at rest with a question about pictures and its long answer."""
    server, script = connected
    page, _ = open_page(server.url, **context)
    ask(page, "What is this?", pictures)
    expect_whole(page, script.words[-1])
    expect_rest(page)
    return page


def _layer(page: Page) -> dict[str, float]:
    """Where the picture stands on the page, and how much it is enlarged."""
    found: dict[str, float] = page.locator(".viewer-layer").evaluate(
        """layer => {
          const { x, y, width, height } = layer.getBoundingClientRect();
          return { x, y, width, height, scale: width / layer.offsetWidth };
        }"""
    )
    return found


def _stage(page: Page) -> dict[str, float]:
    box = page.locator(".viewer-stage").bounding_box()
    assert box is not None
    return {"x": box["x"], "y": box["y"], "width": box["width"], "height": box["height"]}


def _dialog(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Pictures in this conversation")


# Beyond the last button comes the browser's own bar; then the document's body has the focus.
_IS_INSIDE = """
(document.activeElement === document.body) || document.activeElement.closest("dialog") !== null
"""


def _caption(page: Page) -> Locator:
    return page.locator(".viewer-caption")


def _links(page: Page) -> Locator:
    return messages(page).first.get_by_role("link", name=re.compile("^View "))


def test_on_a_wide_page_the_picture_stays_beside_the_conversation(
    connected: Endpoint, open_page: OpenPage
) -> None:
    """Fitted, left of the conversation, in the same place however far somebody has read."""
    page = _asked(connected, open_page, PHOTOS[:1], **DESKTOP)

    stage, layer = _stage(page), _layer(page)
    question = messages(page).first.bounding_box()
    assert question is not None
    assert stage["x"] + stage["width"] <= question["x"]
    assert 500 <= question["width"] <= 640
    assert stage["y"] + stage["height"] <= 800
    assert layer["width"] == pytest.approx(stage["width"], abs=2) or layer[
        "height"
    ] == pytest.approx(stage["height"], abs=2)
    messages(page).first.scroll_into_view_if_needed()
    messages(page).last.get_by_text("Line 39").scroll_into_view_if_needed()
    assert _stage(page) == stage
    _links(page).first.click()
    expect(_dialog(page)).to_have_count(0)  # it is there already


def test_the_wheel_enlarges_around_the_pointer_and_a_drag_moves(
    connected: Endpoint, open_page: OpenPage
) -> None:
    """The point under the pointer stays there; a drag takes the picture along, to its edge."""
    page = _asked(connected, open_page, PHOTOS[:1], **DESKTOP)
    stage, before = _stage(page), _layer(page)
    x, y = round(stage["x"] + stage["width"] * 0.6), round(stage["y"] + stage["height"] * 0.4)
    under = ((x - before["x"]) / before["scale"], (y - before["y"]) / before["scale"])

    page.mouse.move(x, y)
    page.mouse.wheel(0, -500)
    larger = _layer(page)
    page.mouse.down()
    page.mouse.move(x - 40, y - 30, steps=4)
    page.mouse.up()
    moved = _layer(page)
    page.mouse.wheel(0, 5000)

    assert larger["scale"] > 2 * before["scale"]
    assert larger["x"] + under[0] * larger["scale"] == pytest.approx(x, abs=1)
    assert larger["y"] + under[1] * larger["scale"] == pytest.approx(y, abs=1)
    assert moved["x"] - larger["x"] == pytest.approx(-40, abs=1)
    assert moved["y"] - larger["y"] == pytest.approx(-30, abs=1)
    assert _layer(page) == before


def test_a_double_click_shows_every_pixel_and_all_of_it_again(
    connected: Endpoint, open_page: OpenPage
) -> None:
    """One pixel of the picture for one of the page, then fitted as before."""
    page = _asked(connected, open_page, PHOTOS[:1], **DESKTOP)
    before = _layer(page)

    page.locator(".viewer-stage").dblclick()
    assert _layer(page)["scale"] == pytest.approx(1)
    page.locator(".viewer-stage").dblclick()

    assert _layer(page) == before


def test_all_of_it_works_by_keyboard(connected: Endpoint, open_page: OpenPage) -> None:
    """Enter opens, signs enlarge, arrows move or turn over, Escape leads back to the picture."""
    page = _asked(connected, open_page, PHOTOS, viewport={"width": 800, "height": 800})
    link = _links(page).nth(1)
    link.focus()
    page.keyboard.press("Enter")
    expect(_dialog(page)).to_be_visible()
    expect(_caption(page)).to_have_text("sign.jpg · 2 / 3")
    fitted = _layer(page)

    page.keyboard.press("+")
    page.keyboard.press("+")
    larger = _layer(page)
    page.keyboard.press("ArrowRight")
    assert larger["scale"] == pytest.approx(fitted["scale"] * 2.25)
    assert _layer(page)["x"] < larger["x"]
    expect(_caption(page)).to_have_text("sign.jpg · 2 / 3")
    page.keyboard.press("0")
    assert _layer(page) == fitted
    page.keyboard.press("ArrowRight")
    expect(_caption(page)).to_have_text("label.jpg · 3 / 3")
    page.keyboard.press("Home")
    expect(_caption(page)).to_have_text("receipt.jpg · 1 / 3")
    page.keyboard.press("End")
    expect(_caption(page)).to_have_text("label.jpg · 3 / 3")
    for _ in range(12):  # round and round, nothing behind the dialog
        page.keyboard.press("Tab")
        assert page.evaluate(_IS_INSIDE)
    page.keyboard.press("Escape")

    expect(_dialog(page)).to_have_count(0)
    expect(link).to_be_focused()


def test_its_buttons_are_named_and_large_enough(connected: Endpoint, open_page: OpenPage) -> None:
    """Each does what it is called, at 44 pixels; full screen and back keeps the focus."""
    page = _asked(connected, open_page, PHOTOS, locale="de-DE", **DESKTOP)
    before = _layer(page)
    names = ["Vergrößern", "Verkleinern", "Einpassen", "Nächstes Bild", "Vorheriges Bild"]

    for name in [*names, "Vollbild"]:
        box = page.get_by_role("button", name=name, exact=True).bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 44
    page.get_by_role("button", name="Vergrößern").click()
    assert _layer(page)["scale"] == pytest.approx(before["scale"] * 1.5)
    page.get_by_role("button", name="Verkleinern").click()
    assert _layer(page) == before
    page.get_by_role("button", name="Nächstes Bild").click()
    expect(_caption(page)).to_have_text("sign.jpg · 2 / 3")
    page.get_by_role("button", name="Vorheriges Bild").click()
    page.get_by_role("button", name="label.jpg · 3 / 3 anzeigen").click()
    expect(_caption(page)).to_have_text("label.jpg · 3 / 3")
    page.get_by_role("button", name="Vollbild").press("Enter")
    expect(page.get_by_role("dialog", name="Bilder dieses Gesprächs")).to_be_visible()
    page.get_by_role("button", name="Schließen", exact=True).click()
    expect(page.get_by_role("button", name="Vollbild")).to_be_focused()
    assert _stage(page)["x"] < 700


def _touch(page: Page, *moves: tuple[float, float]) -> None:
    """One finger that goes down at the first place and up at the last."""
    client = page.context.new_cdp_session(page)
    for number, (x, y) in enumerate(moves):
        kind = "touchMove" if number else "touchStart"
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_on_a_phone_a_strip_opens_the_pictures_and_a_swipe_closes_them(
    connected: Endpoint, open_page: OpenPage
) -> None:
    """64 pixels below the bar, always there; a swipe aside turns over, one down closes."""
    page = _asked(connected, open_page, PHOTOS, **PHONE)
    strip = page.locator(".viewer-home")
    box = strip.bounding_box()
    assert box is not None
    assert box["height"] == 64
    assert box["y"] < 100  # far down in a long answer
    strip.get_by_role("button", name="Show sign.jpg · 2 / 3").tap()
    expect(_dialog(page)).to_be_visible()
    stage = _stage(page)
    assert stage["width"] > 360

    _touch(page, (300, 400), (200, 405), (120, 408))
    expect(_caption(page)).to_have_text("label.jpg · 3 / 3")
    _touch(page, (100, 400), (200, 405), (280, 408))
    expect(_caption(page)).to_have_text("sign.jpg · 2 / 3")
    _touch(page, (200, 300), (205, 380), (205, 460))

    expect(_dialog(page)).to_have_count(0)
    expect(strip.get_by_role("button", name="Show sign.jpg · 2 / 3")).to_be_focused()


def test_two_fingers_enlarge(connected: Endpoint, open_page: OpenPage) -> None:
    """As far as they go apart, around what is between them."""
    page = _asked(connected, open_page, PHOTOS[:1], **PHONE)
    page.locator(".viewer-thumbs").get_by_role("button").tap()
    before = _layer(page)
    client = page.context.new_cdp_session(page)

    for kind, apart in (("touchStart", 50), ("touchMove", 100), ("touchMove", 150)):
        points = [{"x": 195 + side * apart, "y": 420, "id": side + 1} for side in (-1, 1)]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    after = _layer(page)

    assert after["scale"] == pytest.approx(3 * before["scale"], rel=0.02)
    middle = (195 - before["x"]) / before["scale"]
    assert after["x"] + middle * after["scale"] == pytest.approx(195, abs=3)
    expect(_dialog(page)).to_be_visible()


def test_answers_side_by_side_have_the_width_for_themselves(
    connected: Endpoint, open_page: OpenPage
) -> None:
    """The pictures are a strip above them then, from which they open."""
    server, script = connected
    wide = {"width": 1680, "height": 900}
    page, _ = open_page(server.url, "/?expert=true&n=3", viewport=wide)
    ask(page, "What is this?", PHOTOS[:1])
    strip = page.locator(".viewer-home")
    expect(strip).to_have_css("height", "64px")
    expect_whole(page, script.words[-1])
    expect_rest(page)

    answers = messages(page).last.bounding_box()
    assert answers is not None
    assert answers["width"] > 800
    strip.get_by_role("button", name="Show receipt.jpg").click()
    expect(_dialog(page)).to_be_visible()


def test_the_newest_question_is_shown_and_any_earlier_one_on_a_click(
    connected: Endpoint, open_page: OpenPage
) -> None:
    """The pictures of all questions are there in order; nobody's own zoom is lost by an answer."""
    script = connected[1]
    page = _asked(connected, open_page, PHOTOS[:1], **DESKTOP)
    expect(_caption(page)).to_have_text("receipt.jpg")

    ask(page, "And this?", PHOTOS[1:2])
    expect(_caption(page)).to_have_text("sign.jpg · 2 / 2")
    page.locator(".viewer-stage").dblclick()
    expect_whole(page, script.words[-1])
    expect_rest(page)
    assert _layer(page)["scale"] == pytest.approx(1)
    _links(page).first.click()
    expect(_caption(page)).to_have_text("receipt.jpg · 1 / 2")
    page.reload()
    expect(_caption(page)).to_have_text("sign.jpg · 2 / 2")


def test_the_picture_is_the_one_that_was_sent_and_for_this_browser_alone(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path
) -> None:
    """Its bytes are those of the request; another browser gets 404; the receipt offers them."""
    server, script = connected
    large = tmp_path / "large.jpg"
    Image.open(PHOTOS[1]).resize((3000, 2400)).save(large, quality=90)
    page = _asked(connected, open_page, [large], **DESKTOP)
    parts = json.loads(script.asked[-1].body)["messages"][-1]["content"]
    sent = b64decode(parts[0]["image_url"]["url"].partition(",")[2])

    picture = page.locator(".viewer-layer img")
    address = picture.evaluate("image => image.src")
    shown = page.request.get(address)
    assert shown.body() == sent
    assert hashlib.sha256(sent).hexdigest() in address
    assert server.request(urlsplit(address).path).status == 404
    stranger, _ = open_page(server.url)
    assert stranger.request.get(address).status == 404

    receipt = messages(page).first.get_by_text("Sent smaller")
    receipt.click()
    with page.expect_download() as downloaded:
        page.get_by_role("link", name="Download picture").click()
    assert downloaded.value.suggested_filename == "large.jpg"
    assert downloaded.value.path().read_bytes() == sent


def test_the_receipt_is_one_sentence_whose_rest_follows_it(
    connected: Endpoint, open_page: OpenPage
) -> None:
    """Only what is true; opened, the next Tab is in it."""
    page = _asked(connected, open_page, PHOTOS[:1], **PHONE)
    receipt = messages(page).first.locator("summary")
    expect(receipt).to_contain_text("Sent at full size")

    receipt.press("Enter")
    expect(page.get_by_text("was sent as JPEG, 1080 × 1530 pixels")).to_be_visible()  # noqa: RUF001
    expect(messages(page).first.get_by_text("tokens")).to_have_count(0)
    receipt.focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Download picture")).to_be_focused()


@pytest.mark.parametrize("context", [DESKTOP, PHONE])
def test_nothing_moves_while_pictures_load(
    connected: Endpoint, open_page: OpenPage, context: dict[str, Any]
) -> None:
    """A conversation that is opened again has the places of its pictures from the first moment."""
    page = _asked(connected, open_page, PHOTOS, **context)

    def place_of_answer() -> float:
        """How far below the question the answer begins, in pixels."""
        expect_rest(page)
        expect(page.get_by_test_id("stSkeleton")).to_have_count(0)  # of Streamlit's own buttons
        found: float = messages(page).evaluate_all(
            "([question, answer]) => "
            "answer.getBoundingClientRect().y - question.getBoundingClientRect().y"
        )
        return found

    page.context.route("**/picture/**", lambda _route: None)  # none of them ever comes
    page.reload()
    expect(_links(page)).to_have_count(3)
    before = place_of_answer()
    page.context.unroute("**/picture/**")
    page.reload()
    expect(_links(page)).to_have_count(3)
    page.wait_for_function(
        "() => [...document.querySelectorAll('.pictures img')].every(each => each.naturalWidth > 0)"
    )

    assert place_of_answer() == before


def _outline(page: Page, *, opens: bool, **box: int) -> Locator:
    """Outline a place of the receipt, as any script of the page can."""
    page.evaluate(
        """([outline, opens]) => {
          const { picture } = document.querySelector("a[data-picture]").dataset;
          const detail = { sha256: picture, outlines: [outline], opens };
          document.dispatchEvent(new CustomEvent("augenblick:outline", { detail }));
        }""",
        [{**box, "label": "Total"}, opens],
    )
    page.wait_for_timeout(400)  # the picture has moved there
    return page.locator(".viewer-outline")


def test_an_outlined_place_is_brought_into_sight(connected: Endpoint, open_page: OpenPage) -> None:
    """It stands in pixels of the picture, inside the stage, large enough to be read."""
    page = _asked(connected, open_page, PHOTOS[:1], **DESKTOP)

    outline = _outline(page, opens=False, x=700, y=1200, width=90, height=20)

    expect(outline).to_have_text("Total")
    box, layer, stage = outline.bounding_box(), _layer(page), _stage(page)
    assert box is not None
    assert (box["x"] - layer["x"]) / layer["scale"] == pytest.approx(700, abs=1)
    assert (box["y"] - layer["y"]) / layer["scale"] == pytest.approx(1200, abs=1)
    assert box["width"] / layer["scale"] == pytest.approx(90, abs=1)
    assert box["height"] >= 14
    assert stage["x"] <= box["x"] <= stage["x"] + stage["width"] - box["width"]
    assert stage["y"] <= box["y"] <= stage["y"] + stage["height"] - box["height"]


def test_on_a_phone_an_outlined_place_opens_the_picture_only_where_somebody_asks(
    connected: Endpoint, open_page: OpenPage
) -> None:
    """What merely has the focus leaves the page as it is."""
    page = _asked(connected, open_page, PHOTOS[:1], **PHONE)
    place = {"x": 700, "y": 1200, "width": 90, "height": 20}

    _outline(page, opens=False, **place)
    expect(_dialog(page)).to_have_count(0)
    outline = _outline(page, opens=True, **place)

    expect(_dialog(page)).to_be_visible()
    expect(outline).to_be_visible()


@pytest.mark.parametrize("context", [DESKTOP, PHONE], ids=["desk", "phone"])
def test_places_that_a_model_gives_are_shown_and_saved(
    connected: Endpoint, open_page: OpenPage, context: dict[str, Any]
) -> None:
    """Each by a button, in the picture's pixels; where numbers can be read in two ways, chosen."""
    server, script = connected
    words = script.words
    boxes = [{"bbox": [100, 200, 300, 260], "label": "total"}, {"bbox": [50, 60, 90, 100]}]
    script.words = (f"```json\n{json.dumps(boxes)}\n```",)
    try:
        page, _ = open_page(server.url, locale="en-US", **context)
        ask(page, "Where?", PHOTOS[:1])
        page.get_by_role("button", name="Show 2 places in the picture").click()
    finally:
        script.words = words
    outlines = page.locator(".viewer-outline")
    expect(outlines).to_have_count(2)
    expect(outlines.first).to_have_text("total")
    expect(outlines.first).to_be_visible()
    style = outlines.first.get_attribute("style") or ""
    assert "left:100px;top:200px;width:200px;height:60px" in style.replace(" ", "")
    if context is PHONE:
        page.keyboard.press("Escape")

    page.get_by_role("radio", name="Thousandths of the picture").click()
    second = page.get_by_role("button", name="Place 2")
    expect(second).to_have_attribute("data-outlines", re.compile('"x": (?!50[.])'))
    second.click()

    expect(outlines).to_have_count(1)
    layer = page.locator(".viewer-layer")
    width = layer.evaluate("it => it.offsetWidth")
    left = float(outlines.evaluate("it => parseFloat(it.style.left)"))
    assert left == pytest.approx(0.05 * width, abs=1)
    if context is PHONE:
        page.keyboard.press("Escape")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as CSV").click()
    assert saved.value.path().read_text().splitlines()[0] == "label,x,y,width,height"


def test_hostile_places_are_drawn_as_words(connected: Endpoint, open_page: OpenPage) -> None:
    """More than are listed, one of a pixel, one outside, markup, half a character in labels."""
    server, script = connected
    words = script.words
    boxes: list[dict[str, object]] = [
        {"bbox": [10, 10, 11, 11], "label": "<img src=x onerror=alert(1)>"},
        {"bbox": [20, 20, 60, 60], "label": "half \ud83d"},
        {"bbox": [9000, 9000, 9999, 9999], "label": "outside"},
    ]
    boxes += [{"bbox": [n, 30, n + 50, 90], "label": f'"{n}\n</button>'} for n in range(60)]
    script.words = (f"```json\n{json.dumps(boxes)}\n```",)
    try:
        page, _ = open_page(server.url, **DESKTOP)
        ask(page, "Where?", PHOTOS[:1])
        button = page.get_by_role("button", name="Show 62 places in the picture")
        expect(button).to_be_visible(timeout=60_000)
    finally:
        script.words = words

    outlines = page.locator(".viewer-outline")
    click_until(button, outlines.last)
    expect(outlines).to_have_count(62)
    expect(outlines.first).to_have_text("<img src=x onerror=alert(1)>")
    expect(outlines.nth(1)).to_have_text("half \ufffd")
    expect(page.locator(".places button")).to_have_count(25)
    expect(page.locator(".places img, .viewer-outline img")).to_have_count(0)
    page.reload()
    expect(page.get_by_role("button", name="half \ufffd")).to_be_visible()


def test_beside_a_conversation_it_follows_what_is_read(
    connected: Endpoint, open_page: OpenPage
) -> None:
    """Scrolled back to an earlier question, its picture is shown; and the later one again."""
    page = _asked(connected, open_page, PHOTOS[:1], **DESKTOP)
    ask(page, "And this?", PHOTOS[1:2])
    expect(messages(page)).to_have_count(4)
    expect_rest(page)
    caption = page.locator(".viewer-caption")
    expect(caption).to_contain_text("sign.jpg")
    page.mouse.move(900, 400)

    page.mouse.wheel(0, -20_000)
    expect(caption).to_contain_text("receipt.jpg")
    page.mouse.wheel(0, 20_000)
    expect(caption).to_contain_text("sign.jpg")

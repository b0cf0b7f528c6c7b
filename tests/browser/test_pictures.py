"""Every way a picture gets into the question: button, drag, paste, camera; and recorded answers."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.playing import (
    Script,
    area,
    ask,
    expect_whole,
    messages,
    photo,
    send,
    shown_answer,
    tray,
)
from tests.faults.server import FaultServer, Framing, Received, Step, framed
from tests.serving import AppServer, serve_app

STREAMS = Path(__file__).resolve().parent.parent / "faults" / "streams"

_HAND_IN = """
async ([kind, place, files, words]) => {
  const transfer = new DataTransfer();
  if (words) transfer.setData("text/plain", words);
  for (const [name, data] of files) {
    const bytes = Uint8Array.from(atob(data), sign => sign.charCodeAt(0));
    transfer.items.add(new File([bytes], name, { type: "image/jpeg" }));
  }
  const target = document.querySelector(place);
  if (kind === "paste") {
    target.dispatchEvent(
      new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true })
    );
    return;
  }
  const drag = (name) => target.dispatchEvent(
    new DragEvent(name, { dataTransfer: transfer, bubbles: true, cancelable: true })
  );
  drag("dragenter");
  drag("dragover");
  window.wasLit = document.querySelector(".composer-drop").checkVisibility();
  drag("drop");
}
"""


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AppServer, Script]]:
    """The server with an endpoint that remembers what it was asked."""
    script = Script()
    with FaultServer(script) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url, "OPENAI_MODEL": "gpt-4o"}
        with serve_app(tmp_path_factory.mktemp("pictures"), env=env) as server:
            yield server, script


def _kinds_sent(script: Script) -> list[str]:
    content = json.loads(script.asked[-1].body)["messages"][-1]["content"]
    return [part["type"] for part in content]


def _hand_in(
    page: Page, kind: str, place: str, pictures: Iterable[tuple[str, Path]], *, words: str = ""
) -> None:
    files = [[name, base64.b64encode(path.read_bytes()).decode()] for name, path in pictures]
    page.evaluate(_HAND_IN, [kind, place, files, words])


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("kind", ["paste", "drop"])
def test_pictures_can_be_pasted_and_dropped_anywhere(
    connected: tuple[AppServer, Script], open_page: OpenPage, tmp_path: Path, kind: str, width: int
) -> None:
    """On the heading too; two pasted pictures that are both called image.png are two pictures."""
    server, script = connected
    page, _ = open_page(server.url, viewport={"width": width, "height": 800})
    expect(area(page)).to_be_visible()
    first, second = photo(tmp_path, "a.jpg"), photo(tmp_path, "b.jpg", text="7")

    _hand_in(page, kind, "h1", [("image.png", first)])
    expect(tray(page)).to_have_count(1)
    _hand_in(page, kind, ".composer textarea", [("image.png", second)])
    expect(tray(page)).to_have_count(2)
    assert page.evaluate("window.wasLit") is (True if kind == "drop" else None)
    expect(page.locator(".composer-drop")).to_be_hidden()
    ask(page, "What is this?")
    expect_whole(page, script.text)

    assert _kinds_sent(script) == ["image_url", "image_url", "text"]
    urls = {part["image_url"]["url"] for part in _content(script) if "image_url" in part}
    assert len(urls) == 2


def test_the_path_of_a_copied_file_is_no_text(
    connected: tuple[AppServer, Script], open_page: OpenPage, tmp_path: Path
) -> None:
    """Managers of files give it beside the file, each in its own way; words stay words."""
    server, _script = connected
    page, _ = open_page(server.url)
    expect(area(page)).to_be_visible()
    paths = ("IMG 1.jpg", "/home/anna/Bilder/IMG 1.jpg", "C:\\Fotos\\IMG 1.jpg", '"D:\\IMG 1.jpg"')

    for count, path in enumerate(paths, start=1):
        file = photo(tmp_path, f"{count}.jpg", text=str(count))
        _hand_in(page, "paste", ".composer textarea", [("IMG 1.jpg", file)], words=path)
        expect(tray(page)).to_have_count(count)
    expect(area(page)).to_have_value("")

    _hand_in(page, "paste", "h1", [("IMG 1.jpg", file)], words="Summe IMG 1.jpg")
    expect(area(page)).to_have_value("Summe IMG 1.jpg")
    expect(tray(page)).to_have_count(len(paths))


_COPY = """
async ({ text, html, picture }) => {
  const bytes = Uint8Array.from(atob(picture), sign => sign.charCodeAt(0));
  const item = { "image/png": new Blob([bytes], { type: "image/png" }) };
  if (text) item["text/plain"] = new Blob([text], { type: "text/plain" });
  if (html) item["text/html"] = new Blob([html], { type: "text/html" });
  await navigator.clipboard.write([new ClipboardItem(item)]);
}
"""
_CELLS = "Coffee\t4,50\nTea\t3,90"
_TABLE = "<table><tr><td>Coffee</td><td>4,50</td></tr></table>"


def _paste(page: Page, *, text: str = "", html: str = "") -> None:
    """Put a picture and these on the browser's clipboard and press Ctrl+V in the input."""
    picture = io.BytesIO()
    Image.new("RGB", (120, 40), "white").save(picture, "PNG")
    copied = base64.b64encode(picture.getvalue()).decode()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    field = area(page)
    expect(field).to_be_enabled()
    page.evaluate(_COPY, {"text": text, "html": html, "picture": copied})
    field.focus()
    page.keyboard.press("ControlOrMeta+v")


def test_cells_pasted_from_a_sheet_are_text_and_their_picture_is_offered(
    connected: tuple[AppServer, Script], open_page: OpenPage
) -> None:
    """The text stands in the input, can be undone, and the picture comes along when wanted."""
    server, script = connected
    page, _ = open_page(server.url)
    field = area(page)
    attached = tray(page)
    offered = page.get_by_role("button", name="Attach as a picture too")

    _paste(page, text=_CELLS, html=_TABLE)
    expect(field).to_have_value(_CELLS)
    expect(offered).to_be_visible()
    expect(attached).to_have_count(0)
    page.keyboard.press("ControlOrMeta+z")
    expect(field).to_have_value("")
    expect(offered).to_have_count(0)

    _paste(page, text=_CELLS, html=_TABLE)
    offered.press("Enter")
    expect(attached).to_have_count(1)
    expect(offered).to_have_count(0)
    expect(field).to_be_focused()
    send(page)
    expect_whole(page, script.text)
    picture, text = _content(script)
    assert "image_url" in picture
    assert text == {"type": "text", "text": _CELLS}


def test_an_offer_goes_with_the_question_and_a_picture_alone_is_attached(
    connected: tuple[AppServer, Script], open_page: OpenPage
) -> None:
    """Sent without the picture, the text goes alone; a copied picture is still a picture."""
    server, script = connected
    page, _ = open_page(server.url)
    attached = tray(page)
    offered = page.get_by_role("button", name="Attach as a picture too")

    _paste(page, text=_CELLS)
    expect(offered).to_be_visible()
    area(page).press("Enter")
    expect_whole(page, script.text)
    assert json.loads(script.asked[-1].body)["messages"][-1]["content"] == _CELLS
    expect(offered).to_have_count(0)

    _paste(page, html="<img src='https://example.org/a.png'>")
    expect(attached).to_have_count(1)
    expect(offered).to_have_count(0)


def _content(script: Script) -> list[dict[str, Any]]:
    return list(json.loads(script.asked[-1].body)["messages"][-1]["content"])


def test_a_photo_from_the_camera_of_a_desk_can_be_asked_about_alone(
    connected: tuple[AppServer, Script], open_page: OpenPage
) -> None:
    """Taken, shown in the tray, sent without a word, and gone from the tray then."""
    server, script = connected
    page, _ = open_page(server.url, permissions=["camera"])

    page.locator(".composer-add").click()
    page.get_by_role("menuitem", name="Take a photo", exact=True).click()
    shutter = page.get_by_test_id("stCameraInputButton")
    expect(shutter).to_be_enabled()
    # the button is there before the camera's first picture is
    page.wait_for_function("() => document.querySelector('video')?.readyState >= 2")
    shutter.click()
    expect(tray(page)).to_have_count(1)
    send(page)
    expect_whole(page, script.text)

    assert _kinds_sent(script) == ["image_url", "text"]
    expect(tray(page)).to_have_count(0)
    expect(messages(page).first.get_by_role("img")).to_be_visible()


@pytest.mark.parametrize(
    "name", ["openai_usage", "azure_filters", "deepseek_reasoning", "openrouter_comments"]
)
def test_a_recorded_stream_is_shown_as_it_was_said(
    open_page: OpenPage, tmp_path: Path, name: str
) -> None:
    """Vendors' shapes of stream: the page shows the content and nothing else as the answer."""
    recorded = (STREAMS / f"{name}.sse").read_bytes()

    def replay(received: Received) -> Iterable[Step]:
        return framed([recorded], Framing.CHUNKED)

    with FaultServer(replay) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url, "OPENAI_MODEL": "gpt-4o"}
        with serve_app(tmp_path, env=env) as server:
            page, _ = open_page(server.url)
            ask(page, "What is this?")
            expect(page.get_by_role("button", name="Ask again")).to_be_visible()

            assert " ".join(_said(recorded).split()) in " ".join(
                messages(page).last.inner_text().split()
            )


def _said(recorded: bytes) -> str:
    lines = recorded.decode().replace("\r\n", "\n").split("\n")
    chunks = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    deltas = [choice.get("delta") or {} for chunk in chunks for choice in chunk["choices"]]
    return "".join(delta.get("content") or "" for delta in deltas)


def test_the_answer_is_plain_text_for_the_clipboard_and_markdown_for_the_eye(
    connected: tuple[AppServer, Script], open_page: OpenPage
) -> None:
    """Amounts stay amounts, pictures from elsewhere are links, code is left alone."""
    server, script = connected
    script.words = ("It costs $5 or $10. ", "![x](https://elsewhere.example/x.png) ", "`$7`")
    page, watch = open_page(server.url)
    ask(page, "Tell me")
    expect_whole(page, "It costs $5 or $10.")

    assert shown_answer(page) == "It costs $5 or $10. x $7"
    expect(messages(page).last.get_by_role("link", name="x")).to_be_visible()
    assert watch.problems == []

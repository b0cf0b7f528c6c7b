"""Every way a picture gets into the question: button, drag, paste, camera; and recorded answers."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.playing import Script, ask, expect_whole, messages, photo, shown_answer
from tests.faults.server import FaultServer, Framing, Received, Step, framed
from tests.serving import AppServer, serve_app

STREAMS = Path(__file__).resolve().parent.parent / "faults" / "streams"

_HAND_IN = """
async ([kind, files]) => {
  const transfer = new DataTransfer();
  for (const [name, data] of files) {
    const bytes = Uint8Array.from(atob(data), sign => sign.charCodeAt(0));
    transfer.items.add(new File([bytes], name, { type: "image/jpeg" }));
  }
  const area = document.querySelector('[data-testid="stChatInputTextArea"]');
  if (kind === "paste") {
    area.dispatchEvent(
      new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true })
    );
    return;
  }
  const drag = (place, name) => place.dispatchEvent(
    new DragEvent(name, { dataTransfer: transfer, bubbles: true, cancelable: true })
  );
  drag(document.body, "dragover");
  await new Promise(done => setTimeout(done, 300));
  const words = [...document.querySelectorAll('[data-testid="stChatInput"] *')]
    .find(found => found.textContent.startsWith("Drag and drop") && !found.children.length);
  const place = words.previousElementSibling;
  for (const name of ["dragenter", "dragover", "drop"]) drag(place, name);
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


def _hand_in(page: Page, kind: str, pictures: Iterable[tuple[str, Path]]) -> None:
    files = [[name, base64.b64encode(path.read_bytes()).decode()] for name, path in pictures]
    page.evaluate(_HAND_IN, [kind, files])


@pytest.mark.parametrize("kind", ["paste", "drop"])
def test_pictures_can_be_pasted_and_dropped(
    connected: tuple[AppServer, Script], open_page: OpenPage, tmp_path: Path, kind: str
) -> None:
    """Two pasted pictures that are both called image.png are two pictures."""
    server, script = connected
    page, _ = open_page(server.url)
    expect(page.get_by_test_id("stChatInputTextArea")).to_be_enabled()
    first, second = photo(tmp_path, "a.jpg"), photo(tmp_path, "b.jpg", text="7")

    _hand_in(page, kind, [("image.png", first)])
    expect(page.get_by_test_id("stChatInput").get_by_text("image.png")).to_have_count(1)
    _hand_in(page, kind, [("image.png", second)])
    expect(page.get_by_test_id("stChatInput").get_by_text("image.png")).to_have_count(2)
    ask(page, "What is this?")
    expect_whole(page, script.text)

    assert _kinds_sent(script) == ["image_url", "image_url", "text"]
    urls = {part["image_url"]["url"] for part in _content(script) if "image_url" in part}
    assert len(urls) == 2


def test_a_photo_from_the_camera_can_be_asked_about_alone(
    connected: tuple[AppServer, Script], open_page: OpenPage
) -> None:
    """Without a word being typed."""
    server, script = connected
    page, _ = open_page(server.url, permissions=["camera"])
    _take_photo(page)

    page.get_by_role("button", name="Ask without words").click()
    expect_whole(page, script.text)

    assert _kinds_sent(script) == ["image_url", "text"]


def _content(script: Script) -> list[dict[str, dict[str, str]]]:
    return list(json.loads(script.asked[-1].body)["messages"][-1]["content"])


def _take_photo(page: Page) -> None:
    page.get_by_role("button", name="Camera").click()
    shutter = page.get_by_test_id("stCameraInputButton")
    expect(shutter).to_be_enabled(timeout=20_000)
    # the button is there before the camera's first picture is
    page.wait_for_function("() => document.querySelector('video')?.readyState >= 2")
    shutter.click()


def test_a_photo_from_the_camera_waits_beside_the_question(
    connected: tuple[AppServer, Script], open_page: OpenPage
) -> None:
    """Taken, shown, sent with the next question, and gone from the input then.

    Nothing of the line below the input stands there twice while the answer is written.
    """
    server, script = connected
    script.pause_seconds = 0.3
    page, _ = open_page(server.url, permissions=["camera"])

    _take_photo(page)
    draft = page.get_by_role("img", name="Photo from the camera")
    expect(draft).to_be_visible()
    ask(page, "What is this?")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    assert page.get_by_role("button", name="Camera").count() == 1
    expect_whole(page, script.text)
    script.pause_seconds = 0.0

    assert _kinds_sent(script) == ["image_url", "text"]
    expect(draft).to_have_count(0)
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


def test_a_phone_shows_at_once_why_there_is_no_answer(
    connected: tuple[AppServer, Script], open_page: OpenPage, tmp_path: Path
) -> None:
    """Where no picture can be used, the reason stands above the fold of the empty page."""
    server, _ = connected
    page, _ = open_page(server.url, viewport={"width": 390, "height": 800})
    empty = tmp_path / "empty.jpg"
    empty.write_bytes(b"")

    ask(page, "What is this?", [empty])
    notice = page.get_by_test_id("stAlert")
    expect(notice).to_contain_text("empty.jpg")

    expect(page.get_by_test_id("stChatInputTextArea")).to_have_value("What is this?")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(notice).to_have_count(1)
    there, input_there = notice.bounding_box(), page.get_by_test_id("stChatInput").bounding_box()
    assert there is not None
    assert input_there is not None
    assert there["y"] + there["height"] <= input_there["y"]

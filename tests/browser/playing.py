"""What the browser tests play with: an endpoint that says what a test wants, pictures, the page."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import zxingcpp
from PIL import Image, ImageDraw
from playwright.sync_api import Locator, Page, expect

from tests.faults.server import Framing, Pause, Piece, Received, Step, answered_json, framed, held


@dataclass
class Script:
    """An endpoint that streams `words`, `pause_seconds` apart; `asked` holds what it was asked.

    It gives as many answers as it is asked for, all of them the same. An answer does not go on to
    `waits_before` while that is set: a test takes the time it needs for what it does meanwhile.
    """

    words: Sequence[str] = ("Ein ", "Schild ", "mit ", "ÄÖÜ ß € 🙂.")
    pause_seconds: float = 0.0
    first_pause_seconds: float = 0.0
    waits_before: str = ""
    models: Sequence[str] = ("gpt-4o",)
    finish_reason: str = "stop"
    refusal: tuple[str, str] | None = None  # status and code
    refuses_field: str = ""  # while that stands in the body
    prompt_tokens: int | None = None  # said at the end, where it is set
    fingerprint: str = ""
    asked: list[Received] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The whole answer."""
        return "".join(self.words)

    def __call__(self, received: Received) -> Iterable[Step]:
        """Answer one request."""
        if received.path.endswith("/models"):
            return _listed(self.models)
        self.asked.append(received)
        if self.refusal is not None:
            return _refused(*self.refusal)
        if self.refuses_field and self.refuses_field in json.loads(received.body):
            return self.refuse(_NOT_ON_OFFER % self.refuses_field.encode())
        count = json.loads(received.body).get("n", 1)
        steps = framed(list(self._pieces(range(count))), Framing.CHUNKED)
        return held(steps, lambda: self.waits_before)

    def refuse(self, body: bytes) -> Iterable[Step]:
        """Answer 400 with an error body."""
        return framed(
            [body], Framing.LENGTH, status="400 Bad Request", content_type="application/json"
        )

    def _pieces(self, choices: Sequence[int]) -> Iterable[Piece]:
        for at in choices:
            yield _event({"delta": {"role": "assistant", "content": ""}}, at, self.fingerprint)
        yield Pause(self.first_pause_seconds)
        for word in self.words:
            for at in choices:
                yield _event({"delta": {"content": word}}, at)
            yield Pause(self.pause_seconds)
        for at in choices:
            yield _event({"delta": {}, "finish_reason": self.finish_reason}, at)
        if self.prompt_tokens is not None:
            yield _usage(self.prompt_tokens)
        yield b"data: [DONE]\n\n"


class Ollama:
    """As Ollama answers, with a model that sees and one that does not."""

    def __init__(self) -> None:
        self.script = Script()

    def __call__(self, received: Received) -> Iterable[Step]:
        """Answer one request."""
        if received.path == "/v1/models":
            return answered_json({"data": [{"id": "qwen2.5vl:7b"}, {"id": "llama3.2:latest"}]})
        if received.path == "/api/tags":
            able = {"qwen2.5vl:7b": ["completion", "vision"], "llama3.2:latest": ["completion"]}
            models = [{"name": name, "capabilities": can} for name, can in able.items()]
            return answered_json({"models": models})
        if received.path == "/v1/chat/completions":
            return self.script(received)
        return answered_json({"error": "not found"}, status="404 Not Found")


_NOT_ON_OFFER = b'{"error": {"message": "This %s type is unavailable now"}}'


def _usage(prompt_tokens: int) -> bytes:
    usage = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": 5,
        "total_tokens": prompt_tokens + 5,
    }
    return f"data: {json.dumps({'id': 'chatcmpl-1', 'choices': [], 'usage': usage})}\n\n".encode()


def _event(choice: dict[str, object], at: int, fingerprint: str = "") -> bytes:
    chunk = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "model": "gpt-4o",
        "choices": [{"index": at, "finish_reason": None, **choice}],
        **({"system_fingerprint": fingerprint} if fingerprint else {}),
    }
    return f"data: {json.dumps(chunk)}\n\n".encode()


def _listed(models: Sequence[str]) -> Iterable[Step]:
    body = {"object": "list", "data": [{"id": name, "object": "model"} for name in models]}
    return framed([json.dumps(body).encode()], Framing.LENGTH, content_type="application/json")


def _refused(status: str, code: str) -> Iterable[Step]:
    error = {"message": "refused", "type": "invalid_request_error", "param": None, "code": code}
    body = json.dumps({"error": error}).encode()
    return framed([body], Framing.LENGTH, status=status, content_type="application/json")


def photo(folder: Path, name: str, *, text: str = "42") -> Path:
    """A small JPEG with a word on it."""
    image = Image.new("RGB", (640, 400), "#d8e4e2")
    ImageDraw.Draw(image).text((60, 120), text, fill="black", font_size=120)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    path = folder / name
    path.write_bytes(buffer.getvalue())
    return path


def area(page: Page) -> Locator:
    """Where a question is typed."""
    return page.locator(".composer textarea")


def tray(page: Page) -> Locator:
    """The pictures that wait for their question, as far as they are ready."""
    return page.locator(".composer-tile.is-ready")


def problems(page: Page) -> Locator:
    """The files that can't be used, each with the reason."""
    return page.locator(".composer-problems li")


def choose(page: Page, *files: Path) -> None:
    """Choose files as with the button, and wait until each is ready or refused."""
    expect(area(page)).to_be_visible()
    known = {file.name for file in files}
    page.locator(".composer-files").set_input_files([str(file) for file in files])
    for name in known:
        tiles = page.locator(".composer-tile.is-ready").filter(has=page.get_by_alt_text(name))
        expect(tiles.or_(problems(page).filter(has_text=name)).first).to_be_visible()


def send(page: Page) -> None:
    """Click the arrow."""
    expect_ready(page)
    page.locator(".composer-send").click()


def stop(page: Page) -> None:
    """Click the button that stops an answer."""
    page.locator('.composer-send[data-busy="true"]').click()


def expect_ready(page: Page) -> None:
    """Wait until the next question can be sent."""
    arrow = page.locator('.composer-send[data-busy="false"]')
    expect(arrow).to_be_visible(timeout=30_000)


def ask(page: Page, text: str = "", pictures: Sequence[Path] = ()) -> None:
    """Submit a question as a person does."""
    if pictures:
        choose(page, *pictures)
    area(page).fill(text)
    send(page)


def expect_rest(page: Page) -> None:
    """Wait until no script runs and nothing moves: a robot's click would miss what is moving."""
    app = page.get_by_test_id("stApp")
    expect(app).to_have_attribute("data-test-script-state", "notRunning")


def click_until(button: Locator, shown: Locator) -> None:
    """Click, and once more where what moved under a robot's pointer has swallowed the click."""
    for _ in range(4):
        expect_rest(button.page)
        button.click()
        try:
            expect(shown).to_be_visible(timeout=15_000)
        except AssertionError:
            continue
        return
    expect(shown).to_be_visible()


def set_sidebar(page: Page, *, is_open: bool = True) -> Locator:
    """Open or close the sidebar as a person does, if it is not so yet; returns it."""
    sidebar = page.get_by_test_id("stSidebar")
    wanted = "false" if is_open else "true"
    expect(page.locator(".st-key-frame .menu")).to_be_visible()
    if sidebar.get_attribute("data-collapsed") != wanted:
        page.locator(".st-key-frame .menu").click()
    expect(sidebar).to_have_attribute("data-collapsed", wanted)
    return sidebar


def open_settings(page: Page, tab: str = "Request", section: str = "") -> Locator:
    """Open the panel of experts at a tab, and a section of it that is closed; returns the panel."""
    toggle, panel = page.locator(".panel-toggle"), page.locator(".st-key-expert_panel")
    expect(toggle).to_have_attribute("aria-expanded", re.compile("true|false"), timeout=30_000)
    if toggle.get_attribute("aria-expanded") == "false":
        toggle.click()
    expect(panel).to_be_visible()
    button = panel.get_by_role("tab", name=tab, exact=True)
    click_until(button, panel.get_by_role("tab", name=tab, exact=True, selected=True))
    if section:
        details = panel.locator("details", has=page.locator("summary", has_text=section))
        click_until(details.locator("summary"), details.locator(".stElementContainer").first)
    return panel


def choose_a_form(page: Page) -> None:
    """Want answers as a form, on a German page for experts."""
    panel = open_settings(page, "Format")
    click_until(
        panel.get_by_text("Als Formular"), panel.get_by_role("button", name="Felder festlegen")
    )


def take_example(page: Page, name: str) -> None:
    """Take the fields of an example, on the same page."""
    click_until(
        page.locator(".st-key-expert_panel").get_by_role("button", name=name),
        page.get_by_role("button", name="Felder ändern"),
    )


def open_menu_item(page: Page, name: str) -> Locator:
    """Choose in the menu of the composer what opens a dialog; returns the dialog."""
    expect(area(page)).to_be_visible()
    page.locator(".composer-add").click()
    page.get_by_role("menuitem", name=name).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    return dialog


def open_phone_dialog(page: Page) -> Locator:
    """Ask for the code with which a phone is the camera of an English page."""
    return open_menu_item(page, "Take a photo with your phone")


def scan(dialog: Locator) -> str:
    """The address in the code of that dialog, read as a phone does."""
    code = dialog.locator("img")
    expect(code).to_be_visible()
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(code.screenshot())))
    return str(found.text)


def new_conversation(page: Page) -> None:
    """Begin anew by the button in the top bar."""
    page.locator(".st-key-bar_new button").click()


def messages(page: Page) -> Locator:
    """The questions and answers on the page, in order."""
    return page.get_by_test_id("stChatMessage")


def expect_whole(page: Page, text: str) -> None:
    """Wait until the last message holds the text and the page is at rest."""
    last = messages(page).last
    expect(last).to_contain_text(_flat(text))
    expect_ready(page)


def shown_answer(page: Page) -> str:
    """The last answer's text as drawn, without the buttons below it."""
    blocks = messages(page).last.get_by_test_id("stMarkdownContainer").all_inner_texts()
    return _flat(blocks[0]) if blocks else ""


def _flat(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()

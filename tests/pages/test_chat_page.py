"""The chat page as a script: what it draws and in which words."""

from __future__ import annotations

import base64
import io
import json
import secrets
import time
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from augenblick.core.language import language
from augenblick.core.settings import RequestSettings
from augenblick.store.store_values import NewQuestion, OpenedReply
from augenblick.ui.resources import Services, close_services
from tests.browser.playing import Script
from tests.faults.server import FaultServer, Framing, Received, Step, framed
from tests.pages.asking import ask, given_back, open_dialog

MAIN = Path(__file__).resolve().parent.parent.parent / "augenblick" / "ui" / "main.py"


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """An endpoint the page is configured with, and a store of its own."""
    played = Script()
    with FaultServer(played) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
        monkeypatch.setenv("AUGENBLICK_DATA_DIR", str(tmp_path))
        yield played
        close_services()


def _open(locale: str = "de-DE", url: str = "http://localhost:8501/") -> AppTest:
    page = AppTest.from_file(str(MAIN), default_timeout=120)
    page.context = {"locale": locale, "url": url}
    page.run()
    assert not page.exception
    return page


@pytest.mark.parametrize("locale", ["de-DE", "en-US"])
def test_the_empty_page_speaks_the_browsers_language(script: Script, locale: str) -> None:
    """Welcome, placeholder and samples are in the language the browser asks for."""
    spoken = language(locale[:2])

    page = _open(locale)

    assert page.title[0].value == spoken.text("chat.welcome")
    shown = "".join(str(element.proto.body) for element in page.main.get("html"))
    assert spoken.text("sample.receipt.question") in shown
    assert spoken.text("hero.choose") in shown
    assert spoken.text("sidebar.new") in [button.label for button in page.button]


def test_a_conversation_that_is_gone_is_said_before_anything_else(script: Script) -> None:
    """The page begins with it, above the samples."""
    page = AppTest.from_file(str(MAIN), default_timeout=120)
    page.context = {"locale": "de-DE", "url": "http://localhost:8501/"}
    page.query_params["c"] = "gone"
    page.run()
    kinds = [element.type for element in page.main]
    said = language("de").text("error.conversation_not_found.title")

    assert page.error[0].proto.title == said
    assert len(page.error) == 1
    assert kinds.index("error") < kinds.index("title")


@pytest.mark.parametrize("n", ["", "2"])
def test_every_id_will_do(script: Script, monkeypatch: pytest.MonkeyPatch, n: str) -> None:
    """One in some hundred ids holds two underscores in a row, which Streamlit takes amiss."""
    numbers = count()
    monkeypatch.setattr(secrets, "token_urlsafe", lambda _size=0: f"a__{next(numbers)}_-__")
    page = AppTest.from_file(str(MAIN), default_timeout=120)
    page.context = {"locale": "de-DE", "url": "http://localhost:8501/"}
    page.query_params.update({"expert": "true", "n": n})
    page.run()

    ask(page, "Wer bist du?")

    assert not page.exception
    assert script.text in [shown.value for shown in page.chat_message[1].markdown]
    menu = next(menu for menu in page.menu_button if str(menu.key).startswith("ways_"))
    menu.click("xray").run()
    assert not page.exception
    assert language("de").text("xray.response") in [each.label for each in page.tabs]


def test_the_language_can_be_switched(script: Script) -> None:
    """The choice on the page wins over the browser's wish."""
    page = _open("de-DE")

    page.segmented_control(key="lang").set_value("en").run()

    assert page.title[0].value == language("en").text("chat.welcome")


def _pictures(received: Received) -> Iterable[Step]:
    """An answer with a picture, the address of one, and no word."""
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40), "teal").save(buffer, "PNG")
    encoded = base64.b64encode(buffer.getvalue()).decode()
    images = [f"data:image/png;base64,{encoded}", "https://example.org/a.png"]
    chunk = {"choices": [{"delta": {"images": images}, "finish_reason": "stop"}]}
    return framed([b"data: %s\n\n" % json.dumps(chunk).encode()], Framing.CHUNKED)


def test_a_picture_in_an_answer_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below the answer; what can't be shown is said, and such an answer is not called empty."""
    with FaultServer(_pictures) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
        monkeypatch.setenv("OPENAI_MODEL", "m")
        monkeypatch.setenv("AUGENBLICK_DATA_DIR", str(tmp_path))
        page = _open()
        ask(page, "Male etwas")
        page.run()
        close_services()

    assert not page.exception
    answer = page.chat_message[1]
    (shown,) = [each.proto.body for each in answer.get("html") if "pictures" in each.proto.body]
    assert shown.count("<img") == 1
    said = [caption.value for caption in answer.caption]
    spoken = language("de")
    assert any(spoken.text("adjustment.unshown_pictures", count=1) in each for each in said)
    assert not any(spoken.text("note.empty") in each for each in said)


def test_a_question_is_asked_and_answered(script: Script) -> None:
    """Words alone make sense too; question and answer stand on the page and in its address."""
    page = _open()

    ask(page, "Wer bist du?")

    assert not page.exception
    assert [message.name for message in page.chat_message] == ["user", "assistant"]
    assert page.chat_message[0].text[0].value == "Wer bist du?"
    assert page.chat_message[1].markdown[0].value == script.text
    assert page.query_params["c"]


def test_a_question_longer_than_anybody_reads_is_folded(script: Script) -> None:
    """It is sent whole; the page shows its beginning, and with clicks ten times as much."""
    text = "".join(f"{number:04d} " for number in range(6000)).strip()
    page = _open()

    ask(page, text)

    assert text in str(script.asked[0].json()["messages"])
    (button,) = (button for button in page.button if str(button.key).startswith("longer_"))
    characters = language("de").number(len(text))
    assert button.label == language("de").text("chat.whole_text", characters=characters)
    shown = page.chat_message[0].text[0].value
    assert shown == f"{text[:2000]} …"
    button.click().run()
    assert page.chat_message[0].text[0].value == f"{text[:20_000]} …"
    page.button(key=str(button.key)).click().run()
    assert page.chat_message[0].text[0].value == text
    assert not [button for button in page.button if str(button.key).startswith("longer_")]


def test_an_answer_that_is_there_before_the_page_looks_is_drawn(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However quick the endpoint and however slow the page, the answer is shown."""
    ask_really = Services.ask

    def ask_and_be_late(
        self: Services, question: NewQuestion, settings: RequestSettings
    ) -> OpenedReply:
        opened = ask_really(self, question, settings)
        live = self.answering.find(opened.conversation_id, opened.reply_id, owner=question.owner)
        while live.follow(timeout_seconds=0.1).record is None:
            pass
        return opened

    monkeypatch.setattr(Services, "ask", ask_and_be_late)
    page = _open()

    ask(page, "Wer bist du?")

    assert [message.name for message in page.chat_message] == ["user", "assistant"]
    assert page.chat_message[1].markdown[0].value == script.text


def test_an_unknown_conversation_is_said_kindly(script: Script) -> None:
    """A link that leads nowhere opens the empty page with a sentence."""
    page = AppTest.from_file(str(MAIN), default_timeout=120)
    page.query_params["c"] = "nowhere"
    page.context = {"locale": "de-DE", "url": "http://localhost:8501/"}

    page.run()

    assert not page.exception
    assert page.error
    assert "c" not in page.query_params


@pytest.mark.parametrize(
    ("url", "is_allowed"),
    [
        ("http://192.168.1.5:8501/", False),
        ("http://augenblick.lan:8501/", False),
        ("http://localhost:8501/", True),
        ("http://127.0.0.1:8501/", True),
        ("https://augenblick.example.org/", True),
    ],
)
def test_where_the_browser_forbids_the_camera_the_page_says_so(
    script: Script, url: str, *, is_allowed: bool
) -> None:
    """A phone over plain HTTP reads what to do instead of a dead button."""
    page = _open(url=url)

    open_dialog(page, "camera")

    told = [notice.value for notice in page.info]
    assert (language("de").text("camera.forbidden") in told) is not is_allowed
    assert bool(page.camera_input) is is_allowed


def test_the_page_of_endpoints_checks_a_connection(script: Script) -> None:
    """It names the endpoint and its models, and says whether it answers."""
    page = _open()
    page.switch_page("../../pages/endpoints.py").run()

    page.button(key="check_openai").click().run()

    assert not page.exception
    answers = language("de").text("endpoints.answers")
    deadline = time.monotonic() + 90
    while not any(answers in each.value for each in page.markdown):
        assert time.monotonic() < deadline
        page.run()


def test_a_question_without_a_model_comes_back_with_what_to_do(script: Script) -> None:
    """Where the endpoint names no models nothing is sent; a typed name, quoted or not, is asked."""
    script.models = ()
    page = _open()

    ask(page, "Wer bist du?")

    assert not page.exception
    assert language("de").text("error.model_missing.title") in [
        each.proto.title for each in page.error
    ]
    assert script.asked == []
    assert given_back(page)[-1] == "Wer bist du?"

    page.text_input(key="model_name").set_value(' "gpt-4o" ').run()
    ask(page, "Wer bist du?")
    assert script.asked[0].json()["model"] == "gpt-4o"

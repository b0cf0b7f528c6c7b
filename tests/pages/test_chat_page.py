"""The chat page as a script: what it draws and in which words."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from augenblick.language import language
from augenblick.settings import RequestSettings
from augenblick.store import NewQuestion, OpenedReply
from augenblick.ui.resources import Services, close_services
from tests.browser.playing import Script
from tests.faults.server import FaultServer

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
    page = AppTest.from_file(str(MAIN), default_timeout=30)
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
    assert page.chat_input[0].placeholder == spoken.text("chat.placeholder")
    labels = [button.label for button in page.button]
    assert spoken.text("sample.receipt.question") in labels
    assert spoken.text("sidebar.new") in labels


def test_a_conversation_that_is_gone_is_said_before_anything_else(script: Script) -> None:
    """The page begins with it, above the samples."""
    page = AppTest.from_file(str(MAIN), default_timeout=30)
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
    page = AppTest.from_file(str(MAIN), default_timeout=30)
    page.context = {"locale": "de-DE", "url": "http://localhost:8501/"}
    page.query_params.update({"expert": "true", "n": n})
    page.run()

    page.chat_input[0].set_value("Wer bist du?").run()

    assert not page.exception
    assert script.text in [shown.value for shown in page.chat_message[1].markdown]
    xray = next(button for button in page.button if str(button.key).startswith("xray_"))
    xray.click().run()
    assert not page.exception
    assert page.tabs


def test_the_language_can_be_switched(script: Script) -> None:
    """The choice on the page wins over the browser's wish."""
    page = _open("de-DE")

    page.segmented_control(key="lang").set_value("en").run()

    assert page.title[0].value == language("en").text("chat.welcome")


def test_a_question_is_asked_and_answered(script: Script) -> None:
    """Words alone make sense too; question and answer stand on the page and in its address."""
    page = _open()

    page.chat_input[0].set_value("Wer bist du?").run()

    assert not page.exception
    assert [message.name for message in page.chat_message] == ["user", "assistant"]
    assert page.chat_message[0].text[0].value == "Wer bist du?"
    assert page.chat_message[1].markdown[0].value == script.text
    assert page.query_params["c"]


def test_a_question_longer_than_anybody_reads_is_folded(script: Script) -> None:
    """It is sent whole; the page shows its beginning, and with clicks ten times as much."""
    text = "".join(f"{number:04d} " for number in range(6000)).strip()
    page = _open()

    page.chat_input[0].set_value(text).run()

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
    ask = Services.ask

    def ask_and_be_late(
        self: Services, question: NewQuestion, settings: RequestSettings
    ) -> OpenedReply:
        opened = ask(self, question, settings)
        live = self.answering.find(opened.conversation_id, opened.reply_id, owner=question.owner)
        while live.follow(timeout_seconds=0.1).record is None:
            pass
        return opened

    monkeypatch.setattr(Services, "ask", ask_and_be_late)
    page = _open()

    page.chat_input[0].set_value("Wer bist du?").run()

    assert [message.name for message in page.chat_message] == ["user", "assistant"]
    assert page.chat_message[1].markdown[0].value == script.text


def test_an_unknown_conversation_is_said_kindly(script: Script) -> None:
    """A link that leads nowhere opens the empty page with a sentence."""
    page = AppTest.from_file(str(MAIN), default_timeout=30)
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

    page.button(key="camera_open").click().run()

    told = [notice.value for notice in page.info]
    assert (language("de").text("camera.forbidden") in told) is not is_allowed
    assert bool(page.camera_input) is is_allowed


def test_the_page_of_endpoints_checks_a_connection(script: Script) -> None:
    """It names the endpoint and its models, and says whether it answers."""
    page = _open()
    page.switch_page("../../pages/endpoints.py").run()

    page.button(key="check_openai").click().run()

    assert not page.exception
    assert page.success[0].value == language("de").text("endpoints.answers")

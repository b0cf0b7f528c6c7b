"""What a page says when it can keep no more, and what is there still."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from augenblick.language import language
from augenblick.ui import holding
from augenblick.ui.resources import close_services
from augenblick.ui.state import Tab
from augenblick.web.holdings import HoldingLimits, Holdings
from tests.browser.playing import Script
from tests.faults.server import FaultServer
from tests.pages.conftest import Visitor
from tests.pages.test_pictures_on_the_page import _jpeg, _pdf

MAIN = Path(__file__).resolve().parent.parent.parent / "augenblick" / "ui" / "main.py"
SAY = language("de").text


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """An endpoint the page is configured with, and a store of its own."""
    played = Script()
    with FaultServer(played) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
        monkeypatch.setenv("OPENAI_MODEL", "gpt-4o")
        monkeypatch.setenv("AUGENBLICK_DATA_DIR", str(tmp_path))
        yield played
        close_services()


@pytest.fixture
def holdings(monkeypatch: pytest.MonkeyPatch) -> Holdings:
    """Room for a few small pictures."""
    found = holding.HOLDINGS
    monkeypatch.setattr(found, "limits", HoldingLimits(60_000, 90_000))
    return found


def _open() -> AppTest:
    opened = AppTest.from_file(str(MAIN), default_timeout=60)
    opened.context = {"locale": "de-DE", "url": "http://localhost:8501/"}
    opened.run()
    assert not opened.exception
    return opened


@pytest.fixture
def page(script: Script) -> AppTest:
    """The start page, in German."""
    return _open()


def _ask(page: AppTest, text: str, *files: tuple[str, bytes]) -> None:
    for name, data in files:
        page.chat_input[0].upload(name, data)
    page.chat_input[0].set_value(text).run()
    assert not page.exception


def _open_dialog(page: AppTest, *files: tuple[str, bytes]) -> None:
    page.button(key="pictures_open").click().run()
    page.file_uploader[0].set_value([(name, data, "") for name, data in files]).run()
    assert not page.exception


def _tab(page: AppTest) -> Tab:
    memory = page.session_state["tab"]
    assert isinstance(memory, Tab)
    return memory


def _big(kilobytes: int) -> bytes:
    """A photo of so many bytes, most of them behind its end."""
    return _jpeg(60, 40) + bytes(kilobytes * 1000)


def _kept_sentence() -> str:
    return f"{SAY('error.too_much_kept.what', limit=0)} {SAY('error.too_much_kept.do')}"


@pytest.mark.usefixtures("holdings")
def test_a_question_with_too_many_bytes_gives_its_words_back(page: AppTest, script: Script) -> None:
    """Nothing is asked, and the page says what to do. A lighter one goes through after that."""
    _ask(page, "Was ist das?", ("foto.jpg", _big(70)))

    assert [error.value for error in page.error] == [_kept_sentence()]
    assert page.chat_input[0].value == "Was ist das?"
    assert script.asked == []
    _ask(page, "Und das?", ("foto.jpg", _big(5)))
    assert len(script.asked) == 1
    assert not page.error


@pytest.mark.usefixtures("holdings")
def test_what_waited_is_there_when_the_dialog_can_take_no_more(page: AppTest) -> None:
    """The PDF whose pages are being chosen counts; the files before it stay."""
    _open_dialog(page, ("erstes.jpg", _jpeg(90, 60)))
    page.file_uploader[0].set_value([("zu-viel.jpg", _big(70), "")]).run()

    assert [warning.value for warning in page.warning] == [_kept_sentence()]
    names = [draft.attachment.receipt.source_name for draft in _tab(page).drafts]
    assert names == ["erstes.jpg"]


def test_tabs_of_one_person_count_together(page: AppTest, holdings: Holdings) -> None:
    """What waits for its pages in one tab leaves less room in another, until it is let go."""
    pdf = _pdf(2)
    _ask(page, "Welche Seite?", ("vertrag.pdf", pdf + bytes(50_000 - len(pdf))))
    other = _open()
    _ask(other, "Was ist das?", ("foto.jpg", _big(20)))

    assert len(_tab(page).waiting) == 1
    assert [error.value for error in other.error] == [_kept_sentence()]
    holdings.forget(_tab(page).session_id)  # both run in the one session there is in such tests
    assert _tab(page).waiting == []
    _ask(other, "Was ist das?", ("foto.jpg", _big(20)))
    assert not other.error


def test_other_people_have_room_until_all_of_it_is_taken(
    page: AppTest, holdings: Holdings, visitor: Visitor
) -> None:
    """The sentence for a full page is another one: it is nothing that person has to mend."""
    pdf = _pdf(2)
    _ask(page, "Welche Seite?", ("vertrag.pdf", pdf + bytes(50_000 - len(pdf))))
    visitor.browser_id = "somebody-else"
    other = _open()
    _ask(other, "Was ist das?", ("foto.jpg", _big(20)))
    assert not other.error
    _ask(other, "Und das?", ("foto.jpg", _big(50)))

    said = f"{SAY('error.server_is_full.what')} {SAY('error.server_is_full.do')}"
    assert [error.value for error in other.error] == [said]
    assert other.chat_input[0].value == "Und das?"
    assert holdings.sessions()


def test_so_many_questions_wait_for_pages_and_no_more(page: AppTest) -> None:
    """The eleventh comes back: its words to the input, its photo beside it."""
    memory = _tab(page)
    _ask(page, "Frage 0", ("vertrag.pdf", _pdf(2)))
    waiting = memory.waiting[0]
    for number in range(1, 10):
        memory.waiting.append(
            type(waiting)(
                type(waiting.question)(f"id{number}", f"Frage {number}", waiting.question.uploads),
                f"conversation-{number}",
                waiting.pdfs,
            )
        )
    memory.waiting[0].conversation_id = "conversation-0"
    page.run()
    _ask(page, "Eine mehr", ("vertrag.pdf", _pdf(2)), ("foto.jpg", _jpeg(90, 60)))

    sentence = (
        f"{SAY('error.too_many_unchosen.what', limit=10)} {SAY('error.too_many_unchosen.do')}"
    )
    assert [error.value for error in page.error] == [sentence]
    assert page.chat_input[0].value == "Eine mehr"
    assert len(memory.waiting) == 10
    assert [draft.attachment.receipt.source_name for draft in memory.drafts] == ["foto.jpg"]

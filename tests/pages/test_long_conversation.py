"""A long conversation on the chat page, and the thumbnails it keeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from augenblick.core.language import language
from augenblick.store import Store
from augenblick.ui.pictures.thumbnails import Thumbnails
from augenblick.ui.resources import close_services
from tests.pages.conftest import Visitor
from tests.store.values import a_question, a_record

MAIN = Path(__file__).resolve().parent.parent.parent / "augenblick" / "ui" / "main.py"
_QUESTIONS = 70


@pytest.fixture
def conversation_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, visitor: Visitor
) -> Iterator[str]:
    """A stored conversation of 140 messages; nobody answers any more."""
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_MODEL", "none")
    monkeypatch.setenv("AUGENBLICK_DATA_DIR", str(tmp_path))
    store = Store(f"sqlite:///{tmp_path / 'augenblick.db'}")
    conversation_id = parent_id = None
    for number in range(_QUESTIONS):
        opened = store.save_question(
            a_question(
                f"Frage {number}",
                conversation_id=conversation_id,
                parent_id=parent_id,
                owner=visitor.browser_id,
            )
        )
        store.finish_reply(opened.reply_id, a_record(f"Antwort {number}\n\nNoch ein Absatz."))
        conversation_id, parent_id = opened.conversation_id, opened.reply_id
    store.close()
    assert conversation_id is not None
    yield conversation_id
    close_services()


def test_older_messages_are_shown_a_portion_at_a_time(conversation_id: str) -> None:
    """However far somebody goes back, a click draws no more than the newest and one portion."""
    page = AppTest.from_file(str(MAIN), default_timeout=120)
    page.context = {"locale": "de-DE", "url": "http://localhost:8501/"}
    page.query_params["c"] = conversation_id
    page.run()
    assert not page.exception
    seen = [_shown(page)]

    label = language("de").text("chat.earlier", count=50)
    assert page.button(key="show_earlier").label == label
    for _ in range(3):
        page.button(key="show_earlier").click().run()
        seen.append(_shown(page))
    assert "show_earlier" not in [button.key for button in page.button]
    page.button(key="show_later").click().run()

    assert seen == [
        ("Frage 55", 30),
        ("Frage 30", 80),
        ("Frage 5", 80),
        ("Frage 0", 40),
    ]
    assert _shown(page) == ("Frage 5", 80)
    newest = [element.value for element in page.chat_message[-1].markdown]
    assert newest[0] == f"Antwort {_QUESTIONS - 1}\n\nNoch ein Absatz."


def _shown(page: AppTest) -> tuple[str, int]:
    """The first question on the page, and how many messages there are."""
    return str(page.chat_message[0].text[0].value), len(page.chat_message)


def test_a_thumbnail_is_read_once_and_memory_is_bounded() -> None:
    """What was looked at longest ago goes first; what is missing is said as the store says it."""
    read: list[str] = []

    def load(sha256: str) -> bytes:
        read.append(sha256)
        if sha256 == "gone":
            raise KeyError(sha256)
        return sha256.encode() * 10

    kept = Thumbnails(max_bytes=40)
    assert kept.get("a", load) == kept.get("a", load) == b"a" * 10
    for name in ("b", "c", "d", "a", "e"):
        kept.get(name, load)
    kept.get("a", load)
    kept.get("b", load)

    assert read == ["a", "b", "c", "d", "e", "b"]
    with pytest.raises(KeyError):
        kept.get("gone", load)
    kept.forget("b")
    kept.forget("never seen")
    kept.get("b", load)
    assert read[-2:] == ["gone", "b"]
    assert kept.get("big" * 100, load) == b"big" * 1000

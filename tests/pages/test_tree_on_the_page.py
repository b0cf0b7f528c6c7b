"""Working with a conversation on the page: other versions, deleting, which pictures go along."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from augenblick.core.conversations import Conversation
from augenblick.core.language import language
from augenblick.ui.resources import close_services, services
from tests.browser.playing import Script
from tests.faults.server import FaultServer
from tests.pages.asking import ask, ask_sample

MAIN = Path(__file__).resolve().parent.parent.parent / "augenblick" / "ui" / "main.py"
GERMAN = language("de")


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """An endpoint the page is configured with, and a store of its own."""
    played = Script()
    with FaultServer(played) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
        monkeypatch.setenv("AUGENBLICK_DATA_DIR", str(tmp_path))
        yield played
        close_services()


@pytest.fixture
def page(script: Script) -> AppTest:
    """The empty page, in German."""
    opened = AppTest.from_file(str(MAIN), default_timeout=120)
    opened.context = {"locale": "de-DE", "url": "http://localhost:8501/"}
    return opened.run()


def _ask(page: AppTest, text: str) -> None:
    ask(page, text)
    assert not page.exception


def _conversation(page: AppTest) -> Conversation:
    conversation_id = page.query_params["c"]
    conversation_id = conversation_id if isinstance(conversation_id, str) else conversation_id[0]
    return services().store.load_conversation(conversation_id)


def _click(page: AppTest, name: str, node_id: str = "") -> None:
    page.button(key=f"{name}_{node_id}" if node_id else name).click().run()
    assert not page.exception


def _choose(page: AppTest, menu: str, option: str) -> None:
    page.menu_button(key=menu).click(option).run()
    assert not page.exception


def _shown(page: AppTest) -> list[str]:
    """The words of the messages on the page, from the top."""
    return [
        (message.text[0] if message.name == "user" else message.markdown[0]).value
        for message in page.chat_message
    ]


def _edit(page: AppTest, node_id: str, text: str) -> None:
    _click(page, "pencil", node_id)
    page.text_area[0].set_value(text)
    _click(page, "edit_send")


def test_an_edited_question_becomes_another_version_with_its_own_answer(
    page: AppTest, script: Script
) -> None:
    """What was there stays, the arrows lead back to it, and each version goes on by itself."""
    script.words = ("Eins.",)
    _ask(page, "Erste Frage")
    _ask(page, "Zweite Frage")
    first, _, second, _ = _conversation(page).path()
    script.words = ("Anders.",)

    _edit(page, first.id, "Erste Frage, anders")

    assert _shown(page) == ["Erste Frage, anders", "Anders."]
    sent = json.loads(script.asked[-1].body)["messages"]
    assert [message["content"] for message in sent] == ["Erste Frage, anders"]
    assert GERMAN.text("edit.which", number=2, count=2) in [note.value for note in page.caption]
    other = _conversation(page).path()[0]
    _click(page, "previous", other.id)
    assert _shown(page) == ["Erste Frage", "Eins.", "Zweite Frage", "Eins."]
    _edit(page, second.id, "Zweite Frage, anders")
    _click(page, "previous", _conversation(page).path()[2].id)
    assert _shown(page) == ["Erste Frage", "Eins.", "Zweite Frage", "Eins."]
    assert len(_conversation(page).nodes) == 8


def test_an_edit_can_be_given_up_and_an_empty_one_is_not_sent(
    page: AppTest, script: Script
) -> None:
    """Cancelling changes nothing; without words and pictures the page says what is missing."""
    _ask(page, "Eine Frage")
    question = _conversation(page).path()[0]

    _click(page, "pencil", question.id)
    page.text_area[0].set_value("Etwas anderes")
    _click(page, "edit_cancel")
    assert _shown(page) == ["Eine Frage", script.text]
    _edit(page, question.id, "  ")

    assert any(GERMAN.text("edit.empty") in note.value for note in page.caption)
    page.text_area[0].set_value("Doch eine")
    _click(page, "edit_send")
    assert _shown(page) == ["Doch eine", script.text]
    assert len(script.asked) == 2


def test_pictures_stay_with_an_edited_question_or_are_taken_out(
    page: AppTest, script: Script
) -> None:
    """The picture of the first version goes again, unless it is switched off."""
    ask_sample(page, "receipt")
    question = _conversation(page).path()[0]
    _edit(page, question.id, "Was kostet das Brot?")
    (message,) = json.loads(script.asked[-1].body)["messages"]
    first = json.loads(script.asked[0].body)["messages"][0]["content"]
    assert message["content"] == [first[0], {"type": "text", "text": "Was kostet das Brot?"}]

    _click(page, "pencil", _conversation(page).path()[0].id)
    (switch,) = [box for box in page.checkbox if box.key and box.key.startswith("edit_")]
    switch.uncheck()
    _click(page, "edit_send")

    (message,) = json.loads(script.asked[-1].body)["messages"]
    assert message["content"] == "Was kostet das Brot?"


def test_a_deleted_answer_comes_back_with_all_below_it(page: AppTest, script: Script) -> None:
    """It goes at once; the foot of the page says what went, and brings it back."""
    ask_sample(page, "receipt")
    _ask(page, "Und die Mehrwertsteuer?")
    before = _conversation(page)
    first, answer, *_ = before.path()

    _choose(page, f"ways_{answer.id}", "delete")

    assert GERMAN.text("delete.answer_below", count=1) in [text.value for text in page.markdown]
    assert [node.id for node in _conversation(page).nodes] == [first.id]
    assert len(page.chat_message) == 1
    _click(page, "undo_delete")
    assert _conversation(page).nodes == before.nodes
    assert len(page.chat_message) == 4


def test_deleting_the_only_question_can_be_undone(page: AppTest, script: Script) -> None:
    """With it the whole conversation goes; the empty page offers the way back."""
    _ask(page, "Eine Frage")
    question = _conversation(page).path()[0]

    _click(page, "pencil", question.id)
    _click(page, "edit_delete")

    assert not page.chat_message
    assert "c" not in page.query_params
    _click(page, "undo_delete")
    assert _shown(page) == ["Eine Frage", script.text]


def test_only_the_chosen_pictures_are_sent_again(page: AppTest, script: Script) -> None:
    """A switched-off picture stays out of the request, and so do all but the last so many."""
    ask_sample(page, "receipt")
    question = _conversation(page).path()[0]
    _edit(page, question.id, "Was kostet das Brot?")
    _ask(page, "Und die Butter?")
    assert _pictures_sent(script) == [1, 0]
    assert _strip(page).startswith(GERMAN.text("context.all", count=1))

    page.session_state["context_strip"] = True
    page.run()
    (switch,) = [box for box in page.checkbox if box.key and box.key.startswith("goes_")]
    switch.uncheck().run()
    _ask(page, "Und die Milch?")

    assert _pictures_sent(script) == [0, 0, 0]
    assert _strip(page) == GERMAN.text("context.none")


def _strip(page: AppTest) -> str:
    """The line above the input."""
    icon = ":material/photo_library:"
    (label,) = [each.label for each in page.expander if each.icon == icon]
    return label


def _pictures_sent(script: Script) -> list[int]:
    """How many pictures each question of the last request carried."""
    asked = [m for m in json.loads(script.asked[-1].body)["messages"] if m["role"] == "user"]
    return [
        sum(part["type"] == "image_url" for part in message["content"])
        if isinstance(message["content"], list)
        else 0
        for message in asked
    ]

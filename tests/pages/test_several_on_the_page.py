"""Several answers on the page: side by side, compared, and one picked to go on with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from augenblick.core.conversations import Conversation
from augenblick.core.language import language
from augenblick.core.messages import ChoiceText, ReplyEnd
from augenblick.endpoint.reply import end_of_choice
from augenblick.ui.resources import close_services, services
from tests.faults.server import FaultServer
from tests.pages.asking import ask
from tests.several import REFUSED, Several

MAIN = Path(__file__).resolve().parent.parent.parent / "augenblick" / "ui" / "main.py"
GERMAN = language("de")


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Several]:
    """An endpoint that gives several answers, and a store of its own."""
    played = Several(finish_reasons=("stop", "length", "stop"))
    with FaultServer(played) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
        monkeypatch.setenv("AUGENBLICK_DATA_DIR", str(tmp_path))
        yield played
        close_services()


@pytest.fixture
def page(script: Several) -> AppTest:
    """The empty page, in German, with the switch on."""
    opened = AppTest.from_file(str(MAIN), default_timeout=120)
    opened.context = {"locale": "de-DE", "url": "http://localhost:8501/"}
    opened.query_params["expert"] = "true"
    return opened.run()


def _ask(page: AppTest, n: int | None = 3) -> None:
    page.text_input(key="n").set_value("" if n is None else str(n)).run()
    ask(page, "Was steht da?")
    assert not page.exception


def _conversation(page: AppTest) -> Conversation:
    found = page.query_params["c"]
    conversation_id = found if isinstance(found, str) else found[0]
    return services().store.load_conversation(conversation_id)


def _cards(page: AppTest, message: int = -1) -> list[list[str]]:
    """What stands in each card of an answer."""
    return [
        [
            str(found.value)
            for found in (*column.markdown, *column.get("html"))
            if "<button" not in str(found.value)
        ]
        for column in page.chat_message[message].columns
        if column.markdown
    ]


def _captions(page: AppTest) -> str:
    return " ".join(str(note.value) for note in page.caption)


def test_each_answer_has_its_card_with_its_own_end(page: AppTest, script: Several) -> None:
    """All that came stands there, in order; the one that was cut off says so, the others not."""
    _ask(page)

    answer = page.chat_message[-1]
    assert GERMAN.text("several.agree_none", count=3) in answer.markdown[0].value
    assert len(_cards(page)) == 3
    ends = [GERMAN.text("end.length") in " ".join(c.value for c in column.caption)
            for column in answer.columns]  # fmt: skip
    assert ends == [False, True, False]
    assert [body["n"] for body in script.bodies] == [3]


def test_the_picked_answer_is_marked_and_goes_on(page: AppTest, script: Several) -> None:
    """One click; the next question is sent after it, and the mark has moved."""
    _ask(page)
    reply_id = _conversation(page).path()[-1].id
    going_on = GERMAN.text("several.going_on")
    assert [any(going_on in text for text in card) for card in _cards(page)] == [True, False, False]

    page.button(key=f"choose_2_{reply_id}").click().run()
    assert [any(going_on in text for text in card) for card in _cards(page)] == [False, False, True]
    _ask(page, n=None)

    said = [message["content"] for message in script.bodies[-1]["messages"]]
    assert said[1] == script.text(2)
    assert len(script.bodies) == 2


def test_what_differs_is_marked_and_what_is_the_same_is_not(page: AppTest, script: Several) -> None:
    """In words that any eye can tell apart; without marks the answers stand as Markdown."""
    script.answers = (["Es sind <b>12,50</b> €."], ["Es sind <b>12.5</b> €"], ["Es sind 13 €."])
    _ask(page)
    reply_id = _conversation(page).path()[-1].id
    assert not page.toggle(key=f"mark_{reply_id}").value  # these are no plain words

    page.toggle(key=f"mark_{reply_id}").set_value(True).run()

    agreed = GERMAN.text("several.agree_some", agreeing=2, count=3)
    assert agreed in page.chat_message[-1].markdown[0].value
    drawn = [card[-1] for card in _cards(page)]
    assert all("<mark>" in each for each in drawn)
    assert "<mark>13</mark>" in drawn[2]
    assert all("<b>" not in each for each in drawn)


def test_answers_that_agree_are_said_to(page: AppTest, script: Several) -> None:
    """There is nothing to mark then."""
    script.answers = (["**42**"], ["42."], ["42"])
    _ask(page)

    agreed = GERMAN.text("several.agree_all", count=3)
    assert agreed in page.chat_message[-1].markdown[0].value
    assert [each.label for each in page.toggle] == [GERMAN.text("expert.switch")]


def test_many_answers_are_shown_in_steps(page: AppTest, script: Several) -> None:
    """Six at first, twelve more with each click, and the picked one always."""
    script.answers = [[f"Antwort Nummer {number}."] for number in range(20)]
    script.finish_reasons = ["stop"] * 20
    _ask(page, n=20)
    reply_id = _conversation(page).path()[-1].id
    assert len(_cards(page)) == 6

    services().store.pick_choice(reply_id, 19, owner="our-browser")
    page.run()
    assert len(_cards(page)) == 7
    page.button(key=f"more_{reply_id}").click().run()
    assert len(_cards(page)) == 19
    page.button(key=f"more_{reply_id}").click().run()
    assert len(_cards(page)) == 20
    assert len(_conversation(page).path()[-1].reply.choices) == 20  # type: ignore[union-attr] # it is an answer


def test_asked_one_by_one_is_said_and_what_failed_is_named(page: AppTest, script: Several) -> None:
    """In the place where that answer would be; the others are as they are."""
    script.most, script.refusal, script.failing = 1, REFUSED, frozenset({1})
    _ask(page)

    assert GERMAN.text("adjustment.asked_apart", wanted=3, count=3) in _captions(page)
    columns = page.chat_message[-1].columns
    assert sum(len(column.error) for column in columns) == 1
    assert len(page.error) == 1
    assert len(script.bodies) == 4


def test_a_single_answer_knows_nothing_of_it(page: AppTest, script: Several) -> None:
    """No columns, no cards, whatever an endpoint sends unasked."""
    _ask(page, n=None)

    assert not page.chat_message[-1].columns
    assert page.chat_message[-1].markdown[0].value == script.text(0)


@pytest.mark.parametrize(
    ("choice", "end", "expected"),
    [
        (ChoiceText("a", finish_reason="stop"), ReplyEnd.LENGTH, ReplyEnd.COMPLETE),
        (ChoiceText("a", finish_reason="length"), ReplyEnd.COMPLETE, ReplyEnd.LENGTH),
        (ChoiceText("a"), ReplyEnd.STOPPED, ReplyEnd.STOPPED),
        (ChoiceText("a", finish_reason="stop"), ReplyEnd.STOPPED, ReplyEnd.COMPLETE),
        (ChoiceText("a"), ReplyEnd.LENGTH, ReplyEnd.COMPLETE),
        (ChoiceText(refusal="no", finish_reason="stop"), ReplyEnd.COMPLETE, ReplyEnd.REFUSED),
        (ChoiceText("a", finish_reason="odd"), ReplyEnd.COMPLETE, ReplyEnd.COMPLETE),
    ],
)
def test_each_choice_has_its_own_end(choice: ChoiceText, end: ReplyEnd, expected: ReplyEnd) -> None:
    """What the endpoint said of it comes first, then what ended all of them."""
    assert end_of_choice(choice, end) is expected

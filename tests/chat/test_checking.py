"""The check of an answer: what it says while pictures are read, and where they can't be."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from augenblick.chat.checking import Check, Checking, CheckState
from augenblick.core.errors import ConversationNotFound
from augenblick.core.language import language
from augenblick.core.messages import ChoiceText
from augenblick.core.picture_text import PictureText, TextCell
from augenblick.core.settings import RequestSettings
from augenblick.store import Store
from augenblick.store.store_values import OpenedReply
from tests.store.values import a_picture, a_question, a_record

GERMAN = language("de")
PICTURE = a_picture(b"receipt")
TEXT = PictureText(1, ((TextCell("Summe 19,90", 0, 0, 110, 10),),))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with closing(Store(f"sqlite:///{tmp_path}/store.db")) as opened:
        yield opened


@pytest.fixture
def checking(store: Store) -> Iterator[Checking]:
    """Checks without a reader."""
    with closing(Checking(store, reader_url=lambda: None)) as made:
        yield made


def _answered(store: Store, answer: str) -> OpenedReply:
    opened = store.save_question(a_question("How much?", pictures=(PICTURE,)))
    store.finish_reply(opened.reply_id, a_record(answer))
    return opened


def test_what_was_read_is_looked_up_for_its_owner_alone(store: Store, checking: Checking) -> None:
    """A picture with much text waits until somebody asks."""
    opened = _answered(store, "19,90 € and 20,90 €")
    ids = opened.conversation_id, opened.reply_id
    store.save_text(PICTURE.attachment.sha256, PictureText(99, None))
    assert checking.check(*ids, owner="me", language=GERMAN) == Check(CheckState.LONG)
    store.save_text(PICTURE.attachment.sha256, TEXT)

    found = checking.check(*ids, owner="me", language=GERMAN)

    assert found.state is CheckState.READY
    assert [(value.text, len(value.places)) for value in found.values] == [
        ("19,90", 1),
        ("20,90", 0),
    ]
    for conversation_id, reply_id, owner in (
        (*ids, "you"),
        (opened.conversation_id, "unknown", "me"),
        (opened.conversation_id, opened.question_id, "me"),
    ):
        with pytest.raises(ConversationNotFound):
            checking.check(conversation_id, reply_id, owner=owner, language=GERMAN)


def test_each_answer_is_looked_up_by_itself_a_form_as_people_read_it(
    store: Store, checking: Checking
) -> None:
    """Numbers and dates in their language; one that is not there does not exist."""
    opened = store.save_question(a_question("How much?", pictures=(PICTURE,)))
    form = RequestSettings(model="look", response_format={"type": "json_object"})
    said = ('{"Summe": 19.9, "Netto": 16.72, "bezahlt": true, "box_2d": [180, 70, 600, 760]}', "20")
    record = replace(a_record(), choices=tuple(map(ChoiceText, said)), settings=form)
    store.finish_reply(opened.reply_id, record)
    store.save_text(PICTURE.attachment.sha256, TEXT)
    ids = opened.conversation_id, opened.reply_id

    found = [
        checking.check(*ids, at, owner="me", language=language(code)).values
        for at, code in ((0, "de"), (0, "en"), (1, "de"))
    ]

    assert [{value.text: len(value.places) for value in values} for values in found] == [
        {"19,9": 1, "16,72": 0},
        {"19.9": 1, "16.72": 0},
        {},
    ]
    with pytest.raises(ConversationNotFound):
        checking.check(*ids, 2, owner="me", language=GERMAN)


def test_without_a_reader_nothing_is_said(store: Store, checking: Checking) -> None:
    """Nor while one is away."""
    opened = _answered(store, "19,90 €")
    ids = opened.conversation_id, opened.reply_id

    states = [checking.check(*ids, owner="me", language=GERMAN).state]
    while states[-1] is CheckState.READING and len(states) < 500:
        time.sleep(0.02)
        states.append(checking.check(*ids, owner="me", language=GERMAN).state)

    assert (states[0], states[-1]) == (CheckState.READING, CheckState.NONE)

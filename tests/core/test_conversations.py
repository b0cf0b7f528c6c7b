"""Which messages and pictures of a conversation are sent, and what stands beside what."""

from __future__ import annotations

from datetime import UTC, datetime

from augenblick.core.conversations import (
    Conversation,
    Node,
    PictureSelection,
    ReplyRecord,
    as_wire_messages,
    pictures_sent,
)
from augenblick.core.messages import ChoiceText, Message, ReplyEnd, Role, TextPart
from tests.store.values import a_picture, a_question

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def asked(name: str, text: str, pictures: int = 0, *, parent: str | None = None) -> Node:
    """A question whose pictures come before its words."""
    shown = tuple(a_picture(f"{name}{number}".encode()) for number in range(pictures))
    return Node(name, parent, a_question(text, pictures=shown).message, NOW)


def answer(name: str, parent: str, text: str = "Yes.") -> Node:
    """An answer, with text or without."""
    record = ReplyRecord("p", "m", ReplyEnd.COMPLETE, (ChoiceText(text),) if text else ())
    return Node(name, parent, Message(Role.ASSISTANT, (TextPart(text),)), NOW, record)


PATH = (
    asked("one", "First", 2),
    answer("a", "one"),
    asked("two", "", 1, parent="a"),
    answer("b", "two"),
    asked("three", "Last", 2, parent="b"),
)


def places(path: tuple[Node, ...], selection: PictureSelection) -> list[tuple[str, int]]:
    """Where the pictures stand that are sent."""
    return [(node_id, position) for node_id, position, _ in pictures_sent(path, selection)]


def test_all_pictures_are_sent_unless_said_otherwise() -> None:
    """Without a selection everything goes, in the order in which it was asked about."""
    everything = [("one", 0), ("one", 1), ("two", 0), ("three", 0), ("three", 1)]
    assert places(PATH, PictureSelection()) == everything
    assert [part.attachment for *_, part in pictures_sent(PATH)] == [
        attachment for node in PATH for attachment in node.message.attachments
    ]
    assert list(as_wire_messages(PATH)) == [node.message for node in PATH]


def test_the_last_few_earlier_pictures_are_kept() -> None:
    """`keep_last` counts earlier pictures that are wanted; the newest question keeps its own."""
    own = [("three", 0), ("three", 1)]
    assert places(PATH, PictureSelection(keep_last=0)) == own
    assert places(PATH, PictureSelection(keep_last=1)) == [("two", 0), *own]
    assert places(PATH, PictureSelection(keep_last=9)) == places(PATH, PictureSelection())
    chosen = PictureSelection(frozenset({("two", 0)}), keep_last=1)
    assert places(PATH, chosen) == [("one", 1), *own]


def test_before_the_next_question_every_picture_is_an_earlier_one() -> None:
    """For a path that ends with an answer, all count; that is what the next question sends."""
    assert places(PATH[:4], PictureSelection(keep_last=1)) == [("two", 0)]
    assert places(PATH[:4], PictureSelection(keep_last=0)) == []
    assert pictures_sent((), PictureSelection(keep_last=1)) == ()


def test_what_is_left_out_is_not_sent() -> None:
    """Words stay without their pictures; a question that had only pictures says so in a word."""
    selection = PictureSelection(frozenset({("one", 0), ("two", 0), ("three", 1)}))
    sent = list(as_wire_messages(PATH, selection))
    assert [len(message.attachments) for message in sent] == [1, 0, 0, 0, 1]
    assert sent[0].text == "First"
    assert sent[2].parts == (TextPart("[image omitted]"),)
    assert sent[4].parts[0] == PATH[4].message.parts[0]


def test_an_answer_without_text_is_left_out() -> None:
    """An answer that failed before it began is not sent as an empty message."""
    path = (asked("one", "First"), answer("a", "one", ""), asked("two", "Second", parent="a"))
    assert [message.text for message in as_wire_messages(path)] == ["First", "Second"]


def test_siblings_stand_at_the_same_place() -> None:
    """Edits of the first question are siblings at the root; other answers are at their question."""
    nodes = (
        asked("one", "First"),
        asked("edit", "First!"),
        answer("a", "one"),
        answer("again", "one"),
        asked("two", "Second", parent="a"),
    )
    found = Conversation("c", "First", NOW, NOW, nodes, "two")
    assert [node.id for node in found.siblings(nodes[0])] == ["one", "edit"]
    assert [node.id for node in found.siblings(nodes[3])] == ["a", "again"]
    assert [node.id for node in found.siblings(nodes[4])] == ["two"]

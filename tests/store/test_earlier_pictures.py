"""The pictures somebody asked about before: their own, each once, the newest first."""

from __future__ import annotations

from dataclasses import replace

from augenblick.core.messages import PreparedPicture
from augenblick.store import Store
from tests.store.values import a_picture, a_question, a_record

CAT, DOG, FOX = (a_picture(name.encode(), name=f"{name}.jpg") for name in ("cat", "dog", "fox"))


def _ask(store: Store, *pictures: PreparedPicture, title: str = "What?", **more: object) -> str:
    question = replace(a_question(title, pictures=pictures), **more)  # type: ignore[arg-type]
    opened = store.save_question(question)
    store.finish_reply(opened.reply_id, a_record())
    return opened.conversation_id


def _listed(store: Store, owner: str = "me", **given: int) -> list[str]:
    found = store.list_earlier_pictures(owner, **given)
    names = {
        each.attachment.sha256: each.attachment.receipt.source_name for each in (CAT, DOG, FOX)
    }
    return [names[each.sha256] for each in found]


def test_each_comes_once_where_it_was_asked_about_last(store: Store) -> None:
    """The conversation is one that shows it."""
    _ask(store, CAT, title="First")
    _ask(store, DOG)
    last = _ask(store, CAT, title="Last")
    _ask(store, title="No picture")

    assert _listed(store) == ["cat.jpg", "dog.jpg"]
    cat = store.list_earlier_pictures("me")[0]
    assert (cat.conversation_id, cat.title) == (last, "Last")
    assert cat.sha256 in store.list_pictures("me", conversation_id=last)


def test_those_of_one_question_come_in_their_order(store: Store) -> None:
    """A portion at a time."""
    _ask(store, DOG)
    _ask(store, CAT, FOX)

    assert _listed(store) == ["cat.jpg", "fox.jpg", "dog.jpg"]
    assert _listed(store, limit=2) == ["cat.jpg", "fox.jpg"]
    assert _listed(store, limit=2, offset=2) == ["dog.jpg"]


def test_a_picture_is_found_as_it_was_sent(store: Store) -> None:
    """With its bytes, its small picture and where it came from."""
    _ask(store, CAT)

    assert store.find_earlier_picture("me", CAT.attachment.sha256) == CAT
    assert store.find_earlier_picture("me", DOG.attachment.sha256) is None


def test_nothing_of_others_of_temporary_or_deleted_conversations(store: Store) -> None:
    """Whoever knows the name of the bytes is not given them for that."""
    _ask(store, CAT, owner="you")
    _ask(store, DOG, is_temporary=True)
    gone = _ask(store, FOX)
    store.delete_conversation(gone, owner="me")

    assert _listed(store) == []
    for picture in (CAT, DOG, FOX):
        assert store.find_earlier_picture("me", picture.attachment.sha256) is None
    assert _listed(store, "you") == ["cat.jpg"]
    store.restore_conversation(gone, owner="me")
    assert _listed(store) == ["fox.jpg"]

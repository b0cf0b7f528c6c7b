"""Nobody reaches what belongs to somebody else, by any call that says who asks."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from augenblick.core.conversations import PictureSelection
from augenblick.core.errors import AugenblickError, ConversationNotFound
from augenblick.core.messages import Rating
from augenblick.core.settings import RequestSettings
from augenblick.store import Store
from augenblick.store.store_values import OpenedReply, Preset, StorageStats
from tests.store.values import a_picture, a_question, a_record


@dataclass(frozen=True, slots=True)
class Place:
    """What somebody might know of a conversation."""

    conversation_id: str
    question_id: str
    reply_id: str
    live_id: str
    token: str


Attempt = Callable[[Store, str, Place], object]


def _open_reply(store: Store, owner: str, place: Place) -> OpenedReply:
    return store.open_reply(
        owner=owner,
        submission_id=f"again {owner} {place}",
        conversation_id=place.conversation_id,
        question_id=place.question_id,
        provider="p",
        model="m",
    )


def _restore_message(store: Store, owner: str, at: Place) -> None:
    deleted = store.delete_message(at.conversation_id, at.reply_id, owner=owner)
    store.restore_message(deleted, owner=owner)


BY_ID: dict[str, Attempt] = {
    "open_reply": _open_reply,
    "request_stop": lambda store, owner, at: store.request_stop(at.live_id, owner=owner),
    "pick_choice": lambda store, owner, at: store.pick_choice(at.reply_id, 0, owner=owner),
    "rate": lambda store, owner, at: store.rate(at.reply_id, Rating.UP, owner=owner),
    "load_trace": lambda store, owner, at: store.load_trace(at.reply_id, owner=owner),
    "load_conversation": lambda store, owner, at: store.load_conversation(
        at.conversation_id, owner=owner
    ),
    "show_leaf": lambda store, owner, at: store.show_leaf(
        at.conversation_id, at.question_id, owner=owner
    ),
    "rename": lambda store, owner, at: store.rename(at.conversation_id, "New", owner=owner),
    "set_pinned": lambda store, owner, at: store.set_pinned(
        at.conversation_id, owner=owner, is_pinned=True
    ),
    "select_pictures": lambda store, owner, at: store.select_pictures(
        at.conversation_id, PictureSelection(keep_last=1), owner=owner
    ),
    "delete_message": lambda store, owner, at: store.delete_message(
        at.conversation_id, at.reply_id, owner=owner
    ),
    "restore_message": _restore_message,
    "delete_conversation": lambda store, owner, at: store.delete_conversation(
        at.conversation_id, owner=owner
    ),
    "restore_conversation": lambda store, owner, at: store.restore_conversation(
        at.conversation_id, owner=owner
    ),
    "create_share": lambda store, owner, at: store.create_share(
        at.conversation_id, owner=owner, leaf_id=at.reply_id, expires_at=None
    ),
    "revoke_share": lambda store, owner, at: store.revoke_share(at.token, owner=owner),
}
"""Calls about one conversation."""

PRESET = Preset("Receipts", RequestSettings("", temperature=0.2, stop=("END",)))

ABOUT_ONESELF: dict[str, Callable[[Store, str], object]] = {
    "list_conversations": lambda store, owner: list(store.list_conversations(owner)),
    "search": lambda store, owner: list(store.search(owner, "secret")),
    "storage_stats": lambda store, owner: store.storage_stats(owner),
    "list_pictures": lambda store, owner: store.list_pictures(owner),
    "list_earlier_pictures": lambda store, owner: list(store.list_earlier_pictures(owner)),
    "find_earlier_picture": lambda store, owner: store.find_earlier_picture(
        owner, a_picture().attachment.sha256
    ),
    "list_shares": lambda store, owner: list(store.list_shares(owner)),
    "list_presets": lambda store, owner: list(store.list_presets(owner)),
    "save_preset": lambda store, owner: store.save_preset(PRESET, owner=owner),
    "delete_preset": lambda store, owner: store.delete_preset(PRESET.name, owner=owner),
    "delete_everything": lambda store, owner: store.delete_everything(owner),
    "begin_import": lambda store, owner: store.begin_import(owner=owner).finish(title="Mine"),
}
"""Calls about all that an owner has."""


def a_place(store: Store) -> Place:
    """A conversation of "you", shared, with an answer that is being written."""
    first = store.save_question(a_question("A secret", pictures=(a_picture(),), owner="you"))
    store.finish_reply(first.reply_id, a_record("Another secret"))
    store.save_trace(first.reply_id, b"a secret trace")
    store.save_preset(PRESET, owner="you")
    live = store.save_question(
        a_question(
            "And?",
            conversation_id=first.conversation_id,
            parent_id=first.reply_id,
            owner="you",
        )
    )
    share = store.create_share(
        first.conversation_id, owner="you", leaf_id=first.reply_id, expires_at=None
    )
    return Place(
        first.conversation_id, first.question_id, first.reply_id, live.reply_id, share.token
    )


def everything_of_you(store: Store, place: Place) -> tuple[object, ...]:
    """All that the store says about the conversation, to see whether it was changed."""
    return (
        store.load_conversation(place.conversation_id),
        store.list_conversations("you"),
        store.list_shares("you"),
        store.find_share(place.token),
        store.storage_stats("you"),
        store.stop_requests([place.live_id]),
        store.search("you", "secret"),
        store.load_trace(place.reply_id, owner="you"),
        store.list_presets("you"),
    )


def outcome(attempt: Callable[[], object]) -> AugenblickError:
    """How an attempt fails."""
    with pytest.raises(AugenblickError) as raised:
        attempt()
    return raised.value


def test_every_call_with_an_owner_is_tried_here() -> None:
    """A new call of the contract that says who asks can't be forgotten in these tests."""
    calls = {
        name
        for name, call in inspect.getmembers(Store, inspect.isfunction)
        if "owner" in inspect.signature(call).parameters and not name.startswith("_")
    }
    assert calls == set(BY_ID) | set(ABOUT_ONESELF)


def test_somebody_elses_is_as_if_it_were_not(store: Store) -> None:
    """Each call fails for a stranger as it does for what never was, and changes nothing."""
    place = a_place(store)
    nothing = Place("nothing", "nothing", "nothing", "nothing", "nothing")
    before = everything_of_you(store, place)
    for name, attempt in BY_ID.items():
        strange = outcome(lambda: attempt(store, "me", place))  # noqa: B023 - called at once
        unknown = outcome(lambda: attempt(store, "me", nothing))  # noqa: B023 - as above
        assert type(strange) is type(unknown) is ConversationNotFound, name
        assert strange.failure == unknown.failure, name
        assert everything_of_you(store, place) == before, name


def test_a_stranger_can_ask_nothing_there(store: Store) -> None:
    """Neither the id, a node nor a submission of somebody else opens a way in."""
    place = a_place(store)
    before = everything_of_you(store, place)
    question = a_question(owner="you", submission_id="once")
    store.save_question(question)
    mine = store.save_question(a_question(owner="me"))
    attempts = [
        a_question(owner="me", conversation_id=place.conversation_id),
        a_question(owner="me", conversation_id=place.conversation_id, parent_id=place.reply_id),
        a_question(owner="me", conversation_id=mine.conversation_id, parent_id=place.reply_id),
        a_question(owner="me", parent_id=place.reply_id),
        replace(question, owner="me"),
    ]
    for attempt in attempts:
        with pytest.raises(ConversationNotFound):
            store.save_question(attempt)
    assert store.load_conversation(place.conversation_id) == before[0]
    assert len(store.list_conversations("me")) == 1


def test_lists_searches_and_counts_show_the_own_only(store: Store) -> None:
    """What is said about one owner holds nothing of another, and deleting touches nothing."""
    place = a_place(store)
    before = everything_of_you(store, place)
    empty: dict[str, object] = {"storage_stats": StorageStats(), "list_pictures": frozenset()}
    assert not store.list_pictures("me", conversation_id=place.conversation_id)
    assert store.list_pictures("you", conversation_id=place.conversation_id)
    for name, attempt in ABOUT_ONESELF.items():
        if name != "begin_import":
            assert attempt(store, "me") == empty.get(
                name, [] if "list" in name or name == "search" else None
            ), name
    ABOUT_ONESELF["begin_import"](store, "me")
    store.delete_everything("me")
    assert everything_of_you(store, place) == before


def test_the_owner_may_do_it_all(store: Store) -> None:
    """Every one of these calls works for whom it belongs to, and the server reads it as well."""
    for name, attempt in BY_ID.items():
        place = a_place(store)
        if name in {"open_reply", "delete_message", "restore_message"}:
            store.finish_reply(place.live_id, a_record())
        attempt(store, "you", place)
        if name not in {"delete_conversation", "delete_message", "restore_conversation"}:
            assert store.load_conversation(place.conversation_id).id == place.conversation_id
    held = store.storage_stats("you")
    assert held.conversations == len(BY_ID) - 1
    assert (held.pictures, held.picture_bytes) == (1, len(b"picture"))
    assert held.oldest_at is not None
    assert held.oldest_at <= datetime.now(UTC)

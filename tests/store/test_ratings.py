"""What people think of answers: kept with each, counted by model, gone with the conversation."""

from __future__ import annotations

from dataclasses import replace

from augenblick.core.messages import Rating
from augenblick.store import Store
from augenblick.store.store_values import RatingCount
from tests.raising import raises
from tests.store.values import a_question, a_record


def _answered(store: Store, model: str, *, owner: str = "me", is_temporary: bool = False) -> str:
    """The id of a finished answer of a model."""
    question = replace(a_question(owner=owner, is_temporary=is_temporary), model=model)
    opened = store.save_question(question)
    store.finish_reply(opened.reply_id, replace(a_record(), model=model))
    return opened.reply_id


def _kept(store: Store, reply_id: str) -> Rating | None:
    (line,) = (each for each in store.list_conversations("me") if _is_in(store, reply_id, each.id))
    nodes = store.load_conversation(line.id, owner="me").nodes
    return next(node.reply.rating for node in nodes if node.reply and node.id == reply_id)


def _is_in(store: Store, reply_id: str, conversation_id: str) -> bool:
    conversation = store.load_conversation(conversation_id, owner="me")
    return any(node.id == reply_id for node in conversation.nodes)


def test_a_rating_is_kept_changed_and_taken_back(store: Store) -> None:
    """The last click counts; setting it twice is once."""
    reply_id = _answered(store, "look")
    assert _kept(store, reply_id) is None
    for rating in (Rating.UP, Rating.UP, Rating.DOWN, None):
        store.rate(reply_id, rating, owner="me")
        assert _kept(store, reply_id) is rating


def test_an_answer_that_is_being_written_has_no_rating(store: Store) -> None:
    """Nobody knows yet what it will be."""
    opened = store.save_question(a_question())
    with raises("conversation_not_found"):
        store.rate(opened.reply_id, Rating.UP, owner="me")
    assert _kept(store, opened.reply_id) is None


def test_ratings_are_counted_by_model_over_all_people(store: Store) -> None:
    """What was taken back, is temporary or was deleted does not count."""
    for owner, rating in (("me", Rating.UP), ("you", Rating.UP), ("you", Rating.DOWN)):
        store.rate(_answered(store, "look", owner=owner), rating, owner=owner)
    store.rate(_answered(store, "other"), Rating.DOWN, owner="me")
    temporary = _answered(store, "look", is_temporary=True)
    store.rate(temporary, Rating.DOWN, owner="me")
    back = _answered(store, "look")
    store.rate(back, Rating.DOWN, owner="me")
    store.rate(back, None, owner="me")
    looked = RatingCount("reader", "look", up=2, down=1)
    assert store.count_ratings() == [looked, RatingCount("reader", "other", up=0, down=1)]

    store.delete_everything("you")
    mine = [RatingCount("reader", "look", 1, 0), RatingCount("reader", "other", 0, 1)]
    assert store.count_ratings() == mine

"""What every store promises, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import Table, event, func, select

from augenblick.core.conversations import Conversation, ReplyRecord, as_wire_messages
from augenblick.core.errors import ConversationNotFound, Failure, StoreError
from augenblick.core.messages import (
    Adjustment,
    ChoiceText,
    Message,
    ReplyEnd,
    Role,
    Timings,
    ToolCall,
    Usage,
)
from augenblick.store import Store, open_store
from augenblick.store import tables as t
from augenblick.store.store_values import OpenedReply
from tests.raising import raises
from tests.store.values import a_picture, a_question, a_record, words

A_FULL_RECORD = ReplyRecord(
    provider="openai",
    model="gpt-x",
    end=ReplyEnd.FAILED,
    choices=(
        ChoiceText("Ein Bär 🐻", "weil", "nein", (ToolCall("1", "look", '{"at": 1}'),), "stop"),
        ChoiceText(),
    ),
    usage=Usage(10, 20, 30, None),
    timings=Timings(0.1, None, 2.5),
    failure=Failure("provider", {"status": 500, "name": "x", "seconds": 0.5}, "Internal error"),
    adjustments=(Adjustment("dropped_field", {"field": "seed"}), Adjustment("shrank_pictures")),
    answered_model="gpt-x-2026",
    system_fingerprint="fp_1",
    picked_choice=1,
)


def ask(
    store: Store,
    text: str = "What is this?",
    *,
    conversation_id: str | None = None,
    parent_id: str | None = None,
    owner: str = "me",
) -> OpenedReply:
    """Save a question."""
    return store.save_question(
        a_question(text, conversation_id=conversation_id, parent_id=parent_id, owner=owner)
    )


def answered(store: Store, text: str = "What is this?") -> OpenedReply:
    """Save a question and its answer."""
    opened = ask(store, text)
    store.finish_reply(opened.reply_id, a_record())
    return opened


def live_text(conversation: Conversation) -> str:
    """What the open reply has said so far."""
    node = conversation.live_node
    assert node is not None
    assert node.reply is not None
    return node.reply.picked.text


def rows_in(store: Store, table: Table) -> int:
    """How many rows a table has."""
    with store._databases.kept.reading() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def test_a_new_store_can_be_written(store: Store) -> None:
    """What was just opened takes a write."""
    assert store.is_writable()


def test_a_question_comes_back_as_it_was_saved(store: Store) -> None:
    """Message, parts, pictures and their order survive, and an open, empty answer follows."""
    pictures = (a_picture(b"one", name="b.heic"), a_picture(b"two", name="a.png"))
    question = a_question("Was ist\n\ndas? 🐈", pictures=pictures)
    opened = store.save_question(question)
    conversation = store.load_conversation(opened.conversation_id)
    asked, answer = conversation.nodes
    assert opened.is_new
    assert (asked.id, asked.parent_id, asked.message) == (
        opened.question_id,
        None,
        question.message,
    )
    assert (answer.id, answer.parent_id) == (opened.reply_id, opened.question_id)
    assert answer.reply == ReplyRecord("reader", "look")
    assert answer.message == Message(Role.ASSISTANT, ())
    assert conversation.leaf_id == opened.reply_id
    assert conversation.live_node == answer


def test_bytes_of_pictures_are_kept_once(store: Store) -> None:
    """A picture asked about twice is one picture; each use keeps its own file name."""
    first = store.save_question(a_question(pictures=(a_picture(name="one.jpg"),)))
    second = store.save_question(a_question(pictures=(a_picture(name="two.jpg"), a_picture())))
    sha256 = a_picture().attachment.sha256
    names = [
        store.load_conversation(opened.conversation_id)
        .nodes[0]
        .message.attachments[0]
        .receipt.source_name
        for opened in (first, second)
    ]
    assert names == ["one.jpg", "two.jpg"]
    assert rows_in(store, t.picture_bytes) == 1
    assert store.load_content(sha256) == b"picture"
    assert store.load_thumbnail(sha256) == b"small picture"


def test_a_known_picture_can_be_asked_about_without_its_bytes(store: Store) -> None:
    """An edited question refers to the pictures of the first one; an unknown picture is refused."""
    store.save_question(a_question(pictures=(a_picture(),)))
    again = replace(a_question(pictures=(a_picture(),)), pictures=())
    assert store.save_question(again).is_new
    unknown = replace(a_question(pictures=(a_picture(b"other"),)), pictures=())
    with pytest.raises(StoreError):
        store.save_question(unknown)
    assert len(store.list_conversations("me")) == 2


def test_an_unknown_picture_is_a_key_error(store: Store) -> None:
    """Asking for bytes that were never saved says so."""
    with pytest.raises(KeyError):
        store.load_content("0" * 64)
    with pytest.raises(KeyError):
        store.load_thumbnail("0" * 64)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("What is this?", "What is this?"),
        ("\n  What\tis   this?  \nA cat?", "What is this?"),
        ("", ""),
        ("word " * 20, "word word word word word word word word word word word word…"[:60]),
        ("x" * 80, "x" * 59 + "…"),
        ("x" * 60, "x" * 60),
    ],
)
def test_the_title_is_the_first_line(sqlite_store: Store, text: str, title: str) -> None:
    """At most 60 characters of the first line, cut between words; none without words."""
    opened = sqlite_store.save_question(a_question(text, pictures=(a_picture(),)))
    found = sqlite_store.load_conversation(opened.conversation_id).title
    assert len(found) <= 60
    assert found == title or (found.endswith("word…") and text.startswith("word"))


def test_the_whole_record_survives(store: Store) -> None:
    """Everything known about how an answer came about is there again, byte for byte."""
    opened = ask(store)
    store.append([words(opened.reply_id, "something else")])
    store.finish_reply(opened.reply_id, A_FULL_RECORD)
    answer = store.load_conversation(opened.conversation_id).nodes[1]
    assert answer.reply == A_FULL_RECORD
    assert rows_in(store, t.delta) == 0


def test_text_no_database_can_hold_survives(store: Store) -> None:
    """NUL and half a surrogate pair come back in answers, and as U+FFFD in questions."""
    opened = ask(store, "a\x00b\ud83d")
    odd = "x\x00y\ud83d"
    store.append([words(opened.reply_id, odd)])
    conversation = store.load_conversation(opened.conversation_id)
    assert conversation.nodes[0].message.text == "a\ufffdb\ufffd"
    assert live_text(conversation) == odd
    store.finish_reply(opened.reply_id, a_record(odd))
    assert store.load_conversation(opened.conversation_id).nodes[1].message.text == odd


def test_numbers_json_has_not_do_not_keep_a_reply_from_ending(store: Store) -> None:
    """An endpoint that sends NaN still gets its reply ended."""
    opened = ask(store)
    strange = replace(a_record(), timings=Timings(total_seconds=float("nan")))
    store.finish_reply(opened.reply_id, strange)
    reply = store.load_conversation(opened.conversation_id).nodes[1].reply
    assert reply == a_record()


def test_appended_text_is_there_channel_by_channel(store: Store) -> None:
    """An open reply comes with all its text, per choice and channel, in the order it came."""
    opened = ask(store)
    identity = opened.reply_id
    store.append([words(identity, "Ha"), words(identity, "hm", channel="reasoning")])
    store.append(
        [words(identity, "llo"), words(identity, "b", choice_index=2), words(identity, "!")]
    )
    store.append([])
    node = store.load_conversation(opened.conversation_id).live_node
    assert node is not None
    assert node.reply is not None
    assert node.reply.choices == (ChoiceText("Hallo!", "hm"), ChoiceText(), ChoiceText("b"))


def test_text_for_nobody_is_ignored(store: Store) -> None:
    """An ended or unknown reply, or a choice beyond what the API knows, takes no text."""
    ended, live = answered(store), ask(store)
    store.append(
        [
            words(ended.reply_id, "late"),
            words("nobody", "x"),
            words(live.reply_id, "y", choice_index=10**12),
            words(live.reply_id, "here"),
        ]
    )
    assert store.load_conversation(ended.conversation_id).nodes[1].message.text == "A cat."
    assert live_text(store.load_conversation(live.conversation_id)) == "here"
    assert rows_in(store, t.delta) == 1


def test_a_batch_counts_once(store: Store) -> None:
    """Repeating an append with its number adds nothing; that makes every retry safe."""
    opened = ask(store)
    for _ in range(3):
        store.append([words(opened.reply_id, "a")], batch=1)
        store.append([words(opened.reply_id, "b")], batch=2)
    assert live_text(store.load_conversation(opened.conversation_id)) == "ab"


def test_the_first_end_counts(store: Store) -> None:
    """An end that comes too late, or for no reply, changes nothing."""
    opened = ask(store)
    store.finish_reply(opened.reply_id, a_record("first", ReplyEnd.STOPPED))
    store.finish_reply(opened.reply_id, a_record("second"))
    store.finish_reply("nobody", a_record())
    reply = store.load_conversation(opened.conversation_id).nodes[1].reply
    assert reply == a_record("first", ReplyEnd.STOPPED)
    with pytest.raises(ValueError, match="end"):
        store.finish_reply(opened.reply_id, ReplyRecord("p", "m"))


def test_only_one_reply_is_open(store: Store) -> None:
    """A conversation that is being answered takes neither a question nor a second answer."""
    opened = ask(store)
    where = {"conversation_id": opened.conversation_id, "parent_id": opened.reply_id}
    with raises("reply_in_progress") as raised:
        ask(store, "And this?", **where)
    assert raised.value.params["reply_id"] == opened.reply_id
    with raises("reply_in_progress"):
        again(store, opened)
    assert len(store.load_conversation(opened.conversation_id).nodes) == 2
    store.finish_reply(opened.reply_id, a_record())
    assert ask(store, "And this?", **where).is_new


def again(store: Store, opened: OpenedReply, submission_id: str = "again") -> OpenedReply:
    """Open another answer to a question."""
    return store.open_reply(
        owner="me",
        submission_id=submission_id,
        conversation_id=opened.conversation_id,
        question_id=opened.question_id,
        provider="openai",
        model="gpt-x",
    )


def test_asking_again_adds_a_sibling(store: Store) -> None:
    """Another answer stands beside the first and becomes the shown one."""
    first = answered(store)
    second = again(store, first)
    repeated = again(store, first)
    conversation = store.load_conversation(first.conversation_id)
    answers = conversation.siblings(conversation.nodes[1])
    assert [node.id for node in answers] == [first.reply_id, second.reply_id]
    assert [node.id for node in conversation.path()] == [first.question_id, second.reply_id]
    assert (second.is_new, repeated.is_new) == (True, False)
    assert repeated.reply_id == second.reply_id


def test_the_shown_path_is_remembered(store: Store) -> None:
    """Going back to an older answer lasts, and doesn't make the conversation newer."""
    first = answered(store)
    store.finish_reply(again(store, first).reply_id, a_record())
    before = store.load_conversation(first.conversation_id)
    store.show_leaf(first.conversation_id, first.reply_id, owner="me")
    after = store.load_conversation(first.conversation_id)
    assert after == replace(before, leaf_id=first.reply_id)


def test_what_is_not_there_is_not_found(store: Store) -> None:
    """Unknown ids, foreign conversations and nodes of other conversations are refused alike."""
    mine, other = answered(store), answered(store)
    attempts: list[Callable[[], object]] = [
        lambda: store.load_conversation("nothing"),
        lambda: store.load_conversation("\x00\ud800" * 100),
        lambda: ask(store, conversation_id="nothing"),
        lambda: ask(store, conversation_id=mine.conversation_id, parent_id="nothing"),
        lambda: ask(store, conversation_id=mine.conversation_id, parent_id=other.reply_id),
        lambda: ask(store, parent_id=other.reply_id),
        lambda: again(store, replace(mine, question_id=other.question_id)),
        lambda: again(store, replace(mine, conversation_id="nothing")),
        lambda: store.show_leaf(mine.conversation_id, other.reply_id, owner="me"),
    ]
    before = store.load_conversation(mine.conversation_id)
    for attempt in attempts:
        with pytest.raises(ConversationNotFound):
            attempt()
    assert store.load_conversation(mine.conversation_id) == before
    assert len(store.list_conversations("me")) == 2


def test_a_submit_of_somebody_else_is_not_found(store: Store) -> None:
    """Knowing another person's submission id opens nothing."""
    store.save_question(a_question(submission_id="same", owner="me"))
    with pytest.raises(ConversationNotFound):
        store.save_question(a_question(submission_id="same", owner="you"))


def test_conversations_are_listed_newest_first(store: Store) -> None:
    """An owner sees the own conversations only; an answer makes one the newest."""
    opened = [answered(store, f"Question {number}") for number in range(4)]
    ask(store, "Hidden", owner="you")
    ask(store, "More", conversation_id=opened[1].conversation_id, parent_id=opened[1].reply_id)
    listed = store.list_conversations("me", limit=3)
    assert [line.title for line in listed] == ["Question 1", "Question 3", "Question 2"]
    assert all(newer.updated_at >= older.updated_at for newer, older in pairwise(listed))
    assert store.list_conversations("nobody") == []


def test_moments_are_aware_and_in_utc(store: Store) -> None:
    """Every time that is read back is the moment it happened, with its zone."""
    before = datetime.now(UTC)
    conversation = store.load_conversation(answered(store).conversation_id)
    moments = [conversation.created_at, conversation.updated_at]
    moments += [node.created_at for node in conversation.nodes]
    assert all(moment.tzinfo is UTC for moment in moments)
    assert all(before <= moment <= before + timedelta(minutes=1) for moment in moments)


def test_quirks_are_kept_by_endpoint_and_model(store: Store) -> None:
    """The newest quirk counts; other models don't hear of it."""
    store.save_quirk("openai", "gpt-x", "max_tokens", "max_completion_tokens")
    store.save_quirk("openai", "gpt-x", "seed", "no")
    store.save_quirk("openai", "gpt-x", "seed", "yes")
    expected = {"max_tokens": "max_completion_tokens", "seed": "yes"}
    assert store.load_quirks("openai", "gpt-x") == expected
    assert store.load_quirks("openai", "other") == {}


def test_a_second_opening_finds_everything(url: str) -> None:
    """What was saved is there after closing and opening, and the tables are up to date."""
    first = Store(url)
    opened = answered(first)
    saved = first.load_conversation(opened.conversation_id)
    first.close()
    second = Store(url)
    assert second.load_conversation(opened.conversation_id) == saved
    second.close()


def test_two_hundred_submits_at_once_are_one(store: Store) -> None:
    """200 threads that submit the same question get one reply, and one of them is told to ask."""
    question = a_question(pictures=(a_picture(),), submission_id="one")
    start = threading.Barrier(200)

    def submit(_: int) -> OpenedReply:
        start.wait(60)
        return store.save_question(question)

    with ThreadPoolExecutor(200) as pool:
        opened = list(pool.map(submit, range(200)))
    assert sum(reply.is_new for reply in opened) == 1
    assert len({reply.reply_id for reply in opened}) == 1
    assert len(store.list_conversations("me")) == 1


def test_different_submits_at_once_open_one_reply(store: Store) -> None:
    """Of 40 different questions to one conversation at once, one is asked; the others hear why."""
    first = answered(store)
    start = threading.Barrier(40)

    def submit(_: int) -> OpenedReply | None:
        start.wait(60)
        try:
            return ask(store, conversation_id=first.conversation_id, parent_id=first.reply_id)
        except StoreError as error:
            assert error.code == "reply_in_progress"  # noqa: PT017 - or no error at all
            return None

    with ThreadPoolExecutor(40) as pool:
        found = list(pool.map(submit, range(40)))
    opened = [item for item in found if isinstance(item, OpenedReply)]
    assert len(opened) == 1
    assert len(store.load_conversation(first.conversation_id).nodes) == 4


def test_questions_and_ends_at_once_do_not_block_each_other(store: Store) -> None:
    """Ending a reply while the next question comes in works out one way or the other."""
    for _ in range(30):
        opened = ask(store)
        with ThreadPoolExecutor(3) as pool:
            end = pool.submit(store.finish_reply, opened.reply_id, a_record())
            text = pool.submit(store.append, [words(opened.reply_id, "x")])
            place = {"conversation_id": opened.conversation_id, "parent_id": opened.reply_id}
            question = pool.submit(ask, store, "And?", **place)
        assert end.exception() is None
        assert text.exception() is None
        assert getattr(question.exception(), "code", "") in {"", "reply_in_progress"}


def test_the_replies_of_the_living_are_left_alone(url: str) -> None:
    """A second server on the same database interrupts what a closed one left, and nothing else."""
    gone, here, new = Store(url), Store(url), Store(url)
    left, live = ask(gone), ask(here)
    gone.append([words(left.reply_id, "half an ans")])
    here.append([words(live.reply_id, "still ")])
    gone.close()
    assert new.interrupt_open_replies() == 1
    assert new.interrupt_open_replies() == 0
    reply = new.load_conversation(left.conversation_id).nodes[1].reply
    assert reply is not None
    assert (reply.end, reply.picked.text) == (ReplyEnd.INTERRUPTED, "half an ans")
    here.append([words(live.reply_id, "here")])
    assert live_text(new.load_conversation(live.conversation_id)) == "still here"
    place = {"conversation_id": left.conversation_id, "parent_id": left.reply_id}
    assert ask(new, "Go on", **place).is_new
    here.close()
    new.close()


def test_an_interrupted_answer_goes_on_into_later_turns(store: Store) -> None:
    """What was kept of an answer is sent with the next question."""
    first = answered(store, "One")
    ask(store, "Two", conversation_id=first.conversation_id, parent_id=first.reply_id)
    path = store.load_conversation(first.conversation_id).path()
    texts = [message.text for message in as_wire_messages(path)]
    assert texts == ["One", "A cat.", "Two"]


def test_a_long_conversation_takes_few_queries(store: Store) -> None:
    """200 messages with 50 pictures are read with three statements, none of which reads bytes."""
    opened = store.save_question(a_question(pictures=(a_picture(b"0"),)))
    for number in range(1, 100):
        store.finish_reply(opened.reply_id, a_record("An answer. " * 50))
        pictures = (a_picture(b"%d" % number),) if number < 50 else ()
        opened = store.save_question(
            a_question(
                "And this?",
                pictures=pictures,
                conversation_id=opened.conversation_id,
                parent_id=opened.reply_id,
            )
        )
    store.finish_reply(opened.reply_id, a_record())
    statements: list[str] = []
    reader = threading.get_ident()

    def note(*arguments: object) -> None:
        if threading.get_ident() == reader:  # the presence of this process is looked after beside
            statements.append(str(arguments[2]))

    event.listen(store._databases.kept.engine, "before_cursor_execute", note)
    conversation = store.load_conversation(opened.conversation_id)
    queries = [statement for statement in statements if statement.startswith("SELECT")]
    assert len(conversation.nodes) == 200
    assert sum(len(node.message.attachments) for node in conversation.nodes) == 50
    assert len(conversation.path()) == 200
    assert len(queries) == 3
    assert not any("picture_bytes" in query for query in queries)


def test_the_configuration_names_the_database(tmp_path: Path) -> None:
    """A data folder gets a file only this user can reach; a URL goes before it."""
    folder = tmp_path / "new" / "data"
    store = open_store({"AUGENBLICK_DATA_DIR": str(folder)})
    assert store.is_writable()
    store.close()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "augenblick.db").exists()
    url = f"sqlite:///{tmp_path}/other.db"
    open_store(
        {"AUGENBLICK_DATABASE_URL": url, "AUGENBLICK_DATA_DIR": str(tmp_path / "no")}
    ).close()
    assert (tmp_path / "other.db").exists()
    assert not (tmp_path / "no").exists()

"""What is deleted is gone: from every list at once, from the files for good, with its pictures."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection, func, select

from augenblick.core.conversations import Conversation
from augenblick.core.errors import ConversationNotFound, ShareExpired
from augenblick.core.messages import Message, PreparedPicture, Role, TextPart
from augenblick.core.picture_text import PictureText, TextCell
from augenblick.store import Store, deletion
from augenblick.store import tables as t
from augenblick.store.search_words import words_of
from augenblick.store.store_values import DeletedMessage, ImportedNode, OpenedReply
from tests.raising import raises
from tests.store.postgres import PostgresServer
from tests.store.values import a_picture, a_question, a_record, import_conversation, words

PICKS = st.integers(0, 10_000)
PICTURES = tuple(a_picture(f"picture {number}".encode()) for number in range(5))
SOME_PICTURES = st.lists(st.sampled_from(PICTURES), max_size=3).map(tuple)
OWNERS = ("me", "you")


def answered(
    store: Store,
    text: str = "What is this?",
    *,
    pictures: tuple[PreparedPicture, ...] = (),
    after: OpenedReply | None = None,
    parent_id: str | None = None,
) -> OpenedReply:
    """A question with its answer, below an answer, or at a place of the same conversation."""
    opened = store.save_question(
        a_question(
            text,
            pictures=pictures,
            conversation_id=after.conversation_id if after else None,
            parent_id=parent_id or (after.reply_id if after else None),
        )
    )
    store.finish_reply(opened.reply_id, a_record(f"Answer to {text}"))
    return opened


def purge_all(store: Store) -> int:
    """Remove everything that was deleted."""
    return store.purge(deleted_before=datetime.now(UTC) + timedelta(seconds=1))


def has_picture(store: Store, picture: PreparedPicture) -> bool:
    """Whether the bytes of a picture are there."""
    try:
        return store.load_content(picture.attachment.sha256) == picture.content
    except KeyError:
        return False


def test_a_deletion_can_be_undone_until_it_is_purged(store: Store) -> None:
    """Deleted is out of everything at once, restored is as before, purged is gone for good."""
    opened = answered(store, "Where?", pictures=PICTURES[:1])
    identity = opened.conversation_id
    share = store.create_share(identity, owner="me", leaf_id=opened.reply_id, expires_at=None)
    before = store.load_conversation(identity)
    store.delete_conversation(identity, owner="me")
    assert not store.list_conversations("me")
    assert not store.search("me", "where")
    assert not store.list_shares("me")
    assert store.storage_stats("me").conversations == 0
    for attempt in (
        lambda: store.load_conversation(identity),
        lambda: store.load_conversation(identity, owner="me"),
        lambda: store.find_share(share.token),
        lambda: store.delete_conversation(identity, owner="me"),
        lambda: store.rename(identity, "x", owner="me"),
        lambda: store.save_question(a_question(conversation_id=identity)),
    ):
        with pytest.raises(ConversationNotFound):
            attempt()
    assert store.purge(deleted_before=datetime.now(UTC) - timedelta(minutes=1)) == 0
    store.restore_conversation(identity, owner="me")
    store.restore_conversation(identity, owner="me")
    assert store.load_conversation(identity, owner="me") == before
    assert store.find_share(share.token) == share
    store.delete_conversation(identity, owner="me")
    assert purge_all(store) == 1
    assert purge_all(store) == 0
    with pytest.raises(ConversationNotFound):
        store.restore_conversation(identity, owner="me")
    assert not has_picture(store, PICTURES[0])


def test_the_text_of_a_picture_goes_with_it(store: Store) -> None:
    """It is kept once, replaced by a fuller one, and not kept for a picture that is gone."""
    opened = answered(store, "Where?", pictures=PICTURES[:1])
    sha256 = PICTURES[0].attachment.sha256
    text = PictureText(1, ((TextCell("Summe 19,90 €", 1, 2, 30, 4),),))
    store.save_text(sha256, PictureText(70, None))
    store.save_text(sha256, text)
    store.save_text("unknown", text)
    assert store.load_texts([sha256, "unknown"]) == {sha256: text}

    store.delete_conversation(opened.conversation_id, owner="me")
    assert purge_all(store) == 1

    store.save_text(sha256, text)
    assert store.load_texts([sha256]) == {}


def test_deleting_stops_the_answer_that_is_being_written(store: Store) -> None:
    """Whoever writes it is told, also when the row is gone; an answer that goes on is not."""
    going_on = store.save_question(a_question())
    deleted, removed = store.save_question(a_question()), store.save_question(a_question(owner="x"))
    mine, yours = [going_on.reply_id, deleted.reply_id], removed.reply_id
    assert store.stop_requests([*mine, yours]) == set()
    store.delete_conversation(deleted.conversation_id, owner="me")
    store.delete_everything("x")
    assert store.stop_requests([*mine, yours]) == {deleted.reply_id, yours}
    store.append([words(reply_id, "late") for reply_id in (*mine, yours)])
    store.finish_reply(yours, a_record())
    store.finish_reply(deleted.reply_id, a_record("stopped"))
    assert store.stop_requests(mine) == set()
    store.request_stop(going_on.reply_id, owner="me")
    store.request_stop(going_on.reply_id, owner="me")
    assert store.stop_requests(mine) == {going_on.reply_id}


def test_a_message_goes_with_all_below_it(store: Store) -> None:
    """The path goes on with the newest sibling, then ends above; the first question can go too."""
    first = answered(store, "One", pictures=PICTURES[:1])
    kept = answered(store, "Two", pictures=PICTURES[1:2], after=first)
    edited = answered(store, "Two!", pictures=PICTURES[2:3], after=first)
    below = answered(store, "Three", pictures=(PICTURES[0], PICTURES[3]), after=edited)
    identity = first.conversation_id
    link = store.create_share(identity, owner="me", leaf_id=below.reply_id, expires_at=None)
    store.delete_message(identity, edited.question_id, owner="me")
    assert purge_all(store) == 1
    found = store.load_conversation(identity)
    assert len(found.nodes) == 4
    assert found.leaf_id == kept.reply_id
    assert [has_picture(store, picture) for picture in PICTURES[:4]] == [True, True, False, False]
    with pytest.raises(ConversationNotFound):
        store.find_share(link.token)
    with pytest.raises(ConversationNotFound):
        store.delete_message(identity, edited.question_id, owner="me")
    store.delete_message(identity, kept.question_id, owner="me")
    assert store.load_conversation(identity).leaf_id == first.reply_id
    live = answered(store, "Four", after=first)
    store.show_leaf(identity, first.reply_id, owner="me")
    again = store.save_question(
        a_question("Five", conversation_id=identity, parent_id=first.reply_id)
    )
    with raises("reply_in_progress"):
        store.delete_message(identity, first.question_id, owner="me")
    store.delete_message(identity, live.question_id, owner="me")
    store.finish_reply(again.reply_id, a_record())
    store.delete_message(identity, first.question_id, owner="me")
    emptied = store.load_conversation(identity)
    assert (emptied.nodes, emptied.leaf_id) == ((), None)
    assert answered(store, "Anew", after=None).is_new
    anew = store.save_question(a_question("Anew", conversation_id=identity))
    assert [node.id for node in store.load_conversation(identity).path()] == [
        anew.question_id,
        anew.reply_id,
    ]


def test_a_deleted_message_comes_back(store: Store) -> None:
    """As it was, with all below it, its shares and its words; for whom it belongs to only."""
    first = answered(store, "One")
    edited = answered(store, "Pferd", pictures=PICTURES[:1], after=first)
    answered(store, "Three", after=edited)
    identity = first.conversation_id
    share = store.create_share(identity, owner="me", leaf_id=edited.reply_id, expires_at=None)
    before = store.load_conversation(identity)
    deleted = store.delete_message(identity, edited.question_id, owner="me")
    assert not store.search("me", "pferd")
    assert not store.list_shares("me")
    assert store.storage_stats("me").pictures == 0
    yours = store.save_question(a_question("Yours", owner="you"))
    for elsewhere in (deleted, replace(deleted, conversation_id=yours.conversation_id)):
        with pytest.raises(ConversationNotFound):
            store.restore_message(elsewhere, owner="you")
    assert store.purge(deleted_before=datetime.now(UTC) - timedelta(minutes=1)) == 0
    store.restore_message(deleted, owner="me")
    found = store.load_conversation(identity)
    assert replace(found, updated_at=before.updated_at) == before
    assert store.find_share(share.token) == share
    assert store.search("me", "pferd")
    with pytest.raises(ConversationNotFound):
        store.restore_message(deleted, owner="me")

    root = store.delete_message(identity, first.question_id, owner="me")
    anew = store.save_question(a_question("Anew", conversation_id=identity))
    store.rename(identity, "Mine", owner="me")
    store.restore_message(root, owner="me")
    found = store.load_conversation(identity)
    assert (found.title, found.leaf_id) == ("Mine", anew.reply_id)  # it is being written
    assert {node.id for node in found.nodes} == {
        *(node.id for node in before.nodes), anew.question_id, anew.reply_id
    }  # fmt: skip
    store.finish_reply(anew.reply_id, a_record())
    late = store.delete_message(identity, anew.question_id, owner="me")
    assert purge_all(store) == 1
    with pytest.raises(ConversationNotFound):
        store.restore_message(late, owner="me")


def test_a_first_question_can_be_edited(store: Store) -> None:
    """An edit at the root is a sibling of the first question, and each keeps what is below it."""
    first = answered(store, "Old", pictures=PICTURES[:1])
    second = store.save_question(a_question("New", conversation_id=first.conversation_id))
    store.finish_reply(second.reply_id, a_record())
    found = store.load_conversation(first.conversation_id)
    by_id = {node.id: node for node in found.nodes}
    questions = found.siblings(by_id[first.question_id])
    assert [node.id for node in questions] == [first.question_id, second.question_id]
    assert [node.id for node in found.path()] == [second.question_id, second.reply_id]
    assert found.title == "Old"
    store.delete_message(first.conversation_id, second.question_id, owner="me")
    assert store.load_conversation(first.conversation_id).leaf_id == first.reply_id


def test_a_title_goes_with_the_question_it_was_made_of(store: Store) -> None:
    """Neither the title nor the index keeps the words; a title that a person gave stays."""
    first = answered(store, "Secret diagnosis")
    identity = first.conversation_id
    second = store.save_question(a_question("Harmless", conversation_id=identity))
    store.finish_reply(second.reply_id, a_record())
    store.delete_message(identity, first.question_id, owner="me")
    assert store.load_conversation(identity).title == "Harmless"
    assert not store.search("me", "diagnosis")
    assert store.search("me", "harmless")[0].conversation.id == identity
    store.rename(identity, "Mine", owner="me")
    store.delete_message(identity, second.question_id, owner="me")
    assert store.load_conversation(identity).title == "Mine"


def test_everything_goes_however_much_it_is(store: Store) -> None:
    """More than goes at once, deleted ones and half-done deletions included; others keep theirs."""
    for number in range(25):
        answered(store, f"Question {number}", pictures=PICTURES[:1])
    kept = store.save_question(a_question(owner="you", pictures=PICTURES[1:2]))
    store.delete_conversation(store.list_conversations("me")[0].id, owner="me")
    assert store.list_pictures("me") == {PICTURES[0].attachment.sha256}
    store.delete_everything("me")
    assert purge_all(store) == 0
    assert [has_picture(store, picture) for picture in PICTURES[:2]] == [False, True]

    begun = answered(store, "Begun")
    with store._databases.kept.writing() as connection:
        deletion.mark_all_deleted(connection, owner="me")
    assert not store.list_conversations("me")
    assert store.purge(deleted_before=datetime.now(UTC) - timedelta(days=9)) == 1
    with pytest.raises(ConversationNotFound):
        store.restore_conversation(begun.conversation_id, owner="me")
    assert store.load_conversation(kept.conversation_id, owner="you")


def test_what_is_half_imported_is_seen_by_nobody(store: Store) -> None:
    """It is finished later, or goes some hours after the process that began it was killed."""
    picture, unused = a_picture(b"shown"), a_picture(b"not shown")
    question = a_question("Ein Pferd", pictures=(picture,)).message
    begun, finished = (store.begin_import(owner="me") for _ in range(2))
    for each in (begun, finished):
        each.add_picture(picture)
        each.add_picture(unused)
        each.add([ImportedNode("a", None, question)])

    assert store.list_conversations("me") == []
    assert store.search("me", "Pferd") == []
    assert store.storage_stats("me").pictures == 0
    identity = finished.finish(title="")
    assert [each.id for each in store.list_conversations("me")] == [identity]
    assert store.load_content(unused.attachment.sha256) == b"not shown"  # `begun` may need it
    assert store.purge(deleted_before=datetime.now(UTC)) == 0
    assert store.purge(deleted_before=datetime.now(UTC) + timedelta(hours=3)) == 1
    assert store.load_content(picture.attachment.sha256) == b"shown"
    with pytest.raises(KeyError):
        store.load_content(unused.attachment.sha256)
    with pytest.raises(ConversationNotFound):
        begun.finish(title="")


def test_what_nobody_went_on_with_grows_old(store: Store) -> None:
    """Retention removes pinned and unpinned alike, with their pictures, and nothing newer."""
    old = answered(store, "Old", pictures=PICTURES[:2])
    store.set_pinned(old.conversation_id, owner="me", is_pinned=True)
    limit = datetime.now(UTC)
    new = answered(store, "New", pictures=PICTURES[1:2])
    gone_on = answered(store, "More", after=new)
    long_ago = limit - timedelta(days=1)
    assert store.purge(deleted_before=long_ago, unused_since=long_ago) == 0
    assert store.purge(deleted_before=long_ago, unused_since=limit) == 1
    assert [line.id for line in store.list_conversations("me")] == [gone_on.conversation_id]
    assert [has_picture(store, picture) for picture in PICTURES[:2]] == [False, True]


def test_a_link_ends_by_time_or_by_hand(store: Store) -> None:
    """An ended link says so as long as its conversation is there; one that never was does not."""
    opened = answered(store)
    make = {"owner": "me", "leaf_id": opened.reply_id}
    later, past = datetime.now(UTC) + timedelta(hours=1), datetime.now(UTC) - timedelta(seconds=1)
    links = [
        store.create_share(opened.conversation_id, expires_at=at, **make)
        for at in (None, later, past)
    ]
    assert store.list_shares("me") == [links[1], links[0]]
    assert store.list_shares("me", conversation_id="other") == []
    assert store.find_share(links[1].token) == links[1]
    store.revoke_share(links[0].token, owner="me")
    store.revoke_share(links[0].token, owner="me")
    for ended in (links[0], links[2]):
        with pytest.raises(ShareExpired):
            store.find_share(ended.token)
    with pytest.raises(ConversationNotFound):
        store.find_share("never")
    assert store.list_shares("me", conversation_id=opened.conversation_id) == [links[1]]
    assert store.storage_stats("me").shares == 1
    store.delete_everything("me")
    with pytest.raises(ConversationNotFound):
        store.find_share(links[1].token)


def test_deleted_pictures_and_words_leave_the_files(tmp_path: Path) -> None:
    """No byte of a deleted picture or word is left in the database or its log, while it is open."""
    store = Store(f"sqlite:///{tmp_path}/store.db")
    kept = answered(store, "Bleibendes", pictures=(a_picture(b"kept" * 5_000),))
    secret = os.urandom(300_000)
    marks = [secret[at : at + 24] for at in range(0, 300_000, 3_000)] + [
        b"geheimwort",
        b"Geheimwort",
    ]
    gone = answered(store, "Geheimwort", pictures=(a_picture(secret),))
    store.finish_reply(
        store.save_question(
            a_question("Geheimwort", conversation_id=gone.conversation_id)
        ).reply_id,
        a_record("Geheimwort im Gedicht"),
    )

    def left() -> int:
        held = b"".join(path.read_bytes() for path in tmp_path.glob("store.db*"))
        return sum(mark in held for mark in marks)

    assert left() == len(marks)
    store.delete_conversation(gone.conversation_id, owner="me")
    assert purge_all(store) == 1
    assert left() == 0
    assert store.search("me", "bleib")
    other = answered(store, "Geheimwort", pictures=(a_picture(secret),), after=kept)
    store.delete_message(kept.conversation_id, other.question_id, owner="me")
    assert purge_all(store) == 1
    assert left() == 0
    store.close()


def test_deleted_words_leave_the_files_after_a_restart(tmp_path: Path) -> None:
    """A process that ends before its purge leaves nothing that the next one does not remove."""
    store = Store(f"sqlite:///{tmp_path}/store.db")
    gone = answered(store, "Geheimwort")
    answered(store, "Bleibendes")
    store.delete_message(gone.conversation_id, gone.question_id, owner="me")
    store.close()
    assert b"geheimwort" in (tmp_path / "store.db").read_bytes()

    store = Store(f"sqlite:///{tmp_path}/store.db")
    assert purge_all(store) == 1
    assert b"geheimwort" not in (tmp_path / "store.db").read_bytes()
    assert store.search("me", "bleib")
    store.close()


def test_pictures_deleted_and_added_at_once_are_whole(store: Store) -> None:
    """A picture asked about while its last conversation is deleted is there or added again."""
    for _ in range(12):
        old = answered(store, pictures=PICTURES[:3])
        start = threading.Barrier(3)

        def delete(opened: OpenedReply = old, barrier: threading.Barrier = start) -> None:
            store.delete_conversation(opened.conversation_id, owner="me")
            barrier.wait(30)
            purge_all(store)

        def ask(barrier: threading.Barrier = start) -> OpenedReply:
            barrier.wait(30)
            return answered(store, pictures=PICTURES[:3][::-1])

        with ThreadPoolExecutor(3) as pool:
            removal, questions = pool.submit(delete), [pool.submit(ask), pool.submit(ask)]
        assert removal.exception() is None
        assert all(question.result().is_new for question in questions)
        assert all(has_picture(store, picture) for picture in PICTURES[:3])
        with store._databases.kept.reading() as connection:
            assert list(faults_in(connection)) == []


def faults_in(connection: Connection) -> Iterator[str]:
    """What hangs in the air or is missing; foreign keys keep the rest together."""
    shown = set(connection.scalars(select(t.part.c.picture_sha256))) - {None}
    pictures = set(connection.scalars(select(t.picture.c.sha256)))
    contents = set(connection.scalars(select(t.picture_bytes.c.sha256)))
    if not shown == pictures == contents:
        yield f"pictures {len(shown)} shown, {len(pictures)} described, {len(contents)} kept"
    conversations = set(connection.scalars(select(t.conversation.c.id)))
    nodes = dict(connection.execute(select(t.node.c.id, t.node.c.conversation_id)).all())
    if not set(nodes.values()) <= conversations:
        yield "a node without a conversation"
    if set(connection.scalars(select(t.part.c.node_id))) - set(nodes):
        yield "a part without a node"
    open_ids = set(
        connection.scalars(select(t.reply.c.node_id).where(t.reply.c.ended_as.is_(None)))
    )
    if set(connection.scalars(select(t.delta.c.reply_id))) - open_ids:
        yield "text of a reply that is not open"
    for share in connection.execute(select(t.share.c.conversation_id, t.share.c.leaf_id)):
        if nodes.get(share.leaf_id) != share.conversation_id:
            yield "a link without its leaf"
    for leaf in connection.execute(select(t.conversation.c.id, t.conversation.c.leaf_id)):
        if leaf.leaf_id is not None and nodes.get(leaf.leaf_id) != leaf.id:
            yield "a path that ends nowhere"
    yield from _faults_in_the_index(connection)


def _faults_in_the_index(connection: Connection) -> Iterator[str]:
    expected = {
        (row.id, None)
        for row in connection.execute(select(t.conversation.c.id, t.conversation.c.title))
        if words_of(row.title)
    }
    for part in connection.execute(
        select(t.node.c.conversation_id, t.part.c.node_id, t.part.c.text).join(
            t.node, t.node.c.id == t.part.c.node_id
        )
    ):
        if words_of(part.text or ""):
            expected.add((part.conversation_id, part.node_id))
    for reply in connection.execute(select(t.reply)):
        if reply.ended_as and reply.choices and words_of(reply.choices[0].text):
            expected.add((reply.conversation_id, reply.node_id))
    found = connection.execute(
        select(t.search_text.c.conversation_id, t.search_text.c.node_id)
    ).all()
    if set(map(tuple, found)) != expected or len(found) != len(expected):
        yield "the index does not fit what is written"
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(
            "INSERT INTO search_index (search_index, rank) VALUES ('integrity-check', 1)"
        )


class Lives(RuleBasedStateMachine):
    """Conversations of two owners that come, grow, branch and go; after each step all is whole."""

    conversations = Bundle("conversations")

    def __init__(self, url: str | None = None) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store(url or f"sqlite:///{self.folder.name}/store.db")
        self.numbers = count()
        self.living: dict[str, str] = {}  # owner by conversation
        self.deleted: dict[str, str] = {}
        self.messages: dict[str, tuple[DeletedMessage, str, int]] = {}  # owner, and questions
        self.questions: dict[str, int] = {}  # how many a conversation has

    def teardown(self) -> None:
        """Close what was opened."""
        self.store.close()
        self.folder.cleanup()

    def load(self, identity: str) -> Conversation | None:
        """A conversation that is there."""
        owner = self.living.get(identity)
        return self.store.load_conversation(identity, owner=owner) if owner else None

    def end(self, opened: OpenedReply, *, ends: bool) -> None:
        """Let an answer come, whole or in part."""
        self.store.append([words(opened.reply_id, "some words")])
        if ends:
            self.store.finish_reply(opened.reply_id, a_record(f"answer {next(self.numbers)}"))

    @rule(target=conversations, pick=PICKS, pictures=SOME_PICTURES, text=st.text(max_size=9))
    def begin(self, pick: int, pictures: tuple[PreparedPicture, ...], text: str) -> str:
        """A new conversation."""
        owner = OWNERS[pick % 2]
        opened = self.store.save_question(a_question(text, pictures=pictures, owner=owner))
        self.end(opened, ends=pick % 3 > 0)
        self.living[opened.conversation_id], self.questions[opened.conversation_id] = owner, 1
        return opened.conversation_id

    @rule(target=conversations, pick=PICKS, pictures=SOME_PICTURES)
    def bring(self, pick: int, pictures: tuple[PreparedPicture, ...]) -> str:
        """A conversation from elsewhere."""
        message = a_question("imported", pictures=pictures).message
        nodes = [
            ImportedNode("a", None, message),
            ImportedNode("b", "a", Message(Role.ASSISTANT, (TextPart("brought along"),))),
        ]
        owner = OWNERS[pick % 2]
        identity = import_conversation(
            self.store, owner=owner, title="", nodes=nodes, pictures=[*pictures, PICTURES[pick % 5]]
        )
        self.living[identity], self.questions[identity] = owner, 1
        return identity

    @rule(identity=conversations, pick=PICKS, pictures=SOME_PICTURES)
    def go_on(self, identity: str, pick: int, pictures: tuple[PreparedPicture, ...]) -> None:
        """Another question anywhere in a tree, the root included."""
        found = self.load(identity)
        if found is None or found.live_node:
            return
        places = [None, *(node.id for node in found.nodes)]
        opened = self.store.save_question(
            a_question(
                "more",
                pictures=pictures,
                conversation_id=identity,
                parent_id=places[pick % len(places)],
                owner=self.living[identity],
            )
        )
        self.questions[identity] += 1
        self.end(opened, ends=pick % 4 > 0)

    @rule(identity=conversations)
    def finish(self, identity: str) -> None:
        """An answer that was being written ends."""
        found = self.load(identity)
        if found and found.live_node:
            self.store.finish_reply(found.live_node.id, a_record("late"))

    @rule(identity=conversations, pick=PICKS)
    def share_and_rename(self, identity: str, pick: int) -> None:
        """A link to any node, and another title."""
        found = self.load(identity)
        if found and found.nodes:
            owner, leaf = self.living[identity], found.nodes[pick % len(found.nodes)]
            self.store.create_share(identity, owner=owner, leaf_id=leaf.id, expires_at=None)
            self.store.rename(identity, f"title {pick}", owner=owner)

    @rule(identity=conversations, pick=PICKS)
    def delete_a_message(self, identity: str, pick: int) -> None:
        """Any message, with all below it."""
        found = self.load(identity)
        if found is None or not found.nodes or found.live_node:
            return
        node = found.nodes[pick % len(found.nodes)]
        below = [other for other in found.nodes if node in found.path(other.id)]
        owner, asked = self.living[identity], sum(one.message.role is Role.USER for one in below)
        deleted = self.store.delete_message(identity, node.id, owner=owner)
        self.questions[identity] -= asked
        self.messages[deleted.kept_in] = deleted, owner, asked

    @rule(pick=PICKS)
    def undo_a_message(self, pick: int) -> None:
        """Bring one back, where its conversation and what it hung on are still there."""
        if not self.messages:
            return
        deleted, owner, asked = self.messages[sorted(self.messages)[pick % len(self.messages)]]
        found = self.load(deleted.conversation_id)
        if found is None or deleted.parent_id not in {None, *(node.id for node in found.nodes)}:
            with pytest.raises(ConversationNotFound):
                self.store.restore_message(deleted, owner=owner)
            return
        self.store.restore_message(deleted, owner=owner)
        del self.messages[deleted.kept_in]
        self.questions[deleted.conversation_id] += asked

    @rule(identity=conversations)
    def delete(self, identity: str) -> None:
        """A conversation, so that it can be undone."""
        if owner := self.living.pop(identity, None):
            self.store.delete_conversation(identity, owner=owner)
            self.deleted[identity] = owner

    @rule(identity=conversations)
    def undo(self, identity: str) -> None:
        """Bring one back."""
        if owner := self.deleted.pop(identity, None):
            self.store.restore_conversation(identity, owner=owner)
            self.living[identity] = owner

    @rule()
    def purge(self) -> None:
        """What was deleted goes for good."""
        assert purge_all(self.store) == len(self.deleted) + len(self.messages)
        self.deleted.clear()
        self.messages.clear()

    @rule(pick=PICKS)
    def delete_everything(self, pick: int) -> None:
        """One owner leaves, rarely."""
        if pick % 5 == 0:
            owner = OWNERS[pick % 2]
            self.store.delete_everything(owner)
            self.living = {i: one for i, one in self.living.items() if one != owner}
            self.deleted = {i: one for i, one in self.deleted.items() if one != owner}
            self.messages = {i: one for i, one in self.messages.items() if one[1] != owner}

    @invariant()
    def nothing_hangs_in_the_air(self) -> None:
        """No orphan and nothing missing, and the lists show what there is."""
        with self.store._databases.kept.writing() as connection:
            assert list(faults_in(connection)) == []
            kept = connection.scalar(select(func.count()).select_from(t.conversation))
        assert kept == len(self.living) + len(self.deleted) + len(self.messages)
        for owner in OWNERS:
            listed = {line.id: line.question_count for line in self.store.list_conversations(owner)}
            mine = {i: self.questions[i] for i, one in self.living.items() if one == owner}
            assert listed == mine


def test_nothing_is_left_and_nothing_is_missing() -> None:
    """Whatever order things are made and deleted in, no picture, text or link is left or lost."""
    run_state_machine_as_test(
        Lives, settings=settings(max_examples=6, stateful_step_count=40, deadline=None)
    )


def test_nothing_is_left_on_postgres(postgres: PostgresServer) -> None:
    """The same on PostgreSQL, in fewer rounds."""

    class OnPostgres(Lives):
        def __init__(self) -> None:
            super().__init__(postgres.new_database())

    run_state_machine_as_test(
        OnPostgres, settings=settings(max_examples=2, stateful_step_count=30, deadline=None)
    )

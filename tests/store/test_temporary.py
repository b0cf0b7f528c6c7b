"""Temporary conversations: as good as any other, and nowhere but in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from augenblick.conversations import PictureSelection
from augenblick.errors import ConversationNotFound, StoreUnavailable
from augenblick.sql_store import SplitStore, SqlStore
from augenblick.sql_store.database import MEMORY_BYTES
from augenblick.store import ConversationStore, Holdings, OpenedReply, Trouble
from tests.store.values import a_picture, a_question, a_record, words

SECRET = os.urandom(200_000)


@pytest.fixture
def split(tmp_path: Path) -> Iterator[SplitStore]:
    """A store in `tmp_path/store.db` with one in memory beside it."""
    opened = SplitStore(SqlStore(f"sqlite:///{tmp_path}/store.db"))
    yield opened
    opened.close()


def a_secret(store: SplitStore, text: str = "Geheimfrage") -> OpenedReply:
    """A temporary question with a picture, being answered."""
    return store.save_question(a_question(text, pictures=(a_picture(SECRET),), is_temporary=True))


def test_nothing_temporary_reaches_the_disk(split: SplitStore, tmp_path: Path) -> None:
    """After a conversation with a picture no byte of it is in the data directory."""
    opened = a_secret(split)
    split.append([words(opened.reply_id, "Geheimantwort")])
    split.finish_reply(opened.reply_id, a_record("Geheimantwort"))
    split.rename(opened.conversation_id, "Geheimtitel", owner="me")
    split.save_question(
        a_question("Geheimfrage", conversation_id=opened.conversation_id, parent_id=opened.reply_id)
    )
    kept = split.save_question(a_question("Bleibt"))
    split.append([words(kept.reply_id, "Bleibt auch")])
    marks = [b"Geheim", b"geheim", b"temporary-"]
    marks += [SECRET[at : at + 16] for at in range(0, len(SECRET), 1000)]
    for path in tmp_path.iterdir():
        held = path.read_bytes()
        assert not [mark for mark in marks if mark in held], path
    assert b"Bleibt auch" in (tmp_path / "store.db-wal").read_bytes()


def test_a_temporary_conversation_works_like_any_other(split: SplitStore) -> None:
    """Asking on, asking again, showing, choosing, stopping, deleting and undoing."""
    contract: ConversationStore = split
    opened = a_secret(split)
    kept = split.save_question(a_question("Kept"))
    both = [words(opened.reply_id, "a"), words(kept.reply_id, "b")]
    for _ in range(2):
        contract.append(both, batch=7)
    identity = opened.conversation_id
    found = contract.load_conversation(identity, owner="me")
    assert found.is_temporary
    assert found.nodes[1].message.text == "a"
    assert not contract.load_conversation(kept.conversation_id).is_temporary
    contract.request_stop(opened.reply_id, owner="me")
    assert contract.stop_requests([kept.reply_id, opened.reply_id]) == {opened.reply_id}
    contract.finish_reply(opened.reply_id, a_record())
    again = contract.open_reply(
        owner="me",
        submission_id="again",
        conversation_id=identity,
        question_id=opened.question_id,
        provider="p",
        model="m",
    )
    contract.finish_reply(again.reply_id, a_record("Another"))
    contract.show_leaf(identity, opened.reply_id, owner="me")
    contract.select_pictures(identity, PictureSelection(keep_last=0), owner="me")
    contract.set_pinned(identity, owner="me", is_pinned=True)
    contract.delete_message(identity, again.reply_id, owner="me")
    contract.delete_conversation(identity, owner="me")
    with pytest.raises(ConversationNotFound):
        contract.load_conversation(identity)
    contract.restore_conversation(identity, owner="me")
    found = contract.load_conversation(identity)
    assert [node.id for node in found.path()] == [opened.question_id, opened.reply_id]
    assert (found.is_pinned, found.pictures) == (True, PictureSelection(keep_last=0))
    assert contract.load_content(a_picture(SECRET).attachment.sha256) == SECRET
    assert contract.list_pictures("me") == {a_picture(SECRET).attachment.sha256}
    assert contract.load_thumbnail(a_picture(SECRET).attachment.sha256) == b"small " + SECRET


def test_nothing_temporary_is_listed_found_counted_or_shared(split: SplitStore) -> None:
    """Only its own address leads to it, and only for the one who began it."""
    opened = a_secret(split)
    assert not split.list_conversations("me")
    assert not split.search("me", "geheimfrage")
    assert split.holdings("me") == Holdings()
    with pytest.raises(ConversationNotFound):
        split.create_share(
            opened.conversation_id, owner="me", leaf_id=opened.question_id, expires_at=None
        )
    with pytest.raises(ConversationNotFound):
        split.load_conversation(opened.conversation_id, owner="you")


def test_temporary_conversations_end(tmp_path: Path) -> None:
    """Hours without a question, deleting everything and the end of the process each end them."""
    kept = SqlStore(f"sqlite:///{tmp_path}/store.db")
    split = SplitStore(kept)
    now = datetime.now(UTC)
    idle, other = a_secret(split), a_secret(split)
    stays = split.save_question(a_question())
    assert split.purge(deleted_before=now - timedelta(days=1)) == 0
    assert split.purge(deleted_before=now, unused_since=now) == 0
    split.delete_everything("you")
    assert split.load_conversation(other.conversation_id).is_temporary
    split.delete_everything("me")
    for gone in (idle, other, stays):
        with pytest.raises(ConversationNotFound):
            split.load_conversation(gone.conversation_id)
    last = a_secret(split)
    with pytest.raises(KeyError):
        kept.load_content(a_picture(SECRET).attachment.sha256)
    split.close()
    reopened = SplitStore(SqlStore(f"sqlite:///{tmp_path}/store.db"))
    with pytest.raises(ConversationNotFound):
        reopened.load_conversation(last.conversation_id)
    reopened.close()


def test_memory_has_an_end_and_is_free_again() -> None:
    """Too much is refused as on a full disk; what is there stays, and grows old as ever."""
    memory = SqlStore(None)
    with memory._database.writing() as connection:
        most = connection.exec_driver_sql("PRAGMA max_page_count").scalar_one()
        size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
        connection.exec_driver_sql("PRAGMA max_page_count = 300")
    assert most * size == MEMORY_BYTES
    opened = memory.save_question(a_question("Passt"))
    with pytest.raises(StoreUnavailable) as refused:
        memory.save_question(a_question(pictures=(a_picture(os.urandom(2_000_000)),)))
    assert refused.value.params["reason"] == Trouble.FULL
    assert memory.load_conversation(opened.conversation_id).title == "Passt"
    now = datetime.now(UTC)
    assert memory.purge(deleted_before=now, unused_since=now + timedelta(seconds=1)) == 1
    assert memory.save_question(a_question(pictures=(a_picture(SECRET),))).is_new
    memory.close()


def test_an_idle_temporary_conversation_is_purged() -> None:
    """The limit for what is in memory counts from the last question."""
    memory = SqlStore(None)
    opened = memory.save_question(a_question(pictures=(a_picture(SECRET),)))
    now = datetime.now(UTC)
    assert memory.purge(deleted_before=now, unused_since=now + timedelta(seconds=1)) == 1
    with pytest.raises(ConversationNotFound):
        memory.load_conversation(opened.conversation_id)
    memory.close()

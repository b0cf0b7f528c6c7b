"""Temporary conversations: as good as any other, and nowhere but in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from augenblick.core.conversations import PictureSelection
from augenblick.core.errors import ConversationNotFound, StoreUnavailable
from augenblick.core.picture_text import PictureText, TextCell
from augenblick.store import Store
from augenblick.store.engines import MEMORY_BYTES
from augenblick.store.store_values import OpenedReply, StorageStats, StoreOutage
from tests.store.values import a_picture, a_question, a_record, words

SECRET = os.urandom(200_000)


@pytest.fixture
def split(tmp_path: Path) -> Iterator[Store]:
    """A store in `tmp_path/store.db` with temporary conversations in memory."""
    opened = Store(f"sqlite:///{tmp_path}/store.db")
    yield opened
    opened.close()


def a_secret(store: Store, text: str = "Geheimfrage") -> OpenedReply:
    """A temporary question with a picture, being answered."""
    return store.save_question(a_question(text, pictures=(a_picture(SECRET),), is_temporary=True))


def test_nothing_temporary_reaches_the_disk(split: Store, tmp_path: Path) -> None:
    """After a conversation with a picture no byte of it is in the data directory."""
    opened = a_secret(split)
    split.append([words(opened.reply_id, "Geheimantwort")])
    split.finish_reply(opened.reply_id, a_record("Geheimantwort"))
    text = PictureText(1, ((TextCell("Geheimzeile", 1, 2, 30, 4),),))
    sha256 = a_picture(SECRET).attachment.sha256
    split.save_text(sha256, text)
    assert split.load_texts([sha256]) == {sha256: text}
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


def test_a_temporary_conversation_works_like_any_other(split: Store) -> None:
    """Asking on, asking again, showing, choosing, stopping, deleting and undoing."""
    opened = a_secret(split)
    kept = split.save_question(a_question("Kept"))
    both = [words(opened.reply_id, "a"), words(kept.reply_id, "b")]
    for _ in range(2):
        split.append(both, batch=7)
    identity = opened.conversation_id
    found = split.load_conversation(identity, owner="me")
    assert found.is_temporary
    assert found.nodes[1].message.text == "a"
    assert not split.load_conversation(kept.conversation_id).is_temporary
    split.request_stop(opened.reply_id, owner="me")
    assert split.stop_requests([kept.reply_id, opened.reply_id]) == {opened.reply_id}
    split.finish_reply(opened.reply_id, a_record())
    again = split.open_reply(
        owner="me",
        submission_id="again",
        conversation_id=identity,
        question_id=opened.question_id,
        provider="p",
        model="m",
    )
    split.finish_reply(again.reply_id, a_record("Another"))
    split.show_leaf(identity, opened.reply_id, owner="me")
    split.select_pictures(identity, PictureSelection(keep_last=0), owner="me")
    split.set_pinned(identity, owner="me", is_pinned=True)
    split.delete_message(identity, again.reply_id, owner="me")
    split.delete_conversation(identity, owner="me")
    with pytest.raises(ConversationNotFound):
        split.load_conversation(identity)
    split.restore_conversation(identity, owner="me")
    found = split.load_conversation(identity)
    assert [node.id for node in found.path()] == [opened.question_id, opened.reply_id]
    assert (found.is_pinned, found.pictures) == (True, PictureSelection(keep_last=0))
    assert split.load_content(a_picture(SECRET).attachment.sha256) == SECRET
    assert split.list_pictures("me") == {a_picture(SECRET).attachment.sha256}
    assert split.load_thumbnail(a_picture(SECRET).attachment.sha256) == b"small " + SECRET


def test_nothing_temporary_is_listed_found_counted_or_shared(split: Store) -> None:
    """Only its own address leads to it, and only for the one who began it."""
    opened = a_secret(split)
    assert not split.list_conversations("me")
    assert not split.search("me", "geheimfrage")
    assert split.storage_stats("me") == StorageStats()
    with pytest.raises(ConversationNotFound):
        split.create_share(
            opened.conversation_id, owner="me", leaf_id=opened.question_id, expires_at=None
        )
    with pytest.raises(ConversationNotFound):
        split.load_conversation(opened.conversation_id, owner="you")


def test_temporary_conversations_end(tmp_path: Path) -> None:
    """Hours without a question, deleting everything and the end of the process each end them."""
    split = Store(f"sqlite:///{tmp_path}/store.db")
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
    with closing(Store(f"sqlite:///{tmp_path}/store.db")) as kept, pytest.raises(KeyError):
        kept.load_content(a_picture(SECRET).attachment.sha256)
    split.close()
    reopened = Store(f"sqlite:///{tmp_path}/store.db")
    with pytest.raises(ConversationNotFound):
        reopened.load_conversation(last.conversation_id)
    reopened.close()


def test_memory_has_an_end_and_is_free_again(split: Store) -> None:
    """Too much is refused as on a full disk; what is there stays, and grows old as ever."""
    with split._databases.temporary.writing() as connection:
        most = connection.exec_driver_sql("PRAGMA max_page_count").scalar_one()
        size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
        connection.exec_driver_sql("PRAGMA max_page_count = 300")
    assert most * size == MEMORY_BYTES
    opened = split.save_question(a_question("Passt", is_temporary=True))
    large = a_picture(os.urandom(2_000_000))
    with pytest.raises(StoreUnavailable) as refused:
        split.save_question(a_question(pictures=(large,), is_temporary=True))
    assert refused.value.params["reason"] == StoreOutage.FULL
    assert split.load_conversation(opened.conversation_id).title == "Passt"
    now = datetime.now(UTC)
    assert split.purge(deleted_before=now, unused_since=now + timedelta(seconds=1)) == 1
    assert a_secret(split).is_new


def test_an_idle_temporary_conversation_is_purged(split: Store) -> None:
    """The limit for what is in memory counts from the last question."""
    opened = a_secret(split)
    now = datetime.now(UTC)
    assert split.purge(deleted_before=now, unused_since=now + timedelta(seconds=1)) == 1
    with pytest.raises(ConversationNotFound):
        split.load_conversation(opened.conversation_id)

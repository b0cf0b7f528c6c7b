"""Databases that 0.1.0, 0.2.0 and 0.3.0 made, opened by this version.

`old_databases/` holds SQLite files as the code of each version left them, with the same questions
and answers; the last answer was being written. PostgreSQL gets the rows of 0.1.0 in its tables.
"""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from augenblick.core.conversations import Conversation, PictureSelection, ReplyRecord
from augenblick.core.errors import ConversationNotFound, Failure
from augenblick.core.messages import (
    Adjustment,
    ChoiceText,
    Detail,
    ImagePart,
    Rating,
    ReplyEnd,
    TileOf,
    Timings,
    ToolCall,
    Usage,
)
from augenblick.store import Store
from augenblick.store import tables as t
from tests.store.postgres import PostgresServer

OLD = Path(__file__).parent / "old_databases"
VERSIONS = ["0.1.0", "0.2.0", "0.3.0"]
CALL = ToolCall("1", "zoom", '{"left":0}')


def unpack(version: str, folder: Path) -> Path:
    """The SQLite file that a version made."""
    file = folder / "store.db"
    file.write_bytes(gzip.decompress((OLD / f"{version}.db.gz").read_bytes()))
    return file


def copy_to_postgres(file: Path, url: str) -> None:
    """Put the rows of 0.1.0 into the tables that it made on PostgreSQL."""
    tables = ["alembic_version", "conversation", "node", "picture", "picture_bytes", "part"]
    with closing(sqlite3.connect(file)) as source, psycopg.connect(url) as target:
        target.execute("SET timezone = 'UTC'")
        target.execute((OLD / "0.1.0-postgresql.sql").read_bytes())
        for table in [*tables, "reply", "delta", "lesson"]:
            for row in source.execute(f"SELECT * FROM {table}"):  # noqa: S608 - names from above
                places = ",".join(["%s"] * len(row))
                target.execute(f"INSERT INTO {table} VALUES ({places})".encode(), row)  # noqa: S608


@pytest.fixture(params=[*VERSIONS, "0.1.0 on PostgreSQL"])
def version(request: pytest.FixtureRequest) -> str:
    """The version that made the database."""
    return str(request.param)


@pytest.fixture
def old_url(version: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The URL of a database that an old version left."""
    file = unpack(version.removesuffix(" on PostgreSQL"), tmp_path)
    if not version.endswith("PostgreSQL"):
        return f"sqlite:///{file}"
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.new_database()
    copy_to_postgres(file, url)
    return url


@pytest.fixture
def old_store(old_url: str) -> Iterator[Store]:
    """A store opened on it."""
    with closing(Store(old_url)) as store:
        yield store


def only(store: Store) -> Conversation:
    """The one conversation that is listed."""
    (line,) = store.list_conversations("me")
    return store.load_conversation(line.id, owner="me")


def records(store: Store) -> list[ReplyRecord]:
    """Its answers, in the order they were asked for."""
    return [node.reply for node in only(store).nodes if node.reply is not None]


def test_questions_and_pictures_are_there(old_store: Store, version: str) -> None:
    """Words, pictures and what was done to them, in their order."""
    conversation = only(old_store)
    assert old_store.list_conversations("me")[0].question_count == 2
    question = conversation.nodes[0].message
    assert [node.message.role.value for node in conversation.path()] == ["user", "assistant"] * 2
    assert question.text == "Wo ist das?\nIn der Hauptstraße?"
    assert isinstance(question.parts[0], ImagePart)
    assert question.parts[0].detail is Detail.HIGH
    (attachment,) = question.attachments
    assert (attachment.width_px, attachment.byte_count) == (640, 3)
    receipt = attachment.receipt
    assert (receipt.source_name, receipt.rotation_degrees) == ("katze.jpg", 90)
    assert receipt.removed == ("location", "camera")
    if version > "0.2":
        assert receipt.tile == TileOf(1, 4, 0, 0, 320, 240)
    assert old_store.load_content(attachment.sha256) == b"cat"
    assert old_store.load_thumbnail(attachment.sha256) == b"small cat"
    with pytest.raises(ConversationNotFound):
        old_store.load_conversation(conversation.id, owner="you")


def test_answers_are_as_they_were(old_store: Store, version: str) -> None:
    """Texts, choices, counts, times, changes to the request, failures; for experts their calls."""
    whole, failed, _ = records(old_store)
    assert whole.end is ReplyEnd.COMPLETE
    assert whole.choices == (
        ChoiceText("Beim Bäcker \x00\ud83d", "weil …", "", (ToolCall("c1", "f", "{}"),), "stop"),
        ChoiceText("Am Markt"),
    )
    assert whole.usage == Usage(12, 3, 15, None)
    assert whole.timings == Timings(0.1, 0.25, None)
    assert whole.adjustments == (
        Adjustment("dropped_field", {"field": "seed"}),
        Adjustment("shrank_pictures", {"count": 1, "side_px": 1024}),
    )
    assert (whole.answered_model, whole.system_fingerprint) == ("look-1", "fp")
    assert failed.end is ReplyEnd.FAILED
    assert failed.failure == Failure(
        "rate_limited", {"seconds": 1.5, "host": "example.org"}, "slow down"
    )
    if version < "0.3":
        assert (whole.rounds, whole.settings) == ((), None)
        return
    (done,) = whole.rounds
    assert (done.calls, done.text) == ((CALL,), "Moment.")
    assert done.results[0].picture is not None
    assert old_store.load_content(done.results[0].picture.attachment.sha256) == b"zoomed"
    assert whole.settings is not None
    assert (whole.settings.seed, whole.settings.stop) == (2**63 - 1, ("END",))
    assert whole.settings.tools[0]["type"] == "function"


def test_an_answer_that_was_being_written_is_interrupted(old_store: Store) -> None:
    """The process of the old version is dead; its text stays and can be found."""
    assert records(old_store)[-1].is_live
    assert old_store.interrupt_open_replies() == 1
    last = records(old_store)[-1]
    assert last.end is ReplyEnd.INTERRUPTED
    assert last.choices == (ChoiceText("Ich sehe …", "hm"),)
    assert [hit.node_id for hit in old_store.search("me", "sehe")] == [only(old_store).leaf_id]


def test_words_are_found(old_store: Store) -> None:
    """Questions and answers from before there was a search as well."""
    conversation = only(old_store)
    assert [hit.node_id for hit in old_store.search("me", "hauptstrasse")] == [
        conversation.nodes[0].id
    ]
    assert [hit.node_id for hit in old_store.search("me", "backer")] == [conversation.nodes[1].id]


def test_what_owners_did_is_kept(old_store: Store, version: str) -> None:
    """Title, pin, chosen pictures, links, what was deleted, presets, traces, quirks."""
    conversation = only(old_store)
    first, answer = conversation.nodes[:2]
    assert old_store.load_quirks("reader", "look") == {"seed": "no"}
    if version < "0.2":
        assert (conversation.title, conversation.is_pinned) == ("Wo ist das?", False)
        assert f"{conversation.created_at:%Y-%m-%d %H:%M %Z}" == "2026-11-29 23:03 UTC"
        assert conversation.pictures == PictureSelection()
        return
    assert (conversation.title, conversation.is_pinned) == ("Altstadt", True)
    assert conversation.pictures == PictureSelection(frozenset({(first.id, 0)}), 2)
    (share,) = old_store.list_shares("me")
    assert old_store.find_share(share.token).leaf_id == answer.id
    assert old_store.search("me", "weg") == []
    if version < "0.3":
        return
    assert old_store.load_trace(answer.id, owner="me") == b"trace \x00"
    (preset,) = old_store.list_presets("me")
    assert (preset.name, preset.settings.stop) == ("Kalt", ("END",))


def test_it_goes_on_and_goes_for_good(old_store: Store) -> None:
    """Share, delete and be gone, as a new conversation."""
    conversation = only(old_store)
    old_store.interrupt_open_replies()
    old_store.rate(conversation.nodes[1].id, Rating.DOWN, owner="me")
    assert records(old_store)[0].rating is Rating.DOWN
    share = old_store.create_share(
        conversation.id, owner="me", leaf_id=conversation.nodes[1].id, expires_at=None
    )
    assert old_store.find_share(share.token) == share
    old_store.delete_message(conversation.id, conversation.nodes[-2].id, owner="me")
    assert len(only(old_store).nodes) == len(conversation.nodes) - 2
    old_store.delete_everything("me")
    assert not old_store.list_conversations("me")
    assert old_store.search("me", "wo") == []


def test_its_tables_become_those_of_the_code(old_store: Store) -> None:
    """An upgraded database has the tables of a new one."""
    with old_store._databases.kept.reading() as connection:
        left = compare_metadata(MigrationContext.configure(connection), t.metadata)
    assert [it for it in left if "search_" not in repr(it)] == []


def test_a_second_opening_indexes_nothing_twice(old_url: str) -> None:
    """Opening again leaves what was made findable alone."""
    Store(old_url).close()
    with closing(Store(old_url)) as store:
        assert len(store.search("me", "hauptstrasse")) == 1

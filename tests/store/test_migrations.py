"""A database of an earlier version, with data in it, opened by this one."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from augenblick.messages import ReplyEnd
from augenblick.sql_store import SqlStore
from augenblick.sql_store.database import Database

_CHOICES = json.dumps([
    {"text": "Beim Bäcker", "reasoning": "", "refusal": "", "tool_calls": [], "finish_reason": None}
])  # fmt: skip
_VALUES = {"at": "2026-01-02 03:04:05", "choices": _CHOICES}
_REPLY = """
INSERT INTO reply (node_id, conversation_id, submission_id, owner_process, provider, model,
ended_as, choices, answered_model, system_fingerprint, picked_choice)
VALUES ('a', 'c', 's', 1, 'p', 'm', 'complete', :choices, '', '', 0)
"""
FIRST_VERSION = (
    "INSERT INTO conversation VALUES ('c', 'me', 'Wo ist das?', :at, :at, 'a')",
    "INSERT INTO node VALUES ('q', 'c', 0, NULL, 'user', :at)",
    "INSERT INTO node VALUES ('a', 'c', 1, 'q', 'assistant', :at)",
    "INSERT INTO part (node_id, position, text) VALUES ('q', 0, 'Wo ist das?')",
    "INSERT INTO part (node_id, position, text) VALUES ('q', 1, 'In der Hauptstraße?')",
    _REPLY,
)


def make_first_version(url: str) -> None:
    """A database as the first version left it, with a question and its answer."""
    database = Database(url)
    config = Config()
    config.set_main_option("script_location", "augenblick:migrations")
    with database.writing() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for statement in FIRST_VERSION:
            values = {name: value for name, value in _VALUES.items() if f":{name}" in statement}
            connection.execute(text(statement), values)
    database.close()


def test_what_was_there_before_is_there_and_can_be_found(url: str) -> None:
    """Conversations of the first version are listed, searched, shared and deleted like new ones."""
    make_first_version(url)
    store = SqlStore(url)
    (line,) = store.list_conversations("me")
    assert (line.title, line.message_count, line.is_pinned) == ("Wo ist das?", 2, False)
    assert line.updated_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    found = store.load_conversation("c", owner="me")
    assert [node.id for node in found.path()] == ["q", "a"]
    assert found.nodes[1].reply is not None
    assert found.nodes[1].reply.end is ReplyEnd.COMPLETE
    assert [hit.node_id for hit in store.search("me", "backer")] == ["a"]
    assert [hit.node_id for hit in store.search("me", "wo hauptstrasse")] == ["q"]
    share = store.create_share("c", owner="me", leaf_id="a", expires_at=None)
    assert store.find_share(share.token) == share
    store.delete_everything("me")
    assert store.search("me", "wo") == []
    assert not store.list_conversations("me")
    store.close()


def test_a_second_opening_indexes_nothing_twice(url: str) -> None:
    """Opening again leaves what was made findable alone."""
    make_first_version(url)
    SqlStore(url).close()
    store = SqlStore(url)
    assert [hit.conversation.id for hit in store.search("me", "ist")] == ["c"]
    store.close()

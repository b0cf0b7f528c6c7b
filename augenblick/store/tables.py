"""What is kept: the tables. A new database is made from them; `migrations` bring older ones there.

A test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    event,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.types import TypeEngine

from augenblick.store import json_columns as j

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class PlainText(TypeDecorator[str]):
    """Text, with U+FFFD for what PostgreSQL or UTF-8 can't hold: NUL and lone surrogates.

    That goes for what is looked for as well, so an id full of nonsense is simply not found.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        """Replace what can't be held."""
        return None if value is None else _UNSTORABLE.sub("\ufffd", value)


class Words(TypeDecorator[Sequence[str]]):
    """The words of a text in their order, to be searched: `tsvector`, or plain text for FTS5.

    Words hold letters and digits only. PostgreSQL gets them as it writes them itself, so neither
    its parser nor a dictionary sees them; of a word it keeps 255 places.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type of the column."""
        return dialect.type_descriptor(TSVECTOR() if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> str:
        """To text that the database takes."""
        words = value or ()
        if dialect.name != "postgresql":
            return " ".join(words)
        places: dict[str, list[str]] = {}
        for place, word in enumerate(words, start=1):
            places.setdefault(word, []).append(str(place))
        return " ".join(f"'{word}':{','.join(found[:255])}" for word, found in places.items())


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC, aware in Python whatever the database makes of it."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC; SQLite gets it without a zone, which it would drop."""
        if value is None:
            return None
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Back to an aware moment in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


_TEXT = PlainText()
_MOMENT = UtcDateTime()

metadata = MetaData(
    naming_convention={  # a migration can speak of a constraint that has a name
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _only_where(condition: str) -> dict[str, Any]:
    """What makes an index one of some rows only."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


# `leaf_id` is the end of the path that is shown. `deleted_at` is set while a deletion can be
# undone; nothing but the undoing sees the conversation then.
conversation = Table(
    "conversation",
    metadata,
    Column("id", _TEXT, primary_key=True),
    Column("owner", _TEXT, nullable=False),
    Column("title", _TEXT, nullable=False),
    Column("created_at", _MOMENT, nullable=False),
    Column("updated_at", _MOMENT, nullable=False),
    Column("leaf_id", _TEXT),
    Column("is_pinned", Boolean, nullable=False, server_default=false()),
    Column("deleted_at", _MOMENT),
    Column("selection", j.SELECTION),
    Index(
        "ix_conversation_listed",
        "owner",
        "is_pinned",
        "updated_at",
        "id",
        **_only_where("deleted_at IS NULL"),
    ),
)

# A message at its place in the tree; `position` counts the nodes of a conversation.
node = Table(
    "node",
    metadata,
    Column("id", _TEXT, primary_key=True),
    Column("conversation_id", _TEXT, ForeignKey("conversation.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("parent_id", _TEXT, ForeignKey("node.id"), index=True),
    Column("role", _TEXT, nullable=False),
    Column("created_at", _MOMENT, nullable=False),
    UniqueConstraint("conversation_id", "position"),
)

# What a picture is, without its bytes.
picture = Table(
    "picture",
    metadata,
    Column("sha256", _TEXT, primary_key=True),
    Column("media_type", _TEXT, nullable=False),
    Column("width_px", Integer, nullable=False),
    Column("height_px", Integer, nullable=False),
    Column("byte_count", Integer, nullable=False),
    Column("thumbnail_width_px", Integer, nullable=False),
    Column("thumbnail_height_px", Integer, nullable=False),
)

# The small picture stands first, so that SQLite reaches it without the other.
picture_bytes = Table(
    "picture_bytes",
    metadata,
    Column("sha256", _TEXT, ForeignKey("picture.sha256"), primary_key=True),
    Column("thumbnail", LargeBinary, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

# What was read in a picture, to check answers.
picture_text = Table(
    "picture_text",
    metadata,
    Column("sha256", _TEXT, ForeignKey("picture.sha256"), primary_key=True),
    Column("content", j.PICTURE_TEXT, nullable=False),
)

# A part of a message: words, or a picture with what was done to get it.
part = Table(
    "part",
    metadata,
    Column("node_id", _TEXT, ForeignKey("node.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("text", _TEXT),
    Column("picture_sha256", _TEXT, ForeignKey("picture.sha256"), index=True),
    Column("detail", _TEXT),
    Column("receipt", j.PROVENANCE),
)

# How an answer came about. `ended_as` is null while it is being written; `owner_process` is who
# writes it (`presence`). The database itself keeps a submit from counting twice and a conversation
# from being answered twice at once.
reply = Table(
    "reply",
    metadata,
    Column("node_id", _TEXT, ForeignKey("node.id"), primary_key=True),
    Column("conversation_id", _TEXT, ForeignKey("conversation.id"), nullable=False, index=True),
    Column("submission_id", _TEXT, nullable=False, unique=True),
    Column("owner_process", BigInteger, nullable=False),
    Column("provider", _TEXT, nullable=False),
    Column("model", _TEXT, nullable=False),
    Column("ended_as", _TEXT),
    Column("ended_at", _MOMENT),
    Column("choices", j.CHOICES),
    Column("usage", j.USAGE),
    Column("timings", j.TIMINGS),
    Column("failure", j.FAILURE),
    Column("adjustments", j.ADJUSTMENTS),
    Column("answered_model", _TEXT, nullable=False),
    Column("system_fingerprint", _TEXT, nullable=False),
    Column("picked_choice", Integer, nullable=False),
    Column("is_stop_requested", Boolean, nullable=False, server_default=false()),
    Column("settings", j.SETTINGS),
    Column("rounds", j.ROUNDS),
    Column("rating", _TEXT),
    Index(None, "provider", "model", "ended_at"),
    Index("ix_reply_rated", "provider", "model", "rating", **_only_where("rating IS NOT NULL")),
    Index("uq_reply_open", "conversation_id", unique=True, **_only_where("ended_as IS NULL")),
)

# Text of an open reply, one row per commit and channel; gone once the reply has ended. The key is
# what makes a repeated batch harmless. The text is JSON, which can say what a text column can't:
# NUL, and the half of a surrogate pair that some endpoints send.
delta = Table(
    "delta",
    metadata,
    Column("reply_id", _TEXT, ForeignKey("reply.node_id"), primary_key=True),
    Column("batch", BigInteger, primary_key=True, autoincrement=False),
    Column("choice_index", Integer, primary_key=True, autoincrement=False),
    Column("lane", _TEXT, primary_key=True, key="channel"),
    Column("text", JSON, nullable=False),
    sqlite_with_rowid=False,
)

# A link to one path of a conversation. A revoked one stays, to say so.
share = Table(
    "share",
    metadata,
    Column("token", _TEXT, primary_key=True),
    Column("conversation_id", _TEXT, ForeignKey("conversation.id"), nullable=False, index=True),
    Column("leaf_id", _TEXT, ForeignKey("node.id"), nullable=False, index=True),
    Column("created_at", _MOMENT, nullable=False),
    Column("expires_at", _MOMENT),
    Column("revoked_at", _MOMENT),
)

# The words of a title (`node_id` null), a question or an answer that has ended.
search_text = Table(
    "search_text",
    metadata,
    Column("id", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True),
    Column("conversation_id", _TEXT, ForeignKey("conversation.id"), nullable=False, index=True),
    Column("node_id", _TEXT, ForeignKey("node.id"), unique=True),
    Column("words", Words(), nullable=False),
    Index(None, "words", postgresql_using="gin").ddl_if(dialect="postgresql"),
    sqlite_autoincrement=True,
)

_FTS5 = (
    """
    CREATE VIRTUAL TABLE search_index USING fts5(words, content='search_text',
    content_rowid='id', columnsize=0, prefix='2 3', tokenize='ascii')
    """,
    """
    CREATE TRIGGER search_text_added AFTER INSERT ON search_text BEGIN
    INSERT INTO search_index (rowid, words) VALUES (new.id, new.words); END
    """,
    """
    CREATE TRIGGER search_text_removed AFTER DELETE ON search_text BEGIN
    INSERT INTO search_index (search_index, rowid, words)
    VALUES ('delete', old.id, old.words); END
    """,
)


@event.listens_for(search_text, "after_create")
def _make_search_index(_table: Table, connection: Connection, **_: object) -> None:
    """On SQLite the words, which come folded and parted by spaces, are indexed by FTS5."""
    if connection.dialect.name == "sqlite":
        for statement in _FTS5:
            connection.exec_driver_sql(statement)


# What went over the wire for a reply, packed (`endpoint.trace` knows how).
trace = Table(
    "trace",
    metadata,
    Column("reply_id", _TEXT, ForeignKey("reply.node_id"), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

# Request settings that a person has given a name.
preset = Table(
    "preset",
    metadata,
    Column("owner", _TEXT, primary_key=True),
    Column("name", _TEXT, primary_key=True),
    Column("settings", j.SETTINGS, nullable=False),
)

# One thing learnt about an endpoint and model.
quirk = Table(
    "lesson",
    metadata,
    Column("provider", _TEXT, primary_key=True),
    Column("model", _TEXT, primary_key=True),
    Column("name", _TEXT, primary_key=True),
    Column("value", _TEXT, nullable=False),
)

# What is known of a model at an endpoint: whether it sees, what a check found.
model_card = Table(
    "model_card",
    metadata,
    Column("provider", _TEXT, primary_key=True),
    Column("model", _TEXT, primary_key=True),
    Column("sees", Boolean),
    Column("sees_at", _MOMENT),
    Column("findings", j.FINDINGS),
    Column("checked_at", _MOMENT),
)

# One row that is written to find out whether writing works.
probe = Table(
    "probe",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("written_at", _MOMENT, nullable=False),
)

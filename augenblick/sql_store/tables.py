"""What is kept, as typed tables. The migrations build the same; a test compares the two."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeEngine

Json = dict[str, Any]
JsonList = list[Any]


_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class PlainText(TypeDecorator[str]):
    """Text, with U+FFFD for what PostgreSQL or UTF-8 can't hold: NUL and lone surrogates.

    That goes for what is looked for as well, so an id full of nonsense is simply not found.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(
        self,
        value: str | None,
        dialect: Dialect,  # noqa: ARG002 - the signature is SQLAlchemy's
    ) -> str | None:
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

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 - the signature is SQLAlchemy's
    ) -> datetime | None:
        """Back to an aware moment in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """All tables; constraints get names, so that a migration can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        Json: JSON(none_as_null=True),
        JsonList: JSON(none_as_null=True),
        datetime: UtcDateTime(),
        str: PlainText(),
    }


class ConversationRow(Base):
    """A conversation. `leaf_id` is the end of the path that is shown.

    `deleted_at` is set while a deletion can be undone; nothing but the undoing sees it then.
    """

    __tablename__ = "conversation"
    __table_args__ = (
        Index(
            "ix_conversation_listed",
            "owner",
            "is_pinned",
            "updated_at",
            "id",
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    title: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    leaf_id: Mapped[str | None]
    is_pinned: Mapped[bool] = mapped_column(server_default=false())
    deleted_at: Mapped[datetime | None]
    selection: Mapped[Json | None]


class NodeRow(Base):
    """A message at its place in the tree; `position` counts the nodes of a conversation."""

    __tablename__ = "node"
    __table_args__ = (UniqueConstraint("conversation_id", "position"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id"))
    position: Mapped[int]
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("node.id"), index=True)
    role: Mapped[str]
    created_at: Mapped[datetime]


class PictureRow(Base):
    """What a picture is, without its bytes."""

    __tablename__ = "picture"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    media_type: Mapped[str]
    width_px: Mapped[int]
    height_px: Mapped[int]
    byte_count: Mapped[int]
    thumbnail_width_px: Mapped[int]
    thumbnail_height_px: Mapped[int]


class PictureBytesRow(Base):
    """The bytes of a picture; the small one first, so that SQLite reaches it without the other."""

    __tablename__ = "picture_bytes"

    sha256: Mapped[str] = mapped_column(ForeignKey("picture.sha256"), primary_key=True)
    thumbnail: Mapped[bytes] = mapped_column(LargeBinary)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class PartRow(Base):
    """A part of a message: words, or a picture with what was done to get it."""

    __tablename__ = "part"

    node_id: Mapped[str] = mapped_column(ForeignKey("node.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str | None]
    picture_sha256: Mapped[str | None] = mapped_column(ForeignKey("picture.sha256"), index=True)
    detail: Mapped[str | None]
    receipt: Mapped[Json | None]


class ReplyRow(Base):
    """How an answer came about. `ended_as` is null while it is being written.

    `owner_process` is who writes it (`presence`). The database itself keeps a submit from counting
    twice and a conversation from being answered twice at once.
    """

    __tablename__ = "reply"
    __table_args__ = (Index(None, "provider", "model", "ended_at"),)

    node_id: Mapped[str] = mapped_column(ForeignKey("node.id"), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id"), index=True)
    submission_id: Mapped[str] = mapped_column(unique=True)
    owner_process: Mapped[int] = mapped_column(BigInteger)
    provider: Mapped[str]
    model: Mapped[str]
    ended_as: Mapped[str | None]
    ended_at: Mapped[datetime | None]
    choices: Mapped[JsonList | None]
    usage: Mapped[Json | None]
    timings: Mapped[Json | None]
    failure: Mapped[Json | None]
    adjustments: Mapped[JsonList | None]
    answered_model: Mapped[str]
    system_fingerprint: Mapped[str]
    picked_choice: Mapped[int]
    is_stop_requested: Mapped[bool] = mapped_column(server_default=false())
    settings: Mapped[Json | None]
    rounds: Mapped[JsonList | None]


Index(
    "uq_reply_open",
    ReplyRow.conversation_id,
    unique=True,
    sqlite_where=ReplyRow.ended_as.is_(None),
    postgresql_where=ReplyRow.ended_as.is_(None),
)


class DeltaRow(Base):
    """Text of an open reply, one row per commit and lane; gone once the reply has ended.

    The key is what makes a repeated batch harmless. The text is JSON, which can say what a text
    column can't: NUL, and the half of a surrogate pair that some endpoints send.
    """

    __tablename__ = "delta"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - read by SQLAlchemy when the class is made

    reply_id: Mapped[str] = mapped_column(ForeignKey("reply.node_id"), primary_key=True)
    batch: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    choice_index: Mapped[int] = mapped_column(primary_key=True)
    lane: Mapped[str] = mapped_column(primary_key=True)
    text: Mapped[Any] = mapped_column(JSON)


class ShareRow(Base):
    """A link to one path of a conversation. A revoked one stays, to say so."""

    __tablename__ = "share"

    token: Mapped[str] = mapped_column(primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id"), index=True)
    leaf_id: Mapped[str] = mapped_column(ForeignKey("node.id"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class SearchRow(Base):
    """The words of a title (`node_id` null), a question or an answer that has ended.

    On SQLite the words are indexed in `search_index`, an FTS5 table that two triggers keep in step.
    """

    __tablename__ = "search_text"
    __table_args__ = (
        Index(None, "words", postgresql_using="gin").ddl_if(dialect="postgresql"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer(), "sqlite"), primary_key=True
    )
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id"), index=True)
    node_id: Mapped[str | None] = mapped_column(ForeignKey("node.id"), unique=True)
    words: Mapped[Sequence[str]] = mapped_column(Words())


class TraceRow(Base):
    """What went over the wire for a reply, packed (`trace` knows how)."""

    __tablename__ = "trace"

    reply_id: Mapped[str] = mapped_column(ForeignKey("reply.node_id"), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class PresetRow(Base):
    """Request settings that a person has given a name."""

    __tablename__ = "preset"

    owner: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    settings: Mapped[Json]


class LessonRow(Base):
    """One thing learnt about an endpoint and model."""

    __tablename__ = "lesson"

    provider: Mapped[str] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class ProbeRow(Base):
    """One row that is written to find out whether writing works."""

    __tablename__ = "probe"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    written_at: Mapped[datetime]

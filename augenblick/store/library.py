"""What an owner has: the list of conversations, the pictures, and how much is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BindParameter, Connection, Integer, Row, Select, bindparam, func, select

from augenblick.core.messages import PreparedPicture, Role
from augenblick.store import tables as t
from augenblick.store.attachments import read_attachment
from augenblick.store.databases import Concern
from augenblick.store.statements import now
from augenblick.store.store_values import ConversationSummary, EarlierPicture, StorageStats


class Library(Concern):
    """Lists what an owner has, and counts it. What waits for its deletion is not there."""

    def list_conversations(
        self, owner: str, *, limit: int = 50, offset: int = 0
    ) -> Sequence[ConversationSummary]:
        """The kept conversations of an owner: pinned ones first, then the newest first."""
        given = {"owner": owner, "limit": limit, "offset": offset}
        with self._databases.kept.reading() as connection:
            return summaries(connection, connection.execute(_PAGE, given).all())

    def list_pictures(self, owner: str, *, conversation_id: str | None = None) -> frozenset[str]:
        """The SHA-256 of every picture of an owner, or of those in one conversation.

        Those of temporary conversations as well. A conversation of somebody else has none.
        """
        query = _SHOWN.where(t.conversation.c.owner == owner)
        if conversation_id is not None:
            query = query.where(t.conversation.c.id == conversation_id)
        found: set[str] = set()
        both, of = self._databases.both, self._databases.of
        for database in both if conversation_id is None else (of(conversation_id),):
            with database.reading() as connection:
                found.update(connection.scalars(query.distinct()))
        return frozenset(found)

    def list_earlier_pictures(
        self, owner: str, *, limit: int = 50, offset: int = 0
    ) -> Sequence[EarlierPicture]:
        """The pictures of an owner's kept questions, each once: the newest first."""
        given = {"owner": owner, "limit": limit, "offset": offset}
        with self._databases.kept.reading() as connection:
            return [EarlierPicture(*row) for row in connection.execute(_EARLIER, given)]

    def find_earlier_picture(self, owner: str, sha256: str) -> PreparedPicture | None:
        """A picture of an owner's kept questions, as it was sent; None where it is not theirs."""
        given = {"owner": owner, "sha256": sha256}
        with self._databases.kept.reading() as connection:
            row = connection.execute(_CONTENTS, given).first()
        if row is None:
            return None
        return PreparedPicture(
            attachment=read_attachment(row),
            content=row.content,
            thumbnail=row.thumbnail,
            thumbnail_width_px=row.thumbnail_width_px,
            thumbnail_height_px=row.thumbnail_height_px,
        )

    def storage_stats(self, owner: str) -> StorageStats:
        """How much is kept about an owner."""
        own = (t.conversation.c.owner == owner) & t.conversation.c.deleted_at.is_(None)
        ids = select(t.conversation.c.id).where(own)
        questions = t.node.c.conversation_id.in_(ids) & (t.node.c.role == Role.USER)
        pictures = t.picture.c.sha256.in_(_SHOWN.where(t.conversation.c.owner == owner))
        shares = (
            t.share.c.conversation_id.in_(ids)
            & t.share.c.revoked_at.is_(None)
            & (t.share.c.expires_at.is_(None) | (t.share.c.expires_at > now()))
        )
        size = func.coalesce(func.sum(t.picture.c.byte_count), 0)
        counted = select(
            select(func.count()).select_from(t.conversation).where(own).scalar_subquery(),
            select(func.count()).select_from(t.node).where(questions).scalar_subquery(),
            select(func.count()).select_from(t.picture).where(pictures).scalar_subquery(),
            select(size).where(pictures).scalar_subquery(),
            select(func.count()).select_from(t.share).where(shares).scalar_subquery(),
            select(func.min(t.conversation.c.created_at)).where(own).scalar_subquery(),
        )
        with self._databases.kept.reading() as connection:
            return StorageStats(*connection.execute(counted).one())


def owned_by(owner: str | BindParameter[str]) -> Select[*tuple[Any, ...]]:
    """The conversations of an owner that are there, for `summaries`."""
    return select(
        t.conversation.c.id,
        t.conversation.c.title,
        t.conversation.c.updated_at,
        t.conversation.c.is_pinned,
    ).where(t.conversation.c.owner == owner, t.conversation.c.deleted_at.is_(None))


def summaries(
    connection: Connection, found: Sequence[Row[*tuple[Any, ...]]]
) -> list[ConversationSummary]:
    """Rows of `owned_by`, completed; here, for a database would complete them before it cuts."""
    if not found:
        return []
    given = {"ids": [row.id for row in found]}
    counts: dict[str, int] = dict(connection.execute(_COUNTS, given).all())
    pictures = dict(connection.execute(_FIRST_PICTURES, given).all())
    return [
        ConversationSummary(
            id=row.id,
            title=row.title,
            updated_at=row.updated_at,
            is_pinned=row.is_pinned,
            question_count=counts.get(row.id, 0),
            thumbnail_sha256=pictures.get(row.id),
        )
        for row in found
    ]


# Made once: to make a statement and prepare its result takes ten times as long as to run it.
_IDS: BindParameter[Sequence[str]] = bindparam("ids", expanding=True)
_PAGE = (
    owned_by(bindparam("owner"))
    .order_by(
        t.conversation.c.is_pinned.desc(),
        t.conversation.c.updated_at.desc(),
        t.conversation.c.id.desc(),
    )
    .limit(bindparam("limit", type_=Integer()))
    .offset(bindparam("offset", type_=Integer()))
)
_COUNTS = (
    select(t.node.c.conversation_id, func.count())
    .where(t.node.c.conversation_id.in_(_IDS), t.node.c.role == Role.USER)
    .group_by(t.node.c.conversation_id)
)
_FIRST_PICTURES = (  # the last row of a conversation: the oldest message with a picture
    select(t.node.c.conversation_id, t.part.c.picture_sha256)
    .join(t.part, t.part.c.node_id == t.node.c.id)
    .where(t.node.c.conversation_id.in_(_IDS), t.part.c.picture_sha256.is_not(None))
    .order_by(t.node.c.position.desc(), t.part.c.position.desc())
)
_SHOWN = (  # the pictures of conversations that are there
    select(t.part.c.picture_sha256)
    .join(t.node, t.node.c.id == t.part.c.node_id)
    .join(t.conversation, t.conversation.c.id == t.node.c.conversation_id)
    .where(t.conversation.c.deleted_at.is_(None), t.part.c.picture_sha256.is_not(None))
)
_ASKED_ABOUT = _SHOWN.where(
    t.conversation.c.owner == bindparam("owner"), t.node.c.role == Role.USER
)
_BY_PICTURE = func.row_number().over(
    partition_by=t.part.c.picture_sha256,
    order_by=(t.node.c.created_at.desc(), t.part.c.position),  # of one question in their order
)
_PLACES = _ASKED_ABOUT.add_columns(
    t.conversation.c.id,
    t.conversation.c.title,
    t.node.c.created_at,
    t.part.c.position,
    _BY_PICTURE.label("number"),
).subquery()
_EARLIER = (
    select(_PLACES.c.picture_sha256, _PLACES.c.id, _PLACES.c.title)
    .where(_PLACES.c.number == 1)
    .order_by(_PLACES.c.created_at.desc(), _PLACES.c.position, _PLACES.c.picture_sha256)
    .limit(bindparam("limit", type_=Integer()))
    .offset(bindparam("offset", type_=Integer()))
)
_CONTENTS = (
    _ASKED_ABOUT.join(t.picture, t.picture.c.sha256 == t.part.c.picture_sha256)
    .join(t.picture_bytes, t.picture_bytes.c.sha256 == t.picture.c.sha256)
    .add_columns(
        t.part.c.receipt, t.picture, t.picture_bytes.c.content, t.picture_bytes.c.thumbnail
    )
    .where(t.part.c.picture_sha256 == bindparam("sha256"))
    .order_by(t.node.c.created_at.desc())
    .limit(1)
)

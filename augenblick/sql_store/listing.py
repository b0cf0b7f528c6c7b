"""What an owner has: the list of conversations, and how much is stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, Integer, Row, Select, bindparam, func, select

from augenblick.sql_store.statements import now
from augenblick.sql_store.tables import (
    ConversationRow,
    NodeRow,
    PartRow,
    PictureRow,
    ShareRow,
)
from augenblick.store import ConversationSummary, Holdings


def list_conversations(
    connection: Connection, owner: str, *, limit: int, offset: int
) -> Sequence[ConversationSummary]:
    """A page of the list of an owner."""
    given = {"owner": owner, "limit": limit, "offset": offset}
    return summaries(connection, connection.execute(_PAGE, given).all())


def owned_by(owner: str | BindParameter[str]) -> Select[str, str, datetime, bool]:
    """The conversations of an owner that are there, for `summaries`."""
    return select(
        ConversationRow.id,
        ConversationRow.title,
        ConversationRow.updated_at,
        ConversationRow.is_pinned,
    ).where(ConversationRow.owner == owner, ConversationRow.deleted_at.is_(None))


def summaries(
    connection: Connection, found: Sequence[Row[*tuple[Any, ...]]]
) -> list[ConversationSummary]:
    """Rows of `owned_by`, completed; here, for a database would complete them before it cuts."""
    if not found:
        return []
    ids = [row.id for row in found]
    counts = _count_messages(connection, ids)
    pictures = _first_pictures(connection, ids)
    return [
        ConversationSummary(
            id=row.id,
            title=row.title,
            updated_at=row.updated_at,
            is_pinned=row.is_pinned,
            message_count=counts.get(row.id, 0),
            thumbnail_sha256=pictures.get(row.id),
        )
        for row in found
    ]


def _count_messages(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    return dict(connection.execute(_COUNTS, {"ids": list(ids)}).all())


def _first_pictures(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """By conversation the first picture of its oldest message with one."""
    found = connection.execute(_PICTURES, {"ids": list(ids)})
    return {row.conversation_id: row.picture_sha256 or "" for row in found}


# Made once: to make a statement and prepare its result takes ten times as long as to run it.
_IDS: BindParameter[Sequence[str]] = bindparam("ids", expanding=True)
_PAGE = (
    owned_by(bindparam("owner", type_=ConversationRow.owner.type))
    .order_by(
        ConversationRow.is_pinned.desc(),
        ConversationRow.updated_at.desc(),
        ConversationRow.id.desc(),
    )
    .limit(bindparam("limit", type_=Integer()))
    .offset(bindparam("offset", type_=Integer()))
)
_COUNTS = (
    select(NodeRow.conversation_id, func.count())
    .where(NodeRow.conversation_id.in_(_IDS))
    .group_by(NodeRow.conversation_id)
)
_PICTURES = (
    select(NodeRow.conversation_id, PartRow.picture_sha256)
    .join(PartRow, PartRow.node_id == NodeRow.id)
    .where(NodeRow.conversation_id.in_(_IDS), PartRow.picture_sha256.is_not(None))
    .order_by(NodeRow.position.desc(), PartRow.position.desc())
)


def list_pictures(
    connection: Connection, owner: str, conversation_id: str | None
) -> frozenset[str]:
    """The SHA-256 of every picture of an owner, or of those in one conversation."""
    query = (
        select(PartRow.picture_sha256)
        .join(NodeRow, NodeRow.id == PartRow.node_id)
        .join(ConversationRow, ConversationRow.id == NodeRow.conversation_id)
        .where(ConversationRow.owner == owner, ConversationRow.deleted_at.is_(None))
        .where(PartRow.picture_sha256.is_not(None))
    )
    if conversation_id is not None:
        query = query.where(ConversationRow.id == conversation_id)
    return frozenset(filter(None, connection.scalars(query.distinct())))


def count_holdings(connection: Connection, owner: str) -> Holdings:
    """What is stored about an owner, without what waits for its deletion."""
    own = (ConversationRow.owner == owner) & ConversationRow.deleted_at.is_(None)
    ids = select(ConversationRow.id).where(own)
    conversations, oldest_at = connection.execute(
        select(func.count(), func.min(ConversationRow.created_at)).where(own)
    ).one()
    messages = connection.scalar(
        select(func.count()).select_from(NodeRow).where(NodeRow.conversation_id.in_(ids))
    )
    shown = (
        select(PartRow.picture_sha256)
        .join(NodeRow, NodeRow.id == PartRow.node_id)
        .where(NodeRow.conversation_id.in_(ids))
    )
    pictures, picture_bytes = connection.execute(
        select(func.count(), func.coalesce(func.sum(PictureRow.byte_count), 0)).where(
            PictureRow.sha256.in_(shown)
        )
    ).one()
    shares = connection.scalar(
        select(func.count())
        .select_from(ShareRow)
        .where(
            ShareRow.conversation_id.in_(ids),
            ShareRow.revoked_at.is_(None),
            ShareRow.expires_at.is_(None) | (ShareRow.expires_at > now()),
        )
    )
    return Holdings(
        conversations=conversations,
        messages=messages or 0,
        pictures=pictures,
        picture_bytes=int(picture_bytes),
        shares=shares or 0,
        oldest_at=oldest_at,
    )

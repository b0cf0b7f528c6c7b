"""Links with which anybody may read one path of a conversation."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Row, Select, insert, or_, select, update

from augenblick.errors import ConversationNotFound, ShareExpired
from augenblick.sql_store.statements import now
from augenblick.sql_store.tables import ConversationRow, ShareRow
from augenblick.store import Share

_TOKEN_BYTES = 24


def create(
    connection: Connection, conversation_id: str, leaf_id: str, expires_at: datetime | None
) -> Share:
    """Make a link; the conversation and its leaf have been checked."""
    share = Share(secrets.token_urlsafe(_TOKEN_BYTES), conversation_id, leaf_id, now(), expires_at)
    connection.execute(
        insert(ShareRow).values(
            token=share.token,
            conversation_id=share.conversation_id,
            leaf_id=share.leaf_id,
            created_at=share.created_at,
            expires_at=share.expires_at,
        )
    )
    return share


def find(connection: Connection, token: str) -> Share:
    """Return what a link leads to. Raises ShareExpired or ConversationNotFound."""
    found = connection.execute(_shares().where(ShareRow.token == token)).one_or_none()
    if found is None:
        raise ConversationNotFound
    if found.revoked_at is not None or (found.expires_at and found.expires_at <= now()):
        raise ShareExpired
    return _as_share(found)


def list_shares(connection: Connection, owner: str, conversation_id: str | None) -> Sequence[Share]:
    """The links of an owner that still lead somewhere, newest first."""
    query = (
        _shares()
        .where(ConversationRow.owner == owner, ShareRow.revoked_at.is_(None))
        .where(or_(ShareRow.expires_at.is_(None), ShareRow.expires_at > now()))
        .order_by(ShareRow.created_at.desc(), ShareRow.token)
    )
    if conversation_id is not None:
        query = query.where(ShareRow.conversation_id == conversation_id)
    return [_as_share(row) for row in connection.execute(query)]


def revoke(connection: Connection, token: str, owner: str) -> None:
    """End a link; one that was ended before stays so. Raises ConversationNotFound."""
    own = _shares().where(ShareRow.token == token, ConversationRow.owner == owner)
    found = connection.execute(own).one_or_none()
    if found is None:
        raise ConversationNotFound
    if found.revoked_at is None:
        statement = update(ShareRow).where(ShareRow.token == token)
        connection.execute(statement.values(revoked_at=now()))


def _shares() -> Select[*tuple[object, ...]]:
    """Every link whose conversation is there."""
    return (
        select(
            ShareRow.token,
            ShareRow.conversation_id,
            ShareRow.leaf_id,
            ShareRow.created_at,
            ShareRow.expires_at,
            ShareRow.revoked_at,
        )
        .join(ConversationRow, ConversationRow.id == ShareRow.conversation_id)
        .where(ConversationRow.deleted_at.is_(None))
    )


def _as_share(row: Row[*tuple[object, ...]]) -> Share:
    return Share(row.token, row.conversation_id, row.leaf_id, row.created_at, row.expires_at)

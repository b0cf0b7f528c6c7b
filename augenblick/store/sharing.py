"""Links with which anybody may read one path of a conversation."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Row, Select, insert, or_, select, update

from augenblick.core.errors import ConversationNotFound, ShareExpired
from augenblick.store import tables as t
from augenblick.store.databases import Concern
from augenblick.store.statements import check_node, check_own, now
from augenblick.store.store_values import Share

_TOKEN_BYTES = 24


class Sharing(Concern):
    """Makes, finds and ends links. What is temporary can't be shared."""

    def create_share(
        self, conversation_id: str, *, owner: str, leaf_id: str, expires_at: datetime | None
    ) -> Share:
        """Make a link to the path that ends at a leaf. Raises ConversationNotFound."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        share = Share(token, conversation_id, leaf_id, now(), expires_at)
        with self._databases.kept.writing() as connection:
            check_own(connection, conversation_id, owner)
            check_node(connection, conversation_id, leaf_id)
            connection.execute(insert(t.share).values(**asdict(share)))
        return share

    def find_share(self, token: str) -> Share:
        """Return what a link leads to.

        Raises ShareExpired for one that has expired or was revoked, ConversationNotFound for one
        that never was or whose conversation or leaf is deleted.
        """
        with self._databases.kept.reading() as connection:
            found = connection.execute(_shares().where(t.share.c.token == token)).one_or_none()
        if found is None:
            raise ConversationNotFound
        if found.revoked_at is not None or (found.expires_at and found.expires_at <= now()):
            raise ShareExpired
        return _as_share(found)

    def list_shares(self, owner: str, *, conversation_id: str | None = None) -> Sequence[Share]:
        """The links of an owner that still lead somewhere, newest first."""
        query = (
            _shares()
            .where(t.conversation.c.owner == owner, t.share.c.revoked_at.is_(None))
            .where(or_(t.share.c.expires_at.is_(None), t.share.c.expires_at > now()))
            .order_by(t.share.c.created_at.desc(), t.share.c.token)
        )
        if conversation_id is not None:
            query = query.where(t.share.c.conversation_id == conversation_id)
        with self._databases.kept.reading() as connection:
            return [_as_share(row) for row in connection.execute(query)]

    def revoke_share(self, token: str, *, owner: str) -> None:
        """Let a link lead nowhere from now on; one that was ended before stays so.

        Raises ConversationNotFound.
        """
        own = _shares().where(t.share.c.token == token, t.conversation.c.owner == owner)
        with self._databases.kept.writing() as connection:
            found = connection.execute(own).one_or_none()
            if found is None:
                raise ConversationNotFound
            if found.revoked_at is None:
                statement = update(t.share).where(t.share.c.token == token)
                connection.execute(statement.values(revoked_at=now()))


def _shares() -> Select[*tuple[object, ...]]:
    """Every link whose conversation is there."""
    return (
        select(t.share)
        .join(t.conversation, t.conversation.c.id == t.share.c.conversation_id)
        .where(t.conversation.c.deleted_at.is_(None))
    )


def _as_share(row: Row[*tuple[object, ...]]) -> Share:
    return Share(row.token, row.conversation_id, row.leaf_id, row.created_at, row.expires_at)

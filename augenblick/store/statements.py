"""The steps that transactions of several groups share; each runs inside the caller's transaction.

What every question runs is made once: to make a statement takes ten times as long as to run it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    bindparam,
    exists,
    select,
    update,
)

from augenblick.core.errors import ConversationNotFound
from augenblick.store import tables as t


def now() -> datetime:
    """This moment, as it is kept."""
    return datetime.now(UTC)


def is_there(conversation_id: str | BindParameter[str], owner: str | None) -> ColumnElement[bool]:
    """Whether a row is this conversation and may be known to this owner; None is the server."""
    known = (t.conversation.c.id == conversation_id) & t.conversation.c.deleted_at.is_(None)
    return known if owner is None else known & (t.conversation.c.owner == owner)


def change(connection: Connection, conversation_id: str, owner: str, **values: object) -> None:
    """Set columns of a conversation; its row stays locked, so others come to it after us.

    Raises ConversationNotFound.
    """
    statement = update(t.conversation).where(is_there(conversation_id, owner))
    if connection.execute(statement.values(**values)).rowcount == 0:
        raise ConversationNotFound


def change_any(connection: Connection, conversation_id: str, **values: object) -> None:
    """Set columns of a conversation that is known to be there, whoever owns it."""
    connection.execute(_CHANGE, {"conversation": conversation_id, **values})


_CHANGE = update(t.conversation).where(t.conversation.c.id == bindparam("conversation"))


def check_own(connection: Connection, conversation_id: str, owner: str) -> None:
    """Raise ConversationNotFound unless the conversation is there and this owner's."""
    if not connection.scalar(select(exists().where(is_there(conversation_id, owner)))):
        raise ConversationNotFound


def check_own_reply(connection: Connection, reply_id: str, owner: str) -> str:
    """The id of the conversation of a reply. Raises ConversationNotFound as `check_own`."""
    query = select(t.reply.c.conversation_id).where(t.reply.c.node_id == reply_id)
    conversation_id: str = connection.scalar(query) or ""
    check_own(connection, conversation_id, owner)
    return conversation_id


def check_node(connection: Connection, conversation_id: str, node_id: str) -> None:
    """Raise ConversationNotFound unless the conversation has this node."""
    query = select(
        exists().where(t.node.c.id == node_id, t.node.c.conversation_id == conversation_id)
    )
    if not connection.scalar(query):
        raise ConversationNotFound

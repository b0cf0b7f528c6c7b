"""The steps that the transactions of the store share; each runs inside the caller's transaction."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection, delete, exists, func, insert, select, update

from augenblick.errors import ConversationNotFound
from augenblick.messages import Role
from augenblick.sql_store import rows
from augenblick.sql_store.tables import (
    ConversationRow,
    DeltaRow,
    NodeRow,
    PartRow,
    ReplyRow,
)
from augenblick.store import NewQuestion, OpenedReply


def now() -> datetime:
    """This moment, as it is kept."""
    return datetime.now(UTC)


def touch(connection: Connection, conversation_id: str) -> None:
    """Make a conversation the newest; its row stays locked, so others add to it after us.

    Raises ConversationNotFound.
    """
    statement = update(ConversationRow).where(ConversationRow.id == conversation_id)
    if connection.execute(statement.values(updated_at=now())).rowcount == 0:
        raise ConversationNotFound


def check_node(connection: Connection, conversation_id: str, node_id: str) -> None:
    """Raise ConversationNotFound unless the conversation has this node."""
    query = select(
        exists().where(NodeRow.id == node_id, NodeRow.conversation_id == conversation_id)
    )
    if not connection.scalar(query):
        raise ConversationNotFound


def add_question(connection: Connection, question: NewQuestion, opened: OpenedReply) -> None:
    """Add the node and the parts of a question; its pictures are there already."""
    role = question.message.role
    add_node(connection, opened.conversation_id, opened.question_id, question.parent_id, role)
    parts = rows.part_values(opened.question_id, question.message)
    if parts:
        connection.execute(insert(PartRow), parts)


def add_node(
    connection: Connection, conversation_id: str, node_id: str, parent_id: str | None, role: Role
) -> None:
    """Add a node after all others of the conversation, whose row is ours since `touch`."""
    last = select(func.coalesce(func.max(NodeRow.position), -1) + 1).where(
        NodeRow.conversation_id == conversation_id
    )
    connection.execute(
        insert(NodeRow).values(
            id=node_id,
            conversation_id=conversation_id,
            position=last.scalar_subquery(),
            parent_id=parent_id,
            role=role.value,
            created_at=now(),
        )
    )


def find_submission(
    connection: Connection, submission_id: str, owner: str | None
) -> OpenedReply | None:
    """The reply that was opened by a submit. Raises ConversationNotFound for another owner's."""
    found = connection.execute(
        select(ReplyRow.conversation_id, NodeRow.parent_id, NodeRow.id, ConversationRow.owner)
        .join(NodeRow, NodeRow.id == ReplyRow.node_id)
        .join(ConversationRow, ConversationRow.id == ReplyRow.conversation_id)
        .where(ReplyRow.submission_id == submission_id)
    ).one_or_none()
    if found is None:
        return None
    conversation_id, question_id, reply_id, found_owner = found
    if owner not in {None, found_owner}:
        raise ConversationNotFound
    return OpenedReply(conversation_id, question_id or "", reply_id, is_new=False)


def lock_open_reply(connection: Connection, reply_id: str) -> bool:
    """Make the reply ours until the commit; False when there is none or it has ended.

    The conversation comes first, as in every other transaction, so that two never block each other.
    """
    is_it = (ReplyRow.node_id == reply_id) & ReplyRow.ended_as.is_(None)
    conversation_id = connection.scalar(select(ReplyRow.conversation_id).where(is_it))
    if conversation_id is None:
        return False
    touch(connection, conversation_id)
    lock = select(ReplyRow.node_id).where(is_it).with_for_update()
    return connection.scalar(lock) is not None


def end_reply(connection: Connection, reply_id: str, values: rows.Values) -> None:
    """Write how a reply ended and drop its deltas: from now on the choices hold the text."""
    connection.execute(
        update(ReplyRow).where(ReplyRow.node_id == reply_id).values(ended_at=now(), **values)
    )
    connection.execute(delete(DeltaRow).where(DeltaRow.reply_id == reply_id))

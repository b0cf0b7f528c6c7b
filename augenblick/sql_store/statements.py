"""The steps that the transactions of the store share; each runs inside the caller's transaction.

What every question runs is made once: to make a statement takes ten times as long as to run it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Insert,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    select,
    update,
)

from augenblick.errors import ConversationNotFound
from augenblick.messages import Role
from augenblick.sql_store import indexing, rows
from augenblick.sql_store.database import Database
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


def is_there(conversation_id: str | BindParameter[str], owner: str | None) -> ColumnElement[bool]:
    """Whether a row is this conversation and may be known to this owner; None is the server."""
    known = (ConversationRow.id == conversation_id) & ConversationRow.deleted_at.is_(None)
    return known if owner is None else known & (ConversationRow.owner == owner)


def change(connection: Connection, conversation_id: str, owner: str, **values: object) -> None:
    """Set columns of a conversation; its row stays locked, so others come to it after us.

    Raises ConversationNotFound.
    """
    statement = update(ConversationRow).where(is_there(conversation_id, owner))
    if connection.execute(statement.values(**values)).rowcount == 0:
        raise ConversationNotFound


def check_own(connection: Connection, conversation_id: str, owner: str) -> None:
    """Raise ConversationNotFound unless the conversation is there and this owner's."""
    if not connection.scalar(select(exists().where(is_there(conversation_id, owner)))):
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
        connection.execute(_ADD_PARTS, parts)
    text = question.message.text
    indexing.index_text(connection, opened.conversation_id, opened.question_id, text)


def add_node(
    connection: Connection, conversation_id: str, node_id: str, parent_id: str | None, role: Role
) -> None:
    """Add a node after all others of the conversation, whose row is ours since `change`."""
    connection.execute(
        _ADD_NODE,
        {
            "id": node_id,
            "conversation_id": conversation_id,
            "parent_id": parent_id,
            "role": role.value,
            "created_at": now(),
        },
    )


_ADD_PARTS = insert(PartRow)
_ADD_NODE = insert(NodeRow).values(
    id=bindparam("id"),
    conversation_id=bindparam("conversation_id"),
    position=select(func.coalesce(func.max(NodeRow.position), -1) + 1)
    .where(NodeRow.conversation_id == bindparam("conversation_id"))
    .scalar_subquery(),
    parent_id=bindparam("parent_id"),
    role=bindparam("role"),
    created_at=bindparam("created_at"),
)


def add_conversation(connection: Connection, **values: object) -> None:
    """Add the row of a conversation, its columns given by name."""
    connection.execute(_ADD_CONVERSATION, values)


def add_reply(connection: Connection, opened: OpenedReply, **values: object) -> None:
    """Add an open reply, its further columns given by name, and have the conversation show it."""
    node_id, conversation_id = opened.reply_id, opened.conversation_id
    add_node(connection, conversation_id, node_id, opened.question_id, Role.ASSISTANT)
    given = {"node_id": node_id, "conversation_id": conversation_id, "answered_model": "",
             "system_fingerprint": "", "picked_choice": 0, **values}  # fmt: skip
    connection.execute(_ADD_REPLY, given)
    connection.execute(_CONVERSATION, {"conversation": conversation_id, "leaf_id": node_id})


_ADD_CONVERSATION = insert(ConversationRow)
_ADD_REPLY = insert(ReplyRow)
_CONVERSATION = update(ConversationRow).where(ConversationRow.id == bindparam("conversation"))


def find_submission(connection: Connection, submission_id: str, owner: str) -> OpenedReply | None:
    """The reply that was opened by a submit. Raises ConversationNotFound for another owner's."""
    found = connection.execute(_SUBMISSION, {"submission_id": submission_id}).one_or_none()
    if found is None:
        return None
    conversation_id, question_id, reply_id, found_owner = found
    if owner != found_owner:
        raise ConversationNotFound
    return OpenedReply(conversation_id, question_id or "", reply_id, is_new=False)


_SUBMISSION = (
    select(ReplyRow.conversation_id, NodeRow.parent_id, NodeRow.id, ConversationRow.owner)
    .join(NodeRow, NodeRow.id == ReplyRow.node_id)
    .join(ConversationRow, ConversationRow.id == ReplyRow.conversation_id)
    .where(ReplyRow.submission_id == bindparam("submission_id"))
)


def lock_open_reply(connection: Connection, reply_id: str) -> bool:
    """Make the reply ours until the commit; False when there is none or it has ended.

    The conversation comes first, as in every other transaction, so that two never block each other.
    """
    conversation_id = connection.scalar(_OPEN_REPLY, {"reply": reply_id})
    if conversation_id is None:
        return False
    connection.execute(_CONVERSATION, {"conversation": conversation_id, "updated_at": now()})
    return connection.scalar(_LOCKED_REPLY, {"reply": reply_id}) is not None


_REPLY = ReplyRow.node_id == bindparam("reply")
_OPEN_REPLY = select(ReplyRow.conversation_id).where(_REPLY, ReplyRow.ended_as.is_(None))
_LOCKED_REPLY = _OPEN_REPLY.with_for_update()


def request_stop(connection: Connection, reply_id: str, owner: str) -> None:
    """Mark a reply as to be stopped. Raises ConversationNotFound."""
    conversation_id = connection.scalar(
        select(ReplyRow.conversation_id).where(ReplyRow.node_id == reply_id)
    )
    check_own(connection, conversation_id or "", owner)
    stop_open_reply(connection, conversation_id or "", reply_id)


def stop_open_reply(
    connection: Connection, conversation_id: str, reply_id: str | None = None
) -> None:
    """Mark the open reply of a conversation as to be stopped, if it has one (and is this one)."""
    statement = update(ReplyRow).where(
        ReplyRow.conversation_id == conversation_id, ReplyRow.ended_as.is_(None)
    )
    if reply_id is not None:
        statement = statement.where(ReplyRow.node_id == reply_id)
    connection.execute(statement.values(is_stop_requested=True))


def add_deltas(database: Database) -> Insert:
    """Add rows of `rows.delta_values`, each only if its reply is still open.

    The shared locks, in the order of the rows,
    see to it that nobody ends a reply between look and write. For SQLite the rows are one
    parameter, a JSON array of objects.
    """
    columns = DeltaRow.__table__.columns
    if database.is_sqlite:
        row = func.json_each(bindparam("rows")).table_valued("value", name="given").c.value
        given = select(
            *(func.json_extract(row, literal_column(f"'$.{column.name}'")) for column in columns)
        ).where(ReplyRow.node_id == func.json_extract(row, literal_column("'$.reply_id'")))
    else:
        given = select(
            *(bindparam(column.name, type_=column.type).label(column.name) for column in columns)
        ).where(ReplyRow.node_id == bindparam("reply_id"))
    given = given.where(ReplyRow.ended_as.is_(None)).with_for_update(read=True)
    return database.insert_new(DeltaRow).from_select([column.name for column in columns], given)


def end_reply(connection: Connection, reply_id: str, values: rows.Values) -> None:
    """Write how a reply ended and drop its deltas: from now on the choices hold the text."""
    given = {"reply": reply_id, "ended_at": now(), **values}
    conversation_id, picked_choice = connection.execute(_END_REPLY, given).one()
    connection.execute(_DROP_DELTAS, {"reply": reply_id})
    text = rows.picked_text(values["choices"], picked_choice)
    indexing.index_text(connection, conversation_id, reply_id, text)


_END_REPLY = (
    update(ReplyRow).where(_REPLY).returning(ReplyRow.conversation_id, ReplyRow.picked_choice)
)
_DROP_DELTAS = delete(DeltaRow).where(DeltaRow.reply_id == bindparam("reply"))

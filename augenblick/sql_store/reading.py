"""How a conversation is read: few statements, and none that reads the bytes of a picture.

Statements are made once: to make one and prepare its result takes ten times as long as to run it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from augenblick.conversations import Conversation, Node
from augenblick.errors import ConversationNotFound
from augenblick.messages import ContentPart, Message, Role
from augenblick.sql_store import rows
from augenblick.sql_store.statements import is_there
from augenblick.sql_store.tables import (
    ConversationRow,
    DeltaRow,
    NodeRow,
    PartRow,
    PictureRow,
    ReplyRow,
)

_ID = bindparam("conversation_id", type_=ConversationRow.id.type)
_OWNER = bindparam("owner", type_=ConversationRow.owner.type)
_ANYBODYS = select(
    ConversationRow.id,
    ConversationRow.title,
    ConversationRow.created_at,
    ConversationRow.updated_at,
    ConversationRow.leaf_id,
    ConversationRow.is_pinned,
    ConversationRow.selection,
).where(is_there(_ID, None))
_OWN = _ANYBODYS.where(ConversationRow.owner == _OWNER)
_NODES = (
    select(
        NodeRow.id,
        NodeRow.parent_id,
        NodeRow.role,
        NodeRow.created_at,
        ReplyRow.node_id.label("reply_id"),
        ReplyRow.provider,
        ReplyRow.model,
        ReplyRow.ended_as,
        ReplyRow.choices,
        ReplyRow.usage,
        ReplyRow.timings,
        ReplyRow.failure,
        ReplyRow.adjustments,
        ReplyRow.answered_model,
        ReplyRow.system_fingerprint,
        ReplyRow.picked_choice,
        ReplyRow.rounds,
        ReplyRow.settings,
    )
    .outerjoin(ReplyRow, ReplyRow.node_id == NodeRow.id)
    .where(NodeRow.conversation_id == _ID)
    .order_by(NodeRow.position)
)
_PARTS = (
    select(
        PartRow.node_id,
        PartRow.text,
        PartRow.detail,
        PartRow.receipt,
        PictureRow.sha256,
        PictureRow.media_type,
        PictureRow.width_px,
        PictureRow.height_px,
        PictureRow.byte_count,
    )
    .join(NodeRow, NodeRow.id == PartRow.node_id)
    .outerjoin(PictureRow, PictureRow.sha256 == PartRow.picture_sha256)
    .where(NodeRow.conversation_id == _ID)
    .order_by(PartRow.node_id, PartRow.position)
)
_TEXTS = (
    select(DeltaRow.reply_id, DeltaRow.choice_index, DeltaRow.lane, DeltaRow.text)
    .where(DeltaRow.reply_id.in_(bindparam("reply_ids", expanding=True)))
    .order_by(DeltaRow.reply_id, DeltaRow.batch)
)


def load_conversation(
    connection: Connection, conversation_id: str, owner: str | None
) -> Conversation:
    """A conversation with every node. Raises ConversationNotFound."""
    wanted = _ANYBODYS if owner is None else _OWN
    given = {"conversation_id": conversation_id, "owner": owner}
    found = connection.execute(wanted, given).one_or_none()
    if found is None:
        raise ConversationNotFound
    return Conversation(
        id=found.id,
        title=found.title,
        created_at=found.created_at,
        updated_at=found.updated_at,
        nodes=load_nodes(connection, conversation_id),
        leaf_id=found.leaf_id,
        is_pinned=found.is_pinned,
        pictures=rows.read_selection(found.selection),
    )


def load_nodes(connection: Connection, conversation_id: str) -> tuple[Node, ...]:
    """Every node of a conversation in order of creation; an open reply with its text so far."""
    parts = _load_parts(connection, conversation_id)
    found = connection.execute(_NODES, {"conversation_id": conversation_id}).all()
    open_ids = [row.reply_id for row in found if row.reply_id and row.ended_as is None]
    texts = load_texts(connection, open_ids)
    return tuple(_read_node(row, parts, texts) for row in found)


def _read_node(
    row: Row[*tuple[Any, ...]],
    parts: Mapping[str, Sequence[ContentPart]],
    texts: Mapping[str, rows.LaneTexts],
) -> Node:
    own = tuple(parts.get(row.id, ()))
    if row.reply_id is None:
        return Node(row.id, row.parent_id, Message(Role(row.role), own), row.created_at)
    record = rows.read_reply(row, texts.get(row.id, {}), own)
    return Node(row.id, row.parent_id, rows.answer_message(record), row.created_at, record)


def _load_parts(connection: Connection, conversation_id: str) -> dict[str, list[ContentPart]]:
    """The parts of every question, and the pictures that calls returned, by node."""
    found = connection.execute(_PARTS, {"conversation_id": conversation_id})
    parts: dict[str, list[ContentPart]] = {}
    for row in found:
        parts.setdefault(row.node_id, []).append(rows.read_part(row))
    return parts


def load_texts(
    connection: Connection, reply_ids: Sequence[str]
) -> dict[str, dict[tuple[int, str], str]]:
    """What has been appended to each of these open replies, by choice and lane."""
    pieces: dict[str, dict[tuple[int, str], list[str]]] = {reply_id: {} for reply_id in reply_ids}
    if not pieces:
        return {}
    found = connection.execute(_TEXTS, {"reply_ids": list(reply_ids)})
    for reply_id, index, lane, text in found:
        pieces[reply_id].setdefault((index, lane), []).append(text)
    return {
        reply_id: {lane: "".join(texts) for lane, texts in lanes.items()}
        for reply_id, lanes in pieces.items()
    }

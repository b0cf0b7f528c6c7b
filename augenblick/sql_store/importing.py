"""Conversations that come from elsewhere: checked as a whole, then written with new ids."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, insert

from augenblick.conversations import ReplyRecord, called_pictures
from augenblick.messages import ChoiceText, ImagePart, Message, ReplyEnd, Role
from augenblick.sql_store import indexing, rows
from augenblick.sql_store.statements import now
from augenblick.sql_store.tables import ConversationRow, NodeRow, PartRow, ReplyRow
from augenblick.store import ImportedNode


@dataclass(frozen=True, slots=True)
class Planned:
    """A checked tree with the ids it will have, parents before their children."""

    conversation_id: str
    nodes: tuple[ImportedNode, ...]
    leaf_id: str | None
    process: int

    @property
    def picture_hashes(self) -> set[str]:
        """The pictures that will be shown: those of questions, and what calls returned."""
        return {part.attachment.sha256 for node in self.nodes for part in _pictures(node)}


def plan(nodes: Sequence[ImportedNode], *, leaf_id: str | None, process: int) -> Planned:
    """Check a tree and give new ids. Raises ValueError for one that can't be written."""
    ordered = _parents_first(nodes)
    ids: dict[str | None, str | None] = {node.id: secrets.token_urlsafe(16) for node in ordered}
    ids[None] = None
    if leaf_id not in ids:
        raise ValueError("the leaf is not among the nodes")
    renamed = tuple(
        replace(node, id=ids[node.id] or "", parent_id=ids[node.parent_id]) for node in ordered
    )
    last = renamed[-1].id if renamed else None
    return Planned(secrets.token_urlsafe(16), renamed, ids[leaf_id] or last, process)


def _parents_first(nodes: Sequence[ImportedNode]) -> list[ImportedNode]:
    """The nodes in their order, each after its parent."""
    by_id = {node.id: node for node in nodes}
    if len(by_id) != len(nodes):
        raise ValueError("two nodes have the same id")
    ordered: dict[str, ImportedNode] = {}
    for node in nodes:
        waiting: dict[str, ImportedNode] = {}
        current: ImportedNode | None = node
        while current is not None and current.id not in ordered:
            if current.id in waiting:
                raise ValueError("the nodes form a circle")
            waiting[current.id] = current
            current = _parent_of(current, by_id)
        ordered.update(reversed(waiting.items()))
    return list(ordered.values())


def _parent_of(node: ImportedNode, by_id: dict[str, ImportedNode]) -> ImportedNode | None:
    if node.parent_id is None:
        return None
    if node.parent_id not in by_id:
        raise ValueError("a node has an unknown parent")
    return by_id[node.parent_id]


def write(connection: Connection, planned: Planned, *, owner: str, title: str) -> str:
    """Write the rows; the pictures are there already. Returns the id of the conversation."""
    moment = now()
    created = [node.created_at for node in planned.nodes if node.created_at]
    questions = (node.message for node in planned.nodes if node.message.role is Role.USER)
    connection.execute(
        insert(ConversationRow).values(
            id=planned.conversation_id,
            owner=owner,
            title=rows.fit_title(title) or rows.title_of(next(questions, Message(Role.USER, ()))),
            created_at=min(created, default=moment),
            updated_at=moment,
            leaf_id=planned.leaf_id,
        )
    )
    _write_nodes(connection, planned, moment)
    _write_parts(connection, planned)
    _write_replies(connection, planned)
    indexing.index_everything(connection, planned.conversation_id)
    return planned.conversation_id


def _write_nodes(connection: Connection, planned: Planned, moment: datetime) -> None:
    nodes = [
        {
            "id": node.id,
            "conversation_id": planned.conversation_id,
            "position": position,
            "parent_id": node.parent_id,
            "role": node.message.role.value,
            "created_at": node.created_at or moment,
        }
        for position, node in enumerate(planned.nodes)
    ]
    if nodes:
        connection.execute(insert(NodeRow), nodes)


def _write_parts(connection: Connection, planned: Planned) -> None:
    parts = [
        values for node in planned.nodes for values in rows.part_values(node.id, _message(node))
    ]
    if parts:
        connection.execute(insert(PartRow), parts)


def _write_replies(connection: Connection, planned: Planned) -> None:
    """Every answer gets a record, for whatever came without one as well."""
    replies = [
        {
            "node_id": node.id,
            "conversation_id": planned.conversation_id,
            "submission_id": f"import-{node.id}",
            "owner_process": planned.process,
            "ended_at": node.created_at or now(),
            **rows.reply_values(_ended(node)),
        }
        for node in planned.nodes
        if _is_answer(node)
    ]
    if replies:
        connection.execute(insert(ReplyRow), replies)


def _is_answer(node: ImportedNode) -> bool:
    return node.message.role is Role.ASSISTANT


def _ended(node: ImportedNode) -> ReplyRecord:
    if node.record is None:
        choices = (ChoiceText(node.message.text),)
        return ReplyRecord("", "", ReplyEnd.COMPLETE, choices)
    return replace(node.record, end=node.record.end or ReplyEnd.INTERRUPTED)


def _message(node: ImportedNode) -> Message:
    """The message whose parts are written; of an answer no more than its pictures are."""
    return Message(Role.ASSISTANT, _pictures(node)) if _is_answer(node) else node.message


def _pictures(node: ImportedNode) -> tuple[ImagePart, ...]:
    """The pictures of a question, or those that the calls of an answer returned, each once."""
    if not _is_answer(node):
        return tuple(part for part in node.message.parts if isinstance(part, ImagePart))
    found = called_pictures(node.record) if node.record is not None else ()
    return tuple({part.attachment.sha256: part for part in found}.values())

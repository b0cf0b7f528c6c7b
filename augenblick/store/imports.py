"""Conversations that come from elsewhere, written piece by piece with new ids.

Nobody else can write during a transaction, so each piece has one of its own. Until the last of them
the conversation counts as deleted: nobody sees it, and after a crash it goes like what is.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from augenblick.core.conversations import ReplyRecord, called_pictures
from augenblick.core.errors import ConversationNotFound, StoreError
from augenblick.core.messages import (
    ChoiceText,
    ImagePart,
    Message,
    PreparedPicture,
    ReplyEnd,
    Role,
)
from augenblick.store import search_index
from augenblick.store import tables as t
from augenblick.store.attachments import add_pictures, part_columns, part_rows
from augenblick.store.databases import Concern, Databases
from augenblick.store.deletion import LONG_AGO, remove_nodes
from augenblick.store.replies import reply_columns
from augenblick.store.saved_conversations import fit_title, title_of
from augenblick.store.statements import now
from augenblick.store.store_values import ImportedNode

_HIDDEN = timedelta(hours=2)  # until what was begun and not ended may go


class Imports(Concern):
    """Writes what comes from elsewhere, to be kept."""

    def begin_import(self, *, owner: str) -> ConversationImport:
        """A new conversation from elsewhere; nothing is written yet."""
        return ConversationImport(self._databases, owner)


class ConversationImport:
    """One conversation from elsewhere: pictures and messages as they come, then `finish`.

    A call that writes raises ConversationNotFound where the owner has deleted everything since the
    first. For one thread.
    """

    def __init__(self, databases: Databases, owner: str) -> None:
        self._database = databases.kept
        self._process = databases.presence.number
        self._owner = owner
        self._id = secrets.token_urlsafe(16)
        self._hidden_until = now() + _HIDDEN
        self._is_written = False  # some of it, and not finished
        self._holder_id = secrets.token_urlsafe(16)  # a node that shows pictures before others do
        self._picture_count = 0
        self._ids: dict[str | None, str | None] = {None: None}  # new ones
        self._question: Message | None = None  # the first
        self._created_at: datetime | None = None

    def add_picture(self, picture: PreparedPicture) -> None:
        """Write a picture that messages to come may show; it goes again if none of them does."""
        part = {"node_id": self._holder_id, "position": self._picture_count}
        part |= part_columns(ImagePart(picture.attachment))

        def write(connection: Connection) -> None:
            if not self._picture_count:
                holder = ImportedNode(self._holder_id, None, Message(Role.USER, ()))
                self._write_nodes(connection, [holder], first_position=-1)
            add_pictures(connection, self._database, [picture], {picture.attachment.sha256})
            connection.execute(insert(t.part), part)

        self._write(write)
        self._picture_count += 1

    def add(self, nodes: Sequence[ImportedNode]) -> None:
        """Write messages, all at once: 64 KB of them keep others from writing for some 30 ms.

        Their pictures are there already. Raises ValueError for a double id and for a message that
        comes before its parent.
        """
        first_position = len(self._ids) - 1
        renamed = [self._renamed(node) for node in nodes]
        parts = [row for node in renamed for row in part_rows(node.id, _message(node))]
        replies = [self._reply_row(node, node.record) for node in renamed if node.record]
        texts = [
            (node.id, node.record.picked.text if node.record else node.message.text)
            for node in renamed
        ]

        def write(connection: Connection) -> None:
            self._write_nodes(connection, renamed, first_position)
            if parts:
                connection.execute(insert(t.part), parts)
            if replies:
                connection.execute(insert(t.reply), replies)
            search_index.index_texts(connection, self._id, texts)

        self._write(write)

    def finish(self, *, title: str, leaf_id: str | None = None) -> str:
        """Show the conversation, up to the last message if none is named, and return its new id.

        Raises ValueError for a leaf that is not among the messages.
        """
        if leaf_id not in self._ids:
            raise ValueError("the leaf is not among the nodes")
        leaf = self._ids[leaf_id] or list(self._ids.values())[-1]
        title = fit_title(title) or title_of(self._question or Message(Role.USER, ()))
        moment = now()
        shown = update(t.conversation).where(t.conversation.c.id == self._id)
        shown = shown.values(
            title=title,
            leaf_id=leaf,
            created_at=self._created_at or moment,
            updated_at=moment,
            deleted_at=None,
        )

        def write(connection: Connection) -> None:
            if self._picture_count:
                remove_nodes(connection, t.node.c.id == self._holder_id)
            search_index.index_title(connection, self._id, title)
            connection.execute(shown)

        self._write(write)
        self._is_written = False
        return self._id

    def discard(self) -> None:
        """Have the next purge remove what is written of a conversation that is not finished."""
        ours = t.conversation.c.id == self._id
        if self._is_written:
            self._is_written = False
            with suppress(StoreError), self._database.writing() as connection:
                connection.execute(update(t.conversation).where(ours).values(deleted_at=LONG_AGO))

    def _write(self, work: Callable[[Connection], None]) -> None:
        """Do it in one transaction, the first time with the row of the conversation."""
        hidden = select(t.conversation.c.id).where(
            t.conversation.c.id == self._id, t.conversation.c.deleted_at == self._hidden_until
        )

        def write(connection: Connection) -> None:
            if not self._is_written:
                values = {
                    "id": self._id,
                    "owner": self._owner,
                    "title": "",
                    "created_at": now(),
                    "updated_at": now(),
                    "deleted_at": self._hidden_until,
                }
                connection.execute(insert(t.conversation), values)
            elif connection.scalar(hidden.with_for_update()) is None:
                raise ConversationNotFound
            work(connection)

        self._database.retrying(write)
        self._is_written = True

    def _renamed(self, node: ImportedNode) -> ImportedNode:
        """With ids of our own; every answer gets a record, whatever came without one as well."""
        if node.id in self._ids:
            raise ValueError("two nodes have the same id")
        if node.parent_id not in self._ids:
            raise ValueError("a node has an unknown parent")
        if self._question is None and node.message.role is Role.USER:
            self._question = node.message
        if node.created_at is not None:
            self._created_at = min(self._created_at or node.created_at, node.created_at)
        self._ids[node.id] = new_id = secrets.token_urlsafe(16)
        record = None
        if node.message.role is Role.ASSISTANT:
            said = (ChoiceText(node.message.text),)
            record = node.record or ReplyRecord("", "", ReplyEnd.COMPLETE, said)
            record = replace(record, end=record.end or ReplyEnd.INTERRUPTED)
        return replace(node, id=new_id, parent_id=self._ids[node.parent_id], record=record)

    def _write_nodes(
        self, connection: Connection, nodes: Sequence[ImportedNode], first_position: int
    ) -> None:
        rows = [
            {
                "id": node.id,
                "conversation_id": self._id,
                "position": position,
                "parent_id": node.parent_id,
                "role": node.message.role.value,
                "created_at": node.created_at or now(),
            }
            for position, node in enumerate(nodes, first_position)
        ]
        if rows:
            connection.execute(insert(t.node), rows)

    def _reply_row(self, node: ImportedNode, record: ReplyRecord) -> dict[str, object]:
        return {
            "node_id": node.id,
            "conversation_id": self._id,
            "submission_id": f"import-{node.id}",
            "owner_process": self._process,
            "ended_at": node.created_at or now(),
            **reply_columns(record),
        }


def _message(node: ImportedNode) -> Message:
    """The message whose parts are written: of an answer the pictures that calls returned."""
    if node.record is None:
        return node.message
    found = {each.attachment.sha256: each for each in called_pictures(node.record)}
    return Message(Role.ASSISTANT, tuple(found.values()))

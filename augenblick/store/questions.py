"""Asking: a question, its pictures and the reply that is opened for it, in one transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from sqlalchemy import Connection, bindparam, func, insert, select

from augenblick.core.errors import ConversationNotFound, StoreError, StoreUnavailable
from augenblick.core.messages import Role
from augenblick.store import search_index
from augenblick.store import tables as t
from augenblick.store.attachments import add_pictures, part_rows
from augenblick.store.database import Database
from augenblick.store.databases import Concern, Databases
from augenblick.store.saved_conversations import title_of
from augenblick.store.statements import change, change_any, check_node, now
from augenblick.store.store_values import NewQuestion, OpenedReply, StoreOutage


class Questions(Concern):
    """Saves questions, and opens the replies to them."""

    def __init__(self, databases: Databases) -> None:
        super().__init__(databases)
        self._unsure: set[str] = set()  # replies whose commit failed, perhaps after it was done
        self._unsure_lock = threading.Lock()

    def save_question(self, question: NewQuestion) -> OpenedReply:
        """Write question, pictures and an open reply in one transaction.

        Of all calls with the same submission, in any thread or process, one comes back with
        `is_new`: whoever gets it asks the endpoint. Both become the shown path. An empty list of
        pictures is right for pictures that were saved with an earlier question.

        Raises StoreError when another reply of the conversation is open, ConversationNotFound
        for an unknown id or parent or a conversation of another owner, StoreUnavailable when
        nothing could be written.
        """
        databases = self._databases
        if question.conversation_id is not None:
            database = databases.of(question.conversation_id)
        else:
            database = databases.temporary if question.is_temporary else databases.kept
        opened = OpenedReply(
            conversation_id=question.conversation_id or databases.new_id(database),
            question_id=databases.new_id(database),
            reply_id=databases.new_id(database),
            is_new=True,
        )

        def write(connection: Connection) -> None:
            if question.conversation_id is None:
                _add_conversation(connection, question, opened)
            else:
                change(connection, opened.conversation_id, question.owner, updated_at=now())
            if question.parent_id is not None:
                check_node(connection, opened.conversation_id, question.parent_id)
            shown = {attachment.sha256 for attachment in question.message.attachments}
            add_pictures(connection, database, question.pictures, shown)
            _add_question(connection, question, opened)
            self._add_reply(
                connection, opened, question.submission_id, question.provider, question.model
            )

        return self._open_once(
            database, question.submission_id, opened, write, owner=question.owner
        )

    def open_reply(
        self,
        *,
        owner: str,
        submission_id: str,
        conversation_id: str,
        question_id: str,
        provider: str,
        model: str,
    ) -> OpenedReply:
        """Open another answer to a question that is already there. Raises as `save_question`."""
        database = self._databases.of(conversation_id)
        reply_id = self._databases.new_id(database)
        opened = OpenedReply(conversation_id, question_id, reply_id, is_new=True)

        def write(connection: Connection) -> None:
            change(connection, conversation_id, owner, updated_at=now())
            check_node(connection, conversation_id, question_id)
            self._add_reply(connection, opened, submission_id, provider, model)

        return self._open_once(database, submission_id, opened, write, owner=owner)

    def _open_once(
        self,
        database: Database,
        submission_id: str,
        opened: OpenedReply,
        write: Callable[[Connection], None],
        *,
        owner: str,
    ) -> OpenedReply:
        """Write a submit unless it is there already; the database decides between two at once."""

        def write_once(connection: Connection) -> OpenedReply:
            if (found := _find_submission(connection, submission_id, owner)) is not None:
                return found
            write(connection)
            return opened

        refuse = partial(_refuse_if_answering, database, submission_id, opened.conversation_id)
        try:
            found = database.retrying(write_once, on_conflict=refuse)
        except StoreUnavailable as error:
            if error.params.get("reason") != StoreOutage.LOCKED:
                with self._unsure_lock:
                    self._unsure.add(opened.reply_id)
            raise
        with self._unsure_lock:
            if found.reply_id not in self._unsure:
                return found
            self._unsure.discard(found.reply_id)
        return replace(found, is_new=True)  # our own try failed with the commit already done

    def _add_reply(
        self,
        connection: Connection,
        opened: OpenedReply,
        submission_id: str,
        provider: str,
        model: str,
    ) -> None:
        """Add an open reply and have the conversation show it."""
        node_id, conversation_id = opened.reply_id, opened.conversation_id
        _add_node(connection, conversation_id, node_id, opened.question_id, Role.ASSISTANT)
        connection.execute(
            _ADD_REPLY,
            {
                "node_id": node_id,
                "conversation_id": conversation_id,
                "submission_id": submission_id,
                "owner_process": self._databases.presence.number,
                "provider": provider,
                "model": model,
                "answered_model": "",
                "system_fingerprint": "",
                "picked_choice": 0,
            },
        )
        change_any(connection, conversation_id, leaf_id=node_id)


def _add_conversation(connection: Connection, question: NewQuestion, opened: OpenedReply) -> None:
    moment, title = now(), title_of(question.message)
    connection.execute(
        _ADD_CONVERSATION,
        {
            "id": opened.conversation_id,
            "owner": question.owner,
            "title": title,
            "created_at": moment,
            "updated_at": moment,
        },
    )
    search_index.index_title(connection, opened.conversation_id, title)


def _add_question(connection: Connection, question: NewQuestion, opened: OpenedReply) -> None:
    """Add the node and the parts of a question; its pictures are there already."""
    role = question.message.role
    _add_node(connection, opened.conversation_id, opened.question_id, question.parent_id, role)
    parts = part_rows(opened.question_id, question.message)
    if parts:
        connection.execute(_ADD_PARTS, parts)
    text = (opened.question_id, question.message.text)
    search_index.index_texts(connection, opened.conversation_id, [text])


def _add_node(
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


def _find_submission(connection: Connection, submission_id: str, owner: str) -> OpenedReply | None:
    """The reply that was opened by a submit. Raises ConversationNotFound for another owner's."""
    found = connection.execute(_SUBMISSION, {"submission_id": submission_id}).one_or_none()
    if found is None:
        return None
    conversation_id, question_id, reply_id, found_owner = found
    if owner != found_owner:
        raise ConversationNotFound
    return OpenedReply(conversation_id, question_id or "", reply_id, is_new=False)


def _refuse_if_answering(database: Database, submission_id: str, conversation_id: str) -> None:
    """After a broken constraint: raise StoreError if another submit is being answered.

    If not, the same submit was first, or the other reply has just ended: both are worth a try.
    """
    query = select(t.reply.c.node_id).where(
        t.reply.c.conversation_id == conversation_id,
        t.reply.c.ended_as.is_(None),
        t.reply.c.submission_id != submission_id,
    )
    with database.reading() as connection:
        other = connection.scalar(query)
    if other is not None:
        raise StoreError(code="reply_in_progress", reply_id=other)


_ADD_CONVERSATION = insert(t.conversation)
_ADD_PARTS = insert(t.part)
_ADD_REPLY = insert(t.reply)
_ADD_NODE = insert(t.node).values(
    id=bindparam("id"),
    conversation_id=bindparam("conversation_id"),
    position=select(func.coalesce(func.max(t.node.c.position), -1) + 1)
    .where(t.node.c.conversation_id == bindparam("conversation_id"))
    .scalar_subquery(),
    parent_id=bindparam("parent_id"),
    role=bindparam("role"),
    created_at=bindparam("created_at"),
)
_SUBMISSION = (
    select(t.reply.c.conversation_id, t.node.c.parent_id, t.node.c.id, t.conversation.c.owner)
    .join(t.node, t.node.c.id == t.reply.c.node_id)
    .join(t.conversation, t.conversation.c.id == t.reply.c.conversation_id)
    .where(t.reply.c.submission_id == bindparam("submission_id"))
)

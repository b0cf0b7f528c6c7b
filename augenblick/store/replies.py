"""Replies while they are written, and how they end."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from augenblick.core.conversations import ReplyRecord
from augenblick.core.messages import ImagePart, PreparedPicture, ReplyEnd, ToolRound
from augenblick.store import search_index
from augenblick.store import tables as t
from augenblick.store.attachments import add_pictures, part_columns
from augenblick.store.databases import Concern
from augenblick.store.deltas import choices_of, load_texts, write_deltas
from augenblick.store.json_columns import stored_rounds
from augenblick.store.statements import change_any, check_own_reply, now
from augenblick.store.store_values import ReplyDelta


class Replies(Concern):
    """Writes replies piece by piece, ends them, and lets others ask to stop them."""

    def append(self, deltas: Sequence[ReplyDelta], *, batch: int | None = None) -> None:
        """Add text to open replies in one commit; text for a reply that has ended is ignored.

        `batch` numbers the call: numbers rise, and repeating a call with its number adds nothing
        twice, whether or not the first try was committed. None is the time.
        """
        number = time.time_ns() if batch is None else batch
        for database in self._databases.both:
            mine = [each for each in deltas if self._databases.of(each.reply_id) is database]
            write_deltas(database, mine, batch=number)

    def finish_reply(self, reply_id: str, record: ReplyRecord) -> None:
        """Write the whole record, `end` set. Finishing twice keeps the first end.

        Raises ValueError for a record without an end.
        """
        values = reply_columns(record)
        with self._databases.of(reply_id).writing() as connection:
            if _lock_open_reply(connection, reply_id):
                _end_reply(connection, reply_id, values)

    def add_reply_picture(
        self, reply_id: str, part: ImagePart, picture: PreparedPicture | None
    ) -> None:
        """Keep a picture that a call of an open reply returned; twice is once.

        `picture` None is for one that is stored already; where it is not, nothing happens.
        It belongs to the reply and goes with it. Nothing happens for a reply that has ended.
        """
        database = self._databases.of(reply_id)
        with database.writing() as connection:
            if _lock_open_reply(connection, reply_id):
                new = [picture] if picture is not None else []
                add_pictures(connection, database, new, {part.attachment.sha256})
                _add_part(connection, reply_id, part)

    def keep_rounds(self, reply_id: str, rounds: Sequence[ToolRound]) -> None:
        """Keep what an open reply has called so far, in place of what was kept before.

        Their texts stand in the text of the reply until it ends. Nothing happens for a reply that
        has ended.
        """
        bare = stored_rounds(replace(done, text="", reasoning="") for done in rounds)
        with self._databases.of(reply_id).writing() as connection:
            if _lock_open_reply(connection, reply_id):
                statement = update(t.reply).where(t.reply.c.node_id == reply_id)
                connection.execute(statement.values(rounds=bare))

    def request_stop(self, reply_id: str, *, owner: str) -> None:
        """Ask whichever process writes this open reply to stop it; repeating is harmless.

        Raises ConversationNotFound for a reply that is not there or somebody else's.
        """
        with self._databases.of(reply_id).writing() as connection:
            conversation_id = check_own_reply(connection, reply_id, owner)
            stop_open_reply(connection, conversation_id, reply_id)

    def stop_requests(self, reply_ids: Sequence[str]) -> set[str]:
        """Those of these open replies that somebody asked to stop, or deleted for good."""
        stopped = set(reply_ids)
        for database in {self._databases.of(reply_id) for reply_id in reply_ids}:
            query = select(
                t.reply.c.node_id, t.reply.c.is_stop_requested, t.reply.c.ended_as
            ).where(t.reply.c.node_id.in_(reply_ids))
            with database.reading() as connection:
                for row in connection.execute(query):
                    if row.ended_as or not row.is_stop_requested:
                        stopped.discard(row.node_id)
        return stopped

    def interrupt_open_replies(self) -> int:
        """Mark open replies whose process has died INTERRUPTED, keeping their text.

        For start-up, and right at any other time: replies of this process and of other live
        processes on the same database are left alone; temporary ones died with their process. On
        PostgreSQL it waits three seconds when there are any (`presence` says why). Returns how
        many were marked.
        """
        query = select(t.reply.c.node_id, t.reply.c.owner_process)
        with self._databases.kept.reading() as connection:
            found = connection.execute(query.where(t.reply.c.ended_as.is_(None))).all()
        dead = self._databases.presence.find_dead({row.owner_process for row in found})
        return sum(self._interrupt(row.node_id) for row in found if row.owner_process in dead)

    def _interrupt(self, reply_id: str) -> bool:
        with self._databases.kept.writing() as connection:
            if not _lock_open_reply(connection, reply_id):
                return False
            choices = choices_of(load_texts(connection, [reply_id])[reply_id])
            ending = {"ended_as": ReplyEnd.INTERRUPTED.value, "choices": choices}
            _end_reply(connection, reply_id, ending)
        return True


def reply_columns(record: ReplyRecord) -> dict[str, Any]:
    """The columns of `reply` that a record fills. Raises ValueError for one without an end."""
    if record.end is None:
        raise ValueError("the record of a finished reply needs its end")
    return {
        "provider": record.provider,
        "model": record.model,
        "ended_as": record.end.value,
        "choices": record.choices,
        "usage": record.usage,
        "timings": record.timings,
        "failure": record.failure,
        "adjustments": record.adjustments,
        "answered_model": record.answered_model,
        "system_fingerprint": record.system_fingerprint,
        "picked_choice": record.picked_choice,
        "rounds": stored_rounds(record.rounds),
        "settings": record.settings,
        "rating": record.rating.value if record.rating else None,
    }


def stop_open_reply(
    connection: Connection, conversation_id: str, reply_id: str | None = None
) -> None:
    """Mark the open reply of a conversation as to be stopped, if it has one (and is this one)."""
    statement = update(t.reply).where(
        t.reply.c.conversation_id == conversation_id, t.reply.c.ended_as.is_(None)
    )
    if reply_id is not None:
        statement = statement.where(t.reply.c.node_id == reply_id)
    connection.execute(statement.values(is_stop_requested=True))


def _lock_open_reply(connection: Connection, reply_id: str) -> bool:
    """Make the reply ours until the commit; False when there is none or it has ended.

    The conversation comes first, as in every other transaction, so that two never block each other.
    """
    conversation_id = connection.scalar(_OPEN_REPLY, {"reply": reply_id})
    if conversation_id is None:
        return False
    change_any(connection, conversation_id, updated_at=now())
    return connection.scalar(_LOCKED_REPLY, {"reply": reply_id}) is not None


def _end_reply(connection: Connection, reply_id: str, columns: Mapping[str, Any]) -> None:
    """Write how a reply ended and drop its deltas: from now on the choices hold the text."""
    given = {"reply": reply_id, "ended_at": now(), **columns}
    conversation_id, picked_choice = connection.execute(_END_REPLY, given).one()
    connection.execute(_DROP_DELTAS, {"reply": reply_id})
    text = search_index.picked_text(columns["choices"], picked_choice)
    search_index.index_texts(connection, conversation_id, [(reply_id, text)])


def _add_part(connection: Connection, reply_id: str, part: ImagePart) -> None:
    """Add a picture to a reply, unless it has it, or the picture itself is not there."""
    sha256, is_its = part.attachment.sha256, t.part.c.node_id == reply_id
    stored = select(t.picture.c.sha256).where(t.picture.c.sha256 == sha256)
    known = select(t.part.c.position).where(is_its, t.part.c.picture_sha256 == sha256)
    if connection.scalar(stored) is None or connection.scalar(known) is not None:
        return
    last = select(func.coalesce(func.max(t.part.c.position), -1) + 1).where(is_its)
    position = connection.scalar(last)
    values = {"node_id": reply_id, "position": position, **part_columns(part)}
    connection.execute(insert(t.part).values(**values))


_REPLY = t.reply.c.node_id == bindparam("reply")
_OPEN_REPLY = select(t.reply.c.conversation_id).where(_REPLY, t.reply.c.ended_as.is_(None))
_LOCKED_REPLY = _OPEN_REPLY.with_for_update()
_END_REPLY = (
    update(t.reply).where(_REPLY).returning(t.reply.c.conversation_id, t.reply.c.picked_choice)
)
_DROP_DELTAS = delete(t.delta).where(t.delta.c.reply_id == bindparam("reply"))

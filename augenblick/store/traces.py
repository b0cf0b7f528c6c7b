"""What is kept beside an answer for experts: what went over the wire, and what it took."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, select

from augenblick.core.messages import ReplyEnd, Timings
from augenblick.store import tables as t
from augenblick.store.databases import Concern
from augenblick.store.statements import check_own_reply
from augenblick.store.store_values import Figures


class Traces(Concern):
    """Keeps traces, and tells what earlier answers took."""

    def save_trace(self, reply_id: str, content: bytes) -> None:
        """Keep what went over the wire for a reply, in place of what was kept before.

        Nothing happens for a reply that is not there.
        """
        database = self._databases.of(reply_id)
        with database.writing() as connection:
            if connection.scalar(_THERE, {"reply": reply_id}) is not None:
                connection.execute(database.upsert(t.trace, reply_id=reply_id, content=content))

    def load_trace(self, reply_id: str, *, owner: str) -> bytes | None:
        """What `save_trace` kept. Raises ConversationNotFound."""
        query = select(t.trace.c.content).where(t.trace.c.reply_id == reply_id)
        with self._databases.of(reply_id).reading() as connection:
            check_own_reply(connection, reply_id, owner)
            found: bytes | None = connection.scalar(query)
        return found

    def recent_figures(self, provider: str, model: str, *, limit: int = 30) -> Sequence[Figures]:
        """What the last whole answers of a model took, newest first, whoever asked.

        Only of answers whose endpoint counted tokens; temporary ones leave nothing behind.
        """
        query = (
            select(t.reply.c.usage, t.reply.c.timings)
            .where(
                t.reply.c.provider == provider,
                t.reply.c.model == model,
                t.reply.c.ended_as.in_((ReplyEnd.COMPLETE.value, ReplyEnd.LENGTH.value)),
                t.reply.c.usage.is_not(None),
            )
            .order_by(t.reply.c.ended_at.desc())
            .limit(limit)
        )
        with self._databases.kept.reading() as connection:
            found = connection.execute(query).all()
        return [Figures(row.usage, row.timings or Timings()) for row in found]


_THERE = (  # made once, for every answer leaves a trace
    select(t.reply.c.node_id)
    .where(t.reply.c.node_id == bindparam("reply"))
    .with_for_update(read=True)
)

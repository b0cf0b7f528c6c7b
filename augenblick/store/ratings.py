"""What people think of answers: kept with the reply, counted by model."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select, update

from augenblick.core.errors import ConversationNotFound
from augenblick.core.messages import Rating
from augenblick.store import tables as t
from augenblick.store.databases import Concern
from augenblick.store.statements import check_own_reply
from augenblick.store.store_values import RatingCount


class Ratings(Concern):
    """Keeps ratings, and says how many there are."""

    def rate(self, reply_id: str, rating: Rating | None, *, owner: str) -> None:
        """Keep what the owner thinks of an answer, in place of what was kept; None takes it back.

        Raises ConversationNotFound for a reply that is not there, somebody else's or not finished.
        """
        statement = update(t.reply).where(
            t.reply.c.node_id == reply_id, t.reply.c.ended_as.is_not(None)
        )
        with self._databases.of(reply_id).writing() as connection:
            check_own_reply(connection, reply_id, owner)
            value = rating.value if rating else None
            if connection.execute(statement.values(rating=value)).rowcount == 0:
                raise ConversationNotFound

    def count_ratings(self) -> Sequence[RatingCount]:
        """The ratings of all people by provider and model, in the order of their names.

        What is temporary or deleted does not count.
        """
        kinds = (t.reply.c.rating == Rating.UP.value, t.reply.c.rating == Rating.DOWN.value)
        model = t.reply.c.provider, t.reply.c.model
        query = (
            select(*model, *(func.count().filter(kind) for kind in kinds))
            .join(t.conversation, t.conversation.c.id == t.reply.c.conversation_id)
            .where(t.reply.c.rating.is_not(None), t.conversation.c.deleted_at.is_(None))
            .group_by(*model)
            .order_by(*model)
        )
        with self._databases.kept.reading() as connection:
            return [RatingCount(*row) for row in connection.execute(query)]

"""What is kept with an answer: the choice that goes on, its rating, what went over the wire."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, select, update

from augenblick.core.errors import ConversationNotFound
from augenblick.core.messages import ChoiceText, Rating
from augenblick.store import tables as t
from augenblick.store.databases import Concern
from augenblick.store.search_index import forget, index_texts
from augenblick.store.statements import check_own_reply


class Answers(Concern):
    """Keeps what is said about answers."""

    def pick_choice(self, reply_id: str, choice_index: int, *, owner: str) -> None:
        """Say which choice of an ended reply goes on into later turns, and is found by a search.

        Raises ConversationNotFound for a reply or a choice that is not there.
        """
        is_it = t.reply.c.node_id == reply_id
        with self._databases.of(reply_id).writing() as connection:
            conversation_id = check_own_reply(connection, reply_id, owner)
            ended = select(t.reply.c.choices).where(is_it, t.reply.c.ended_as.is_not(None))
            choices: Sequence[ChoiceText] = connection.scalar(ended) or ()
            if not 0 <= choice_index < len(choices):
                raise ConversationNotFound
            connection.execute(update(t.reply).where(is_it).values(picked_choice=choice_index))
            forget(connection, t.search_text.c.node_id == reply_id)
            text = choices[choice_index].text
            index_texts(connection, conversation_id, [(reply_id, text)])

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


_THERE = (  # made once, for every answer leaves a trace
    select(t.reply.c.node_id)
    .where(t.reply.c.node_id == bindparam("reply"))
    .with_for_update(read=True)
)

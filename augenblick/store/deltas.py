"""The text of open replies: written many times a second, read with the conversation.

A row is what one commit added to one channel of a choice; its record takes over at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects import postgresql

from augenblick.core.messages import ChoiceText
from augenblick.store import tables as t
from augenblick.store.database import Database
from augenblick.store.engines import dumps
from augenblick.store.store_values import ReplyDelta

MAX_CHOICES = 128  # the largest `n` of the API; an endpoint that counts higher is not believed

ChannelTexts = Mapping[tuple[int, str], str]
"""Text by choice index and channel."""


def write_deltas(database: Database, deltas: Iterable[ReplyDelta], *, batch: int) -> None:
    """Add text to replies that are open, in one commit.

    To SQLite all rows go as one parameter: the driver gives up Python's lock with every row it is
    handed. With 200 live replies it got that back so late that a commit took a second.
    """
    texts: dict[tuple[str, int, str], list[str]] = {}
    for delta in deltas:
        if delta.text and 0 <= delta.choice_index < MAX_CHOICES:
            key = (delta.reply_id, delta.choice_index, delta.channel)
            texts.setdefault(key, []).append(delta.text)
    rows: list[dict[str, object]] = []
    for (reply_id, index, channel), pieces in sorted(texts.items()):  # always in one order
        text = "".join(pieces)
        rows.append(
            {
                "reply_id": reply_id,
                "batch": batch,
                "choice_index": index,
                "channel": channel,
                "text": dumps(text) if database.is_sqlite else text,
            }
        )
    if not rows:
        return
    if database.is_sqlite:
        database.write_alone(_SQLITE_INSERT, dumps(rows))
        return
    with database.writing() as connection:
        connection.execute(_POSTGRES_INSERT, rows)


# Both add each row only if its reply is still open, and leave alone what is there already.
_SQLITE_INSERT = """
INSERT INTO delta (reply_id, batch, choice_index, lane, text)
SELECT json_extract(value, '$.reply_id'), json_extract(value, '$.batch'),
    json_extract(value, '$.choice_index'), json_extract(value, '$.channel'),
    json_extract(value, '$.text')
FROM json_each(?) JOIN reply ON reply.node_id = json_extract(value, '$.reply_id')
WHERE reply.ended_as IS NULL
ON CONFLICT DO NOTHING
"""
# The shared locks, in the order of the rows, see to it that nobody ends a reply between check and
# write.
_POSTGRES_INSERT = (
    postgresql.insert(t.delta)
    .from_select(
        t.delta.columns.keys(),
        select(*(bindparam(column.key, type_=column.type) for column in t.delta.columns))
        .where(t.reply.c.node_id == bindparam("reply_id"), t.reply.c.ended_as.is_(None))
        .with_for_update(read=True),
    )
    .on_conflict_do_nothing()
)


def load_texts(
    connection: Connection, reply_ids: Sequence[str]
) -> dict[str, dict[tuple[int, str], str]]:
    """What has been appended to each of these open replies, by choice and channel."""
    pieces: dict[str, dict[tuple[int, str], list[str]]] = {reply_id: {} for reply_id in reply_ids}
    if not pieces:
        return {}
    for reply_id, index, channel, text in connection.execute(
        _TEXTS, {"reply_ids": list(reply_ids)}
    ):
        pieces[reply_id].setdefault((index, channel), []).append(text)
    return {
        reply_id: {channel: "".join(texts) for channel, texts in channels.items()}
        for reply_id, channels in pieces.items()
    }


_TEXTS = (
    select(t.delta.c.reply_id, t.delta.c.choice_index, t.delta.c.channel, t.delta.c.text)
    .where(t.delta.c.reply_id.in_(bindparam("reply_ids", expanding=True)))
    .order_by(t.delta.c.reply_id, t.delta.c.batch)
)


def choices_of(texts: ChannelTexts) -> tuple[ChoiceText, ...]:
    """The choices an open reply has so far; one that has said nothing yet is empty."""
    count = max((index + 1 for index, _ in texts), default=0)
    return tuple(
        ChoiceText(
            text=texts.get((index, "text"), ""),
            reasoning=texts.get((index, "reasoning"), ""),
            refusal=texts.get((index, "refusal"), ""),
        )
        for index in range(count)
    )

"""The text of open replies: written many times a second, read with the conversation.

A row is what one commit added to one channel of a choice; its record takes over at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Insert, bindparam, func, literal_column, select

from augenblick.core.messages import ChoiceText
from augenblick.store import tables as t
from augenblick.store.database import Database
from augenblick.store.engines import dumps
from augenblick.store.store_values import ReplyDelta

MAX_CHOICES = 128  # the largest `n` of the API; an endpoint that counts higher is not believed

ChannelTexts = Mapping[tuple[int, str], str]
"""Text by choice index and channel."""

_Rows = list[dict[str, Any]]


class DeltaWriter:
    """Writes deltas to one database. Its statement is made once, for making it costs more."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert = _insert(database)
        self._sqlite_text = (
            str(self._insert.compile(dialect=database.engine.dialect)) if database.is_sqlite else ""
        )

    def write(self, deltas: Sequence[ReplyDelta], *, batch: int) -> None:
        """Add text to replies that are open, in one commit.

        To SQLite all rows go as one parameter: the driver gives up Python's lock with every row it
        is handed. With 200 live replies it got that back so late that a commit took a second.
        """
        rows = _joined(deltas, batch=batch)
        if not rows:
            return
        if self._database.is_sqlite:
            given = [{**row, "text": dumps(row["text"])} for row in rows]
            self._database.write_alone(self._sqlite_text, dumps(given))
            return
        with self._database.writing() as connection:
            connection.execute(self._insert, rows)


def _joined(deltas: Sequence[ReplyDelta], *, batch: int) -> _Rows:
    """One row for each reply, choice and channel, in one order."""
    texts: dict[tuple[str, int, str], list[str]] = {}
    for delta in deltas:
        if delta.text and 0 <= delta.choice_index < MAX_CHOICES:
            key = (delta.reply_id, delta.choice_index, delta.channel)
            texts.setdefault(key, []).append(delta.text)
    return [
        {"reply_id": reply_id, "batch": batch, "choice_index": index, "channel": channel,
         "text": "".join(texts[reply_id, index, channel])}
        for reply_id, index, channel in sorted(texts)
    ]  # fmt: skip


def _insert(database: Database) -> Insert:
    """Add rows, each only if its reply is still open.

    The shared locks, in the order of the rows, see to it that nobody ends a reply between check and
    write. For SQLite the rows are one parameter, a JSON array of objects.
    """
    columns = t.delta.columns
    if database.is_sqlite:
        row = func.json_each(bindparam("rows")).table_valued("value", name="given").c.value
        given = select(
            *(func.json_extract(row, literal_column(f"'$.{column.key}'")) for column in columns)
        ).where(t.reply.c.node_id == func.json_extract(row, literal_column("'$.reply_id'")))
    else:
        given = select(
            *(bindparam(column.key, type_=column.type).label(column.key) for column in columns)
        ).where(t.reply.c.node_id == bindparam("reply_id"))
    given = given.where(t.reply.c.ended_as.is_(None)).with_for_update(read=True)
    return database.insert_new(t.delta).from_select([column.key for column in columns], given)


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

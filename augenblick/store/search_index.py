"""What is written so that words can be found; always in the transaction that writes the text.

An answer becomes searchable when it ends.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, bindparam, delete, insert, select

from augenblick.core.messages import ChoiceText
from augenblick.store import tables as t
from augenblick.store.search_words import words_of

_Row = dict[str, Any]
_BATCH = 500
_MORE_IS_LEFT = 2  # so many changed rows at least, says SQLite
_IN_BATCHES = {"yield_per": _BATCH}


def index_title(connection: Connection, conversation_id: str, title: str) -> None:
    """Make the words of a title findable, and those of the former title no longer."""
    connection.execute(_FORGET_TITLE, {"of": conversation_id})
    _add(connection, [_title_row(conversation_id, title)])


_FORGET_TITLE = delete(t.search_text).where(
    t.search_text.c.conversation_id == bindparam("of"), t.search_text.c.node_id.is_(None)
)


def index_text(connection: Connection, conversation_id: str, node_id: str, text: str) -> None:
    """Make the words of a message findable."""
    _add(connection, [_text_row(conversation_id, node_id, text)])


def index_texts(
    connection: Connection, conversation_id: str, texts: Iterable[tuple[str, str]]
) -> None:
    """Make the words of messages findable, each by its node and its text."""
    _add(connection, [_text_row(conversation_id, *each) for each in texts])


def merge_index(connection: Connection, pages: int) -> bool:
    """Rewrite some of the FTS5 index, which keeps deleted words until then; whether more is left.

    A negative number of pages begins: all there is becomes one piece. For SQLite only
    (https://sqlite.org/fts5.html#the_merge_command).
    """
    driver = cast("sqlite3.Connection", connection.connection.driver_connection)
    before = driver.total_changes
    connection.exec_driver_sql(
        "INSERT INTO search_index (search_index, rank) VALUES ('merge', ?)", (pages,)
    )
    return driver.total_changes - before >= _MORE_IS_LEFT


def forget(connection: Connection, which: ColumnElement[bool]) -> None:
    """Make words unfindable."""
    connection.execute(delete(t.search_text).where(which))


def index_everything(connection: Connection) -> None:
    """Make all conversations findable, none of which has been so far."""
    batch: list[_Row] = []
    for row in _everything(connection):
        batch.append(row)
        if len(batch) == _BATCH:
            _add(connection, batch)
            batch = []
    _add(connection, batch)


def picked_text(choices: Sequence[ChoiceText] | None, picked_choice: int) -> str:
    """The text of an answer that goes on into later turns, from its columns."""
    picked = dict(enumerate(choices or ())).get(picked_choice)
    return picked.text if picked else ""


def _add(connection: Connection, values: list[_Row]) -> None:
    filled = [row for row in values if row["words"]]
    if filled:
        connection.execute(_ADD, filled)


_ADD = insert(t.search_text)


def _title_row(conversation_id: str, title: str) -> _Row:
    return {"conversation_id": conversation_id, "node_id": None, "words": words_of(title)}


def _text_row(conversation_id: str, node_id: str, text: str) -> _Row:
    return {"conversation_id": conversation_id, "node_id": node_id, "words": words_of(text)}


def _everything(connection: Connection) -> Iterator[_Row]:
    titles = select(t.conversation.c.id, t.conversation.c.title)
    parts = (
        select(t.node.c.conversation_id, t.part.c.node_id, t.part.c.text)
        .join(t.node, t.node.c.id == t.part.c.node_id)
        .where(t.part.c.text.is_not(None))
        .order_by(t.node.c.conversation_id, t.part.c.node_id, t.part.c.position)
    )
    replies = select(
        t.reply.c.conversation_id, t.reply.c.node_id, t.reply.c.choices, t.reply.c.picked_choice
    ).where(t.reply.c.ended_as.is_not(None))
    for title in connection.execute(titles, execution_options=_IN_BATCHES):
        yield _title_row(title.id, title.title)
    found = connection.execute(parts, execution_options=_IN_BATCHES)
    for (conversation_id, node_id), of_node in groupby(found, itemgetter(0, 1)):
        yield _text_row(conversation_id, node_id, "\n".join(part.text for part in of_node))
    for reply in connection.execute(replies, execution_options=_IN_BATCHES):
        text = picked_text(reply.choices, reply.picked_choice)
        yield _text_row(reply.conversation_id, reply.node_id, text)

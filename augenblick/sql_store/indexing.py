"""What is written so that words can be found; always in the transaction that writes the text.

An answer becomes searchable when it ends.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import cast

from sqlalchemy import ColumnElement, Connection, bindparam, delete, insert, select

from augenblick.search_words import words_of
from augenblick.sql_store import rows
from augenblick.sql_store.tables import ConversationRow, NodeRow, PartRow, ReplyRow, SearchRow

_BATCH = 500
_MORE_IS_LEFT = 2  # so many changed rows at least, says SQLite
_IN_BATCHES = {"yield_per": _BATCH}


def index_title(connection: Connection, conversation_id: str, title: str) -> None:
    """Make the words of a title findable, and those of the former title no longer."""
    connection.execute(_FORGET_TITLE, {"of": conversation_id})
    _add(connection, [_title_row(conversation_id, title)])


_FORGET_TITLE = delete(SearchRow).where(
    SearchRow.conversation_id == bindparam("of"), SearchRow.node_id.is_(None)
)


def index_text(connection: Connection, conversation_id: str, node_id: str, text: str) -> None:
    """Make the words of a message findable."""
    _add(connection, [_text_row(conversation_id, node_id, text)])


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
    connection.execute(delete(SearchRow).where(which))


def index_everything(connection: Connection, conversation_id: str | None = None) -> None:
    """Make everything findable that has no words yet, of all conversations or of one."""
    batch: list[rows.Values] = []
    for row in _everything(connection, conversation_id):
        batch.append(row)
        if len(batch) == _BATCH:
            _add(connection, batch)
            batch = []
    _add(connection, batch)


def _add(connection: Connection, values: list[rows.Values]) -> None:
    filled = [row for row in values if row["words"]]
    if filled:
        connection.execute(_ADD, filled)


_ADD = insert(SearchRow)


def _title_row(conversation_id: str, title: str) -> rows.Values:
    return {"conversation_id": conversation_id, "node_id": None, "words": words_of(title)}


def _text_row(conversation_id: str, node_id: str, text: str) -> rows.Values:
    return {"conversation_id": conversation_id, "node_id": node_id, "words": words_of(text)}


def _everything(connection: Connection, conversation_id: str | None) -> Iterator[rows.Values]:
    titles = select(ConversationRow.id, ConversationRow.title)
    parts = (
        select(NodeRow.conversation_id, PartRow.node_id, PartRow.text)
        .join(NodeRow, NodeRow.id == PartRow.node_id)
        .where(PartRow.text.is_not(None))
        .order_by(NodeRow.conversation_id, PartRow.node_id, PartRow.position)
    )
    replies = select(
        ReplyRow.conversation_id, ReplyRow.node_id, ReplyRow.choices, ReplyRow.picked_choice
    ).where(ReplyRow.ended_as.is_not(None))
    if conversation_id is not None:
        titles = titles.where(ConversationRow.id == conversation_id)
        parts = parts.where(NodeRow.conversation_id == conversation_id)
        replies = replies.where(ReplyRow.conversation_id == conversation_id)
    for title in connection.execute(titles, execution_options=_IN_BATCHES):
        yield _title_row(title.id, title.title)
    found = connection.execute(parts, execution_options=_IN_BATCHES)
    for (of_conversation, node_id), of_node in groupby(found, itemgetter(0, 1)):
        yield _text_row(of_conversation, node_id, "\n".join(part.text for part in of_node))
    for reply in connection.execute(replies, execution_options=_IN_BATCHES):
        text = rows.picked_text(reply.choices, reply.picked_choice)
        yield _text_row(reply.conversation_id, reply.node_id, text)

"""What is written so that words can be found; always in the transaction that writes the text.

An answer becomes searchable when it ends.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import cast

from sqlalchemy import ColumnElement, Connection, bindparam, delete, insert

from augenblick.core.messages import ChoiceText
from augenblick.store import tables as t
from augenblick.store.search_words import words_of

_MORE_IS_LEFT = 2  # so many changed rows at least, says SQLite


def index_title(connection: Connection, conversation_id: str, title: str) -> None:
    """Make the words of a title findable, and those of the former title no longer."""
    connection.execute(_FORGET_TITLE, {"of": conversation_id})
    index_texts(connection, conversation_id, [(None, title)])


_FORGET_TITLE = delete(t.search_text).where(
    t.search_text.c.conversation_id == bindparam("of"), t.search_text.c.node_id.is_(None)
)


def index_texts(
    connection: Connection, conversation_id: str, texts: Iterable[tuple[str | None, str]]
) -> None:
    """Make the words of messages findable, each by its node and its text; no node is the title."""
    rows = [
        {"conversation_id": conversation_id, "node_id": node_id, "words": words}
        for node_id, text in texts
        if (words := words_of(text))
    ]
    if rows:
        connection.execute(_ADD, rows)


_ADD = insert(t.search_text)


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


def picked_text(choices: Sequence[ChoiceText] | None, picked_choice: int) -> str:
    """The text of an answer that goes on into later turns, from its columns."""
    picked = dict(enumerate(choices or ())).get(picked_choice)
    return picked.text if picked else ""

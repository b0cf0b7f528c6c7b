"""Adding text to open replies: the one write that happens many times a second."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Compiled

from augenblick.errors import StoreError
from augenblick.sql_store import rows, statements
from augenblick.sql_store.database import Conflict, Database, dumps

WriteDeltas = Callable[[Sequence[rows.Values]], None]


def delta_writer(database: Database) -> WriteDeltas:
    """What writes rows of `rows.delta_values` in one commit. Made once, for making it costs more.

    Raises as every write of the store.
    """
    statement = statements.add_deltas(database)
    if database.is_sqlite:
        return _through_driver(database, statement.compile(dialect=database.engine.dialect))

    def write(values: Sequence[rows.Values]) -> None:
        try:
            with database.writing() as connection:
                connection.execute(statement, values)
        except Conflict as conflict:
            raise StoreError(str(conflict)) from None

    return write


def _through_driver(database: Database, compiled: Compiled) -> WriteDeltas:
    text, names = compiled.string, tuple(getattr(compiled, "positiontup", ()))

    def write(values: Sequence[rows.Values]) -> None:
        plain = [{**row, "text": dumps(row["text"])} for row in values]
        try:
            database.add_rows(text, [[row[name] for name in names] for row in plain])
        except Conflict as conflict:
            raise StoreError(str(conflict)) from None

    return write

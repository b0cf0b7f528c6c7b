"""Adding text to open replies: the one write that happens many times a second."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
        return _in_one_statement(database, str(statement.compile(dialect=database.engine.dialect)))

    def write(values: Sequence[rows.Values]) -> None:
        try:
            with database.writing() as connection:
                connection.execute(statement, values)
        except Conflict as conflict:
            raise StoreError(str(conflict)) from None

    return write


def _in_one_statement(database: Database, statement: str) -> WriteDeltas:
    """All rows as one parameter: the driver gives up Python's lock with every row it is handed.

    With 200 live replies it got that back so late that a commit took a second.
    """

    def write(values: Sequence[rows.Values]) -> None:
        given = [{**row, "text": dumps(row["text"])} for row in values]
        try:
            database.write_alone(statement, dumps(given))
        except Conflict as conflict:
            raise StoreError(str(conflict)) from None

    return write

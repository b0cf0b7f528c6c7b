"""Connections and transactions on both databases.

SQLite's writers take turns in this process, so they wait for each other in order instead of
polling. In memory there is one connection, so readers take turns as well.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Insert,
    PoolProxiedConnection,
    Table,
    event,
    make_url,
)
from sqlalchemy.dialects import postgresql, sqlite

from augenblick.core.errors import StoreError, StoreUnavailable
from augenblick.store.driver_errors import ConstraintBroken, translated
from augenblick.store.engines import TURN_SECONDS, open_engine, read_url
from augenblick.store.fair_lock import FairLock
from augenblick.store.file_watch import FileWatch
from augenblick.store.store_values import StoreOutage

TRIES = 3
"""How often a write is tried that meets another one or somebody else's lock: a person waits six
seconds rather than hear that nothing could be saved."""

T = TypeVar("T")


class Database:
    """The connections to one database. Any thread may read and write.

    `url` None is an SQLite database in memory, gone with this object.
    """

    def __init__(self, url: str | URL | None) -> None:
        self.is_in_memory = url is None
        self._url = make_url("sqlite://") if url is None else read_url(url)
        self._turn = FairLock()
        self.engine = open_engine(self._url, is_in_memory=self.is_in_memory)
        snapshot = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        self._readers = self.engine.execution_options(**snapshot)
        self._writers = self.engine.execution_options(augenblick_writes=True)
        self._watch: FileWatch | None = None
        self._kept: PoolProxiedConnection | None = None  # for `write_alone`; belongs to the turn
        event.listen(self.engine, "engine_disposed", self._release_kept)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is a file; else it is PostgreSQL."""
        return self._url.get_backend_name() == "sqlite"

    @property
    def file(self) -> Path:
        """The file of an SQLite database."""
        return Path(self._url.database or "")

    def make_folder(self) -> None:
        """Make the folder of an SQLite database where it is missing, for this user only."""
        if not self.is_sqlite or self.is_in_memory:
            return
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(error.strerror or "", reason=StoreOutage.UNREACHABLE) from None

    def watch_file(self) -> None:
        """From now on, have every call raise StoreLost when the file is not what it was."""
        if self.is_sqlite and not self.is_in_memory and hasattr(os, "pread"):  # not on Windows
            with translated():
                self._watch = FileWatch(self.file)

    def _check_file(self) -> None:
        if self._watch is not None:
            self._watch.check()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction that sees one state of the database, however many statements it takes."""
        self._check_file()
        turn = self._taking_turns() if self.is_in_memory else nullcontext()
        with turn, translated(), self._readers.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that is on the disk when the block is left without an exception.

        Raises StoreUnavailable and StoreError, ConstraintBroken above all.
        """
        self._check_file()
        turn = self._taking_turns() if self.is_sqlite else nullcontext()
        with turn, translated(), self._writers.begin() as connection:
            yield connection

    def retrying(
        self, write: Callable[[Connection], T], *, on_conflict: Callable[[], None] = lambda: None
    ) -> T:
        """Write in one transaction, again where it met another one: nothing was written then.

        `on_conflict` is called after a broken constraint; what it raises ends the tries.
        """
        failure = StoreError()
        for _ in range(TRIES):
            try:
                with self.writing() as connection:
                    return write(connection)
            except ConstraintBroken as error:
                failure = error
                on_conflict()
            except StoreUnavailable as error:
                failure = error
                if error.params.get("reason") != StoreOutage.LOCKED:
                    raise
        raise failure

    def write_alone(self, statement: str, *parameters: object) -> None:
        """Run one SQLite statement, which is on the disk when this returns as after `writing`.

        The driver does it, on a connection kept for this: a third of the time of the usual way,
        which the saver goes twenty times a second. However many others want to write, it is the
        next: with fifty questions a second all answers stood still for seconds.
        """
        self._check_file()
        with self._taking_turns(goes_first=True), translated():
            if self._kept is None:
                self._kept = self.engine.raw_connection()
            connection: Any = self._kept.driver_connection
            try:
                connection.execute(statement, parameters)
            except sqlite3.Error:
                with suppress(sqlite3.Error):
                    connection.rollback()
                raise

    def _release_kept(self, _engine: Engine) -> None:
        """Return the kept connection to its pool; the next write takes one from the new pool."""
        with self._taking_turns(), suppress(sqlite3.Error):
            if self._kept is not None:
                self._kept.close()
                self._kept = None

    @contextmanager
    def _taking_turns(self, *, goes_first: bool = False) -> Iterator[None]:
        """Be the only one of this process meanwhile, unless that takes too long to become."""
        if not self._turn.acquire(TURN_SECONDS, goes_first=goes_first):
            raise StoreUnavailable("waited too long for other writers", reason=StoreOutage.LOCKED)
        try:
            yield
        finally:
            self._turn.release()

    def truncate_wal(self) -> None:
        """Truncate SQLite's write-ahead log, in which deleted rows would stay.

        Pages that another connection reads stay until the next time; never raises for it.
        PostgreSQL removes dead rows by itself.
        """
        if not self.is_sqlite or self.is_in_memory:
            return
        with (
            suppress(StoreError, sqlite3.Error),
            self._taking_turns(),
            translated(),
            closing(self.engine.raw_connection()) as raw,
            closing(raw.cursor()) as cursor,
        ):
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def insert_new(self, table: Table) -> Insert:
        """An INSERT that leaves rows alone that are already there."""
        return self._insert(table).on_conflict_do_nothing()

    def upsert(self, table: Table, **values: object) -> Insert:
        """An INSERT that updates the row with the same primary key where there is one.

        Columns that `values` doesn't name keep what they hold.
        """
        statement = self._insert(table).values(**values)
        key = list(table.primary_key)
        changed = {name: statement.excluded[name] for name in values if table.c[name] not in key}
        return statement.on_conflict_do_update(index_elements=key, set_=changed)

    def _insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def close(self) -> None:
        """Release every connection."""
        self.engine.dispose()
        if self._watch is not None:
            self._watch.close()
            self._watch = None

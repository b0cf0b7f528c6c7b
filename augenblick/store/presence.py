"""Which processes are alive, so that only the replies of dead ones are interrupted.

Every store shows its presence by a lock that the operating system or PostgreSQL takes away the
moment its process dies, `kill -9` included. No clocks are compared and nothing is written.

SQLite: a file `NAME-process-NUMBER` beside the database, itself an empty SQLite database that is
held exclusively. The lock is SQLite's own, so it is as good as those the database stands on, on
every system it runs on.

PostgreSQL: a shared advisory lock that every connection of the process holds as long as it is open.
A restart of the server closes the connections of living processes too: they ask for one every half
second, and whoever searches for dead processes checks twice, some seconds apart, before believing
it.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Set as AbstractSet
from contextlib import closing, suppress
from pathlib import Path

from sqlalchemy import event, text
from sqlalchemy.engine.interfaces import DBAPIConnection

from augenblick.core.errors import StoreError, StoreUnavailable
from augenblick.store.database import Database
from augenblick.store.store_values import StoreOutage

_NUMBERS = 2**31  # a key of an advisory lock is a signed 32-bit number
_NAMESPACE = 0x6175676  # ours among the advisory locks of the database
_PING_SECONDS = 0.5
_SECOND_CHECK_SECONDS = 3.0
_LIVING = text("""
SELECT objid::bigint FROM pg_locks
WHERE locktype = 'advisory' AND granted AND classid::bigint = :namespace
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
""")


def show_presence(database: Database) -> Presence:
    """The presence of this store on its database, from now until both are closed."""
    if database.is_sqlite:
        return FilePresence(database.file)
    return PostgresPresence(database)


def is_in_use(database_file: Path) -> bool:
    """Whether a living process has its conversations in this SQLite file; its folder must exist."""
    with closing(FilePresence(database_file)) as presence:
        return bool(presence.find_living())


class FilePresence:
    """Presence on SQLite; see the module."""

    def __init__(self, database_file: Path) -> None:
        self._file = database_file
        self.number = secrets.randbelow(_NUMBERS)
        self._lock = self._take()

    def _take(self) -> sqlite3.Connection:
        path = self._path(self.number)
        while True:
            connection = sqlite3.connect(
                path, timeout=2, isolation_level=None, check_same_thread=False
            )
            try:
                _hold(connection)
            except sqlite3.Error as error:
                connection.close()
                raise StoreUnavailable(
                    error.sqlite_errorname, reason=StoreOutage.UNREACHABLE
                ) from None
            if path.exists():
                return connection
            connection.close()  # somebody who searched for dead processes removed it just before

    def find_dead(self, numbers: AbstractSet[int]) -> AbstractSet[int]:
        """Those of `numbers` whose file is gone or not held; removes the files of the dead."""
        return numbers - self.find_living() - {self.number}

    def find_living(self) -> AbstractSet[int]:
        """All other processes on this file; removes the files of the dead."""
        others = {
            int(ending)
            for path in self._file.parent.glob(f"{self._file.name}-process-*")
            if (ending := path.name.rpartition("-")[2]).isdigit()
        } - {self.number}
        return {number for number in others if not self._remove_if_dead(number)}

    def _remove_if_dead(self, number: int) -> bool:
        """Remove the file of a process if nobody holds it; whether it was so."""
        path = self._path(number)
        try:
            uri = f"{path.absolute().as_uri()}?mode=rw"
            with closing(sqlite3.connect(uri, uri=True, timeout=0, isolation_level=None)) as lock:
                _hold(lock)
                with suppress(PermissionError):  # Windows keeps a file that is open
                    path.unlink(missing_ok=True)
        except sqlite3.Error:
            return not path.exists()
        return True

    def close(self) -> None:
        """Let go of the file and remove it."""
        self._lock.close()
        self._path(self.number).unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return self._file.with_name(f"{self._file.name}-process-{number}")


class PostgresPresence:
    """Presence on PostgreSQL; see the module."""

    def __init__(self, database: Database) -> None:
        self.number = secrets.randbelow(_NUMBERS)
        self._database = database
        self._closed = threading.Event()
        event.listen(database.engine, "connect", self._hold)
        database.engine.dispose()  # the connections it has hold nothing
        self._connect()
        self._thread = threading.Thread(target=self._keep, name="store-presence", daemon=True)
        self._thread.start()

    def _hold(self, connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("SELECT pg_advisory_lock_shared(%s, %s)", (_NAMESPACE, self.number))
        cursor.close()
        connection.commit()

    def _connect(self) -> None:
        """Have a connection; the pool, which keeps it, replaces one that is lost."""
        with suppress(StoreError), self._database.reading():
            pass

    def _keep(self) -> None:
        while not self._closed.wait(_PING_SECONDS):
            self._connect()

    def find_dead(self, numbers: AbstractSet[int]) -> AbstractSet[int]:
        """Those of `numbers` that held no lock at two checks; waits between them if it must."""
        missing = numbers - self._find_living() - {self.number}
        if missing:
            self._closed.wait(_SECOND_CHECK_SECONDS)
            missing -= self._find_living()
        return missing

    def _find_living(self) -> AbstractSet[int]:
        with self._database.reading() as connection:
            return set(connection.scalars(_LIVING, {"namespace": _NAMESPACE}))

    def close(self) -> None:
        """Look after the connections no more; the lock ends with them."""
        self._closed.set()
        self._thread.join()


Presence = FilePresence | PostgresPresence
"""Shows that this process is alive and tells which others are not."""


def _hold(connection: sqlite3.Connection) -> None:
    """Take the lock until the connection is closed. Raises sqlite3.Error when others have it."""
    connection.execute("PRAGMA journal_mode=MEMORY")  # no second file, for nothing is written
    connection.execute("BEGIN EXCLUSIVE")

"""Notices that the file of a database was deleted, replaced or cut off while it is in use.

The operating system lets a process go on with a file that has no name any more: everything would
seem to be saved, and be gone at the next start.
"""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
import struct
import threading
from contextlib import suppress
from pathlib import Path

from augenblick.core.errors import StoreLost
from augenblick.store.store_values import StoreOutage

_BESIDE = ("", "-wal", "-shm")
# https://www.sqlite.org/fileformat2.html#the_database_header: the size of a page, the count of
# changes, the number of pages, the number that a program gives the file
_HEADER = struct.Struct(">16x H 6x I I 28x I 36x")

_log = logging.getLogger(__name__)


class FileWatch:
    """Watches one SQLite file in WAL mode from when this is made. Any thread may call."""

    def __init__(self, file: Path) -> None:
        """Take the file as it is now. Raises sqlite3.Error and OSError."""
        self._file = file
        # While it is open nobody removes the log, so that a missing one means something.
        self._connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self._connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        identity = _give_identity(self._connection)
        # Closing it would take SQLite's locks from this process: that comes last, in `close`.
        self._descriptor = os.open(file, os.O_RDONLY)
        header = os.pread(self._descriptor, _HEADER.size, 0)
        self._identities = {identity, _HEADER.unpack(header)[-1]}
        paths = [f"{file}{ending}" for ending in _BESIDE]
        self._known = {path: os.stat(path) for path in paths if os.path.exists(path)}  # noqa: PTH110, PTH116  # asked before each transaction, strings are quicker
        self._bytes = self._known[str(file)].st_size
        self._changes = 0
        self._fault = ""
        self._lock = threading.Lock()

    def check(self) -> None:
        """Raise StoreLost when the file is not the one it was; say so in the log, once."""
        with self._lock:
            fault = self._find_fault()
            is_new = fault != self._fault
            self._fault = fault
        if is_new and fault:
            _log.error("Nothing is being saved: in %s, %s", self._file.parent, _told(fault))
        elif is_new:
            _log.warning("The database %s is back; all is saved again.", self._file)
        if fault:
            raise StoreLost(_told(fault), reason=StoreOutage.LOST)

    def close(self) -> None:
        """Stop watching; after all other connections of this process are closed."""
        self._connection.close()
        os.close(self._descriptor)

    def _find_fault(self) -> str:
        """What happened to the file, by its names and its header; empty for nothing."""
        for path, known in self._known.items():
            name = os.path.basename(path)  # noqa: PTH119
            try:
                now = os.stat(path)  # noqa: PTH116
            except FileNotFoundError:
                return f"{name} was deleted"
            except OSError as error:
                return f"{name} can't be reached ({error.strerror})"
            if not os.path.samestat(now, known):
                return f"{name} was replaced by another file"
        byte_count = os.stat(self._file).st_size  # noqa: PTH116
        header = os.pread(self._descriptor, _HEADER.size, 0)
        is_short = len(header) < _HEADER.size
        page_bytes, changes, pages, identity = _HEADER.unpack(header.ljust(_HEADER.size, b"\0"))
        wanted = pages * (65536 if page_bytes == 1 else page_bytes)
        if is_short or (wanted > byte_count and byte_count < self._bytes):  # a vacuum lessens both
            return f"{self._file.name} was cut off"
        if identity not in self._identities or changes < self._changes:
            return f"{self._file.name} was overwritten"
        self._bytes, self._changes = byte_count, changes
        return ""


def renew_identity(connection: sqlite3.Connection) -> None:
    """Make a copy of a database another one, so that it is noticed in the place of the first."""
    connection.execute(f"PRAGMA user_version={1 + secrets.randbelow(2**31 - 1)}")


def _give_identity(connection: sqlite3.Connection) -> int:
    """The number that tells this database from others; a new one gets it here."""
    if identity := _identity(connection):
        return identity
    with suppress(sqlite3.OperationalError):  # somebody writes for long: then there is none
        connection.execute("BEGIN IMMEDIATE")
        if not _identity(connection):
            renew_identity(connection)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return _identity(connection)


def _identity(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _told(fault: str) -> str:
    return (
        f"{fault} while the server was running. Stop the server, bring back a backup "
        "(python -m augenblick.backup --restore FROM), and start it again."
    )

"""Connections and transactions on both databases, and what goes wrong with them.

SQLite: write-ahead log, `synchronous=FULL` (a commit has reached the disk), foreign keys checked,
what is deleted overwritten with zeros. Its writers take turns in this process, so they wait for
each other in order instead of polling. In memory there is one connection, so readers take turns
as well, nothing of it reaches a disk, and it may grow to half a gigabyte.
PostgreSQL: psycopg 3, `synchronous_commit` on, waiting for locks bounded. PgBouncer must pool
sessions, not transactions.

No foreign exception leaves this module: what the database says becomes StoreUnavailable, StoreError
or, for a broken constraint, `Conflict`. Statements and their values stand in no error text.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Insert,
    PoolProxiedConnection,
    StaticPool,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from augenblick.errors import ConfigurationError, StoreError, StoreUnavailable
from augenblick.sql_store.fair_lock import FairLock
from augenblick.sql_store.tables import Base
from augenblick.store import Trouble

LOCK_SECONDS = 2.0
"""How long a call waits for somebody else's lock. Short, for the one writer of all replies waits
like everybody else, and while it waits no page gets new text; whoever can, tries again."""

TURN_SECONDS = 10.0
"""How long a writer waits while none of the other writers of this process gets on, or for a free
connection."""

MEMORY_BYTES = 512 * 1024 * 1024
"""What a database in memory may grow to; then it is full, as a disk would be."""

_SQLITE_REASONS = {
    sqlite3.SQLITE_FULL: Trouble.FULL,
    sqlite3.SQLITE_READONLY: Trouble.READ_ONLY,
    sqlite3.SQLITE_BUSY: Trouble.LOCKED,
    sqlite3.SQLITE_LOCKED: Trouble.LOCKED,
    sqlite3.SQLITE_CANTOPEN: Trouble.UNREACHABLE,
    sqlite3.SQLITE_IOERR: Trouble.UNREACHABLE,
    sqlite3.SQLITE_PERM: Trouble.READ_ONLY,
    sqlite3.SQLITE_CORRUPT: Trouble.DAMAGED,
    sqlite3.SQLITE_NOTADB: Trouble.DAMAGED,
}
# https://www.postgresql.org/docs/current/errcodes-appendix.html, longest prefix first
_POSTGRES_REASONS = {
    "53100": Trouble.FULL,
    "25006": Trouble.READ_ONLY,
    "57014": Trouble.SLOW,
    "55P03": Trouble.LOCKED,
    "40": Trouble.LOCKED,
    "53": Trouble.UNREACHABLE,
    "57": Trouble.UNREACHABLE,
    "58": Trouble.UNREACHABLE,
    "08": Trouble.UNREACHABLE,
    "XX": Trouble.DAMAGED,
}

_POSTGRES_SETTINGS = """
SET synchronous_commit = on;
SET lock_timeout = '2s';
SET statement_timeout = '30s';
SET tcp_keepalives_idle = 10;
SET tcp_keepalives_interval = 5;
SET tcp_keepalives_count = 3;
"""  # the keepalives tell the server that a lost client is gone, and its presence with it


class Conflict(Exception):
    """A constraint of the database refused the transaction; nothing was written."""


class Database:
    """The connections to one database. Any thread may read and write.

    `url` None is an SQLite database in memory, gone with this object.
    """

    def __init__(self, url: str | URL | None) -> None:
        self.is_in_memory = url is None
        self._url = make_url("sqlite://") if url is None else _read_url(url)
        self._turn = threading.Lock()
        self._may_wait = FairLock()  # for the turn: the log of live replies, and one more
        self.engine = _engine(self._url, is_in_memory=self.is_in_memory)
        snapshot = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        self._readers = self.engine.execution_options(**snapshot)
        self._writers = self.engine.execution_options(augenblick_writes=True)
        self._kept: PoolProxiedConnection | None = None  # for `write_alone`; belongs to the turn
        event.listen(self.engine, "engine_disposed", self._let_go)

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
            raise StoreUnavailable(error.strerror or "", reason=Trouble.UNREACHABLE) from None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction that sees one state of the database, however many statements it takes."""
        turn = self._taking_turns(wanted=self.is_in_memory)
        with turn, _translated(), self._readers.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that is on the disk when the block is left without an exception."""
        turn = self._taking_turns(wanted=self.is_sqlite)
        with turn, _translated(), self._writers.begin() as connection:
            yield connection

    def write_alone(self, statement: str, *parameters: object) -> None:
        """Run one SQLite statement, which is on the disk when this returns as after `writing`.

        The driver does it, on a connection kept for this: a third of the time of the usual way,
        which the reply log goes twenty times a second. However many others want to write, it waits
        for two of them at most: with fifty questions a second all answers stood still for seconds.
        """
        with _held(self._turn), _translated():
            if self._kept is None:
                self._kept = self.engine.raw_connection()
            connection: Any = self._kept.driver_connection
            try:
                connection.execute(statement, parameters)
            except sqlite3.Error:
                with suppress(sqlite3.Error):
                    connection.rollback()
                raise

    def _let_go(self, _engine: Engine) -> None:
        """Give the kept connection back; the next rows get one of the new pool."""
        with self._taking_turns(wanted=True), suppress(sqlite3.Error):
            if self._kept is not None:
                self._kept.close()
                self._kept = None

    @contextmanager
    def _taking_turns(self, *, wanted: bool) -> Iterator[None]:
        if not wanted:
            yield
            return
        with ExitStack() as turn:
            with _held(self._may_wait):
                turn.enter_context(_held(self._turn))
            yield

    def empty_log(self) -> None:
        """Have SQLite's write-ahead log forget what it held, deleted things above all.

        What somebody else is reading stays until the next time; never raises for it. PostgreSQL
        does this by itself, in its own time.
        """
        if not self.is_sqlite or self.is_in_memory:
            return
        turn = self._taking_turns(wanted=True)
        with (
            suppress(StoreError, sqlite3.Error),
            turn,
            _translated(),
            closing(self.engine.raw_connection()) as raw,
            closing(raw.cursor()) as cursor,
        ):
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def insert(self, table: type[Base]) -> sqlite.Insert | postgresql.Insert:
        """An INSERT that knows ON CONFLICT, in the dialect of this database."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def insert_new(self, table: type[Base]) -> Insert:
        """An INSERT that leaves rows alone that are already there."""
        return self.insert(table).on_conflict_do_nothing()

    def close(self) -> None:
        """Release every connection."""
        self.engine.dispose()


def _read_url(url: str | URL) -> URL:
    try:
        url = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigurationError("the database URL cannot be read") from None
    if url.drivername in {"postgres", "postgresql", "postgresql+psycopg"}:
        return url.set(drivername="postgresql+psycopg")
    if url.drivername in {"sqlite", "sqlite+pysqlite"}:
        if url.database in {None, "", ":memory:"}:
            raise ConfigurationError("a database in memory keeps nothing; name a file")
        return url.set(drivername="sqlite+pysqlite")
    raise ConfigurationError("the database URL must begin with sqlite:// or postgresql://")


def _engine(url: URL, *, is_in_memory: bool) -> Engine:
    if url.get_backend_name() == "postgresql":
        return _postgres_engine(url)
    return _sqlite_engine(url, is_in_memory=is_in_memory)


# The usual 5 connections and 10 more made people of a crowd wait, and then fail, for each other.
_FILE_POOL: dict[str, Any] = {"pool_size": 16, "max_overflow": 84, "pool_timeout": TURN_SECONDS}


def _sqlite_engine(url: URL, *, is_in_memory: bool) -> Engine:
    pool: dict[str, Any] = {"poolclass": StaticPool} if is_in_memory else {}
    engine = create_engine(
        url,
        connect_args={
            "timeout": LOCK_SECONDS,
            "isolation_level": None,
            "check_same_thread": False,
        },
        hide_parameters=True,
        json_serializer=dumps,
        **(pool or _FILE_POOL),
    )
    event.listen(engine, "connect", _set_up_sqlite)
    if is_in_memory:
        event.listen(engine, "connect", _limit_memory)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _postgres_engine(url: URL) -> Engine:
    # A TCP connection that nobody answers is given up within seconds, not within two hours.
    network = {"connect_timeout": "3", "keepalives_idle": "10", "keepalives_interval": "5",
               "keepalives_count": "3", "tcp_user_timeout": "10000"}  # fmt: skip
    engine = create_engine(
        url.update_query_dict({k: v for k, v in network.items() if k not in url.query}),
        hide_parameters=True,
        json_serializer=dumps,
        pool_pre_ping=True,
        pool_size=10,
        max_overflow=20,
        pool_timeout=TURN_SECONDS,
    )
    event.listen(engine, "connect", _set_up_postgres)
    return engine


def _set_up_sqlite(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")  # kept by the file; does nothing the second time
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.execute("PRAGMA temp_store=MEMORY")  # nothing is sorted in files of its own
    cursor.close()


def _limit_memory(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA page_size")
    (page_bytes,) = cursor.fetchone() or (4096,)
    cursor.execute(f"PRAGMA max_page_count={MEMORY_BYTES // page_bytes}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # The driver would begin with the first change; beginning here gives readers one state, and
    # writers the lock at once instead of a failure half-way.
    writes = connection.get_execution_options().get("augenblick_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _set_up_postgres(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute(_POSTGRES_SETTINGS)
    cursor.close()
    connection.commit()


def dumps(value: Any) -> str:  # noqa: ANN401 - the signature is SQLAlchemy's
    """JSON that people can read in the database; never fails, for an end must always get in.

    What UTF-8 can't say becomes an escape, what JSON can't say (NaN) becomes null.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    if "NaN" in text or "Infinity" in text:
        text = json.dumps(json.loads(text, parse_constant=lambda _: None), ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(json.loads(text))
    return text


@contextmanager
def _held(turn: threading.Lock | FairLock) -> Iterator[None]:
    """Hold a lock, unless it takes too long to get; a fair one's queue may be long."""
    if not turn.acquire(timeout=TURN_SECONDS):
        raise StoreUnavailable("waited too long for other writers", reason=Trouble.LOCKED)
    try:
        yield
    finally:
        turn.release()


@contextmanager
def _translated() -> Iterator[None]:
    """Foreign failures as ours. They carry no chain: a driver's text may hold values of a row."""
    try:
        yield
    except IntegrityError as error:
        raise Conflict(_word_of(error)) from None
    except PoolTimeout:
        raise StoreUnavailable("no free connection", reason=Trouble.SLOW) from None
    except DBAPIError as error:
        raise _as_ours(error) from None
    except SQLAlchemyError as error:
        raise StoreError(type(error).__name__) from None
    except sqlite3.IntegrityError as error:
        raise Conflict(error.sqlite_errorname) from None
    except sqlite3.Error as error:
        word = getattr(error, "sqlite_errorname", None) or type(error).__name__
        reason = _reason_of_sqlite(error)
        raise (StoreUnavailable(word, reason=reason) if reason else StoreError(word)) from None


def _as_ours(error: DBAPIError) -> StoreError:
    reason = _reason_of(error)
    if reason is None:
        return StoreError(_word_of(error))
    return StoreUnavailable(_word_of(error), reason=reason)


def _reason_of(error: DBAPIError) -> Trouble | None:
    """Why the database can't be used now; None when the fault is in what was asked of it."""
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        return _reason_of_sqlite(cause)
    if isinstance(cause, psycopg.Error) and cause.sqlstate:
        state = cause.sqlstate
        return next((r for p, r in _POSTGRES_REASONS.items() if state.startswith(p)), None)
    if isinstance(cause, psycopg.OperationalError) or error.connection_invalidated:
        return Trouble.UNREACHABLE
    return None


def _reason_of_sqlite(error: sqlite3.Error) -> Trouble | None:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest says more than we need
    return _SQLITE_REASONS.get(code)


def _word_of(error: DBAPIError) -> str:
    """What the driver calls it, without a value of anything."""
    cause = error.orig
    word = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None)
    return str(word or type(cause).__name__)

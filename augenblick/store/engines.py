"""Engines of SQLAlchemy, each connection set up as the store needs it.

SQLite: write-ahead log, `synchronous=FULL` (a commit has reached the disk), foreign keys checked,
what is deleted overwritten with zeros. A database in memory is one connection, nothing of it
reaches a disk, and it may grow to half a gigabyte.
PostgreSQL: psycopg 3, `synchronous_commit` on, waiting for locks bounded. PgBouncer must pool
sessions, not transactions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import URL, Connection, Engine, StaticPool, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError

from augenblick.core.errors import ConfigurationError
from augenblick.core.paths import configured_path, data_dir

LOCK_SECONDS = 2.0
"""How long a call waits for somebody else's lock. Short, for the one writer of all replies waits
like everybody else, and while it waits no page gets new text; whoever can, tries again."""

TURN_SECONDS = 10.0
"""How long a writer waits while none of the other writers of this process gets on, or for a free
connection."""

MEMORY_BYTES = 512 * 1024 * 1024
"""What a database in memory may grow to; then it is full, as a disk would be."""

_SQLITE_SETTINGS = (
    "PRAGMA journal_mode=WAL",  # kept by the file; does nothing the second time
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA secure_delete=ON",
    "PRAGMA temp_store=MEMORY",  # nothing is sorted in files of its own
)
_MEMORY_SETTINGS = ("PRAGMA page_size=4096", f"PRAGMA max_page_count={MEMORY_BYTES // 4096}")
_POSTGRES_SETTINGS = """
SET synchronous_commit = on;
SET lock_timeout = '2s';
SET statement_timeout = '30s';
SET tcp_keepalives_idle = 10;
SET tcp_keepalives_interval = 5;
SET tcp_keepalives_count = 3;
"""  # the keepalives tell the server that a lost client is gone, and its presence with it


def configured_url(environ: Mapping[str, str]) -> URL:
    """Where the configuration has the conversations kept.

    `AUGENBLICK_DATABASE_URL`, in which a relative path of an SQLite file counts from the project,
    else the file `augenblick.db` in the data folder. Raises ConfigurationError for an URL that
    can't be used.
    """
    text = environ.get("AUGENBLICK_DATABASE_URL", "").strip()
    if not text:
        return URL.create("sqlite+pysqlite", database=str(data_dir(environ) / "augenblick.db"))
    url = read_url(text)
    if url.get_backend_name() != "sqlite":
        return url
    return url.set(database=str(configured_path(url.database or "")))


def read_url(url: str | URL) -> URL:
    """The URL of an SQLite file or of PostgreSQL. Raises ConfigurationError for any other."""
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


def open_engine(url: URL, *, is_in_memory: bool) -> Engine:
    """The engine for a URL of `read_url`; nothing is connected yet."""
    if url.get_backend_name() == "postgresql":
        return _postgres_engine(url)
    return _sqlite_engine(url, is_in_memory=is_in_memory)


# The usual 5 connections and 10 more made people of a crowd wait, and then fail, for each other.
_FILE_POOL: dict[str, Any] = {"pool_size": 16, "max_overflow": 84, "pool_timeout": TURN_SECONDS}


def _sqlite_engine(url: URL, *, is_in_memory: bool) -> Engine:
    pool: dict[str, Any] = {"poolclass": StaticPool} if is_in_memory else _FILE_POOL
    engine = create_engine(
        url,
        connect_args={
            "timeout": LOCK_SECONDS,
            "isolation_level": None,
            "check_same_thread": False,
        },
        hide_parameters=True,
        json_serializer=dumps,
        **pool,
    )
    _set_up(engine, (*_MEMORY_SETTINGS, *_SQLITE_SETTINGS) if is_in_memory else _SQLITE_SETTINGS)
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
    _set_up(engine, [_POSTGRES_SETTINGS])
    return engine


def _set_up(engine: Engine, statements: Sequence[str]) -> None:
    """Have every new connection run these first."""

    def run(connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()
        connection.commit()

    event.listen(engine, "connect", run)


def _begin_sqlite(connection: Connection) -> None:
    # The driver would begin with the first change; beginning here gives readers one state, and
    # writers the lock at once instead of a failure half-way.
    writes = connection.get_execution_options().get("augenblick_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


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

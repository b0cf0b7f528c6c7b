"""What goes wrong with a database, in our words; no foreign exception leaves the room.

What the database says becomes StoreUnavailable, StoreError or, for a broken constraint,
`ConstraintBroken`. Statements and their values stand in no error text.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from augenblick.core.errors import StoreError, StoreLost, StoreUnavailable
from augenblick.store.store_values import StoreOutage

_DAMAGED = (
    "The database file is damaged or no database ({word}). Stop the server, bring back a backup "
    "(python -m augenblick.backup --restore FROM), and start it again."
)
_SQLITE_REASONS = {
    sqlite3.SQLITE_FULL: StoreOutage.FULL,
    sqlite3.SQLITE_READONLY: StoreOutage.READ_ONLY,
    sqlite3.SQLITE_BUSY: StoreOutage.LOCKED,
    sqlite3.SQLITE_LOCKED: StoreOutage.LOCKED,
    sqlite3.SQLITE_CANTOPEN: StoreOutage.UNREACHABLE,
    sqlite3.SQLITE_IOERR: StoreOutage.UNREACHABLE,
    sqlite3.SQLITE_PERM: StoreOutage.READ_ONLY,
    sqlite3.SQLITE_CORRUPT: StoreOutage.DAMAGED,
    sqlite3.SQLITE_NOTADB: StoreOutage.DAMAGED,
}
# https://www.postgresql.org/docs/current/errcodes-appendix.html, longest prefix first
_POSTGRES_REASONS = {
    "53100": StoreOutage.FULL,
    "25006": StoreOutage.READ_ONLY,
    "57014": StoreOutage.SLOW,
    "55P03": StoreOutage.LOCKED,
    "40": StoreOutage.LOCKED,
    "53": StoreOutage.UNREACHABLE,
    "57": StoreOutage.UNREACHABLE,
    "58": StoreOutage.UNREACHABLE,
    "08": StoreOutage.UNREACHABLE,
    "XX": StoreOutage.DAMAGED,
}


class ConstraintBroken(StoreError):
    """A constraint of the database refused the transaction; nothing was written."""


@contextmanager
def translated() -> Iterator[None]:
    """Foreign failures as ours. They carry no chain: a driver's text may hold values of a row."""
    try:
        yield
    except PoolTimeout:
        raise StoreUnavailable("no free connection", reason=StoreOutage.SLOW) from None
    except DBAPIError as error:
        raise _ours(error.orig, is_lost=error.connection_invalidated) from None
    except sqlite3.Error as error:
        raise _ours(error) from None
    except SQLAlchemyError as error:
        raise StoreError(type(error).__name__) from None


def _ours(cause: BaseException | None, *, is_lost: bool = False) -> StoreError:
    """What a driver says; `is_lost` where the connection is. Its text may hold values of a row."""
    word = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None)
    word = str(word or type(cause).__name__)
    if isinstance(cause, sqlite3.IntegrityError | psycopg.IntegrityError):
        return ConstraintBroken(word)
    reason = _reason_of(cause, is_lost=is_lost)
    if reason is None:
        return StoreError(word)
    if reason is StoreOutage.DAMAGED and isinstance(cause, sqlite3.Error):
        return StoreLost(_DAMAGED.format(word=word), reason=reason)
    return StoreUnavailable(word, reason=reason)


def _reason_of(cause: BaseException | None, *, is_lost: bool) -> StoreOutage | None:
    """Why the database can't be used now; None when the fault is in what was asked of it."""
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # the rest says more than we need
        return _SQLITE_REASONS.get(code)
    if isinstance(cause, psycopg.Error) and cause.sqlstate:
        state = cause.sqlstate
        return next((r for p, r in _POSTGRES_REASONS.items() if state.startswith(p)), None)
    if isinstance(cause, psycopg.OperationalError) or is_lost:
        return StoreOutage.UNREACHABLE
    return None

"""Copy everything that is kept, and bring it back: `python -m augenblick.backup TO`.

A backup is a folder with the database, pictures included, and the cookie key. It is made by
SQLite's backup API within one read transaction, so it is one state of the database, and servers
may write meanwhile: copying the file would miss what still stands in the write-ahead log.
`--restore FROM` brings one back while no server runs; what was there before is put aside.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from augenblick.core.errors import AugenblickError
from augenblick.core.paths import data_dir
from augenblick.store.engines import configured_url
from augenblick.store.file_watch import renew_identity
from augenblick.store.presence import is_in_use
from augenblick.store.schema import known_revisions

DATABASE_FILE = "augenblick.db"
_KEY_FILE = "browser-cookie.key"
_BESIDE = ("", "-wal", "-shm", "-journal")  # what SQLite keeps beside a database belongs to it
_PAGES_AT_ONCE = 4096
_WAIT_SECONDS = 30.0

_POSTGRES = """\
The conversations are in PostgreSQL, which has its own programs for this:
  pg_dump --format=custom --file=augenblick.dump "$AUGENBLICK_DATABASE_URL"
  pg_restore --clean --if-exists --dbname="$AUGENBLICK_DATABASE_URL" augenblick.dump
Servers may run during the first, none during the second. Keep the cookie key too: it is
AUGENBLICK_COOKIE_SECRET, or the file {key}."""


class BackupFailed(Exception):
    """It can't be done; the text says why and what is as before."""


def main(arguments: Sequence[str] | None = None, *, environ: Mapping[str, str] = os.environ) -> int:
    """Do what the arguments say; exit code 1 with a sentence where that is impossible."""
    parser = argparse.ArgumentParser(
        prog="python -m augenblick.backup",
        description="Copy all that is kept to a new folder; servers may run meanwhile.",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("to", nargs="?", type=Path, metavar="TO", help="the new folder")
    what.add_argument("--restore", type=Path, metavar="FROM", help="bring a backup back")
    asked = parser.parse_args(arguments)
    try:
        if asked.restore is not None:
            _say(restore(asked.restore, environ=environ))
        else:
            _say(back_up(asked.to, environ=environ))
    except BackupFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except AugenblickError as error:
        sys.stderr.write(f"Nothing was changed: {error.detail}\n")
        return 1
    except (OSError, sqlite3.Error) as error:
        sys.stderr.write(f"Nothing was changed: {error}\n")
        return 1
    return 0


def back_up(to: Path, *, environ: Mapping[str, str]) -> str:
    """Copy all that is kept to a new folder; a sentence about what was copied.

    The folder is there whole or not at all. Raises BackupFailed, OSError and sqlite3.Error.
    """
    file = _database_file(environ)
    if not file.exists():
        raise BackupFailed(f"There is no database at {file}: nothing was copied.")
    if to.is_file() or (to.is_dir() and any(to.iterdir())):
        raise BackupFailed(f"{to} is there already: nothing was copied. Name a new folder.")
    to.parent.mkdir(parents=True, exist_ok=True)
    with _own_folder(to.absolute().parent, prefix=f".{to.name}-") as folder:
        found = _copy_database(file, folder / DATABASE_FILE)
        has_key = _copy_key(data_dir(environ) / _KEY_FILE, folder / _KEY_FILE)
        folder.replace(to)
    key = "and the cookie key" if has_key else "(the cookie key is AUGENBLICK_COOKIE_SECRET)"
    return f"Copied {found} {key} to {to}."


def restore(source: Path, *, environ: Mapping[str, str]) -> str:
    """Bring a backup back; a sentence about what is there now, and where the old data lies.

    Raises BackupFailed, above all while a server runs; OSError and sqlite3.Error.
    """
    file, key = _database_file(environ), data_dir(environ) / _KEY_FILE
    copy = source / DATABASE_FILE
    if not copy.is_file():
        raise BackupFailed(f"{source} is no backup: there is no {DATABASE_FILE} in it.")
    if file.exists() and copy.samefile(file):
        raise BackupFailed(f"{source} is where the data is now; there is nothing to bring back.")
    for folder in (file.parent, key.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _refuse_while_in_use(file)
    with _own_folder(file.parent, prefix=".restoring-") as folder:
        found = _copy_database(copy, folder / DATABASE_FILE)
        has_key = _copy_key(source / _KEY_FILE, folder / _KEY_FILE)
        _give_to_owner_of(file.parent, folder)
        _refuse_while_in_use(file)
        old = [file.with_name(f"{file.name}{ending}") for ending in _BESIDE]
        aside = _put_aside([*old, key] if has_key else old, beside=file)
        (folder / DATABASE_FILE).replace(file)
        if has_key:
            shutil.move(folder / _KEY_FILE, key)
    before = f" What was there before lies in {aside}." if aside else ""
    return f"Brought back {found}; they are in {file}.{before} The server can be started."


def _database_file(environ: Mapping[str, str]) -> Path:
    url = configured_url(environ)
    if url.get_backend_name() != "sqlite":
        raise BackupFailed(_POSTGRES.format(key=data_dir(environ) / _KEY_FILE))
    return Path(url.database or "")


def _refuse_while_in_use(file: Path) -> None:
    if is_in_use(file):
        raise BackupFailed(f"A server is using {file.parent}: nothing was changed. Stop it first.")


def _copy_database(source: Path, target: Path) -> str:
    """Copy one state of a database, check the copy, and tell what is in it."""
    try:
        counts = _copy_and_count(source, target)
    except sqlite3.OperationalError:  # no room, or somebody else's lock
        raise
    except sqlite3.DatabaseError:
        raise BackupFailed(f"{source} is damaged or no database: nothing was changed.") from None
    target.chmod(0o600)
    megabytes = target.stat().st_size / 1_000_000
    return f"{counts[0]} conversations with {counts[1]} pictures ({megabytes:.1f} MB)"


def _copy_and_count(source: Path, target: Path) -> Sequence[int]:
    with (
        closing(_open(source)) as live,
        closing(sqlite3.connect(target, isolation_level=None)) as copy,
    ):
        live.execute("BEGIN")
        live.execute("SELECT count(*) FROM sqlite_schema")  # from here on it is this state
        live.backup(copy, pages=_PAGES_AT_ONCE, progress=_Progress())
        _check(copy, source)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, which can be read from any medium
        renew_identity(copy)
        return [
            copy.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608  # our names
            for table in ("conversation", "picture")
        ]


def _open(file: Path) -> sqlite3.Connection:
    """Open a database that is there; a medium that can't be written will do."""
    mode = "rw" if os.access(file, os.W_OK) and os.access(file.parent, os.W_OK) else "ro"
    uri = f"{file.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=_WAIT_SECONDS, isolation_level=None)


def _check(copy: sqlite3.Connection, source: Path) -> None:
    """Refuse what no server of this version could open."""
    if copy.execute("PRAGMA integrity_check").fetchone() != ("ok",):
        raise sqlite3.DatabaseError("damaged")
    try:
        revisions = copy.execute("SELECT version_num FROM alembic_version").fetchall()
    except sqlite3.OperationalError:
        raise BackupFailed(f"{source} is no database of Augenblick: nothing was changed.") from None
    if [revision for (revision,) in revisions if revision not in known_revisions()]:
        raise BackupFailed(
            f"{source} was written by a newer version of Augenblick: nothing was changed. "
            "Use that version."
        )


class _Progress:
    """Says each tenth of a copy that takes several steps."""

    def __init__(self) -> None:
        self._tenth = 0

    def __call__(self, _status: int, remaining: int, total: int) -> None:
        tenth = 10 - -(-10 * remaining // total) if total else 10
        if remaining and tenth > self._tenth:
            _say(f"{10 * tenth} % copied")
        self._tenth = tenth


def _copy_key(source: Path, target: Path) -> bool:
    """Copy the cookie key, for its owner only; whether there is one."""
    if not source.exists():
        return False
    shutil.copyfile(source, target)
    target.chmod(0o600)
    return True


@contextmanager
def _own_folder(parent: Path, *, prefix: str) -> Iterator[Path]:
    """A folder for this user only, gone at the end unless it was renamed."""
    folder = Path(tempfile.mkdtemp(dir=parent, prefix=prefix))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _give_to_owner_of(parent: Path, folder: Path) -> None:
    """Have files that root brings back belong to whom the server runs as."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        for path in folder.iterdir():
            os.chown(path, parent.stat().st_uid, parent.stat().st_gid)


def _put_aside(paths: Sequence[Path], *, beside: Path) -> Path | None:
    """Move what is there to a folder of its own; None where nothing was."""
    there = [path for path in paths if path.exists()]
    if not there:
        return None
    aside = beside.with_name(f"before-restore-{datetime.now():%Y-%m-%d-%H%M%S}")  # noqa: DTZ005  # for people
    aside.mkdir(mode=0o700)
    for path in there:
        shutil.move(path, aside / path.name)
    return aside


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()

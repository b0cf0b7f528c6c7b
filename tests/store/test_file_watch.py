"""A database file that is deleted, replaced or cut off under a running server is noticed."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from augenblick.core.errors import StoreLost
from augenblick.core.paths import PROJECT_DIR
from augenblick.store import Store
from augenblick.store.store_values import StoreOutage
from tests.raising import raises
from tests.store.values import a_picture, a_question, words


def _filled(folder: Path, pictures: int = 1) -> tuple[Store, Path]:
    store = Store(f"sqlite:///{folder}/augenblick.db")
    shown = tuple(a_picture(os.urandom(9000)) for _ in range(pictures))
    store.save_question(a_question(pictures=shown))
    return store, folder / "augenblick.db"


def _other(file: Path) -> Path:
    """Another database than the one in use, and a larger one."""
    store, other = _filled(file.parent / "other", pictures=30)
    store.close()
    return other


def _cut(file: Path, part: float) -> None:
    os.truncate(file, int(file.stat().st_size * part) // 4096 * 4096)


def _copy_over(file: Path) -> None:
    shutil.copyfile(_other(file), file)


def _move_over(file: Path) -> None:
    _other(file).replace(file)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (Path.unlink, "augenblick.db was deleted"),
        (lambda file: shutil.rmtree(file.parent), "augenblick.db was deleted"),
        (lambda file: file.parent.rename(file.parent.with_name("away")), "was deleted"),
        (lambda file: file.with_name("augenblick.db-wal").unlink(), "-wal was deleted"),
        (_move_over, "augenblick.db was replaced"),
        (_copy_over, "augenblick.db was overwritten"),
        (lambda file: file.write_bytes(os.urandom(file.stat().st_size)), "was overwritten"),
        (lambda file: _cut(file, 0), "augenblick.db was cut off"),
        (lambda file: _cut(file, 0.5), "augenblick.db was cut off"),
    ],
)
def test_harm_to_the_file_is_noticed_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, harm: Callable[[Path], object], said: str
) -> None:
    """The next call says what has happened and what to do, and nothing is written any more."""
    (tmp_path / "data").mkdir()
    store, file = _filled(tmp_path / "data")
    opened = store.save_question(a_question())
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    assert store.is_writable()

    harm(file)
    left = {path: path.read_bytes() for path in tmp_path.rglob("*.db")}
    with caplog.at_level(logging.ERROR), closing(store):
        for call in (
            lambda: store.list_conversations("me"),
            lambda: store.save_question(a_question()),
            lambda: store.append([words(opened.reply_id, "lost")]),
        ):
            with pytest.raises(StoreLost, match=said) as raised:
                call()
            assert raised.value.params["reason"] == StoreOutage.LOST
            assert "augenblick.backup --restore" in raised.value.detail
        assert not store.is_writable()

        assert {path: path.read_bytes() for path in tmp_path.rglob("*.db")} == left
        assert [record for record in caplog.records if said in record.getMessage()] == [
            caplog.records[0]
        ]


def test_older_copy_in_its_place_is_noticed(tmp_path: Path) -> None:
    """What stood in the file some time ago, copied over it."""
    store, file = _filled(tmp_path)
    shutil.copyfile(file, tmp_path / "copy")
    for _ in range(30):
        store.save_question(a_question(pictures=(a_picture(os.urandom(300_000)),)))
    assert file.stat().st_size > (tmp_path / "copy").stat().st_size

    shutil.copyfile(tmp_path / "copy", file)

    with closing(store), pytest.raises(StoreLost, match="was overwritten"):
        store.list_conversations("me")


def test_file_that_comes_back_is_used_again(tmp_path: Path) -> None:
    """Moved away and back, it is the same file."""
    store, file = _filled(tmp_path)
    away = file.rename(tmp_path / "away.db")
    with pytest.raises(StoreLost):
        store.list_conversations("me")

    away.rename(file)

    assert len(store.list_conversations("me")) == 1
    store.close()


def test_writing_by_others_and_a_vacuum_are_no_harm(tmp_path: Path) -> None:
    """Two processes write, the log goes to the file many times, and the file gets shorter."""
    store, file = _filled(tmp_path, pictures=200)
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.store.crash_writer", f"sqlite:///{file}"],
        cwd=PROJECT_DIR,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        ends = time.monotonic() + 6
        while time.monotonic() < ends:
            store.save_question(a_question(pictures=(a_picture(os.urandom(200_000)),)))
            assert store.list_conversations("me", limit=1)
    finally:
        writer.kill()
        writer.wait()
    store.delete_everything("me")
    before = file.stat().st_size
    with closing(sqlite3.connect(file, timeout=10)) as connection:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert file.stat().st_size < before
    assert store.list_conversations("me") == []
    assert store.is_writable()
    store.close()


def test_newer_and_damaged_databases_say_what_to_do(tmp_path: Path) -> None:
    """The reason and the way out stand in the error, which log and page show."""
    store, file = _filled(tmp_path)
    store.close()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with raises("database_too_new", match=r"newer version .* 9999.* restore a backup"):
        Store(f"sqlite:///{file}")

    file.write_bytes(b"no database" * 1000)
    with pytest.raises(StoreLost, match=r"damaged .*SQLITE_NOTADB.* bring back a backup"):
        Store(f"sqlite:///{file}")


def test_store_in_memory_is_no_event(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The log tells when a file is made, and not that the temporary store has tables."""
    with caplog.at_level(logging.INFO, logger="augenblick"):
        Store(f"sqlite:///{tmp_path}/new.db").close()
        Store(f"sqlite:///{tmp_path}/new.db").close()
    assert [record.getMessage()[:26] for record in caplog.records] == ["A new database was made (t"]

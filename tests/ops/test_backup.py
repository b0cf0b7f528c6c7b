"""A backup is one state of all that is kept, made while servers write, and comes back whole."""

from __future__ import annotations

import io
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from augenblick.core.paths import PROJECT_DIR
from augenblick.ops.backup import main
from augenblick.store import Store, open_store
from augenblick.web.browser_cookie import KEY_FILE, cookie_key
from tests.serving import clean_environment
from tests.store.crash_writer import words_up_to
from tests.store.values import a_picture, a_question


@dataclass
class Done:
    """What the command said, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


def _backup(folder: Path, *arguments: object, **env: str) -> Done:
    """The command in `folder`, with the data in `folder/data`."""
    out, err = io.StringIO(), io.StringIO()
    with chdir(folder), redirect_stdout(out), redirect_stderr(err):
        code = main([str(argument) for argument in arguments], environ=_environ(folder) | env)
    return Done(code, out.getvalue(), err.getvalue())


def _environ(folder: Path) -> dict[str, str]:
    return {"AUGENBLICK_DATA_DIR": str(folder / "data")}


def _keep_something(folder: Path, question: str = "What is this?") -> str:
    """A conversation with a picture, and a cookie key; the picture's hash."""
    picture = a_picture(question.encode())
    with closing(open_store(_environ(folder))) as store:
        store.save_question(a_question(question, pictures=(picture,)))
    cookie_key(_environ(folder), folder=folder / "data")
    return picture.attachment.sha256


def _titles(folder: Path) -> list[str]:
    with closing(open_store(_environ(folder))) as store:
        return [found.title for found in store.list_conversations("me")]


@contextmanager
def _writing(file: Path) -> Iterator[list[str]]:
    """A process with twenty live answers; what it noted as durable, after the end."""
    noted: list[str] = []
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.store.crash_writer", f"sqlite:///{file}"],
        cwd=PROJECT_DIR,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert writer.stdout is not None
    try:
        noted.extend(writer.stdout.readline() for _ in range(400))  # all are under way
        yield noted
    finally:
        writer.kill()
        noted.extend(writer.stdout)
        writer.stdout.close()
        writer.wait()


def test_backup_beside_live_answers_is_one_state(tmp_path: Path) -> None:
    """All that was durable before it began is in it, every answer is a whole beginning."""
    data = tmp_path / "data"
    data.mkdir()
    command = [sys.executable, "-m", "augenblick.backup", str(tmp_path / "copy")]
    with _writing(data / "augenblick.db") as noted:
        durable = list(noted)
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=clean_environment(tmp_path),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert "conversations with" in done.stdout
    words = {line.split()[1]: int(line.split()[2]) for line in durable if line[:4] == "text"}

    with closing(Store(f"sqlite:///{tmp_path}/copy/augenblick.db")) as store:
        store.interrupt_open_replies()
        for line in durable:
            if line.startswith("open"):
                _, conversation_id, reply_id, sha256 = line.split()
                _, answer = store.load_conversation(conversation_id).nodes
                text = answer.message.text
                assert text == words_up_to(text.count(" "))
                assert text.count(" ") >= words.get(reply_id, 0)
                assert answer.reply is not None
                assert answer.reply.end is not None
                assert store.load_content(sha256)


def test_backup_comes_back_with_one_command(tmp_path: Path) -> None:
    """Conversations, pictures and the cookie key are as they were; the later ones are put aside."""
    sha256 = _keep_something(tmp_path, "first")
    key = (tmp_path / "data" / KEY_FILE).read_bytes()
    assert _backup(tmp_path, "backups/monday").returncode == 0
    _keep_something(tmp_path, "second")
    (tmp_path / "data" / KEY_FILE).write_bytes(b"another key")

    done = _backup(tmp_path, "--restore", "backups/monday")

    assert done.returncode == 0, done.stderr
    assert _titles(tmp_path) == ["first"]
    with closing(open_store(_environ(tmp_path))) as store:
        assert store.load_content(sha256) == b"first"
    assert (tmp_path / "data" / KEY_FILE).read_bytes() == key
    (aside,) = (tmp_path / "data").glob("before-restore-*")
    assert str(aside) in done.stdout
    with closing(Store(f"sqlite:///{aside}/augenblick.db")) as store:
        assert len(store.list_conversations("me")) == 2
    assert (aside / KEY_FILE).read_bytes() == b"another key"


def test_backup_is_for_its_owner_only(tmp_path: Path) -> None:
    """A key is in it, and pictures."""
    _keep_something(tmp_path)
    _backup(tmp_path, tmp_path / "copy")

    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "copy").iterdir()} == {
        "augenblick.db": 0o600,
        KEY_FILE: 0o600,
    }


def test_what_a_crash_left_in_the_log_is_put_aside_with_its_database(tmp_path: Path) -> None:
    """The log of another database would be played into the one that comes back."""
    _keep_something(tmp_path, "first")
    _backup(tmp_path, "copy")
    with _writing(tmp_path / "data" / "augenblick.db"):
        pass
    assert (tmp_path / "data" / "augenblick.db-wal").stat().st_size > 0

    assert _backup(tmp_path, "--restore", "copy").returncode == 0

    assert _titles(tmp_path) == ["first"]
    (aside,) = (tmp_path / "data").glob("before-restore-*")
    assert (aside / "augenblick.db-wal").exists()


def test_new_machine_gets_its_data(tmp_path: Path) -> None:
    """A data folder that is not there yet is made."""
    _keep_something(tmp_path, "moved")
    _backup(tmp_path, tmp_path / "copy")
    other = tmp_path / "other"
    other.mkdir()

    assert _backup(other, "--restore", tmp_path / "copy").returncode == 0

    assert _titles(other) == ["moved"]
    assert sorted(path.name for path in (other / "data").iterdir()) == [
        "augenblick.db",
        KEY_FILE,
    ]


def test_restore_is_refused_while_a_server_runs(tmp_path: Path) -> None:
    """Nothing is touched then."""
    _keep_something(tmp_path, "first")
    _backup(tmp_path, "copy")
    with _writing(tmp_path / "data" / "augenblick.db"):
        done = _backup(tmp_path, "--restore", "copy")

    assert done.returncode == 1
    assert "A server is using" in done.stderr
    assert "nothing was changed" in done.stderr
    assert not list((tmp_path / "data").glob("before-restore-*"))


def test_existing_target_is_left_alone(tmp_path: Path) -> None:
    """A folder with something in it, a file and the data itself are no place for a backup."""
    _keep_something(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()

    for name in ("full", "file", "data"):
        done = _backup(tmp_path, name)
        assert done.returncode == 1
        assert "is there already: nothing was copied" in done.stderr
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]
    assert (tmp_path / "file").read_text() == "mine"
    assert _backup(tmp_path, "empty").returncode == 0
    assert _backup(tmp_path, "empty").returncode == 1


def _newer(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


def _foreign(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE other (id)")


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (_newer, "newer version"),
        (_foreign, "no database of Augenblick"),
        (Path.unlink, "is no backup"),
        (lambda file: file.write_bytes(b""), "no database of Augenblick"),
        (lambda file: file.write_bytes(os.urandom(9000)), "no database"),
        (lambda file: os.truncate(file, file.stat().st_size // 2), "damaged"),
    ],
)
def test_what_is_no_backup_is_refused(tmp_path: Path, harm: object, said: str) -> None:
    """What no server could open does not take the place of what is there."""
    _keep_something(tmp_path, "first")
    _backup(tmp_path, "copy")
    assert callable(harm)
    harm(tmp_path / "copy" / "augenblick.db")

    done = _backup(tmp_path, "--restore", "copy")

    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert _titles(tmp_path) == ["first"]
    assert not [p for p in (tmp_path / "data").iterdir() if p.is_dir()]


def test_nothing_to_copy_is_said(tmp_path: Path) -> None:
    """No database is made by looking for one, and no empty backup."""
    done = _backup(tmp_path, "copy")

    assert done.returncode == 1
    assert "There is no database at" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_postgres_is_told_its_own_way(tmp_path: Path) -> None:
    """The lines to type stand there, without the password."""
    url = "postgresql://me:hunter2@host/db"
    for arguments in (["copy"], ["--restore", "copy"]):
        done = _backup(tmp_path, *arguments, AUGENBLICK_DATABASE_URL=url)
        assert done.returncode == 1
        assert 'pg_dump --format=custom --file=augenblick.dump "$AUGENBLICK_DATABASE_URL"' in (
            done.stderr
        )
        assert "hunter2" not in done.stderr + done.stdout


def test_copy_of_a_backup_is_noticed_in_the_place_of_a_live_database(tmp_path: Path) -> None:
    """Even when nothing was written since the backup was made."""
    _keep_something(tmp_path)
    with closing(open_store(_environ(tmp_path))) as store:
        _backup(tmp_path, "copy")
        shutil.copyfile(tmp_path / "copy" / "augenblick.db", tmp_path / "data" / "augenblick.db")
        assert not store.is_writable()

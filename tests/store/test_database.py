"""Opening databases: addresses, migrations, several processes, and errors that tell no secrets."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, update

from augenblick.core.errors import ConfigurationError, StoreError, StoreUnavailable
from augenblick.store import Store
from augenblick.store import tables as t
from tests.store.postgres import PostgresServer
from tests.store.values import a_picture, a_question, words

PROJECT = Path(__file__).parents[2]


def test_the_migrations_make_the_tables_of_the_code(store: Store) -> None:
    """After all migrations nothing is left that the tables of the code would change."""
    with store._databases.kept.reading() as connection:
        context = MigrationContext.configure(connection)
        left = compare_metadata(context, t.metadata)
    if store._databases.kept.is_sqlite:  # which indexes words in FTS5, with tables of its own
        left = [it for it in left if "search_index" not in repr(it)]
        assert [it[0] for it in left] == ["add_index"]
        assert left.pop()[1].name == "ix_search_text_words"
    assert left == []


def test_the_database_itself_allows_one_open_reply(store: Store) -> None:
    """Even code that forgets to ask can't open a second reply of a conversation."""
    first = store.save_question(a_question())
    other = store.save_question(a_question())
    moved = (
        update(t.reply)
        .where(t.reply.c.node_id == other.reply_id)
        .values(conversation_id=first.conversation_id)
    )
    with pytest.raises(StoreError), store._databases.kept.writing() as connection:
        connection.execute(moved)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nothing",
        "sqlite://",
        "sqlite:///:memory:",
        "mysql://me:hunter2@host/db",
        "postgresql+asyncpg://me:hunter2@host/db",
        "postgresql://me:hunter2@host:port/db",
    ],
)
def test_an_address_that_cannot_be_used_is_told(url: str) -> None:
    """What isn't SQLite in a file or PostgreSQL is a fault of the configuration, named plainly."""
    with pytest.raises(ConfigurationError) as raised:
        Store(url)
    assert "hunter2" not in f"{raised.value!r} {raised.value.detail}"


def test_postgres_may_be_written_short(postgres: PostgresServer) -> None:
    """The scheme that hosting services hand out works."""
    store = Store(postgres.new_database().replace("postgresql://", "postgres://"))
    assert store.is_writable()
    store.close()


def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    """A PostgreSQL nobody answers for is StoreUnavailable, without the password."""
    with pytest.raises(StoreUnavailable) as raised:
        Store(f"postgresql://me:hunter2@/db?host={tmp_path}")
    assert raised.value.params == {"reason": "unreachable"}
    assert "hunter2" not in f"{raised.value!r} {raised.value.detail}"


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    """An older program doesn't touch tables it doesn't know."""
    url = f"sqlite:///{tmp_path}/store.db"
    Store(url).close()
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigurationError, match="newer"):
        Store(url)


def test_a_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    """Something else in the place of the database is reported and not overwritten."""
    file = tmp_path / "store.db"
    file.write_bytes(b"not a database at all " * 100)
    with pytest.raises(StoreUnavailable) as raised:
        Store(f"sqlite:///{file}")
    assert raised.value.params == {"reason": "damaged"}
    assert file.read_bytes().startswith(b"not a database")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A file where the data folder should be is an error of ours."""
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(StoreUnavailable):
        Store(f"sqlite:///{tmp_path}/data/store.db")


def test_errors_hold_no_values(sqlite_store: Store, tmp_path: Path) -> None:
    """When writing fails, no question, picture or answer stands in the error or its causes."""
    secret = "the secret of the question"
    opened = sqlite_store.save_question(a_question())
    picture = a_picture(b"secret bytes")
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable) as asked:
            sqlite_store.save_question(a_question(secret, pictures=(picture,)))
        with pytest.raises(StoreUnavailable) as said:
            sqlite_store.append([words(opened.reply_id, secret)])
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other:
        other.execute("DROP TABLE delta")
    with pytest.raises(StoreError) as broken:
        sqlite_store.append([words(opened.reply_id, secret)])
    for raised in (asked, said, broken):
        error: BaseException | None = raised.value
        while error is not None:
            assert "secret" not in f"{error!r} {error} {getattr(error, 'detail', '')}"
            error = error.__context__
    assert asked.value.params == {"reason": "locked"}


def test_sqlite_is_set_to_lose_nothing(sqlite_store: Store) -> None:
    """Write-ahead log, a full sync at every commit, foreign keys checked."""
    with sqlite_store._databases.kept.reading() as connection:
        values = [
            connection.exec_driver_sql(statement).scalar()
            for statement in ("PRAGMA journal_mode", "PRAGMA synchronous", "PRAGMA foreign_keys")
        ]
    assert values == ["wal", 2, 1]


def test_indices_serve_what_is_asked(sqlite_store: Store) -> None:
    """Listing, loading and the start-up sweep search an index instead of the whole table."""
    queries = {
        "SELECT id FROM conversation WHERE owner = 'x' AND deleted_at IS NULL"
        " ORDER BY is_pinned DESC, updated_at DESC, id DESC": "ix_conversation_listed",
        "SELECT id FROM node WHERE parent_id = 'x'": "ix_node_parent_id",
        "SELECT id FROM search_text WHERE conversation_id = 'x'": "ix_search_text_conversation_id",
        "SELECT token FROM share WHERE leaf_id = 'x'": "ix_share_leaf_id",
        "SELECT id FROM node WHERE conversation_id = 'x' ORDER BY position": "autoindex_node",
        "SELECT owner_process FROM reply WHERE ended_as IS NULL": "uq_reply_open",
        "SELECT node_id FROM reply WHERE submission_id = 'x'": "sqlite_autoindex_reply",
        "SELECT text FROM delta WHERE reply_id = 'x' ORDER BY reply_id, batch": "PRIMARY KEY",
        "SELECT text FROM part WHERE node_id = 'x' ORDER BY position": "sqlite_autoindex_part",
    }
    with sqlite_store._databases.kept.reading() as connection:
        for query, index in queries.items():
            plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}").all())
            assert index in plan
            assert "TEMP B-TREE" not in plan


def test_many_processes_open_a_new_database_at_once(url: str) -> None:
    """Four servers started together agree on who makes the tables."""
    code = "import sys; from augenblick.store import Store; Store(sys.argv[1]).close()"
    starting = [
        subprocess.Popen([sys.executable, "-c", code, url], cwd=PROJECT, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    errors = [process.communicate(timeout=120)[1] for process in starting]
    assert [process.returncode for process in starting] == [0] * 4, errors


def test_a_submit_counts_once_among_processes(url: str) -> None:
    """Four servers that get the same submit save it once, and one of them asks."""
    Store(url).close()
    code = (
        "import sys, time; from augenblick.store import Store\n"
        "from tests.store.values import a_question\n"
        "store = Store(sys.argv[1]); sys.stdin.readline()\n"
        "opened = [store.save_question(a_question(submission_id=str(n))) for n in range(20)]\n"
        "print(*(int(reply.is_new) for reply in opened)); print(opened[0].reply_id)\n"
        "sys.stdin.readline()"
    )
    servers = [
        subprocess.Popen(
            [sys.executable, "-c", code, url],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for server in servers:
        assert server.stdin is not None
        server.stdin.write("go\n")
        server.stdin.flush()
    lines = [server.communicate("end\n", timeout=120)[0].splitlines() for server in servers]
    totals = [
        sum(column) for column in zip(*(map(int, line[0].split()) for line in lines), strict=True)
    ]
    assert totals == [1] * 20
    assert len({line[1] for line in lines}) == 1


def test_presence_leaves_nothing_behind(tmp_path: Path) -> None:
    """A closed server leaves no file; the file of a killed one goes with the next start."""
    url = f"sqlite:///{tmp_path}/store.db"
    code = (
        "import os, sys; from augenblick.store import Store\n"
        "store = Store(sys.argv[1]); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, url], cwd=PROJECT, check=False)
    assert len(presence_files(tmp_path)) == 1
    store = Store(url)
    left = store.save_question(a_question())
    assert store.interrupt_open_replies() == 0
    assert len(presence_files(tmp_path)) == 1
    assert store.load_conversation(left.conversation_id).live_node is not None
    store.close()
    assert presence_files(tmp_path) == []


def presence_files(folder: Path) -> list[str]:
    """The files by which processes show that they live."""
    return [path.name for path in folder.iterdir() if re.search(r"-process-\d+", path.name)]


def test_a_restarted_postgres_does_not_make_the_living_dead(postgres: PostgresServer) -> None:
    """Right after PostgreSQL restarted, a new server leaves the replies of the others alone."""
    url = postgres.new_database()
    here = Store(url)
    opened = here.save_question(a_question())
    postgres.stop()
    postgres.start()
    new = Store(url)
    assert new.interrupt_open_replies() == 0
    here.append([words(opened.reply_id, "still here")])
    node = new.load_conversation(opened.conversation_id).live_node
    assert node is not None
    assert node.message.text == "still here"
    new.close()
    here.close()


def test_pages_outlive_a_restart_of_postgres(postgres: PostgresServer) -> None:
    """The first call after a restart finds a new connection instead of an error."""
    store = Store(postgres.new_database())
    opened = store.save_question(a_question())
    postgres.stop()
    assert not store.is_writable()
    with pytest.raises(StoreUnavailable):
        store.load_conversation(opened.conversation_id)
    postgres.start()
    assert len(store.load_conversation(opened.conversation_id).nodes) == 2
    assert store.is_writable()
    store.close()


def test_a_crowd_reads_at_once(tmp_path: Path) -> None:
    """Sixty readers of a file have a connection each; none waits for another, nor fails."""
    with closing(Store(f"sqlite:///{tmp_path / 'a.db'}")) as store, ExitStack() as reading:
        found = [
            reading.enter_context(store._databases.kept.reading()).scalar(select(1))
            for _ in range(60)
        ]

    assert found == [1] * 60


def test_text_of_live_answers_waits_for_two_other_writers_at_most(sqlite_store: Store) -> None:
    """However many questions are to be saved: all live answers stand still meanwhile."""
    opened = sqlite_store.save_question(a_question())
    database, order = sqlite_store._databases.kept, list[str]()
    first_is_in, begins = threading.Event(), threading.Event()

    def save() -> None:
        with database.writing():
            first_is_in.set()
            begins.wait(30)
            time.sleep(0.05)  # so that the others are all waiting by the end of the first
            order.append("question")

    def append() -> None:
        first_is_in.wait(30)
        begins.set()
        sqlite_store.append([words(opened.reply_id, "Something.")])
        order.append("text")

    threads = [threading.Thread(target=save) for _ in range(20)]
    threads.append(threading.Thread(target=append))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(order) == len(threads)
    assert order.index("text") <= 2
    assert sqlite_store.load_conversation(opened.conversation_id).nodes[-1].message.text

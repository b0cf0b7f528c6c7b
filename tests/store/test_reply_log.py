"""The one writer: in order, in groups, durable before told, and by itself after every fault."""

from __future__ import annotations

import itertools
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from psycopg import sql
from sqlalchemy import event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection

from augenblick.conversations import Conversation, ReplyRecord
from augenblick.errors import StoreUnavailable
from augenblick.messages import ReplyEnd
from augenblick.reply_log import LogState, ReplyLog
from augenblick.sql_store import SqlStore
from augenblick.store import OpenedReply
from tests.store.postgres import PostgresServer
from tests.store.values import a_question, a_record, words

PATIENCE_SECONDS = 30.0
"""How long a test waits for what must happen soon; the machine may be busy."""


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait for something that must come to be."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def reply_of(conversation: Conversation) -> ReplyRecord:
    """The record of the first answer."""
    record = conversation.nodes[1].reply
    assert record is not None
    return record


class Watch:
    """Notes the states a log tells of."""

    def __init__(self, log: ReplyLog) -> None:
        self.states: list[LogState] = []
        log.on_trouble(self.states.append)

    @property
    def reasons(self) -> list[str]:
        """The reasons, "" for recovery."""
        return [state.reason for state in self.states]


@pytest.fixture
def opened(store: SqlStore) -> OpenedReply:
    """An open reply."""
    return store.save_question(a_question())


@pytest.fixture
def log(store: SqlStore) -> Iterator[ReplyLog]:
    """A log on the store, closed at the end."""
    with ReplyLog(store) as opened_log:
        yield opened_log


def text_of(store: SqlStore, opened: OpenedReply) -> str:
    """What the reply has said so far, as the database knows it."""
    return reply_of(store.load_conversation(opened.conversation_id)).picked.text


def test_durable_is_told_after_the_commit(
    store: SqlStore, log: ReplyLog, opened: OpenedReply
) -> None:
    """Whoever is told that text is durable finds it in the database at that moment."""
    seen: list[bool] = []
    expected = ""
    for number in range(50):
        expected += f"{number} "

        def look(so_far: str = expected) -> None:
            seen.append(text_of(store, opened).startswith(so_far))

        log.append([words(opened.reply_id, f"{number} ")], look)
    assert log.flush(PATIENCE_SECONDS)
    assert seen == [True] * 50
    assert text_of(store, opened) == expected


def test_an_end_comes_after_the_text(store: SqlStore, log: ReplyLog, opened: OpenedReply) -> None:
    """Text handed over before the end is durable before it; the record is what stays."""
    order: list[str] = []
    log.append([words(opened.reply_id, "A c")], lambda: order.append("text"))
    log.finish(opened.reply_id, a_record("A cat."), lambda: order.append("end"))
    log.append([words(opened.reply_id, "late")], lambda: order.append("late"))
    assert log.flush(PATIENCE_SECONDS)
    assert order.index("text") < order.index("end")
    assert sorted(order) == ["end", "late", "text"]
    assert reply_of(store.load_conversation(opened.conversation_id)) == a_record("A cat.")


def test_many_threads_keep_their_order(store: SqlStore, log: ReplyLog) -> None:
    """20 replies written from 20 threads each come out whole and in order."""
    replies = [store.save_question(a_question()) for _ in range(20)]
    texts = {reply.reply_id: [f"{number}," for number in range(100)] for reply in replies}

    def speak(reply_id: str) -> None:
        for text in texts[reply_id]:
            log.append([words(reply_id, text)])

    threads = [threading.Thread(target=speak, args=(reply_id,)) for reply_id in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.flush(PATIENCE_SECONDS)
    for reply in replies:
        assert text_of(store, reply) == "".join(texts[reply.reply_id])


def test_what_comes_together_is_committed_together(sqlite_store: SqlStore) -> None:
    """2,000 deltas within a tick take a handful of commits; a lone one doesn't wait for a tick."""
    opened = sqlite_store.save_question(a_question())
    statements = statements_of(sqlite_store)
    with ReplyLog(sqlite_store, tick_seconds=3600) as log:
        first = threading.Event()
        log.append([words(opened.reply_id, "x")], first.set)
        assert first.wait(PATIENCE_SECONDS)
        for _ in range(2000):
            log.append([words(opened.reply_id, "x")])
    assert count_commits(statements) == 2
    assert text_of(sqlite_store, opened) == "x" * 2001


def test_a_reader_who_waits_has_it_committed(sqlite_store: SqlStore) -> None:
    """Not the tick decides then; whoever waits first and is brought text later counts as well."""
    opened = sqlite_store.save_question(a_question())
    statements = statements_of(sqlite_store)
    with ReplyLog(sqlite_store, tick_seconds=3600) as log:
        for is_waited_for_first in (False, True, False, True):
            if is_waited_for_first:
                log.hurry()
            written = threading.Event()
            log.append([words(opened.reply_id, "x")], written.set)
            log.append([words(opened.reply_id, "y")])
            if not is_waited_for_first:
                log.hurry()
            assert written.wait(PATIENCE_SECONDS)
    assert count_commits(statements) <= 8
    assert text_of(sqlite_store, opened) == "xy" * 4


def test_text_that_is_waited_for_says_so_itself(sqlite_store: SqlStore) -> None:
    """Who asked for it before may have had a commit made that came too early for it."""
    opened = sqlite_store.save_question(a_question())
    with ReplyLog(sqlite_store, tick_seconds=3600) as log:
        for is_awaited in (True, True, False, True):
            written = threading.Event()
            text = [words(opened.reply_id, "x")]
            log.append(text, written.set, is_awaited=partial(bool, is_awaited))
            assert written.wait(PATIENCE_SECONDS if is_awaited else 0.1) == is_awaited


def statements_of(store: SqlStore) -> list[str]:
    """What the store has its database do from now on, statement by statement."""
    statements: list[str] = []

    def listen(connection: DBAPIConnection, _record: object) -> None:
        assert isinstance(connection, sqlite3.Connection)
        connection.set_trace_callback(statements.append)

    event.listen(store._database.engine, "connect", listen)
    store._database.engine.dispose()
    return statements


def count_commits(statements: list[str]) -> int:
    """How many transactions with text there were; a single statement may be one by itself."""
    begun = statements.count("BEGIN IMMEDIATE")
    alone = sum(
        text.startswith("INSERT INTO delta") and before != "BEGIN IMMEDIATE"
        for before, text in itertools.pairwise(["", *statements])
    )
    return begun + alone


def test_a_closed_log_takes_nothing(sqlite_store: SqlStore) -> None:
    """Closing writes what waits; afterwards all is refused, and closing again is harmless."""
    opened = sqlite_store.save_question(a_question())
    log = ReplyLog(sqlite_store)
    log.append([words(opened.reply_id, "kept")])
    assert log.close()
    with pytest.raises(StoreUnavailable):
        log.append([words(opened.reply_id, "lost")])
    with pytest.raises(StoreUnavailable):
        log.finish(opened.reply_id, a_record())
    assert log.close()
    assert log.flush(0)
    assert text_of(sqlite_store, opened) == "kept"


def test_an_end_needs_an_end(log: ReplyLog, opened: OpenedReply) -> None:
    """A record that isn't finished is refused where it is handed over."""
    with pytest.raises(ValueError, match="end"):
        log.finish(opened.reply_id, replace(a_record(), end=None))


def test_a_listener_that_fails_stops_nobody(
    store: SqlStore, log: ReplyLog, opened: OpenedReply
) -> None:
    """One follower's mistake costs no other reply its text."""

    def fail() -> None:
        raise RuntimeError

    log.append([words(opened.reply_id, "a")], fail)
    log.append([words(opened.reply_id, "b")])
    assert log.flush(PATIENCE_SECONDS)
    assert text_of(store, opened) == "ab"


def go_through_trouble(
    store: SqlStore, opened: OpenedReply, enter: Callable[[], None], leave: Callable[[], None]
) -> list[str]:
    """Write while the store is in trouble, end the trouble, and return the reasons that were told.

    Nothing may be told durable in between, and everything must be there afterwards.
    """
    told: list[int] = []
    with ReplyLog(store) as log:
        watch = Watch(log)
        log.append([words(opened.reply_id, "before ")], lambda: told.append(0))
        assert log.flush(PATIENCE_SECONDS)
        enter()
        for number in range(1, 21):
            log.append([words(opened.reply_id, f"{number} ")], partial(told.append, number))
        wait_until(lambda: log.state.is_troubled)
        time.sleep(0.3)
        assert told == [0]
        leave()
        started = time.monotonic()
        log.finish(opened.reply_id, a_record("whole", ReplyEnd.STOPPED), lambda: told.append(21))
        assert log.flush(PATIENCE_SECONDS)
        assert time.monotonic() - started < 15
        assert told == list(range(22))
        wait_until(lambda: not log.state.is_troubled)
        wait_until(lambda: watch.reasons[-1] == "")
    return watch.reasons


def check_kept(store: SqlStore, opened: OpenedReply) -> None:
    """The end that was written after the trouble is there."""
    record = reply_of(store.load_conversation(opened.conversation_id))
    assert record == a_record("whole", ReplyEnd.STOPPED)


def test_a_lock_that_is_held(sqlite_store: SqlStore, tmp_path: Path) -> None:
    """Somebody else's lock on the file delays text and loses none."""
    opened = sqlite_store.save_question(a_question())
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    reasons = go_through_trouble(
        sqlite_store,
        opened,
        lambda: other.execute("BEGIN IMMEDIATE").close(),
        lambda: other.execute("ROLLBACK").close(),
    )
    other.close()
    assert set(reasons) <= {"slow", "locked", ""}
    check_kept(sqlite_store, opened)


def set_on_every_connection(store: SqlStore, statement: str) -> Callable[[], None]:
    """Run a statement on each connection the store makes from now on; returns what ends that."""
    engine = store._database.engine

    def run(connection: DBAPIConnection, _record: object) -> None:
        connection.cursor().execute(statement)

    event.listen(engine, "connect", run)
    engine.dispose()

    def end() -> None:
        event.remove(engine, "connect", run)
        engine.dispose()

    return end


def test_a_file_that_is_read_only(sqlite_store: SqlStore) -> None:
    """A file that can't be written, told by its name, loses nothing that was handed over."""
    opened = sqlite_store.save_question(a_question())
    trouble = ExitStack()

    def enter() -> None:
        trouble.callback(set_on_every_connection(sqlite_store, "PRAGMA query_only=ON"))

    reasons = go_through_trouble(sqlite_store, opened, enter, trouble.close)
    assert reasons == ["read_only", ""]
    check_kept(sqlite_store, opened)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 4 MB; skips where none can be mounted."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fails_in_the_end(write: Callable[[], object], error: type[Exception]) -> None:
    """Write until there is no room."""
    with suppress(error):
        for _ in range(5000):
            write()
        pytest.fail("the disk never got full")


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """A full disk delays text and loses none; room on the disk is all it takes to go on."""
    with small_disk(tmp_path) as disk:
        store = SqlStore(f"sqlite:///{disk}/store.db")
        opened = store.save_question(a_question())
        filler = disk / "filler"

        def fill() -> None:
            with filler.open("wb", buffering=0) as file:
                fails_in_the_end(lambda: file.write(b"x" * 4096), OSError)
            # What the write-ahead log has already claimed is used up first.
            more = [words(opened.reply_id, "x" * 4000, choice_index=1)]
            fails_in_the_end(lambda: store.append(more), StoreUnavailable)
            assert not store.is_writable()

        reasons = go_through_trouble(store, opened, fill, filler.unlink)
        assert reasons == ["full", ""]
        check_kept(store, opened)
        store.close()


def test_a_server_that_restarts(postgres: PostgresServer) -> None:
    """PostgreSQL killed and started again in the middle of answers costs not one character."""
    store = SqlStore(postgres.new_database())
    opened = store.save_question(a_question())
    reasons = go_through_trouble(store, opened, postgres.stop, postgres.start)
    assert reasons[0] in {"unreachable", "slow"}
    check_kept(store, opened)
    store.close()


def test_a_server_that_is_read_only(postgres: PostgresServer) -> None:
    """PostgreSQL that takes no writes for a while, as during a failover, costs nothing either."""
    url = postgres.new_database()
    name = sql.Identifier(make_url(url).database or "")
    store = SqlStore(url)
    opened = store.save_question(a_question())

    def set_read_only(value: str) -> None:
        statement = sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = {}")
        postgres.execute(statement.format(name, sql.SQL(value)))
        store._database.engine.dispose()

    reasons = go_through_trouble(
        store, opened, lambda: set_read_only("on"), lambda: set_read_only("off")
    )
    assert reasons == ["read_only", ""]
    check_kept(store, opened)
    store.close()


def test_a_store_that_hangs_is_trouble(sqlite_store: SqlStore, tmp_path: Path) -> None:
    """While a single write hangs, the state already says so, and text can be shown."""
    opened = sqlite_store.save_question(a_question())
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    end_patience = set_on_every_connection(sqlite_store, "PRAGMA busy_timeout=60000")
    other.execute("BEGIN IMMEDIATE")
    with ReplyLog(sqlite_store) as log:
        log.append([words(opened.reply_id, "text")])
        wait_until(lambda: log.state.is_troubled)
        assert log.state.reason == "slow"
        other.execute("ROLLBACK")
        assert log.flush(PATIENCE_SECONDS)
        wait_until(lambda: not log.state.is_troubled)
    other.close()
    end_patience()
    assert text_of(sqlite_store, opened) == "text"


def test_memory_is_bounded(sqlite_store: SqlStore, tmp_path: Path) -> None:
    """When too much text waits, the one who brings more waits too, and goes on afterwards."""
    opened = sqlite_store.save_question(a_question())
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    taken: list[int] = []
    with ReplyLog(sqlite_store, max_waiting_bytes=100_000) as log:

        def bring() -> None:
            for number in range(100):
                log.append([words(opened.reply_id, "x" * 1000)])
                taken.append(number)

        thread = threading.Thread(target=bring)
        thread.start()
        wait_until(lambda: len(taken) > 20)
        thread.join(0.5)
        assert thread.is_alive()
        assert len(taken) < 50
        other.execute("ROLLBACK")
        thread.join(PATIENCE_SECONDS)
        assert len(taken) == 100
    other.close()
    assert text_of(sqlite_store, opened) == "x" * 100_000


def test_closing_in_trouble_says_what_is_left(sqlite_store: SqlStore, tmp_path: Path) -> None:
    """A log closed while the store is locked gives up in time, frees who waits and says so."""
    opened = sqlite_store.save_question(a_question())
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    told: list[str] = []
    log = ReplyLog(sqlite_store, max_waiting_bytes=1000)
    log.append([words(opened.reply_id, "x" * 2000)], lambda: told.append("durable"))
    refused: list[BaseException] = []

    def bring() -> None:
        try:
            log.append([words(opened.reply_id, "more")])
        except StoreUnavailable as error:
            refused.append(error)

    thread = threading.Thread(target=bring)
    thread.start()
    assert not log.close(timeout=0.5)
    thread.join(PATIENCE_SECONDS)
    other.execute("ROLLBACK")
    other.close()
    assert len(refused) == 1
    assert told == []
    assert text_of(sqlite_store, opened) == ""


def test_a_listener_that_is_forgotten_hears_nothing(sqlite_store: SqlStore) -> None:
    """Only those who listen are told; the log's own state goes on."""
    heard: list[LogState] = []
    with ReplyLog(sqlite_store) as log:
        forget = log.on_trouble(heard.append)
        forget()
        forget()
        opened = sqlite_store.save_question(a_question())
        end = set_on_every_connection(sqlite_store, "PRAGMA query_only=ON")
        log.append([words(opened.reply_id, "x")])
        wait_until(lambda: log.state.is_troubled)
        assert log.state.since is not None
        end()
        assert log.flush(PATIENCE_SECONDS)
    assert heard == []

"""The one writer: in order, in groups, written before shown, and by itself after every fault."""

from __future__ import annotations

import itertools
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from psycopg import sql
from sqlalchemy import event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection

from augenblick.chat.live import LiveReply
from augenblick.chat.saver import Saver
from augenblick.core.conversations import Conversation, ReplyRecord
from augenblick.core.errors import StoreUnavailable
from augenblick.core.messages import ReplyEnd
from augenblick.endpoint.reply import Added
from augenblick.store import Store
from augenblick.store.store_values import OpenedReply
from tests.store.postgres import PostgresServer
from tests.store.values import a_question, a_record, words

LIMIT_SECONDS = 30.0
"""How long a test waits for what must happen soon; the machine may be busy."""


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait for something that must come to be."""
    end = time.monotonic() + LIMIT_SECONDS
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def reply_of(conversation: Conversation) -> ReplyRecord:
    """The record of the first answer."""
    record = conversation.nodes[1].reply
    assert record is not None
    return record


def text_of(store: Store, opened: OpenedReply) -> str:
    """What the reply has said so far, as the database knows it."""
    return reply_of(store.load_conversation(opened.conversation_id)).picked.text


def said(text: str) -> list[Added]:
    """One piece of text."""
    return [Added(0, "text", text)]


def watched(saver: Saver, opened: OpenedReply) -> LiveReply:
    """A live reply that the saver writes."""
    live = LiveReply(
        opened,
        on_stop=lambda: None,
        wake_saver=saver.wake,
        is_store_away=saver.is_store_away,
    )
    saver.watch(live)
    return live


def end(live: LiveReply, record: ReplyRecord) -> None:
    """End a reply and wait until that is written."""
    live.end(record)
    wait_until(lambda: live.follow(timeout_seconds=0.05).record is not None)
    assert live.wait_for_end(timeout_seconds=LIMIT_SECONDS)


@pytest.fixture
def opened(store: Store) -> OpenedReply:
    """An open reply."""
    return store.save_question(a_question())


@pytest.fixture
def saver(store: Store) -> Iterator[Saver]:
    """A saver on the store, closed at the end."""
    with Saver(store) as one:
        yield one


def test_what_is_shown_is_written(store: Store, saver: Saver, opened: OpenedReply) -> None:
    """Whoever is shown text finds it in the database at that moment."""
    live, position, expected = watched(saver, opened), 0, ""
    for number in range(50):
        expected += f"{number} "
        saver.add(live, said(f"{number} "))
        progress = live.follow(position, timeout_seconds=LIMIT_SECONDS)
        position = progress.position
        assert progress.is_durable
        assert text_of(store, opened).startswith(expected[:position])
    wait_until(lambda: text_of(store, opened) == expected)


def test_an_end_comes_after_the_text(store: Store, saver: Saver, opened: OpenedReply) -> None:
    """The record is what stays."""
    live = watched(saver, opened)
    saver.add(live, said("A c"))
    end(live, a_record("A cat."))
    assert reply_of(store.load_conversation(opened.conversation_id)) == a_record("A cat.")
    assert saver.find(opened.reply_id) is None


def test_many_threads_keep_their_order(store: Store, saver: Saver) -> None:
    """20 replies written from 20 threads each come out whole and in order."""
    replies = [store.save_question(a_question()) for _ in range(20)]

    def speak(live: LiveReply) -> None:
        for number in range(100):
            saver.add(live, said(f"{number},"))

    threads = [threading.Thread(target=speak, args=(watched(saver, reply),)) for reply in replies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = "".join(f"{number}," for number in range(100))
    for reply in replies:
        wait_until(lambda reply=reply: text_of(store, reply) == expected)  # type: ignore[misc]


def test_what_comes_together_is_committed_together(sqlite_store: Store) -> None:
    """2,000 pieces of two replies within an interval take a handful of commits."""
    replies = [sqlite_store.save_question(a_question()) for _ in range(2)]
    statements = statements_of(sqlite_store)
    with Saver(sqlite_store, interval_seconds=3600) as saver:
        lives = [watched(saver, reply) for reply in replies]
        wait_until(lambda: not saver._is_woken.is_set())
        for _ in range(1000):
            for live in lives:
                saver.add(live, said("x"))
    assert count_commits(statements) <= 3
    assert [text_of(sqlite_store, reply) for reply in replies] == ["x" * 1000] * 2


def test_a_reader_who_waits_has_it_committed(sqlite_store: Store) -> None:
    """Not the interval decides then, whether the reader or the text was first."""
    opened = sqlite_store.save_question(a_question())
    with Saver(sqlite_store, interval_seconds=3600) as saver:
        saver._interval_seconds = 0.02  # of the gap between two commits
        live, position = watched(saver, opened), 0
        for number in range(4):
            timer = threading.Timer(0.05 * (number % 2), lambda: saver.add(live, said("xy")))
            timer.start()
            position = live.follow(position, timeout_seconds=LIMIT_SECONDS).position
            assert position == 2 * (number + 1)
            timer.join()


def statements_of(store: Store) -> list[str]:
    """What the store has its database do from now on, statement by statement."""
    statements: list[str] = []

    def listen(connection: DBAPIConnection, _record: object) -> None:
        assert isinstance(connection, sqlite3.Connection)
        connection.set_trace_callback(statements.append)

    event.listen(store._databases.kept.engine, "connect", listen)
    store._databases.kept.engine.dispose()
    return statements


def count_commits(statements: list[str]) -> int:
    """How many transactions with text there were; a single statement may be one by itself."""
    begun = statements.count("BEGIN IMMEDIATE")
    alone = sum(
        text.startswith("INSERT INTO delta") and before != "BEGIN IMMEDIATE"
        for before, text in itertools.pairwise(["", *statements])
    )
    return begun + alone


def test_a_closed_saver_takes_nothing(sqlite_store: Store) -> None:
    """Closing writes what waits; afterwards all is refused, and closing again is harmless."""
    opened = sqlite_store.save_question(a_question())
    saver = Saver(sqlite_store)
    live = watched(saver, opened)
    saver.add(live, said("kept"))
    assert saver.close()
    with pytest.raises(StoreUnavailable):
        saver.add(live, said("lost"))
    assert saver.close()
    assert text_of(sqlite_store, opened) == "kept"


def go_through_an_outage(
    store: Store, opened: OpenedReply, enter: Callable[[], None], leave: Callable[[], None]
) -> set[str]:
    """Write while the store is away, have it come back, and return the reasons that were told.

    Text is shown meanwhile and said to be unwritten; everything must be there afterwards.
    """
    with Saver(store) as saver:
        live = watched(saver, opened)
        saver.add(live, said("before "))
        position = live.follow(timeout_seconds=LIMIT_SECONDS).position
        enter()
        for number in range(1, 21):
            saver.add(live, said(f"{number} "))
        wait_until(saver.is_store_away)
        reasons = {str(saver.outage)}
        shown = live.follow(position, timeout_seconds=0.1)
        assert (shown.position > position, shown.is_durable) == (True, False)
        time.sleep(0.3)
        reasons.add(str(saver.outage))
        leave()
        end(live, a_record("whole", ReplyEnd.STOPPED))
        assert live.follow(timeout_seconds=0).is_durable
        wait_until(lambda: not saver.is_store_away())
    record = reply_of(store.load_conversation(opened.conversation_id))
    assert record == a_record("whole", ReplyEnd.STOPPED)
    return reasons


def test_a_lock_that_is_held(sqlite_store: Store, tmp_path: Path) -> None:
    """Somebody else's lock on the file delays text and loses none."""
    opened = sqlite_store.save_question(a_question())
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    reasons = go_through_an_outage(
        sqlite_store,
        opened,
        lambda: other.execute("BEGIN IMMEDIATE").close(),
        lambda: other.execute("ROLLBACK").close(),
    )
    other.close()
    assert reasons <= {"slow", "locked"}


def set_on_every_connection(store: Store, statement: str) -> Callable[[], None]:
    """Run a statement on each connection the store makes from now on; returns what ends that."""
    engine = store._databases.kept.engine

    def run(connection: DBAPIConnection, _record: object) -> None:
        connection.cursor().execute(statement)

    event.listen(engine, "connect", run)
    engine.dispose()

    def stop() -> None:
        event.remove(engine, "connect", run)
        engine.dispose()

    return stop


def test_a_file_that_is_read_only(sqlite_store: Store) -> None:
    """A file that can't be written, told by its name, loses nothing that was handed over."""
    opened = sqlite_store.save_question(a_question())
    outage = ExitStack()

    def enter() -> None:
        outage.callback(set_on_every_connection(sqlite_store, "PRAGMA query_only=ON"))

    assert go_through_an_outage(sqlite_store, opened, enter, outage.close) == {"read_only"}


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
        store = Store(f"sqlite:///{disk}/store.db")
        opened = store.save_question(a_question())
        filler = disk / "filler"

        def fill() -> None:
            with filler.open("wb", buffering=0) as file:
                fails_in_the_end(lambda: file.write(b"x" * 4096), OSError)
            # What the write-ahead log has already claimed is used up first.
            for size in (4000, 1):  # the last page of it takes no more than a small write
                more = [words(opened.reply_id, "x" * size, choice_index=1)]
                fails_in_the_end(partial(store.append, more), StoreUnavailable)
            assert not all(store.is_writable() for _ in range(1000))  # the smallest write of all

        assert go_through_an_outage(store, opened, fill, filler.unlink) == {"full"}
        store.close()


def test_a_server_that_restarts(postgres: PostgresServer) -> None:
    """PostgreSQL killed and started again in the middle of answers costs not one character."""
    store = Store(postgres.new_database())
    opened = store.save_question(a_question())
    reasons = go_through_an_outage(store, opened, postgres.stop, postgres.start)
    assert reasons <= {"unreachable", "slow"}
    store.close()


def test_a_server_that_is_read_only(postgres: PostgresServer) -> None:
    """PostgreSQL that takes no writes for a while, as during a failover, costs nothing either."""
    url = postgres.new_database()
    name = sql.Identifier(make_url(url).database or "")
    store = Store(url)
    opened = store.save_question(a_question())

    def set_read_only(value: str) -> None:
        statement = sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = {}")
        postgres.execute(statement.format(name, sql.SQL(value)))
        store._databases.kept.engine.dispose()

    reasons = go_through_an_outage(
        store, opened, lambda: set_read_only("on"), lambda: set_read_only("off")
    )
    assert reasons == {"read_only"}
    store.close()


def test_a_store_that_hangs_is_an_outage(sqlite_store: Store, tmp_path: Path) -> None:
    """While a single write hangs, followers are shown text already."""
    opened = sqlite_store.save_question(a_question())
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    stop = set_on_every_connection(sqlite_store, "PRAGMA busy_timeout=60000")
    other.execute("BEGIN IMMEDIATE")
    with Saver(sqlite_store) as saver:
        live = watched(saver, opened)
        saver.add(live, said("text"))
        wait_until(saver.is_store_away)
        assert saver.outage == "slow"
        assert live.follow(timeout_seconds=0.1).position == 4
        other.execute("ROLLBACK")
        wait_until(lambda: not saver.is_store_away())
        wait_until(lambda: live.follow(timeout_seconds=0.1).is_durable)
    other.close()
    stop()
    assert text_of(sqlite_store, opened) == "text"


def test_memory_is_bounded(sqlite_store: Store, tmp_path: Path) -> None:
    """When too much text waits, the one who brings more waits too, and goes on afterwards."""
    opened = sqlite_store.save_question(a_question())
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    taken: list[int] = []
    with Saver(sqlite_store, max_waiting_characters=50_000) as saver:
        live = watched(saver, opened)

        def bring() -> None:
            for number in range(100):
                saver.add(live, said("x" * 1000))
                taken.append(number)

        thread = threading.Thread(target=bring)
        thread.start()
        wait_until(lambda: len(taken) >= 50)
        thread.join(0.5)
        assert thread.is_alive()
        assert len(taken) == 50
        other.execute("ROLLBACK")
        thread.join(LIMIT_SECONDS)
        assert len(taken) == 100
    other.close()
    assert text_of(sqlite_store, opened) == "x" * 100_000


def test_closing_in_an_outage_says_what_is_left(sqlite_store: Store, tmp_path: Path) -> None:
    """A saver closed while the store is locked gives up in time, frees who waits and says so."""
    opened = sqlite_store.save_question(a_question())
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    saver = Saver(sqlite_store, max_waiting_characters=1000)
    live = watched(saver, opened)
    saver.add(live, said("x" * 2000))
    refused: list[BaseException] = []

    def bring() -> None:
        try:
            saver.add(live, said("more"))
        except StoreUnavailable as error:
            refused.append(error)

    thread = threading.Thread(target=bring)
    thread.start()
    assert not saver.close(timeout_seconds=0.5)
    thread.join(LIMIT_SECONDS)
    other.execute("ROLLBACK")
    other.close()
    assert len(refused) == 1
    assert text_of(sqlite_store, opened) == ""

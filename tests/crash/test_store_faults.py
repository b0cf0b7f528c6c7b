"""The store fails under a live reply: it goes on, the page says so, and all is written later."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from augenblick.core.language import language
from augenblick.core.messages import ReplyEnd
from augenblick.store import Store
from tests.crash.playing import CountingEndpoint, count_up_to, shown_answer
from tests.faults.server import FaultServer
from tests.serving import AppServer, serve_app
from tests.store.postgres import PostgresServer, find_programs, running_postgres
from tests.streamlit_client import Page, open_page

Served = tuple[AppServer, CountingEndpoint]
Kept = dict[str, tuple[str, str]]  # address and shown answer, by mark
NOT_WRITTEN = language("en").text("chat.not_written")
LOST = language("en").text("error.store_lost.title")
UNAVAILABLE = language("en").text("error.store_unavailable.title")


def test_a_database_locked_by_somebody_else(tmp_path: Path) -> None:
    """A lock that lasts for seconds loses nothing."""
    with _served(tmp_path) as (server, endpoint):
        kept = asyncio.run(_live_through(server, endpoint, lambda: _locked(server)))
    _check_stored(f"sqlite:///{tmp_path}/data/augenblick.db", kept)


def test_files_that_can_not_be_written(tmp_path: Path) -> None:
    """Writes that the operating system refuses lose nothing, once it takes them again."""
    with _served(tmp_path) as (server, endpoint):
        kept = asyncio.run(_live_through(server, endpoint, lambda: _unwritable(server)))
    _check_stored(f"sqlite:///{tmp_path}/data/augenblick.db", kept)


def test_an_answer_that_ends_before_it_can_be_written(tmp_path: Path) -> None:
    """It stands there whole, the page waits at rest with its notice, and then it is finished."""
    with _served(tmp_path) as (server, endpoint):
        endpoint.length = 60
        asyncio.run(_end_unwritten(server))


def test_a_database_file_that_is_deleted(tmp_path: Path) -> None:
    """A live answer, a question and an idle page say so within seconds, and so does the log."""
    with _served(tmp_path) as (server, _):
        asyncio.run(_see_it_deleted(server))
    assert "augenblick.db was deleted while the server was running" in server.output
    assert str(server.data_dir) in server.output
    assert server.output.count("Nothing is being saved") == 1
    assert not (server.data_dir / "augenblick.db").exists()


def test_a_database_of_a_newer_version(tmp_path: Path) -> None:
    """The server starts, page and log say what is wrong and what to do; nothing is touched."""
    file = tmp_path / "data" / "augenblick.db"
    Store(f"sqlite:///{file}").close()
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with _served(tmp_path) as (server, _):
        asyncio.run(_see_notice(server, language("en").text("error.database_too_new.title")))
    assert "written by a newer version of Augenblick (tables 9999" in server.output


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """The same for something else in the place of the database."""
    file = tmp_path / "data" / "augenblick.db"
    file.parent.mkdir()
    file.write_bytes(b"no database" * 1000)
    with _served(tmp_path) as (server, _):
        asyncio.run(_see_notice(server, LOST))
    assert "The database file is damaged or no database (SQLITE_NOTADB)" in server.output
    assert file.read_bytes() == b"no database" * 1000


def test_a_full_file_system(tmp_path: Path) -> None:
    """A full disk loses nothing, once there is room again."""
    with _small_disk(tmp_path / "disk") as disk:
        with _served(tmp_path, disk) as (server, endpoint):
            kept = asyncio.run(_live_through(server, endpoint, lambda: _full(disk)))
        _check_stored(f"sqlite:///{disk}/augenblick.db", kept)


def test_a_database_server_that_restarts(tmp_path: Path) -> None:
    """PostgreSQL may be restarted under live replies; a page that needs it comes back by itself."""
    with _postgres() as postgres:
        url = postgres.new_database()
        with _served(tmp_path, AUGENBLICK_DATABASE_URL=url) as (server, endpoint):
            kept = asyncio.run(_live_through(server, endpoint, lambda: _stopped(postgres)))
            asyncio.run(_come_back(server, postgres))
        _check_stored(url, kept)


def test_a_server_started_before_its_database(tmp_path: Path) -> None:
    """The page says what is missing and opens by itself when the database is there."""
    with _postgres() as postgres:
        url = postgres.new_database()
        postgres.stop("fast")
        with _served(tmp_path, AUGENBLICK_DATABASE_URL=url) as (server, _):
            asyncio.run(_wait_for_database(server, postgres))


async def _live_through(
    server: AppServer, endpoint: CountingEndpoint, fault: Callable[[], AbstractContextManager[None]]
) -> Kept:
    """Ask in one tab, break the store, try to ask in another, mend it, and stop the answer."""
    async with open_page(server.url) as page, open_page(server.url) as other:
        await other.wait_for(lambda: other.is_idle)
        await page.submit("q1?")
        await page.wait_for(lambda: " 5" in shown_answer(page, "q1"))
        assert NOT_WRITTEN not in page.notices
        with fault():
            await page.wait_for(lambda: NOT_WRITTEN in page.notices)
            await _see_more(page)
            await other.submit("q2?")
            await other.wait_for(lambda: UNAVAILABLE in " ".join(other.notices))
            await other.wait_for(lambda: "q2?" in other.given_back)
            await _see_more(page)
        await page.wait_for(lambda: NOT_WRITTEN not in page.notices)
        await _see_more(page)
        await page.stop()
        await page.wait_for(lambda: page.is_idle)
        assert endpoint.asked == ["q1"]
        await other.submit(other.given_back[-1])
        await other.wait_for(lambda: " 5" in shown_answer(other, "q2"))
        await other.wait_for(lambda: UNAVAILABLE not in " ".join(other.notices))
        await other.stop()
        await other.wait_for(lambda: other.is_idle)
        tabs = {"q1": page, "q2": other}
        return {mark: (tab.query, shown_answer(tab, mark)) for mark, tab in tabs.items()}


async def _end_unwritten(server: AppServer) -> None:
    whole = count_up_to("q1", 60).rstrip()
    async with open_page(server.url) as page:
        await page.submit("q1?")
        await page.wait_for(lambda: " 5" in shown_answer(page, "q1"))
        with _unwritable(server):
            await page.wait_for(lambda: shown_answer(page, "q1").rstrip() == whole)
            await page.wait_for(lambda: NOT_WRITTEN in page.notices)
            runs = page.runs
            await asyncio.sleep(2)
            assert page.runs == runs
            assert NOT_WRITTEN in page.notices
            assert "Ask again" not in page.buttons
        await page.wait_for(lambda: page.is_idle and "Ask again" in page.buttons)
        assert NOT_WRITTEN not in page.notices
        assert shown_answer(page, "q1") == whole


async def _see_it_deleted(server: AppServer) -> None:
    async with open_page(server.url) as page, open_page(server.url) as other:
        await other.wait_for(lambda: other.is_idle)
        await page.submit("q1?")
        await page.wait_for(lambda: " 5" in shown_answer(page, "q1"))
        (server.data_dir / "augenblick.db").unlink()
        await page.wait_for(lambda: NOT_WRITTEN in page.notices)
        await other.submit("q2?")
        await other.wait_for(lambda: LOST in " ".join(other.notices))
        await other.wait_for(lambda: "q2?" in other.given_back)


async def _see_notice(server: AppServer, title: str) -> None:
    async with open_page(server.url) as page:
        await page.wait_for(lambda: title in " ".join(page.notices))


async def _see_more(page: Page) -> None:
    """The answer goes on growing."""
    before = shown_answer(page, "q1")
    await page.wait_for(lambda: len(shown_answer(page, "q1")) > len(before) + 20)
    assert shown_answer(page, "q1").startswith(before)


async def _come_back(server: AppServer, postgres: PostgresServer) -> None:
    async with open_page(server.url) as page:
        await page.submit("q3?")
        await page.wait_for(lambda: " 5" in shown_answer(page, "q3"))
        await page.stop()
        await page.wait_for(lambda: page.is_idle)
        with _stopped(postgres):
            await page.rerun()
            await page.wait_for(lambda: UNAVAILABLE in " ".join(page.notices))
        await page.wait_for(lambda: page.is_idle and UNAVAILABLE not in " ".join(page.notices))
        assert " 5" in shown_answer(page, "q3")


async def _wait_for_database(server: AppServer, postgres: PostgresServer) -> None:
    async with open_page(server.url) as page:
        await page.wait_for(lambda: UNAVAILABLE in " ".join(page.notices))
        postgres.start()
        await page.wait_for(lambda: page.composer is not None and page.is_idle)
        await page.wait_for(lambda: page.notices == [])
        await page.submit("q1?")
        await page.wait_for(lambda: " 5" in shown_answer(page, "q1"))


def _check_stored(url: str, kept: Kept) -> None:
    """What had been shown is kept, whole and marked as stopped."""
    with contextlib.closing(Store(url)) as store:
        for mark, (address, shown) in kept.items():
            question, answer = store.load_conversation(address.removeprefix("c=")).nodes
            text = answer.message.text
            assert question.message.text == f"{mark}?"
            assert text == count_up_to(mark, text.count(" ") - 1)
            assert text.startswith(shown)
            assert answer.reply is not None
            assert answer.reply.end is ReplyEnd.STOPPED


@contextlib.contextmanager
def _served(folder: Path, data_dir: Path | None = None, **env: str) -> Iterator[Served]:
    endpoint = CountingEndpoint()
    env |= {"AUGENBLICK_DATA_DIR": str(data_dir or folder / "data")}
    with FaultServer(endpoint) as listening:
        env |= {"OPENAI_BASE_URL": listening.base_url}
        with serve_app(folder, env=env) as server:
            yield server, endpoint


@contextlib.contextmanager
def _locked(server: AppServer) -> Iterator[None]:
    """Somebody else writes to the database while the block runs, for eight seconds at least."""
    file = server.data_dir / "augenblick.db"
    with contextlib.closing(sqlite3.connect(file, timeout=30, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        ends = time.monotonic() + 8
        yield
        while time.monotonic() < ends:
            time.sleep(0.1)
        other.execute("ROLLBACK")


@contextlib.contextmanager
def _unwritable(server: AppServer) -> Iterator[None]:
    """The system refuses every write of the server to a file (Linux)."""
    pid = server.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    yield
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    """A file system of four megabytes; who may not mount one skips the test."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(folder)]
    try:
        mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("mounting a small file system needs root on Linux")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextlib.contextmanager
def _full(disk: Path) -> Iterator[None]:
    """A file that takes what is left."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 512):
            pass
    yield
    filler.unlink()


@contextlib.contextmanager
def _postgres() -> Iterator[PostgresServer]:
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with running_postgres(programs, syncs=False) as postgres:
        yield postgres


@contextlib.contextmanager
def _stopped(postgres: PostgresServer) -> Iterator[None]:
    postgres.stop("fast")
    yield
    postgres.start()

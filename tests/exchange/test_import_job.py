"""A file with conversations on its way into the store."""

from __future__ import annotations

import base64
import json
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from augenblick.exchange.import_limits import ImportLimits
from augenblick.pictures import PicturePool
from augenblick.store import Store
from augenblick.ui.history.import_job import ImportJob
from tests.exchange.values import GERMAN, a_drawing

_GOOD = {"messages": [{"role": "user", "content": "Was ist das?"}], "title": "Gut"}
_BAD = {"messages": 5, "title": "Schlecht"}


def _done(content: bytes, store: Store, pool: PicturePool) -> ImportJob:
    job = ImportJob(content, owner="me", language=GERMAN, pool=pool, store=store).start()
    assert job.done.wait(60)
    return job


def test_good_ones_are_saved_and_bad_ones_named(store: Store, pool: PicturePool) -> None:
    """Each conversation on its own, for the person who gave the file."""
    job = _done(json.dumps([_GOOD, _BAD, _GOOD]).encode(), store, pool)

    assert job.titles == ["Gut", "Gut"]
    assert [failure.params["title"] for failure in job.refused] == ["Schlecht"]
    assert job.failure is None
    assert [summary.title for summary in store.list_conversations("me")] == ["Gut", "Gut"]
    assert store.list_conversations("other") == []


def test_nothing_is_left_of_a_conversation_that_is_refused(
    store: Store, pool: PicturePool, tmp_path: Path
) -> None:
    """Its pictures and first messages were written by then; the next purge removes them."""
    uri = f"data:image/png;base64,{base64.b64encode(a_drawing()).decode()}"
    picture = {"type": "image_url", "image_url": {"url": uri}}
    first = {"role": "user", "content": [picture, {"type": "text", "text": "Pferd " * 20_000}]}
    last = {"role": "user", "content": "x" * ImportLimits().max_message_bytes}
    document = {"messages": [first, last], "title": "Lang"}

    job = _done(json.dumps([_GOOD, document, _GOOD]).encode(), store, pool)

    assert job.titles == ["Gut", "Gut"]
    assert [failure.code for failure in job.refused] == ["import_too_large"]
    assert len(store.list_conversations("me")) == 2
    assert store.search("me", "Pferd") == []
    store.purge(deleted_before=datetime.now(UTC) - timedelta(minutes=10))
    with closing(sqlite3.connect(tmp_path / "store.db")) as database:
        counts = [
            database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
            for table in ("conversation", "node", "part", "picture", "picture_bytes")
        ]
    assert counts == [2, 2, 2, 0, 0]


def test_nothing_is_saved_once_it_was_stopped(store: Store, pool: PicturePool) -> None:
    """Whoever deletes everything meanwhile does not get the rest of the file afterwards."""
    content = json.dumps([_GOOD] * 3).encode()
    job = ImportJob(content, owner="me", language=GERMAN, pool=pool, store=store)
    job.stop()

    assert job.start().done.wait(60)
    assert job.failure is None
    assert store.list_conversations("me") == []


def test_files_are_taken_in_turn(store: Store, pool: PicturePool) -> None:
    """Whoever comes second waits and can be told so; both are read."""
    content = json.dumps([_GOOD] * 30).encode()
    first, second = (
        ImportJob(content, owner=owner, language=GERMAN, pool=pool, store=store)
        for owner in ("me", "you")
    )

    first.start()
    while first.is_waiting:
        time.sleep(0.001)
    assert second.start().is_waiting

    assert first.done.wait(120)
    assert second.done.wait(120)
    assert not second.is_waiting
    assert len(store.list_conversations("me")) == len(store.list_conversations("you")) == 30


def test_a_file_that_is_no_export_is_said(store: Store, pool: PicturePool) -> None:
    """The reason stands there, and nothing was written."""
    job = _done(b"%PDF-1.7", store, pool)

    assert job.failure is not None
    assert job.failure.code == "import_unknown"
    assert store.list_conversations("me") == []


def test_a_store_in_trouble_is_said(store: Store, pool: PicturePool, tmp_path: Path) -> None:
    """What goes wrong while saving reaches the page, which waits for the end."""
    store.close()
    (tmp_path / "store.db").write_bytes(b"no database" * 1000)

    job = _done(json.dumps(_GOOD).encode(), store, pool)

    assert job.failure is not None
    assert job.failure.code == "store_lost"  # the file is no longer the one that was opened
    assert job.titles == []

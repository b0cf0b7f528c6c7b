"""A file with conversations on its way into the store."""

from __future__ import annotations

import json
from pathlib import Path

from augenblick.images import PicturePool
from augenblick.sql_store import SqlStore
from augenblick.ui.import_job import ImportJob
from tests.exchange.values import GERMAN

_GOOD = {"messages": [{"role": "user", "content": "Was ist das?"}], "title": "Gut"}
_BAD = {"messages": 5, "title": "Schlecht"}


def _done(content: bytes, store: SqlStore, pool: PicturePool) -> ImportJob:
    job = ImportJob(
        content, owner="me", language=GERMAN, prepare=pool.prepare_many, store=store
    ).start()
    assert job.done.wait(60)
    return job


def test_good_ones_are_saved_and_bad_ones_named(store: SqlStore, pool: PicturePool) -> None:
    """Each conversation on its own, for the person who gave the file."""
    job = _done(json.dumps([_GOOD, _BAD, _GOOD]).encode(), store, pool)

    assert job.titles == ["Gut", "Gut"]
    assert [failure.params["title"] for failure in job.refused] == ["Schlecht"]
    assert job.failure is None
    assert [summary.title for summary in store.list_conversations("me")] == ["Gut", "Gut"]
    assert store.list_conversations("other") == []


def test_nothing_is_saved_once_it_was_stopped(store: SqlStore, pool: PicturePool) -> None:
    """Whoever deletes everything meanwhile does not get the rest of the file afterwards."""
    content = json.dumps([_GOOD] * 3).encode()
    job = ImportJob(content, owner="me", language=GERMAN, prepare=pool.prepare_many, store=store)
    job.stop()

    assert job.start().done.wait(60)
    assert job.failure is None
    assert store.list_conversations("me") == []


def test_a_file_that_is_no_export_is_said(store: SqlStore, pool: PicturePool) -> None:
    """The reason stands there, and nothing was written."""
    job = _done(b"%PDF-1.7", store, pool)

    assert job.failure is not None
    assert job.failure.code == "import_unknown"
    assert store.list_conversations("me") == []


def test_a_store_in_trouble_is_said(store: SqlStore, pool: PicturePool, tmp_path: Path) -> None:
    """What goes wrong while saving reaches the page, which waits for the end."""
    store.close()
    (tmp_path / "store.db").write_bytes(b"no database" * 1000)

    job = _done(json.dumps(_GOOD).encode(), store, pool)

    assert job.failure is not None
    assert job.failure.code == "store_unavailable"
    assert job.titles == []

"""A picture pool and a store for conversations that go out and come in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from augenblick.pictures import PicturePool
from augenblick.store import Store


@pytest.fixture(scope="session")
def pool() -> Iterator[PicturePool]:
    """A pool with its real limits, but with time for machines that are busy with other tests."""
    with PicturePool(time_limit_seconds=120) as shared:
        yield shared


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An open, empty store."""
    opened = Store(f"sqlite:///{tmp_path}/store.db")
    yield opened
    opened.close()

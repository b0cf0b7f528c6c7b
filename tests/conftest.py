"""Fixtures for every room: a clean environment, and the real server."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.serving import FOREIGN_SETTINGS, AppServer, serve_app


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the keys and settings of the person who runs it."""
    for name in list(os.environ):
        if name.startswith(FOREIGN_SETTINGS):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def app_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """The real server, started as a person starts it, without an endpoint; shared by the tests.

    A test that needs other settings, or kills it, starts its own with `tests.serving.serve_app`.
    """
    folder = tmp_path_factory.mktemp("server")
    with serve_app(folder) as server:
        yield server

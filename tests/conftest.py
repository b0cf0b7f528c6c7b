"""Fixtures for every room: a clean environment, and the real server; and what is quick."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import FOREIGN_SETTINGS, AppServer, serve_app, serve_script

_TESTS = Path(__file__).parent
_STARTERS = (subprocess, serve_app, serve_script)
_STARTED = {"app_server", "browser", "reader", "text_reader", "postgres", "pool"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what starts no process and loads no models as quick; keep files together.

    A group (`--dist loadgroup`) shares what it starts. The longest come first, so that no process
    is left with one at the end, but the browser's last: Playwright's synchronous interface leaves
    an event loop running in the thread of the tests.
    """
    for item in items:
        folder = item.path.relative_to(_TESTS).parts[0]
        group = folder if folder == "reader" else item.path.relative_to(_TESTS).as_posix()
        item.add_marker(pytest.mark.xdist_group(group))
        if folder == "browser":
            item.add_marker(pytest.mark.browser)
        elif not _starts_a_process(item):
            item.add_marker(pytest.mark.quick)
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    folder = item.path.relative_to(_TESTS).parts[0]
    return {"reader": 0, "browser": 2}.get(folder, 1)


def _starts_a_process(item: pytest.Item) -> bool:
    """Whether its module can, or it uses a fixture or a database that is started."""
    assert isinstance(item, pytest.Function)
    in_module = vars(item.module).values()
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return (
        any(starter is each for starter in _STARTERS for each in in_module)
        or not _STARTED.isdisjoint(item.fixturenames)
        or "postgresql" in parameters
    )


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the keys and settings of the person who runs it, or the models they run."""
    for name in list(os.environ):
        if name.startswith(FOREIGN_SETTINGS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AUGENBLICK_LOCAL_PORTS", "off")
    monkeypatch.setenv("AUGENBLICK_TEST_PICTURE", "off")


@pytest.fixture(scope="session")
def app_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """The real server, started as a person starts it, without an endpoint; shared by the tests.

    A test that needs other settings, or kills it, starts its own with `tests.serving.serve_app`.
    """
    folder = tmp_path_factory.mktemp("server")
    with serve_app(folder) as server:
        yield server

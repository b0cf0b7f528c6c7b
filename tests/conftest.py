"""Fixtures for every room: a clean environment, and the real server; and what is quick."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

from augenblick.ops.doctor import examine
from augenblick.ops.reader_process import ReaderProcess
from augenblick.pictures import PicturePool
from augenblick.reader.ocr import TextReader
from tests.growth import assert_linear
from tests.serving import FOREIGN_SETTINGS, AppServer, serve_app

_TESTS = Path(__file__).parent
# Processes, the reader's models, measurements and examinations take seconds.
_SLOW: tuple[object, ...] = (
    *(subprocess, PicturePool, ReaderProcess, TextReader),
    *(assert_linear, examine),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as quick what uses nothing that is slow; the longest come first, the browser's last.

    Playwright's synchronous interface leaves an event loop running in the thread of the tests.
    """
    for item in items:
        folder = item.path.relative_to(_TESTS).parts[0]
        if folder == "browser":
            item.add_marker(pytest.mark.browser)
        elif not _is_slow(item):
            item.add_marker(pytest.mark.quick)
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    folder = item.path.relative_to(_TESTS).parts[0]
    return {"reader": 0, "crash": 1, "pages": 2, "browser": 4}.get(folder, 3)


def _is_slow(item: pytest.Item) -> bool:
    """Whether the test or one of its fixtures leads to what is slow, or it has a PostgreSQL."""
    assert isinstance(item, pytest.Function)
    if item.get_closest_marker("slow"):
        return True
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    fixtures: list[Any] = [
        it.func for found in item._fixtureinfo.name2fixturedefs.values() for it in found
    ]
    return "postgres" in " ".join(map(str, parameters)).lower() or any(
        map(_leads_to_slow, (item.function, *fixtures))
    )


@functools.cache
def _leads_to_slow(start: Callable[..., Any]) -> bool:
    """Whether a function names what is slow, or functions and classes of the tests that do."""
    found, seen = [start], set[object]()
    while found:
        function = found.pop()
        if not isinstance(function, FunctionType) or function in seen:
            continue
        seen.add(function)
        used = [function.__globals__.get(name) for name in _names(function.__code__)]
        if any(slow is it for slow in _SLOW for it in used):
            return True
        for it in filter(_is_of_tests, used):
            inside: Iterable[Any] = vars(it).values() if isinstance(it, type) else (it,)
            found += [getattr(each, "__wrapped__", each) for each in inside]
    return False


def _is_of_tests(it: object) -> bool:
    module = sys.modules.get(str(getattr(it, "__module__", "")))
    return str(getattr(module, "__file__", "")).startswith(str(_TESTS))


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


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

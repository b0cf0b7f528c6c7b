"""Imports go downwards only, and foreign libraries stay in their rooms.

A room is a module or package directly under `augenblick/`, besides `pages` and `app`.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from augenblick.places import PROJECT_DIR

# From the ground up. A room may import from any floor below its own, and from nothing beside it.
_FLOORS = (
    ("errors", "places", "samples", "blocks", "budget"),
    ("messages", "settings", "language", "search_words", "refusals", "retries"),
    ("images", "providers", "chunks", "lanes", "transport", "conversations", "usage"),
    (
        *("payload", "sse", "store", "reply", "structured", "trace", "tools"),
        *("migrations", "queueing", "retention"),
    ),
    (
        *("client", "sql_store", "reply_log", "exchange", "side_by_side", "agreement"),
        *("snippets", "estimates", "rhythm"),
    ),
    ("remedies", "following", "intake", "fitted_pictures", "closer_look"),
    ("calling",),
    ("writing",),
    ("answering",),
    ("web", "launch", "doctor"),
    ("ui",),
    ("pages",),
    ("app",),
)
_ALONE = {"reader"}  # imports nothing from the core, and only its process knows it

_ROOMS_OF = {
    "streamlit": {"ui", "pages", "app"},
    "sqlalchemy": {"sql_store", "migrations"},
    "alembic": {"sql_store", "migrations"},
    "requests": {"client", "transport"},
    "urllib3": {"client", "transport"},
    "sseclient": {"sse"},
    "PIL": {"images", "reader", "samples", "doctor"},
    "pillow_heif": {"images", "reader", "samples", "doctor"},
    "pypdfium2": {"images"},
}

_HEIGHT = {room: height for height, floor in enumerate(_FLOORS) for room in floor}


def _sources() -> Iterator[Path]:
    yield PROJECT_DIR / "app.py"
    for folder in ("augenblick", "pages"):
        yield from sorted((PROJECT_DIR / folder).rglob("*.py"))


def _room(path: Path) -> str:
    parts = path.relative_to(PROJECT_DIR).with_suffix("").parts
    return parts[1] if parts[0] == "augenblick" else parts[0]


def _imported(path: Path) -> Iterator[str]:
    """Every module a file imports, wherever the import stands; dotted, absolute."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            # `from augenblick import payload` names the room after the import
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _rooms_imported(path: Path) -> set[str]:
    parts = [name.split(".") for name in _imported(path)]
    return {names[1] for names in parts if names[0] == "augenblick" and len(names) > 1}


_SOURCES = [pytest.param(path, id=str(path.relative_to(PROJECT_DIR))) for path in _sources()]


@pytest.mark.parametrize("path", _SOURCES)
def test_imports_go_downwards(path: Path) -> None:
    """No room imports one above or beside it; every room stands in the table."""
    room = _room(path)
    imported = _rooms_imported(path) - {room}
    if room in _ALONE:
        assert imported == set()
        return
    if room == "__init__":
        assert imported == set()
        return

    assert room in _HEIGHT, f"give the room {room} a floor in this table"
    assert imported <= set(_HEIGHT), f"{room} imports {imported - set(_HEIGHT)}"
    too_high = {other for other in imported if _HEIGHT[other] >= _HEIGHT[room]}
    assert not too_high, f"{room} imports {too_high}, which is not below it"


@pytest.mark.parametrize("path", _SOURCES)
def test_foreign_libraries_stay_in_their_rooms(path: Path) -> None:
    """Streamlit, the database, the network and the picture library are known to few rooms."""
    room = _room(path)
    libraries = {name.split(".")[0] for name in _imported(path)}

    strangers = {lib for lib in libraries & set(_ROOMS_OF) if room not in _ROOMS_OF[lib]}
    assert not strangers, f"{room} imports {strangers}"


def _core_modules() -> list[str]:
    names = []
    for path in sorted((PROJECT_DIR / "augenblick").rglob("*.py")):
        # an entry point and a migration do their work when they are imported
        if _room(path) in {"ui", "migrations"} or path.stem == "__main__":
            continue
        parts = path.relative_to(PROJECT_DIR).with_suffix("").parts
        names.append(".".join(part for part in parts if part != "__init__"))
    return names


def test_core_is_importable_without_streamlit() -> None:
    """A plain script can use every module of the core where Streamlit is not installed."""
    script = (
        "import importlib, sys\n"
        "sys.modules['streamlit'] = None\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *_core_modules()],
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr

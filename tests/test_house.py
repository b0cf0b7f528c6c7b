"""The rooms of the project: imports go downwards only, foreign libraries stay in few rooms.

A room is a package directly under `augenblick/`, besides `pages` and `app.py`. ARCHITECTURE.md
draws the same table.
"""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from augenblick.core.paths import PROJECT_DIR

# From the ground up: a room may import from those before it in its row's list, and from itself.
_MAY_IMPORT: dict[str, set[str]] = {
    "core": set(),
    "endpoint": {"core"},
    "store": {"core"},
    "pictures": {"core", "endpoint"},
    "exchange": {"core", "endpoint", "store", "pictures"},
    "lab": {"core", "endpoint", "store", "pictures", "exchange"},
    "chat": {"core", "endpoint", "store", "pictures", "exchange", "lab"},
    "web": {"core", "store", "pictures", "exchange", "chat"},
    "reader": {"core", "pictures"},  # a process of its own; it shares leaves only
    "ops": {"core", "endpoint", "store", "pictures", "exchange", "lab", "chat", "web", "reader"},
    "ui": {"core", "endpoint", "store", "pictures", "exchange", "lab", "chat", "web", "ops"},
}
_ENTRY_POINTS = {"backup", "doctor", "launch"}  # `python -m augenblick.NAME`, nothing else in them
_ROOMS_OF = {
    "streamlit": {"ui", "pages", "app"},
    "sqlalchemy": {"store"},
    "alembic": {"store"},
    "requests": {"endpoint"},
    "urllib3": {"endpoint"},
    "sseclient": {"endpoint"},
    "PIL": {"pictures", "reader", "ops"},
    "pillow_heif": {"pictures", "reader"},
    "pypdfium2": {"pictures"},
}


def _sources() -> Iterator[Path]:
    yield PROJECT_DIR / "app.py"
    for folder in ("augenblick", "pages"):
        yield from sorted((PROJECT_DIR / folder).rglob("*.py"))


def _parts(path: Path) -> tuple[str, ...]:
    return path.relative_to(PROJECT_DIR).with_suffix("").parts


def _room(path: Path) -> str:
    parts = _parts(path)
    return parts[1] if parts[0] == "augenblick" else parts[0]


@functools.cache
def _imported(path: Path) -> tuple[str, ...]:
    """Every module a file imports, wherever the import stands; dotted, absolute."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names += (f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(names)


def _modules() -> dict[str, Path]:
    names: dict[str, Path] = {}
    for path in _sources():
        parts = _parts(path)
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


_MODULES = _modules()
_SOURCES = [pytest.param(path, id=str(path.relative_to(PROJECT_DIR))) for path in _sources()]


def test_there_are_eleven_rooms() -> None:
    """A twelfth wants a reason in ARCHITECTURE.md first."""
    folders = {path.parent.name for path in (PROJECT_DIR / "augenblick").glob("*/*.py")}

    assert folders == set(_MAY_IMPORT)
    modules = {path.stem for path in (PROJECT_DIR / "augenblick").glob("*.py")}
    assert modules == _ENTRY_POINTS | {"__init__"}


@pytest.mark.parametrize("path", _SOURCES)
def test_imports_go_downwards(path: Path) -> None:
    """No room imports one above it, and nothing imports a page."""
    room = _room(path)
    names = [name.split(".") for name in _imported(path)]
    imported = {parts[1] for parts in names if parts[0] == "augenblick" and len(parts) > 1}

    assert "pages" not in {parts[0] for parts in names}
    if room in _MAY_IMPORT:
        assert imported <= _MAY_IMPORT[room] | {room}


@pytest.mark.parametrize("path", _SOURCES)
def test_foreign_libraries_stay_in_their_rooms(path: Path) -> None:
    """Streamlit, the database, the network and the picture library are known to few rooms."""
    room = _room(path)
    libraries = {name.split(".")[0] for name in _imported(path)}

    strangers = {lib for lib in libraries & set(_ROOMS_OF) if room not in _ROOMS_OF[lib]}
    assert not strangers, f"{room} imports {strangers}"


def test_no_module_imports_itself_in_a_circle() -> None:
    """Lazy imports count: what needs the other to be loaded belongs in one file with it."""
    arrows = {
        name: {_module_of(imported) for imported in _imported(path)} - {None, name}
        for name, path in _MODULES.items()
    }
    for package in [name for name, path in _MODULES.items() if path.stem == "__init__"]:
        # a package's front re-exports its modules, which may import the package's name again
        arrows[package] = {to for to in arrows[package] if not str(to).startswith(package + ".")}
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join([*way[way.index(name) :], name])
        if name not in done:
            for other in sorted(str(to) for to in arrows[name]):
                visit(other, (*way, name))
            done.add(name)

    for name in _MODULES:
        visit(name, ())


def _module_of(imported: str) -> str | None:
    """The module of ours that an imported name is, or stands in."""
    if imported in _MODULES:
        return imported
    parent = imported.rpartition(".")[0]
    return parent if parent in _MODULES else None


def test_no_module_name_stands_twice() -> None:
    """A name said aloud means one file."""
    names = Counter(
        path.stem
        for name, path in _MODULES.items()
        if path.stem not in {"__init__", "__main__"} and name.count(".") > 1
    )

    assert [name for name, count in names.items() if count > 1] == []


def test_core_is_importable_without_streamlit() -> None:
    """A plain script can use every module below the page where Streamlit is not installed."""
    names = [
        name
        for name, path in _MODULES.items()
        # an entry point and a migration do their work when they are imported
        if _room(path) not in {"ui", "pages", "app"}
        and path.stem != "__main__"
        and ".migrations" not in name
    ]
    script = (
        "import importlib, sys\n"
        "sys.modules['streamlit'] = None\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *names],
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr

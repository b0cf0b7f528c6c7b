"""Everything that is kept lies in one folder, wherever the server is started from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from augenblick.core.paths import PROJECT_DIR, configured_path, data_dir
from augenblick.store import open_store
from augenblick.web.browser_cookie import KEY_FILE, cookie_key


def test_database_and_cookie_key_share_a_folder_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative folder counts from the project for both, not from where somebody stands."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    environ = {"AUGENBLICK_DATA_DIR": os.path.relpath(tmp_path / "kept", PROJECT_DIR)}

    open_store(environ).close()
    cookie_key(environ, folder=data_dir(environ))

    assert {"augenblick.db", KEY_FILE} <= {path.name for path in (tmp_path / "kept").iterdir()}
    assert list(elsewhere.iterdir()) == []


def test_relative_database_file_counts_from_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sqlite:///data/other.db` is one file, wherever the server is started."""
    monkeypatch.chdir(tmp_path)
    file = os.path.relpath(tmp_path / "kept" / "other.db", PROJECT_DIR)

    open_store({"AUGENBLICK_DATABASE_URL": f"sqlite:///{file}"}).close()

    assert (tmp_path / "kept" / "other.db").exists()


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("data", PROJECT_DIR / "data"),
        ("/var/lib/augenblick", Path("/var/lib/augenblick")),
        ("~/augenblick", Path("/home/ada/augenblick")),
        ("~nobody-of-this-name/x", PROJECT_DIR / "~nobody-of-this-name" / "x"),
    ],
)
def test_configured_paths(text: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The home folder may be written short, an absolute path stays what it is."""
    monkeypatch.setenv("HOME", "/home/ada")
    assert configured_path(text) == path

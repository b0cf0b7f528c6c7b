"""Where the project lies on the disk, and where it may write."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

PROJECT_DIR = Path(__file__).resolve().parents[2]


def configured_path(text: str) -> Path:
    """A path as configured: `~` is the home folder, a relative one counts from the project.

    So it does not matter where the server was started.
    """
    return PROJECT_DIR / os.path.expanduser(text)  # noqa: PTH111  # Path's fails for an unknown user


def data_dir(environ: Mapping[str, str]) -> Path:
    """The folder for everything that is kept; AUGENBLICK_DATA_DIR, else `data/` in the project.

    The folder may not exist yet.
    """
    return configured_path(environ.get("AUGENBLICK_DATA_DIR", "").strip() or "data")

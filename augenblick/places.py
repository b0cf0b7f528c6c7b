"""Where the project lies on the disk, and where it may write."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

PROJECT_DIR = Path(__file__).resolve().parent.parent


def data_dir(environ: Mapping[str, str]) -> Path:
    """The folder for everything that is kept; AUGENBLICK_DATA_DIR, else `data/` in the project.

    A relative path counts from the project, so that it does not matter where the server was
    started. The folder may not exist yet.
    """
    return PROJECT_DIR / (environ.get("AUGENBLICK_DATA_DIR", "").strip() or "data")

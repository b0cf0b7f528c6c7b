"""The Chromium of this machine that the browser tests use."""

from __future__ import annotations

import shutil
from typing import Final

# The first has no window at all: a profile of it costs an eighth of the CPU.
_NAMES: Final = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)


def find_chromium() -> str:
    """The path of its program. Raises FileNotFoundError where there is none."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        raise FileNotFoundError("no Chromium: `.ci/provide` installs one")
    return found

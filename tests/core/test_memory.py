"""Freed memory goes back to the system."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from augenblick.core.memory import give_back_memory


@pytest.mark.skipif(sys.platform != "linux", reason="others do it by themselves")
def test_what_lies_free_between_used_pieces_goes_back() -> None:
    """Of 200 MB in small pieces every fiftieth stays, so the C library could drop nothing."""
    pieces = [b"x" * 100_000 for _ in range(2_000)]
    kept = pieces[49::50]
    full = _resident_bytes()
    del pieces

    give_back_memory()

    assert _resident_bytes() < full - 150_000_000
    assert len(kept) == 40


def _resident_bytes() -> int:
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return 1024 * int(found[1])

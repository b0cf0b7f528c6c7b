"""What a process with little to lose needs: an environment without secrets, a deadline, an end."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path
from typing import IO, Self, cast

PACKAGE_ROOT = Path(__file__).resolve().parents[2]
_KEPT_VARIABLES = ("LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "PYTHONPATH", "SYSTEMROOT", "TEMP")
_ALLOCATION = {  # of glibc; others ignore it
    "MALLOC_ARENA_MAX": "2",  # each further arena would cost 64 MB of addresses
    "MALLOC_MMAP_THRESHOLD_": str(32 * 1024 * 1024),  # with the next: 5 % faster photographs,
    "MALLOC_TRIM_THRESHOLD_": str(64 * 1024 * 1024),  # whose pages serve the next one too
}


class Deadline:
    """Kills a process when the block takes too long."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self.has_passed = False
        self._process = process
        self._timer = threading.Timer(seconds, self._pass)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _pass(self) -> None:
        self.has_passed = True
        self._process.kill()


def environment() -> dict[str, str]:
    """What a worker needs of ours. No key, no proxy, no address is among it."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return kept | _ALLOCATION


def pipe(stream: IO[bytes] | None) -> IO[bytes]:
    """The pipe of a process that was started with one."""
    return cast("IO[bytes]", stream)  # both were asked for


def terminate(process: subprocess.Popen[bytes]) -> None:
    """End a process if it still runs, and leave neither a zombie nor an open pipe."""
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        try:
            pipe(stream).close()
        except OSError:  # what was still to be written to the dead
            continue

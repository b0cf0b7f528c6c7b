"""Ends what a process has started when that process is gone, even by `kill -9`.

The guard is a process of its own with one pipe from whoever starts others. It is told of each of
them as it comes and goes; when the pipe ends, whoever is still there is asked to end, and after a
while is made to. nginx knows nothing of us, so that it could look after itself.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from typing import IO, Self

from augenblick.core.paths import PROJECT_DIR

_GRACE_SECONDS = 15.0  # longer than a server needs to put its replies away
_POLL_SECONDS = 0.1


class Guard:
    """The process that holds the other end, for as long as the block lasts."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "augenblick.ops.guard"],
            cwd=PROJECT_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl+C is for whom it guards
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
            self._process.wait()

    def add(self, group: int) -> None:
        """Look after this group of processes; it has the id of its first."""
        self._tell(f"+{group}")

    def remove(self, group: int) -> None:
        """It has ended."""
        self._tell(f"-{group}")

    def _tell(self, line: str) -> None:
        if self._process is None or self._process.stdin is None:
            return
        with contextlib.suppress(BrokenPipeError):  # killed itself; all go on without it
            self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()


def main(lines: IO[str]) -> None:
    """Listen until the end, then end everybody who is left."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # it ends with its pipe and not before
    groups: set[int] = set()
    for line in lines:
        group = int(line[1:])
        (groups.add if line.startswith("+") else groups.discard)(group)
    for group in groups:
        _is_sent(group, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_SECONDS
    while time.monotonic() < deadline:
        groups = {group for group in groups if _is_sent(group, 0)}
        if not groups:
            return
        time.sleep(_POLL_SECONDS)
    for group in groups:
        _is_sent(group, signal.SIGKILL)


def _is_sent(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # gone, or by now somebody else's
        return False
    return True


if __name__ == "__main__":
    main(sys.stdin)

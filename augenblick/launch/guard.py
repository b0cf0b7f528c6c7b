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
from collections.abc import Iterable
from types import TracebackType
from typing import IO, Self

from augenblick.places import PROJECT_DIR

_PATIENCE_SECONDS = 15.0  # longer than a server needs to put its replies away
_LOOK_SECONDS = 0.1


class Guard:
    """The process that holds the other end, for as long as the block lasts."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "augenblick.launch.guard"],
            cwd=PROJECT_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl+C is for whom it guards
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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
    _send(groups, signal.SIGTERM)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (groups := _alive(groups)) and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    _send(groups, signal.SIGKILL)


def _alive(groups: Iterable[int]) -> set[int]:
    return {group for group in groups if _is_sent(group, 0)}


def _send(groups: Iterable[int], number: int) -> None:
    for group in groups:
        _is_sent(group, number)


def _is_sent(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # gone, or by now somebody else's
        return False
    return True


if __name__ == "__main__":
    main(sys.stdin)

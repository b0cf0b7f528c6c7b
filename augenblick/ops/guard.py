"""Ends what a process has started when that process is gone, even by `kill -9`.

The guard is a process of its own with one pipe from whoever starts others, and begins the group of
processes that they join. When the pipe ends, whoever is still in the group is asked to end, and
after a while is made to. nginx knows nothing of us, so that it could look after itself.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from augenblick.core.paths import PROJECT_DIR

_GRACE_SECONDS = 15.0  # longer than a server needs to put its replies away
_POLL_SECONDS = 0.1


@contextmanager
def guarded_group() -> Iterator[int]:
    """The id of a group of processes that does not outlive this one, nor the block.

    A process joins it as it is started, by `Popen(process_group=...)`.
    """
    with subprocess.Popen(
        [sys.executable, "-m", "augenblick.ops.guard"],
        cwd=PROJECT_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        process_group=0,  # Ctrl+C is for whom it guards
    ) as guard:
        yield guard.pid


def main() -> None:
    """Wait for the end of standard input, then end everybody else in the group."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # it ends with its pipe and not before
    sys.stdin.read()
    group = os.getpgrp()
    if os.fork():
        return  # who began a group can't leave it, as its child can, to see when it is empty
    os.setpgid(0, 0)
    deadline = time.monotonic() + _GRACE_SECONDS
    is_left = _is_sent(group, signal.SIGTERM)
    while is_left and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        is_left = _is_sent(group, 0)
    if is_left:
        _is_sent(group, signal.SIGKILL)


def _is_sent(group: int, number: int) -> bool:
    """Whether anybody was there to get the signal; 0 only asks."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # gone, or by now somebody else's
        return False
    return True


if __name__ == "__main__":
    main()

"""Processes with little to lose, in which the files of strangers are read.

Each is a plain child process with two pipes: no fork of a program full of threads, nothing of the
server's main module imported again, and neither its sockets nor its environment inherited. So it
works the same in a script, in a thread and under `streamlit run`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Self, TypeVar, cast

from augenblick.core.errors import ImageError, ImageTooLarge, UnreadableImage
from augenblick.pictures.worker_protocol import read_message, write_message

_PACKAGE_ROOT = Path(__file__).resolve().parents[2]
_KEPT_VARIABLES = ("LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "PYTHONPATH", "SYSTEMROOT", "TEMP")
_OUT_OF_MEMORY = -6  # SIGABRT, which is what PDFium ends itself with; Pillow raises MemoryError
_START_SECONDS = 60.0  # importing Pillow takes 0.2 s; a machine that is swapping takes longer
_ALLOCATION = {  # of glibc; others ignore it
    "MALLOC_ARENA_MAX": "2",  # each further arena would cost 64 MB of addresses
    "MALLOC_MMAP_THRESHOLD_": str(32 * 1024 * 1024),  # with the next: 5 % faster photographs,
    "MALLOC_TRIM_THRESHOLD_": str(64 * 1024 * 1024),  # whose pages serve the next one too
}


T = TypeVar("T")


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


def spawn(module: str, *numbers: int) -> subprocess.Popen[bytes]:
    """Start a module of ours with two pipes and these arguments. Raises OSError.

    It knows no key, no proxy and no address of ours.
    """
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return subprocess.Popen(  # noqa: S603 - our own module with numbers
        [sys.executable, "-m", module, *map(str, numbers)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=_PACKAGE_ROOT,
        env=kept | _ALLOCATION,
    )


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


class _WorkerDied(Exception):
    """The process ended before it answered."""


class Worker:
    """A process that calls functions for us. `ask` is called by one thread at a time.

    It starts when it is first needed, is killed when an answer takes too long, and replaced when it
    has died. `module` is what calls `worker_process.serve`.
    """

    def __init__(self, module: str, *, time_limit_seconds: float, memory_limit_bytes: int) -> None:
        self._module = module
        self._time_limit_seconds = time_limit_seconds
        self._memory_limit_bytes = memory_limit_bytes
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._closed = False

    def ask(self, order: Mapping[str, object], check: Callable[[object], T]) -> T:
        """What the task of the order returns, from a second process if the first one dies.

        `check` makes a value of what came, or raises ValueError for something else.
        Raises the ImageError of the task; UnreadableImage where both die of whatever reason or
        answer something else than asked for, ImageTooLarge for too much time or memory.
        """
        for _ in range(2):
            with suppress(_WorkerDied):
                return self._ask_once(order, check)
        raise UnreadableImage("the decoder died")

    def start(self) -> subprocess.Popen[bytes]:
        """The running process. Raises ImageError when it can't be started or has been closed."""
        with self._lock:
            if self._closed:
                raise ImageError("the pool is closed")
            if self._process is None or self._process.poll() is not None:
                self._end()
                self._process = self._spawn()
            return self._process

    def rest(self) -> None:
        """End the process until it is needed again."""
        with self._lock:
            self._end()

    def close(self) -> None:
        """End the process for good."""
        with self._lock:
            self._closed = True
            self._end()

    def _ask_once(self, order: Mapping[str, object], check: Callable[[object], T]) -> T:
        process = self.start()
        with Deadline(process, self._time_limit_seconds) as deadline:
            try:
                write_message(pipe(process.stdin), order)
                return _answer(read_message(pipe(process.stdout)), check)
            except (OSError, EOFError, ValueError, LookupError):  # also closed meanwhile, no JSON
                self.rest()  # a killed process may still look alive
                if deadline.has_passed:
                    limit = self._time_limit_seconds
                    raise ImageTooLarge(code="image_too_slow", limit=limit) from None
                if process.returncode == _OUT_OF_MEMORY:
                    raise ImageTooLarge(code="image_too_demanding") from None
                raise _WorkerDied from None

    def _spawn(self) -> subprocess.Popen[bytes]:
        alarm_seconds = int(self._time_limit_seconds) + 2  # only counts when nobody is left to kill
        try:
            process = spawn(self._module, self._memory_limit_bytes, alarm_seconds)
        except OSError as error:
            raise ImageError(f"no picture worker: {type(error).__name__}") from error
        with Deadline(process, _START_SECONDS):
            try:
                read_message(pipe(process.stdout))  # it says when it is ready
            except (OSError, EOFError, ValueError):
                terminate(process)
                raise ImageError("the picture worker did not start") from None
        return process

    def _end(self) -> None:
        if self._process is not None:
            terminate(self._process)
            self._process = None


def _answer(message: Any, check: Callable[[object], T]) -> T:  # noqa: ANN401 - of JSON
    """What came back. Raises ImageError where that is a failure, ValueError for anything else."""
    match message:
        case {"failure": {"code": str(code), "detail": str(detail), "params": dict(params)}}:
            raise ImageError.of(code, detail, **params)
        case {"answer": value}:
            return check(value)
    raise ValueError("no answer")

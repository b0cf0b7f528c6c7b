"""`Supervisor`: a child process that is started again whenever it ends.

Whether it ends with us, even after `kill -9`, is up to the end of a pipe: the reader waits for the
end of its standard input, for others a guard does (`guarded_group`).
"""

from __future__ import annotations

import http.client
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self
from urllib.parse import urlsplit

_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """When a process is started again, and when it is killed; in seconds."""

    start_seconds: float = 180.0  # from its start until it has to be ready; a full machine is slow
    first_pause_seconds: float = 0.2  # before the first new start; doubles each time
    longest_pause_seconds: float = 30.0
    healthy_seconds: float = 60.0  # after a life this long the pauses begin anew
    stop_seconds: float = 5.0  # from the request to stop to the kill


class Supervisor(ABC):
    """A process that is started again whenever it has ended, while the block lasts.

    Which one, and what is said of its end, is up to the class; what that has to tell is asked of it
    in a thread of our own. Every method may be called by any thread.
    """

    def __init__(self, name: str, *, policy: RestartPolicy | None = None) -> None:
        self._policy = policy or RestartPolicy()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{name}-supervisor", daemon=True)
        self.is_ready = False
        self.has_ended_once = False

    @abstractmethod
    def launch(self) -> subprocess.Popen[bytes]:
        """Start the process. Raises OSError."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether the process is ready; one for which this takes too long is killed."""

    @abstractmethod
    def tell_end(self, code: int, pause_seconds: float) -> None:
        """Say that it ended with this exit code and is started again after the pause."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the process for good and wait until it is gone."""
        self.request_stop()
        self._end()
        self._thread.join()

    @property
    def pid(self) -> int | None:
        """The process id, None while there is none."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def request_stop(self) -> None:
        """Ask the process to end, for good, and do not wait for it."""
        self._is_stopping.set()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def _run(self) -> None:
        pause_seconds = self._policy.first_pause_seconds
        while not self._is_stopping.is_set():
            started = time.monotonic()
            code = self._live_once()
            if self._is_stopping.is_set():
                return
            if time.monotonic() - started > self._policy.healthy_seconds:
                pause_seconds = self._policy.first_pause_seconds
            self.has_ended_once = True
            self.tell_end(code, pause_seconds)
            self._is_stopping.wait(pause_seconds)
            pause_seconds = min(pause_seconds * 2, self._policy.longest_pause_seconds)

    def _live_once(self) -> int:
        """Run the process from its start to its end; returns its exit code."""
        try:
            self._process = process = self.launch()
        except OSError as error:
            return error.errno or 1
        self._bring_up(process)
        code = process.wait()
        self.is_ready = False
        if process.stdin is not None:
            process.stdin.close()
        return code

    def _bring_up(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self._policy.start_seconds
        while process.poll() is None:
            if self._is_stopping.is_set():  # perhaps asked while the process was being made
                self._end()
            elif self.answers():
                self.is_ready = True
                return
            elif time.monotonic() > deadline:
                process.kill()
            self._is_stopping.wait(_POLL_SECONDS)

    def _end(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(self._policy.stop_seconds)
        except subprocess.TimeoutExpired:
            process.kill()


def is_answered(url: str) -> bool:
    """Whether an address answers with 200."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def wait_until(is_so: Callable[[], object], timeout_seconds: float) -> bool:
    """Ask until it is so; False when the time is over."""
    deadline = time.monotonic() + timeout_seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True

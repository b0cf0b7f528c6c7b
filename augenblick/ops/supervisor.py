"""`Supervisor`: a child process that is started again whenever it ends.

Whether it ends with us, even after `kill -9`, is up to the end of a pipe: the reader waits for the
end of its standard input, for others a guard does (`guarded_group`).
"""

from __future__ import annotations

import http.client
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
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


class Supervisor:
    """Starts a process with `launch` and again whenever it has ended. Any thread may call.

    `is_ready` is asked until it says so; a process that takes too long is killed. `on_end` is told
    the exit code and the pause until the next start. Both are called in a thread of our own.
    """

    def __init__(
        self,
        name: str,
        launch: Callable[[], subprocess.Popen[bytes]],
        *,
        is_ready: Callable[[], bool],
        on_end: Callable[[int, float], None],
        policy: RestartPolicy | None = None,
    ) -> None:
        self._launch = launch
        self._asks_ready = is_ready
        self._on_end = on_end
        self._policy = policy or RestartPolicy()
        self._process: subprocess.Popen[bytes] | None = None
        self._changed = threading.Condition()
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{name}-supervisor", daemon=True)
        self.is_ready = False
        self.has_ended_once = False

    @property
    def pid(self) -> int | None:
        """The process id, None while there is none."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wait_ready(self, timeout_seconds: float) -> bool:
        """Wait until the process is ready; False when the time is over."""
        with self._changed:
            return self._changed.wait_for(lambda: self.is_ready, timeout_seconds)

    def request_stop(self) -> None:
        """Ask the process to end, for good, and do not wait for it."""
        self._is_stopping.set()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def stop(self) -> None:
        """End the process for good and wait until it is gone."""
        self.request_stop()
        self._end()
        if self._thread.is_alive():
            self._thread.join()

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
            self._on_end(code, pause_seconds)
            self._is_stopping.wait(pause_seconds)
            pause_seconds = min(pause_seconds * 2, self._policy.longest_pause_seconds)

    def _live_once(self) -> int:
        """Run the process from its start to its end; returns its exit code."""
        try:
            self._process = process = self._launch()
        except OSError as error:
            return error.errno or 1
        self._bring_up(process)
        code = process.wait()
        self._set_ready(is_ready=False)
        if process.stdin is not None:
            process.stdin.close()
        return code

    def _bring_up(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self._policy.start_seconds
        while process.poll() is None:
            if self._is_stopping.is_set():  # perhaps asked while the process was being made
                self._end()
            elif self._asks_ready():
                self._set_ready(is_ready=True)
                return
            elif time.monotonic() > deadline:
                process.kill()
            self._is_stopping.wait(_POLL_SECONDS)

    def _set_ready(self, *, is_ready: bool) -> None:
        with self._changed:
            self.is_ready = is_ready
            self._changed.notify_all()

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

"""Keeps the built-in reader running as a process of its own.

The contract is its command line, one line on its standard output (`listening on URL`) and
`GET /health`; what it writes besides is thrown away, for it may have read somebody's picture.
"""

from __future__ import annotations

import http.client
import logging
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import urlsplit

from augenblick.errors import ConfigurationError
from augenblick.places import PROJECT_DIR
from augenblick.providers import wants_reader

_LISTENING = re.compile(rb"listening on (http://\S+)")
# All that the reader needs to know; keys and passwords are not among it.
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "OMP_NUM_THREADS")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for the reader, in seconds."""

    start_seconds: float = 60.0  # from launch to health; the first start reads the models
    first_pause_seconds: float = 0.2  # before the first new start; doubles each time
    longest_pause_seconds: float = 30.0
    healthy_seconds: float = 60.0  # after a life this long the pauses begin anew
    stop_seconds: float = 5.0  # from the request to stop to the kill


def reader_command() -> list[str]:
    """The reader on a free port of this machine, ending by itself when this process is gone."""
    module = [sys.executable, "-m", "augenblick.reader"]
    return [*module, "--port", "0", "--host", "127.0.0.1", "--parent", str(os.getpid())]


def reader_is_wanted(environ: Mapping[str, str], secrets: Mapping[str, object]) -> bool:
    """Whether to start the reader; also where the configuration is broken, which the page says."""
    try:
        return wants_reader(environ, secrets)
    except ConfigurationError as error:
        logger.error("The configuration is wrong: %s", error.detail)  # noqa: TRY400  # no trace
        return True


class ReaderProcess:
    """The reader, started again whenever it dies. Every method may be called by any thread."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environ: Mapping[str, str],
        cwd: Path = PROJECT_DIR,
        patience: Patience | None = None,
    ) -> None:
        self._command = list(command)
        self._environ = {name: environ[name] for name in _PASSED_ON if name in environ}
        self._cwd = cwd
        self._patience = patience or Patience()
        self._changed = threading.Condition()
        self._base_url: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopping = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="reader-keeper", daemon=True)

    def __enter__(self) -> Self:
        self._keeper.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def base_url(self) -> str | None:
        """Where the reader answers, ending in `/v1`; None while it does not.

        It changes when the reader is started again, so ask anew for every request.
        """
        return self._base_url

    @property
    def pid(self) -> int | None:
        """The process id of the reader, None while there is none."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def wait_ready(self, timeout_seconds: float) -> str | None:
        """Wait until the reader answers; its base URL, or None when the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._base_url is not None, timeout_seconds)
            return self._base_url

    def stop(self) -> None:
        """End the reader and wait until it is gone."""
        self._is_stopping.set()
        self._end()
        if self._keeper.is_alive():
            self._keeper.join()

    def _keep(self) -> None:
        patience = self._patience
        pause_seconds = patience.first_pause_seconds
        while not self._is_stopping.is_set():
            started = time.monotonic()
            code = self._live_once()
            if self._is_stopping.is_set():
                return
            if time.monotonic() - started > patience.healthy_seconds:
                pause_seconds = patience.first_pause_seconds
            logger.warning(
                "The reader ended with code %s; next start in %.1f s. "
                "`python -m augenblick.reader` shows why.", code, pause_seconds,
            )  # fmt: skip
            self._is_stopping.wait(pause_seconds)
            pause_seconds = min(pause_seconds * 2, patience.longest_pause_seconds)

    def _live_once(self) -> int:
        """Run the reader from its start to its end; returns its exit code."""
        try:
            self._process = process = self._launch()
        except OSError as error:
            return error.errno or 1
        heard: list[str] = []
        listener = threading.Thread(target=_listen, args=(process, heard), daemon=True)
        listener.start()
        self._bring_up(process, heard)
        code = process.wait()
        listener.join()
        self._announce(None)
        return code

    def _launch(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603  # our own module, no shell
            self._command,
            cwd=self._cwd,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl+C is for us; we end the reader in order
        )

    def _bring_up(self, process: subprocess.Popen[bytes], heard: Sequence[str]) -> None:
        """Announce the reader once it answers; end one that does not come up in time."""
        deadline = time.monotonic() + self._patience.start_seconds
        while process.poll() is None:
            if self._is_stopping.is_set():  # perhaps asked while the process was being made
                self._end()
            elif heard and _is_healthy(heard[0]):
                self._announce(f"{heard[0].rstrip('/')}/v1")
                return
            elif time.monotonic() > deadline:
                process.kill()
            self._is_stopping.wait(0.05)

    def _announce(self, base_url: str | None) -> None:
        with self._changed:
            self._base_url = base_url
            self._changed.notify_all()

    def _end(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(self._patience.stop_seconds)
        except subprocess.TimeoutExpired:
            process.kill()


class _Running:
    """The reader of this server, for the pages that run in the same process."""

    reader: ReaderProcess | None = None


def publish_reader(reader: ReaderProcess | None) -> None:
    """Make the reader known to the pages; None when it has ended."""
    _Running.reader = reader


def running_reader() -> ReaderProcess | None:
    """The reader of this server; None where none was wanted."""
    return _Running.reader


def _listen(process: subprocess.Popen[bytes], heard: list[str]) -> None:
    """Take the address from the first line that has one; keep the pipe empty to its end."""
    output: IO[bytes] | None = process.stdout
    if output is None:
        return
    with output:
        for line in output:
            match = _LISTENING.search(line)
            if match and not heard:
                heard.append(match[1].decode("ascii", "replace"))


def _is_healthy(url: str) -> bool:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()

"""The built-in reader as a process of its own, started again whenever it ends.

The contract is its command line, one line on its standard output (`listening on URL`) and
`GET /health`; what it writes besides is thrown away, for it may have read somebody's picture. It
ends with its standard input, and so with us. Several servers share the one of the launcher.
"""

from __future__ import annotations

import logging
import re
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from augenblick.core.errors import ConfigurationError
from augenblick.core.paths import PROJECT_DIR
from augenblick.core.providers import left_out, wants_reader
from augenblick.ops.supervisor import RestartPolicy, Supervisor, is_answered, wait_until

READER_URL_VARIABLE = "AUGENBLICK_READER_URL"
"""By which the launcher tells its servers where their reader is."""

_LISTENING = re.compile(rb"listening on (http://\S+)")
# All that the reader needs to know; keys and passwords are not among it.
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "OMP_NUM_THREADS")

logger = logging.getLogger(__name__)


def reader_command(*, port: int = 0) -> list[str]:
    """The reader at a port of this machine, 0 for a free one, ending with its standard input."""
    module = [sys.executable, "-m", "augenblick.reader"]
    return [*module, "--port", str(port), "--host", "127.0.0.1", "--until-stdin-ends"]


def reader_is_wanted(environ: Mapping[str, str], secrets: Mapping[str, object]) -> bool:
    """Whether to start the reader; also where the configuration is broken, which the page says.

    What is wrong or not used of the configuration is logged.
    """
    try:
        if remark := left_out(environ):
            logger.warning(remark)
        return wants_reader(environ, secrets)
    except ConfigurationError as error:
        logger.error("The configuration is wrong: %s", error.detail)  # noqa: TRY400  # no trace
        return True


class ReaderProcess(Supervisor):
    """The reader of this process, while the block lasts."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environ: Mapping[str, str],
        cwd: Path = PROJECT_DIR,
        policy: RestartPolicy | None = None,
    ) -> None:
        super().__init__("reader", policy=policy)
        self._command = list(command)
        self._environ = {name: environ[name] for name in _PASSED_ON if name in environ}
        self._cwd = cwd
        self._address: str | None = None
        self._listener: threading.Thread | None = None

    @property
    def base_url(self) -> str | None:
        """Where the reader answers, ending in `/v1`; None while it does not.

        It changes when the reader is started again, so ask anew for every request.
        """
        return f"{self._address}/v1" if self.is_ready else None

    def wait_ready(self, timeout_seconds: float) -> str | None:
        """Wait until the reader answers; its base URL, or None when the time is over."""
        wait_until(lambda: self.is_ready, timeout_seconds)
        return self.base_url

    def answers(self) -> bool:
        """Whether it has said where it listens, and does."""
        return self._address is not None and is_answered(f"{self._address}/health")

    def tell_end(self, code: int, pause_seconds: float) -> None:
        """Log it."""
        logger.warning(
            "The reader ended with code %s; next start in %.1f s. "
            "`python -m augenblick.reader` shows why.", code, pause_seconds,
        )  # fmt: skip

    def launch(self) -> subprocess.Popen[bytes]:
        """Start it with what it needs to know, and listen to where it is."""
        if self._listener is not None:
            self._listener.join()  # so that it can't give the next one the address of the last
        self._address = None
        process = subprocess.Popen(  # noqa: S603  # our own module, no shell
            self._command,
            cwd=self._cwd,
            env=self._environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl+C is for us; we end the reader in order
        )
        if process.stdout is not None:
            self._listener = threading.Thread(
                target=self._listen, args=(process.stdout,), daemon=True
            )
            self._listener.start()
        return process

    def _listen(self, output: IO[bytes]) -> None:
        """Take the address from the first line that has one; keep the pipe empty to its end."""
        with output:
            for line in output:
                match = _LISTENING.search(line)
                if match and self._address is None:
                    self._address = match[1].decode("ascii", "replace").rstrip("/")


class SharedReader:
    """The reader of several servers, which the launcher runs at one address."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    def wait_ready(self, timeout_seconds: float) -> str | None:
        """Wait until the reader answers; its base URL, or None when the time is over."""
        health = f"{self.base_url.removesuffix('/v1')}/health"
        return self.base_url if wait_until(lambda: is_answered(health), timeout_seconds) else None


class _Running:
    """The reader of this server, for the pages that run in the same process."""

    reader: ReaderProcess | SharedReader | None = None


def publish_reader(reader: ReaderProcess | SharedReader | None) -> None:
    """Make the reader known to the pages; None when it has ended."""
    _Running.reader = reader


def running_reader() -> ReaderProcess | SharedReader | None:
    """The reader of this server; None where none was wanted."""
    return _Running.reader

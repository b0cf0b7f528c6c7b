"""Starts the real server as a process, with an environment of its own, and ends it."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from augenblick.core.paths import PROJECT_DIR

_WAYS_OUT = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
FOREIGN_SETTINGS = (
    *("OPENAI_", "STREAMLIT_", "AUGENBLICK_", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_"),
    *_WAYS_OUT,
    *(name.lower() for name in _WAYS_OUT),
)
# An endpoint that nobody asks: without one the server starts the reader, six seconds of CPU.
WITHOUT_READER = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_MODEL": "m"}
_ADDRESS = re.compile(r"http://[\w.-]+:(\d+)")


@dataclass
class Answer:
    """An HTTP answer; header names in lower case, repeated ones joined with line breaks."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class AppServer:
    """A running server."""

    url: str
    process: subprocess.Popen[bytes]
    data_dir: Path
    output_file: Path

    @property
    def output(self) -> str:
        """Everything it has written to its terminal so far."""
        return self.output_file.read_text(encoding="utf-8", errors="replace")

    def request(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | Iterator[bytes] | None = None,
    ) -> Answer:
        """Ask the server for a path."""
        return ask(self.url, path, method=method, headers=headers, body=body)


def ask(
    url: str,
    path: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | Iterator[bytes] | None = None,
) -> Answer:
    """One plain HTTP request; nothing is followed, kept or retried."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=90)
    try:
        connection.request(method, path, body=body, headers=dict(headers or {}))
        response = connection.getresponse()
        found: dict[str, str] = {}
        for name, value in response.getheaders():
            key = name.lower()
            found[key] = f"{found[key]}\n{value}" if key in found else value
        return Answer(response.status, response.read(), found)
    finally:
        connection.close()


def clean_environment(folder: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Our environment without anybody's settings, with data and home in `folder`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN_SETTINGS)}
    own = {
        "AUGENBLICK_DATA_DIR": str(folder / "data"),
        "AUGENBLICK_LOCAL_PORTS": "off",
        "AUGENBLICK_TEST_PICTURE": "off",
        "HOME": str(folder),
        "PYTHONPATH": str(PROJECT_DIR),
        "PYTHONUNBUFFERED": "1",
    }
    return {**kept, **own, **(extra or {})}


@contextlib.contextmanager
def serve_app(
    folder: Path,
    *,
    env: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
    timeout_seconds: float = 180,
) -> Iterator[AppServer]:
    """The server as `make run` starts it, on a free port; data, home and output in `folder`."""
    command = [sys.executable, "-m", "augenblick.launch", "--port", "0", *arguments]
    with serve_command(
        command, folder, cwd=PROJECT_DIR, env=env, timeout_seconds=timeout_seconds
    ) as it:
        yield it


@contextlib.contextmanager
def serve_script(
    folder: Path, script: str, *, env: Mapping[str, str] | None = None, timeout_seconds: float = 180
) -> Iterator[AppServer]:
    """A page of a test's own behind the real launcher: same configuration, same wall, no reader."""
    (folder / "page.py").write_text(script, encoding="utf-8")
    (folder / "own_app.py").write_text(_OWN_APP, encoding="utf-8")
    (folder / ".streamlit").mkdir(exist_ok=True)
    shutil.copy(PROJECT_DIR / ".streamlit" / "config.toml", folder / ".streamlit")
    command = [sys.executable, "-m", "streamlit", "run", "own_app.py", "--server.port=0"]
    env = {**WITHOUT_READER, **(env or {})}
    with serve_command(command, folder, cwd=folder, env=env, timeout_seconds=timeout_seconds) as it:
        yield it


_OWN_APP = """
from pathlib import Path

import streamlit as st

import app as real

app = st.App(
    Path(__file__).parent / "page.py",
    routes=real.routes,
    middleware=real.middleware,
    lifespan=real.lifespan,
    on_script_error=real.show_script_error,
)
"""


@contextlib.contextmanager
def serve_command(
    command: Sequence[str],
    folder: Path,
    *,
    cwd: Path,
    env: Mapping[str, str] | None,
    timeout_seconds: float = 180,
    health: str = "/_stcore/health",
) -> Iterator[AppServer]:
    """Any server that says on its terminal where it listens and answers 200 at `health`."""
    output_file = folder / "output.txt"
    with output_file.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=clean_environment(folder, env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    server = AppServer("", process, folder / "data", output_file)
    try:
        server.url = _wait_for_address(server, timeout_seconds, health)
        yield server
    finally:
        _end(process)


def _wait_for_address(server: AppServer, timeout_seconds: float, health: str) -> str:
    """The address it announces, once it answers there."""
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline and server.process.poll() is None:
        match = _ADDRESS.search(server.output)
        with contextlib.suppress(OSError, http.client.HTTPException):
            url = f"http://127.0.0.1:{match[1]}" if match else ""
            if url and ask(url, health).status == 200:
                return url
        time.sleep(0.1)
    raise AssertionError(f"the server did not come up:\n{server.output}")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

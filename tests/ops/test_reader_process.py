"""The reader is kept running, restarted and ended, and is told no secrets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from augenblick.core.paths import PROJECT_DIR
from augenblick.ops.reader_process import ReaderProcess, reader_is_wanted
from augenblick.ops.supervisor import RestartPolicy
from tests.serving import ask, serve_app

_STAND_IN = str(Path(__file__).with_name("stand_in_reader.py"))
_QUICK = RestartPolicy(first_pause_seconds=0.05, longest_pause_seconds=0.4)
_LONG_SECONDS = 60


def _command(*arguments: str) -> list[str]:
    return [sys.executable, _STAND_IN, *arguments]


def _wait_until(is_so: Callable[[], object], timeout_seconds: float = _LONG_SECONDS) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def _children(pid: int) -> list[int]:
    children: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # the thread has ended meanwhile
            children += map(int, path.read_text().split())
    return children


def test_address_is_known_once_the_reader_answers() -> None:
    """The base URL ends in /v1, leads to the reader, and is gone after the end."""
    with ReaderProcess(_command(), environ=os.environ, policy=_QUICK) as reader:
        base_url = reader.wait_ready(_LONG_SECONDS)
        assert base_url == reader.base_url
        assert base_url is not None
        assert base_url.endswith("/v1")
        assert ask(base_url, "/health").status == 200
        pid = reader.pid
        assert pid is not None

    assert not _is_alive(pid)
    assert reader.base_url is None


def test_killed_reader_is_started_again() -> None:
    """After a kill another process answers, at its own address."""
    with ReaderProcess(_command(), environ=os.environ, policy=_QUICK) as reader:
        reader.wait_ready(_LONG_SECONDS)
        first = reader.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)

        _wait_until(lambda: reader.pid not in {first, None} and reader.base_url)
        assert ask(reader.base_url or "", "/health").status == 200


def test_reader_that_cannot_start_is_not_tried_in_a_hot_loop(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The pauses double up to the longest; nobody waits longer than asked."""
    policy = RestartPolicy(first_pause_seconds=0.1, longest_pause_seconds=60)
    command = _command("--mode", "broken")
    with ReaderProcess(command, environ=os.environ, policy=policy) as reader:
        assert reader.wait_ready(1.5) is None
        _wait_until(lambda: caplog.records)

    starts = [record.getMessage() for record in caplog.records]
    assert 1 <= len(starts) <= 4
    assert all("code 3" in start for start in starts)


def test_missing_program_is_no_crash() -> None:
    """A reader that can't be launched at all leaves the rest running, and stops at once."""
    with ReaderProcess(["/nowhere/python"], environ=os.environ, policy=_QUICK) as reader:
        assert reader.wait_ready(0.3) is None


def test_mute_reader_is_replaced() -> None:
    """A reader that never says where it listens is ended and started again."""
    policy = RestartPolicy(start_seconds=1, first_pause_seconds=0.05)
    command = _command("--mode", "mute")
    with ReaderProcess(command, environ=os.environ, policy=policy) as reader:
        _wait_until(lambda: reader.pid)
        first = reader.pid

        _wait_until(lambda: reader.pid not in {first, None})
        assert reader.base_url is None


def test_reader_is_told_no_keys(tmp_path: Path) -> None:
    """Of our environment the reader gets a short list of harmless names."""
    told = tmp_path / "environment.json"
    environ = {
        **os.environ,
        "OPENAI_API_KEY": "sk-canary",
        "DATABASE_PASSWORD": "canary",
        "AUGENBLICK_COOKIE_SECRET": "canary",
    }
    command = _command("--environment", str(told))
    with ReaderProcess(command, environ=environ, policy=_QUICK) as reader:
        assert reader.wait_ready(_LONG_SECONDS)

    text = told.read_text()
    assert "canary" not in text
    assert "PATH" in json.loads(text)


def test_killed_server_leaves_no_reader() -> None:
    """After kill -9 of the server its reader ends by itself."""
    script = (
        "import os, sys, time\n"
        "from augenblick.ops.reader_process import ReaderProcess\n"
        f"command = [sys.executable, {_STAND_IN!r}]\n"
        "with ReaderProcess(command, environ=os.environ) as reader:\n"
        "    reader.wait_ready(60)\n"
        "    print(reader.pid, flush=True)\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=PROJECT_DIR, stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        pid = int(server.stdout.readline())
        server.kill()

    _wait_until(lambda: not _is_alive(pid))


def test_broken_configuration_still_starts_the_reader(caplog: pytest.LogCaptureFixture) -> None:
    """The page comes up and says what is wrong; the log names the entry, not its value."""
    secrets = {"providers": {"work": {"api_key": "sk-canary"}}}

    assert reader_is_wanted({}, secrets)
    assert "[providers.work]" in caplog.text
    assert "sk-canary" not in caplog.text


def test_configured_endpoint_needs_no_reader() -> None:
    """With an endpoint the reader stays away, unless it is asked for."""
    environ = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}

    assert not reader_is_wanted(environ, {})
    assert reader_is_wanted({**environ, "AUGENBLICK_READER": "1"}, {})
    assert reader_is_wanted({}, {})


def _reader_of(server_pid: int) -> int | None:
    """The reader's process id, once its command line is that of the reader."""
    for child in _children(server_pid):
        with suppress(OSError):  # it has ended meanwhile
            if b"augenblick.reader" in Path(f"/proc/{child}/cmdline").read_bytes():
                return child
    return None


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_real_reader_comes_back_and_goes_with_its_server(tmp_path: Path, ending: int) -> None:
    """Killed, the reader is started again; with its server it is gone."""
    with serve_app(tmp_path) as server:
        _wait_until(lambda: _reader_of(server.process.pid))
        first = _reader_of(server.process.pid)
        assert first is not None
        os.kill(first, signal.SIGKILL)
        _wait_until(lambda: _reader_of(server.process.pid) not in {first, None})
        second = _reader_of(server.process.pid)
        assert second is not None

        server.process.send_signal(ending)
        server.process.wait(_LONG_SECONDS)
        _wait_until(lambda: not _is_alive(second))

"""The pool works inside a real `streamlit run`, whose main module can't be imported again."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.sync.client import connect

from tests.pictures import corpus

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import threading
from pathlib import Path
from augenblick.pictures import PicturePool, PictureSource

folder = Path(__file__).parent
photo = (folder / "photo.jpg").read_bytes()
sources = [PictureSource(f"{n}.jpg", photo + bytes(n)) for n in range(4)]

def work(name):
    with PicturePool() as pool:
        widths = [picture.attachment.width_px for picture in pool.prepare_many(sources)]
    (folder / name).write_text(repr(widths))

thread = threading.Thread(target=work, args=("thread.txt",))
thread.start()
work("script.txt")
thread.join()
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[int]:
    """The port of a running page that prepares pictures, in its script and in a thread."""
    (tmp_path / "photo.jpg").write_bytes(corpus.encoded(corpus.scene((800, 600)), "JPEG"))
    (tmp_path / "page.py").write_text(SCRIPT)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = {
        "server.port": port, "server.address": "127.0.0.1", "server.headless": "true",
        "browser.gatherUsageStats": "false", "server.fileWatcherType": "none",
    }  # fmt: skip
    command = [sys.executable, "-m", "streamlit", "run", str(tmp_path / "page.py")]
    command += [f"--{name}={value}" for name, value in options.items()]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _wait_until(lambda: _answers(port))
            yield port
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def _wait_until(condition: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.1)


def test_pictures_are_prepared_while_a_page_runs(served: int, tmp_path: Path) -> None:
    """From the script's own thread and from another one, at once."""
    results = [tmp_path / "script.txt", tmp_path / "thread.txt"]
    with connect(f"ws://127.0.0.1:{served}/_stcore/stream", subprotocols=["streamlit"]) as page:  # type: ignore[list-item]
        request = BackMsg()
        request.rerun_script.query_string = ""
        page.send(request.SerializeToString())
        _wait_until(lambda: all(result.exists() and result.read_text() for result in results))
    assert [result.read_text() for result in results] == ["[800, 800, 800, 800]"] * 2

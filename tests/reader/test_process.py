"""The process: it starts, stays responsive, notices who leaves, and ends with its parent."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import httpx2

from .conftest import Running, encoded, question, start_reader, stop, written


def _wait_until(is_so: Callable[[], bool], *, seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if is_so():
            return True
        time.sleep(0.05)
    return False


def _fresh(count: int) -> list[bytes]:
    """Pictures nobody has seen yet."""
    unique = os.urandom(4).hex()
    return [encoded(written(f"{unique} {number}")) for number in range(count)]


def _head(reader: Running, body: bytes) -> socket.socket:
    """A connection on which a request has been sent."""
    host, port = reader.address.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=30)
    connection.sendall(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        + f"content-length: {len(body)}\r\n\r\n".encode()
        + body
    )
    return connection


def test_first_words_before_reading(reader: Running) -> None:
    """While a picture is still being read the stream has begun and health answers."""
    body = question("Lies die Texte vor.", *_fresh(3), stream=True)
    with reader.http.stream("POST", f"{reader.address}/v1/chat/completions", json=body) as reply:
        lines = (line for line in reply.iter_lines() if line)
        first = [next(lines) for _ in range(4)]
        state = reader.health()
        rest = list(lines)

    assert "Bild" in "".join(first)
    assert state["waiting"] == 1
    assert rest[-1] == "data: [DONE]"


def test_one_word_at_a_time(reader: Running) -> None:
    """Every event of a stream carries at most one word."""
    body = question("Lies die Texte vor.", *_fresh(3), stream=True)
    events = reader.post(body).text.split("\n\n")
    deltas = [
        json.loads(event.removeprefix("data: "))["choices"][0]["delta"].get("content", "")
        for event in events
        if event.startswith("data: {")
    ]

    assert len(deltas) > 10
    assert all(len(delta.split()) <= 1 for delta in deltas)


def test_leaving_stops_the_work(reader: Running) -> None:
    """A client that closes its connection gives its waiting pictures up, streamed or not."""
    for stream in (True, False):
        assert _wait_until(lambda: reader.health()["waiting"] == 0)
        analyzed = reader.health()["analyzed"]
        pictures = _fresh(24)
        body = json.dumps(question("Lies die Texte vor.", *pictures, stream=stream)).encode()
        connection = _head(reader, body)
        assert _wait_until(lambda: reader.health()["waiting"] > 0)
        connection.close()

        assert _wait_until(lambda: reader.health()["waiting"] == 0)
        assert reader.health()["analyzed"] - analyzed < 24


def test_same_picture_is_read_once(reader: Running) -> None:
    """A picture sent twice at once, and again later, is read a single time."""
    (picture,) = _fresh(1)
    analyzed = reader.health()["analyzed"]
    body = json.dumps(question("Lies den Text vor.", picture)).encode()
    connections = [_head(reader, body) for _ in range(3)]
    for connection in connections:
        assert connection.recv(12) == b"HTTP/1.1 200"
        connection.close()

    assert reader.post(body).status_code == 200
    assert reader.health()["analyzed"] == analyzed + 1


def test_pause_between_words() -> None:
    """With a pause set, a stream takes at least that long for its words."""
    running = start_reader("--pace-ms", "20")
    try:
        start = time.monotonic()
        text = running.post(question("Hallo", stream=True)).text
        words = text.count('"content"') - 1
        assert time.monotonic() - start >= 0.02 * words
        assert words > 10
    finally:
        stop(running)


def test_warms_up_and_prints_one_line() -> None:
    """Health answers before the model is loaded, and tells when it is; then nothing is printed."""
    running = start_reader()
    try:
        assert running.health()["status"] == "ok"
        assert _wait_until(lambda: bool(running.health()["warm"]))
        running.post(question("Lies den Text vor.", *_fresh(1)))
        running.process.terminate()
        assert running.process.stdout is not None
        assert running.process.stdout.read() == ""
    finally:
        stop(running)


def test_ends_quietly() -> None:
    """An interrupt from the keyboard ends it without a trace on standard error."""
    process = subprocess.Popen(
        [sys.executable, "-m", "augenblick.reader", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _out, errors = process.communicate(timeout=60)

    assert errors == ""


def test_ends_with_its_parent() -> None:
    """When the process that started it is killed, the reader goes too."""
    code = (
        "import subprocess, sys, time\n"
        "reader = subprocess.Popen([sys.executable, '-m', 'augenblick.reader', '--port', '0',"
        " '--until-stdin-ends'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)\n"
        "print(reader.stdout.readline().split()[-1], flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    address = parent.stdout.readline().strip()
    assert httpx2.get(f"{address}/health").status_code == 200
    parent.send_signal(signal.SIGKILL)
    parent.wait(timeout=60)
    parent.stdout.close()

    assert _wait_until(lambda: not _answers(address), seconds=30)


def _answers(address: str) -> bool:
    try:
        return httpx2.get(f"{address}/health", timeout=5).status_code == 200
    except httpx2.HTTPError:
        return False


def test_stays_light() -> None:
    """It starts without what only a question needs, and never loads another room or its weight."""
    code = (
        "import sys, augenblick.reader.__main__\n"
        "heavy = ('numpy', 'PIL', 'rapidocr', 'jsonschema', 'pydantic')\n"
        "print([name for name in heavy if name in sys.modules])\n"
        "import augenblick.reader.prompt, augenblick.reader.completion\n"
        "rooms = {name.split('.')[1] for name in sys.modules if name.startswith('augenblick.')}\n"
        "print(sorted(rooms - {'reader', 'core', 'pictures'}))\n"
        "foreign = ('streamlit', 'sqlalchemy', 'requests', 'urllib3')\n"
        "print([name for name in foreign if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["[]", "[]", "[]"]

"""What the crash tests play with: an endpoint that counts, a kill, a look into the store."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import re
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from PIL import Image

from augenblick.core.conversations import Conversation, Node
from augenblick.core.messages import Role
from augenblick.store import Store
from tests.faults.server import Pause, Received, Step, answered_json, head
from tests.serving import AppServer
from tests.streamlit_client import Page

_RESTART_SECONDS = 60.0  # after which a reply still open counts as stuck
MARK = re.compile(r"q\d+(?:-\d+)?")


class CountingEndpoint:
    """Answers a question that holds a mark (`q7`, `q7-3`) with the mark and numbers: `q7: 0 1 2 `.

    So a word that is lost, doubled or in the wrong answer shows. Words come `pace_seconds` apart,
    at random up to twice as slow; with `length` None for as long as the client stays. `asked` holds
    the mark of every request when it has arrived and nothing has been answered; answers wait while
    `goes_on` is cleared.
    """

    def __init__(self, *, pace_seconds: float = 0.02, length: int | None = None) -> None:
        self.pace_seconds = pace_seconds
        self.length = length
        self.asked: list[str] = []
        self.goes_on = threading.Event()
        self.goes_on.set()

    def __call__(self, received: Received) -> Iterator[Step]:
        """Answer one request."""
        if received.path.endswith("/models"):
            yield from answered_json({"object": "list", "data": [{"id": "m", "object": "model"}]})
            return
        if len(received.body) < int(received.headers["content-length"]):
            return  # the server was killed while it was sending
        mark = MARK.findall(_questions(received.json()))[-1]
        self.asked.append(mark)
        self.goes_on.wait(60)
        yield head(headers=[("Connection", "close")], content_type="text/event-stream")
        yield _event({"content": f"{mark}: "})
        number = 0
        while self.length is None or number < self.length:
            yield Pause(self.pace_seconds * (1 + random.random()))
            yield _event({"content": f"{number} "})
            number += 1
        yield _event({}, finish_reason="stop")
        yield b"data: [DONE]\n\n"


def count_up_to(mark: str, count: int) -> str:
    """The first so many numbers of the answer to the question with this mark."""
    return f"{mark}: " + "".join(f"{number} " for number in range(count))


def _questions(request: Mapping[str, list[Mapping[str, object]]]) -> str:
    sent = (message for message in request["messages"] if message["role"] == "user")
    return json.dumps([message["content"] for message in sent])


def _event(delta: Mapping[str, object], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    chunk = {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}
    return f"data: {json.dumps(chunk)}\n\n".encode()


def shown_answer(page: Page, mark: str) -> str:
    """What stands on a page of the answer to the question with this mark."""
    texts = (text for message in page.messages for text in message.texts)
    return next((text for text in texts if text.startswith(f"{mark}:")), "")


def a_picture() -> bytes:
    """A small PNG."""
    buffer = io.BytesIO()
    Image.new("RGB", (320, 200), "#1d7a6c").save(buffer, "PNG")
    return buffer.getvalue()


def descendants(pid: int) -> list[int]:
    """The living processes below this one (Linux)."""
    children: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # the thread has ended meanwhile
            children += map(int, path.read_text().split())
    return [found for child in children for found in (child, *descendants(child))]


def kill_at_once(server: AppServer) -> None:
    """SIGKILL to the server and everything it has started, as a power cut does it."""
    for pid in (server.process.pid, *descendants(server.process.pid)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    server.process.wait(30)


def open_reply_count(data_dir: Path) -> int:
    """How many replies are marked as being written."""
    with contextlib.closing(_look_into(data_dir)) as connection:
        found = connection.execute("SELECT count(*) FROM reply WHERE ended_as IS NULL")
        return int(found.fetchone()[0])


def wait_until_interrupted(server: AppServer) -> float:
    """How long after it answered `health` no reply was marked as being written any more."""
    started = time.monotonic()
    while open_reply_count(server.data_dir) and time.monotonic() < started + _RESTART_SECONDS:
        time.sleep(0.02)
    return time.monotonic() - started


def is_whole(data_dir: Path) -> bool:
    """Whether SQLite finds nothing wrong with the file."""
    with contextlib.closing(_look_into(data_dir)) as connection:
        checks = [connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]]
        checks.append(connection.execute("PRAGMA foreign_key_check").fetchall() == [])
    return all(checks)


def stored_conversations(data_dir: Path) -> Iterator[Conversation]:
    """Everything that is kept."""
    with contextlib.closing(_look_into(data_dir)) as connection:
        ids = [row[0] for row in connection.execute("SELECT id FROM conversation")]
    with contextlib.closing(Store(f"sqlite:///{data_dir}/augenblick.db")) as store:
        for conversation_id in ids:
            yield store.load_conversation(conversation_id)


def stored_answers(data_dir: Path) -> dict[str, list[Node]]:
    """The answers that are kept, by the mark of their question; none for one never asked."""
    found: dict[str, list[Node]] = {}
    for conversation in stored_conversations(data_dir):
        questions = {
            n.id: n.message.text for n in conversation.nodes if n.message.role is Role.USER
        }
        for text in questions.values():
            found.setdefault(MARK.findall(text)[-1], [])
        for node in conversation.nodes:
            if node.message.role is Role.ASSISTANT:
                found[MARK.findall(questions[node.parent_id or ""])[-1]].append(node)
    return found


def _look_into(data_dir: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{data_dir}/augenblick.db?mode=ro", uri=True, timeout=30)

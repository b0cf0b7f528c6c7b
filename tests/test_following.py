"""A reply while it is written, as its followers see it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest

from augenblick.conversations import ReplyRecord
from augenblick.following import LiveReply
from augenblick.messages import ReplyEnd
from augenblick.reply import Added
from augenblick.store import OpenedReply

END = ReplyRecord(provider="p", model="m", end=ReplyEnd.COMPLETE)


def ending() -> LiveReply:
    """A reply of one word whose end has come and is not yet shown."""
    live = LiveReply(OpenedReply("c", "q", "r", is_new=True), on_stop=lambda: None)
    live.hold([Added(0, "text", "word")])
    live.hold_end(END)
    return live


@pytest.fixture
def busy_threads() -> Iterator[None]:
    """Threads take turns as often as they can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("busy_threads")
def test_whoever_sees_the_end_has_seen_all_the_text() -> None:
    """Also who looks at the very moment at which the end is shown."""

    def read(live: LiveReply, found: list[str]) -> None:
        text, position = "", 0
        while True:
            progress = live.follow(position, timeout_seconds=0)
            position = progress.position
            text += "".join(piece.text for piece in progress.pieces)
            if progress.record is not None:
                found.append(text)
                return

    for _ in range(500):
        live, found = ending(), list[str]()
        readers = [threading.Thread(target=read, args=(live, found)) for _ in range(2)]
        for reader in readers:
            reader.start()
        live.release_all(is_durable=True)
        for reader in readers:
            reader.join()
        assert found == ["word", "word"]


def test_the_last_text_does_not_wait_for_its_end_to_be_written() -> None:
    """Followers are woken by it, and not by the text before."""
    live = LiveReply(OpenedReply("c", "q", "r", is_new=True), on_stop=lambda: None)
    live.release(live.hold([Added(0, "text", "first ")]), is_durable=True)
    assert not live.wait_for_end(timeout_seconds=0)
    mark = live.hold([Added(0, "text", "last")])
    live.hold_end(END)
    assert not live.wait_for_end(timeout_seconds=0)
    live.release(mark, is_durable=True)
    assert live.wait_for_end(timeout_seconds=0)
    progress = live.follow(timeout_seconds=0)
    assert [piece.text for piece in progress.pieces] == ["first last"]
    assert progress.record is None
    assert live.follow(progress.position, timeout_seconds=0).record is None
    live.release_all(is_durable=True)
    assert live.follow(progress.position, timeout_seconds=0).record is END


def test_an_end_that_is_not_yet_written_is_waited_for() -> None:
    """It is shown, but nobody has to look again and again meanwhile."""
    live = ending()
    waits = threading.Thread(target=lambda: live.wait_for_end(timeout_seconds=30), daemon=True)
    live.release_all(is_durable=False)
    waits.start()
    progress = live.follow(timeout_seconds=0)
    assert (progress.record, progress.is_durable) == (END, False)
    assert not live._has_ended.is_set()
    live.release_all(is_durable=True)
    waits.join(30)
    assert not waits.is_alive()
    live.release_all(is_durable=False)  # who heard of trouble is late
    assert live.follow(timeout_seconds=0).is_durable

"""A reply while it is written, as its followers see it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest

from augenblick.chat.live import LiveReply, Progress
from augenblick.core.conversations import ReplyRecord
from augenblick.core.messages import ReplyEnd
from augenblick.endpoint.reply import Added
from augenblick.store.store_values import OpenedReply

END = ReplyRecord(provider="p", model="m", end=ReplyEnd.COMPLETE)


class Outage:
    """Whether the store is away, for a reply to ask."""

    def __init__(self) -> None:
        self.is_on = False

    def __call__(self) -> bool:
        """As `Saver.is_store_away`."""
        return self.is_on


def new_reply(outage: Outage | None = None) -> LiveReply:
    """A reply that nobody has said anything in."""
    opened = OpenedReply("c", "q", "r", is_new=True)
    return LiveReply(opened, on_stop=lambda: None, is_store_away=outage or Outage())


def said(text: str) -> list[Added]:
    """One piece of text."""
    return [Added(0, "text", text)]


def write(live: LiveReply) -> None:
    """What the saver does, with a store that takes everything."""
    unwritten = live.take_unwritten()
    if unwritten is not None:
        live.confirm(unwritten.position)
        if unwritten.record is not None:
            live.confirm_end()


def text_of(progress: Progress) -> str:
    """What a follower was handed."""
    return "".join(piece.text for piece in progress.pieces)


@pytest.fixture
def busy_threads() -> Iterator[None]:
    """Threads take turns as often as they can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("busy_threads")
def test_whoever_sees_the_end_has_seen_all_the_text() -> None:
    """Also who asks at the very moment at which the end is shown."""

    def read(live: LiveReply, found: list[str]) -> None:
        text, position = "", 0
        while True:
            progress = live.follow(position, timeout_seconds=0)
            position = progress.position
            text += text_of(progress)
            if progress.record is not None:
                found.append(text)
                return

    for _ in range(500):
        live, found = new_reply(), list[str]()
        live.add(said("word"))
        live.end(END)
        readers = [threading.Thread(target=read, args=(live, found)) for _ in range(2)]
        for reader in readers:
            reader.start()
        write(live)
        for reader in readers:
            reader.join()
        assert found == ["word", "word"]


def test_what_is_not_written_is_not_shown() -> None:
    """A crash must not take back what somebody has read."""
    live = new_reply()
    live.add(said("written "))
    write(live)
    live.add(said("not yet"))

    progress = live.follow(timeout_seconds=0)

    assert text_of(progress) == "written "
    assert progress.is_durable


def test_a_follower_gets_what_is_being_written() -> None:
    """Not only what happens to be written at the moment it asks."""
    live = new_reply()
    live.add(said("old "))
    write(live)
    live.add(said("new"))
    live._wake_saver = lambda: threading.Thread(target=write, args=(live,)).start()

    assert text_of(live.follow(timeout_seconds=30)) == "old new"


def test_a_waiting_follower_has_text_written_as_it_comes() -> None:
    """Nobody who waits has to wait for the saver's interval."""
    live, woken = new_reply(), threading.Event()
    live._wake_saver = woken.set
    found: list[str] = []
    reader = threading.Thread(target=lambda: found.append(text_of(live.follow(timeout_seconds=30))))
    reader.start()
    while not live._follower_count:
        pass
    live.add(said("word"))

    assert woken.wait(30)
    write(live)
    reader.join(30)
    assert found == ["word"]


def test_the_last_text_does_not_wait_for_its_end_to_be_written() -> None:
    """Followers are woken by it, and not by the text before."""
    live = new_reply()
    live.add(said("first "))
    write(live)
    assert not live.wait_for_end(timeout_seconds=0)
    live.add(said("last"))
    live.end(END)
    assert not live.wait_for_end(timeout_seconds=0)
    unwritten = live.take_unwritten()
    assert unwritten is not None
    live.confirm(unwritten.position)
    assert live.wait_for_end(timeout_seconds=0)
    progress = live.follow(timeout_seconds=0)
    assert text_of(progress) == "first last"
    assert progress.record is None
    live.confirm_end()
    assert live.follow(progress.position, timeout_seconds=0).record is END


def test_during_an_outage_text_is_shown_and_said_to_be_unwritten() -> None:
    """People read on; an end that is not yet written is waited for without a busy loop."""
    outage = Outage()
    live = new_reply(outage)
    live.add(said("text"))
    outage.is_on = True
    progress = live.follow(timeout_seconds=0)
    assert (text_of(progress), progress.record, progress.is_durable) == ("text", None, False)

    live.end(END)
    progress = live.follow(progress.position, timeout_seconds=0)
    assert (progress.record, progress.is_durable) == (END, False)
    assert not live.wait_for_end(timeout_seconds=0)

    outage.is_on = False
    write(live)
    assert live.wait_for_end(timeout_seconds=0)
    assert live.follow(timeout_seconds=0).is_durable


def test_text_after_a_round_begins_anew() -> None:
    """In the store the texts of all rounds stand in one, with an empty line between them."""
    live = new_reply()
    live.add(said("before"))
    live.separate_rounds()
    live.add(said("after"))

    unwritten = live.take_unwritten()

    assert unwritten is not None
    assert [delta.text for delta in unwritten.deltas] == ["before\n\nafter"]
    live.confirm(unwritten.position)
    assert text_of(live.follow(timeout_seconds=0)) == "after"

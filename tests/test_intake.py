"""How a worker takes in its answer: what is handed on together, and when it rests."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from augenblick import following
from augenblick.following import LiveReply, Progress
from augenblick.intake import Intake, joined, look_seconds, nap_seconds
from augenblick.reply import Added
from augenblick.store import OpenedReply
from augenblick.ui.pace import frame_seconds

PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Unread:
    """What has come in; `looks` are the answers to one look after the other."""

    is_all_read: bool
    piece_count: int = 0
    looks: Iterator[bytes] = field(default_factory=lambda: itertools.repeat(b""))

    def must_wait(self) -> bool:
        """Whether nothing is there."""
        return self.is_all_read

    def arrived(self) -> bytes:
        """What there is at the next look."""
        return next(self.looks)


@dataclass
class Worker:
    """A worker that reads chunks at given moments."""

    live_count: int = 1
    now: float = 0.0
    handed: list[str] = field(default_factory=list)
    rests: int = 0
    is_waited_for: bool = False
    pieces: int = 0

    def __post_init__(self) -> None:
        self.intake = Intake(
            lambda added: self.handed.append("".join(piece.text for piece in added)),
            rest=self.rest,
            live_count=lambda: self.live_count,
            clock=lambda: self.now,
        )

    def rest(self, seconds: float) -> bool:
        """Let the time go by."""
        self.rests += 1
        self.now += seconds
        return self.is_waited_for

    def read(self, text: str, *, is_last: bool, waited: float = 0.0) -> None:
        """Read one chunk, of which `is_last` says that nothing more has come."""
        self.now += waited
        self.intake.add([Added(0, "text", text)])
        self.pieces += 1
        self.intake.pause(Unread(is_last, self.pieces))

    def nap(self, *looks: bytes) -> float:
        """Read a word that came at once after another, so that a nap follows; how long it is."""
        self.read("first", is_last=True, waited=1.0)
        self.intake.add([Added(0, "text", "second")])
        began = self.now
        self.pieces += 1
        self.intake.pause(Unread(is_all_read=True, piece_count=self.pieces, looks=iter(looks)))
        return self.now - began


def test_a_slow_stream_is_handed_on_word_by_word() -> None:
    """Who reads slower than we work waits for nothing, and the socket is never looked at."""
    worker = Worker()
    for number in range(50):
        worker.read(f"{number} ", is_last=True, waited=0.05)
    assert worker.handed == [f"{number} " for number in range(50)]
    assert not worker.rests


def test_the_first_word_waits_for_nothing() -> None:
    """However fast the stream and however many are live."""
    worker = Worker(live_count=500)
    worker.read("at once", is_last=False)
    assert worker.handed == ["at once"]


def test_what_came_in_meanwhile_is_handed_on_together() -> None:
    """500 chunks in groups of ten cost a nap and an entry for each group."""
    worker = Worker()
    worker.read("first", is_last=True)
    for _, position in itertools.product(range(50), range(10)):
        worker.read("x", is_last=position == 9)
    assert worker.handed == ["first", *["x" * 10] * 50]
    assert worker.now == pytest.approx(50 * nap_seconds(1))


def test_a_nap_lasts_while_more_comes() -> None:
    """About a frame of the page, however much it is."""
    assert Worker().nap(b"a", b"ab", b"abc") == pytest.approx(nap_seconds(1))
    assert 0.04 < nap_seconds(1) < 0.06


def test_the_end_of_an_answer_ends_a_nap() -> None:
    """It is not left lying for a whole nap."""
    end = b'e8\r\ndata: {"choices": []}\n\ndata: [DONE]\n\n\r\n0\r\n\r\n'
    assert Worker().nap(b"a", end) == pytest.approx(2 * look_seconds(1))


def test_a_pause_of_the_endpoint_ends_a_nap() -> None:
    """Where an end can't be told, as under TLS, what has come and grows no more may be one."""
    assert Worker().nap(b"", b"?", b"?") == pytest.approx(3 * look_seconds(1))


def test_who_waits_ends_a_nap() -> None:
    """A follower gets what is there; nobody looks whether more is coming."""
    assert Worker(is_waited_for=True).nap() == pytest.approx(look_seconds(1))


def test_in_a_crowd_nobody_looks() -> None:
    """A look costs the others time, and a nap is as long as what else it would be between two."""
    assert Worker(live_count=50).nap() == pytest.approx(nap_seconds(50))


def test_a_stream_that_never_pauses_is_handed_on_all_the_same() -> None:
    """It comes faster than it can be read, so there is always more; text is shown regardless."""
    worker = Worker()
    for _ in range(1000):
        worker.read("x", is_last=False, waited=0.001)
    assert 5 < len(worker.handed) < 100
    assert not worker.rests


def test_the_end_hands_on_what_is_left() -> None:
    """Whatever ends the reading, an error as well."""
    worker = Worker()
    worker.read("first", is_last=True)
    with worker.intake:
        worker.read("rest", is_last=False)
    assert worker.handed == ["first", "rest"]


def test_more_live_replies_rest_longer_up_to_a_frame() -> None:
    """One rests briefly; of a crowd each no longer than a frame of the page stands there."""
    looks = [look_seconds(count) for count in (1, 10, 100, 1000)]
    assert looks == sorted(looks)
    assert looks[0] < 0.015
    assert max(map(nap_seconds, range(1, 1000))) < frame_seconds(1, drawing_seconds=1.0)


def test_pieces_of_one_lane_are_joined() -> None:
    """Lanes and choices stay apart and in order."""
    added = [
        Added(0, "reasoning", "a"), Added(0, "reasoning", "b"), Added(0, "text", "c"),
        Added(1, "text", "d"), Added(0, "text", "e"), Added(0, "text", "f"),
    ]  # fmt: skip
    assert joined(added) == [
        Added(0, "reasoning", "ab"), Added(0, "text", "c"), Added(1, "text", "d"),
        Added(0, "text", "ef"),
    ]  # fmt: skip


def live_reply(wanted: list[str]) -> LiveReply:
    """A reply that notes down when somebody waits for what it holds."""
    return LiveReply(
        OpenedReply("c", "q", "r", is_new=True),
        on_stop=lambda: None,
        on_wanted=lambda: wanted.append("wanted"),
    )


def rest(live: LiveReply) -> threading.Thread:
    """A worker that rests for longer than any test takes."""
    worker = threading.Thread(target=lambda: live.rest(3600), daemon=True)
    worker.start()
    return worker


def has_ended(thread: threading.Thread) -> bool:
    """Whether a thread comes to its end."""
    thread.join(PATIENCE_SECONDS)
    return not thread.is_alive()


def resting(live: LiveReply) -> threading.Thread:
    """A worker that has begun to rest."""
    worker = rest(live)
    while not live._is_resting:
        pass
    return worker


class Follower:
    """Follows once, in a thread of its own, for as long as it takes."""

    def __init__(self, live: LiveReply) -> None:
        self._found: list[Progress] = []
        self._thread = threading.Thread(
            target=lambda: self._found.append(live.follow(timeout_seconds=3600)), daemon=True
        )
        self._thread.start()

    def text(self) -> str:
        """What it was given in the end."""
        assert has_ended(self._thread)
        return "".join(piece.text for piece in self._found[0].pieces)


def test_a_follower_ends_the_rest() -> None:
    """Whose frame is due gets what lies unread, not only what was handed on."""
    wanted: list[str] = []
    live = live_reply(wanted)
    worker = resting(live)
    follower = threading.Thread(target=lambda: live.follow(timeout_seconds=3600), daemon=True)
    follower.start()
    assert has_ended(worker)
    mark = live.hold([Added(0, "text", "fresh")])
    assert live.is_awaited()
    live.release(mark, is_durable=True)
    assert has_ended(follower)
    assert not live.is_awaited()


def test_a_follower_gets_what_is_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only what happens to be written at the moment it asks."""
    monkeypatch.setattr(following, "_NEWEST_SECONDS", 3600)
    wanted: list[str] = []
    live = live_reply(wanted)
    live.release(live.hold([Added(0, "text", "old ")]), is_durable=True)
    mark = live.hold([Added(0, "text", "new")])
    follower = Follower(live)
    while not live.is_awaited():
        pass
    assert wanted == ["wanted"]
    live.release(mark, is_durable=True)
    assert follower.text() == "old new"


@pytest.mark.parametrize("fresh", ["", "new"])
def test_a_follower_gets_what_lies_unread(fresh: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for where nothing was there to be read."""
    monkeypatch.setattr(following, "_NEWEST_SECONDS", 3600)
    live = live_reply([])
    live.release(live.hold([Added(0, "text", "old ")]), is_durable=True)
    worker = resting(live)
    follower = Follower(live)
    assert has_ended(worker)
    mark = live.hold([Added(0, "text", fresh)] if fresh else [])
    live.release(mark, is_durable=True)
    assert follower.text() == f"old {fresh}"


def test_a_follower_does_not_wait_long_for_what_is_on_its_way() -> None:
    """A store that takes its time holds up what is new, not what is there."""
    live = live_reply([])
    live.release(live.hold([Added(0, "text", "old ")]), is_durable=True)
    live.hold([Added(0, "text", "new")])
    assert Follower(live).text() == "old "


def test_a_stop_ends_the_rest() -> None:
    """Also one that came just before."""
    live = live_reply([])
    worker = resting(live)
    live.stop()
    assert has_ended(worker)
    assert has_ended(rest(live))


def test_nobody_rests_while_a_follower_has_nothing_to_read() -> None:
    """Someone waits for the very next word."""
    live = live_reply([])
    follower = threading.Thread(target=lambda: live.follow(timeout_seconds=3600), daemon=True)
    follower.start()
    while not live._waiting:
        pass
    assert has_ended(rest(live))
    live.release(live.hold([Added(0, "text", "word")]), is_durable=True)
    assert has_ended(follower)


def test_what_is_held_is_asked_for_once_a_follower_waits() -> None:
    """Nobody reads, nobody is asked; who comes later asks for what is there."""
    wanted: list[str] = []
    live = live_reply(wanted)
    live.hold([Added(0, "text", "held")])
    assert not wanted
    live.follow(timeout_seconds=0)
    assert wanted == ["wanted"]

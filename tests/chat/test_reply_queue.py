"""Who may begin, who waits, and what those who wait are told."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Mapping
from functools import partial

import pytest

from augenblick.chat.reply_queue import Limits, ReplyQueue, Turn, read_limits
from augenblick.core.errors import ConfigurationError
from tests.raising import raises


class Crowd:
    """People whose replies are named for them: `anna-1`."""

    def __init__(self, *, total: int, per_person: int) -> None:
        self.queue = ReplyQueue(Limits(total, per_person))
        self.begun: list[str] = []
        self.turns: dict[str, list[Turn]] = {}
        self.failing: set[str] = set()

    def ask(self, *reply_ids: str) -> None:
        """Have replies enter, one after the other."""
        for reply_id in reply_ids:
            turns = self.turns.setdefault(reply_id, [])
            self.queue.enter(
                reply_id,
                reply_id.partition("-")[0],
                begin=partial(self._begin, reply_id),
                show=turns.append,
            )

    def _begin(self, reply_id: str) -> bool:
        self.begun.append(reply_id)
        return reply_id not in self.failing


def test_people_take_turns() -> None:
    """Somebody with many questions gets one place whenever others wait, not all of them."""
    crowd = Crowd(total=1, per_person=5)
    crowd.ask("anna-1", "anna-2", "anna-3", "anna-4", "bert-1", "bert-2", "carl-1")

    for number in range(7):
        crowd.queue.leave(crowd.begun[number])

    assert crowd.begun == ["anna-1", "anna-2", "bert-1", "carl-1", "anna-3", "bert-2", "anna-4"]


def test_who_waits_sees_how_many_come_before() -> None:
    """The number falls to none, and what was told is the order in which they begin."""
    crowd = Crowd(total=1, per_person=5)
    crowd.ask("anna-1", "bert-1", "bert-2", "carl-1")

    assert crowd.turns["anna-1"] == []
    assert crowd.turns["bert-2"] == [Turn(1, is_own=False), Turn(2, is_own=False)]
    assert crowd.turns["carl-1"] == [Turn(1, is_own=False)]
    crowd.queue.leave("anna-1")
    crowd.queue.leave("bert-1")
    assert [turn.before for turn in crowd.turns["carl-1"]] == [1, 0]
    assert [turn.before for turn in crowd.turns["bert-2"]] == [1, 2, 1, 0]
    assert crowd.begun == ["anna-1", "bert-1", "carl-1"]


def test_nobody_has_more_places_than_their_share() -> None:
    """A person at the limit waits for an own answer, while others begin at once."""
    crowd = Crowd(total=5, per_person=2)
    crowd.ask("anna-1", "anna-2", "anna-3", "anna-4", "bert-1")

    assert crowd.begun == ["anna-1", "anna-2", "bert-1"]
    assert crowd.turns["anna-3"][-1] == Turn(0, is_own=True)
    assert crowd.turns["anna-4"][-1] == Turn(1, is_own=True)
    crowd.queue.leave("bert-1")
    assert len(crowd.begun) == 3
    crowd.queue.leave("anna-2")
    assert crowd.begun[-1] == "anna-3"


def test_a_stopped_reply_waits_no_longer() -> None:
    """It begins beyond all limits, for it only ends; the others move up, and its place counts."""
    crowd = Crowd(total=1, per_person=1)
    crowd.ask("anna-1", "bert-1", "carl-1")

    crowd.queue.begin_now("bert-1")
    crowd.queue.begin_now("bert-1")
    crowd.queue.begin_now("nobody-1")

    assert crowd.begun == ["anna-1", "bert-1"]
    assert crowd.turns["carl-1"][-1] == Turn(0, is_own=False)
    crowd.queue.leave("bert-1")
    assert crowd.begun == ["anna-1", "bert-1"]
    crowd.queue.leave("anna-1")
    assert crowd.begun[-1] == "carl-1"


def test_a_reply_that_can_not_begin_leaves_its_place_to_others() -> None:
    """Hundreds of them in a row don't stop the queue either."""
    crowd = Crowd(total=1, per_person=2000)
    failing = [f"anna-{number}" for number in range(2, 300)]
    crowd.failing.update(failing)
    crowd.ask("anna-1", *failing, "anna-last")

    crowd.queue.leave("anna-1")

    assert crowd.begun == ["anna-1", *failing, "anna-last"]


def test_so_many_of_a_person_may_wait_and_no_more() -> None:
    """Those on their way into the queue count too; other people are not affected."""
    queue = ReplyQueue(Limits(total=5, per_person=2, waiting_per_person=3))

    def enter(reply_id: str) -> None:
        queue.enter(reply_id, "anna", begin=lambda: True, show=lambda _: None)

    for number in range(4):
        with queue.room_for("anna", f"{number}"):
            enter(f"anna-{number}")
    with queue.room_for("anna", "4"):
        with raises("too_many_asked") as refused, queue.room_for("anna", "5"):
            pass
        with queue.room_for("anna", "4"), queue.room_for("anna", "4"):  # clicked three times
            pass
        with raises("too_many_asked"), queue.room_for("anna", "5"):
            pass
        with queue.room_for("bert", "5"):
            pass

    assert refused.value.params == {"limit": 3}
    with queue.room_for("anna", "4"):  # the one that held the room did not enter
        enter("anna-4")
    with raises("too_many_asked"), queue.room_for("anna", "5"):
        pass
    queue.leave("anna-0")
    with queue.room_for("anna", "5"):
        pass


def test_limits_hold_and_everybody_begins_once_whatever_the_order() -> None:
    """Eight threads enter, end and stop replies at random."""
    limits = Limits(total=5, per_person=2)
    queue = ReplyQueue(limits)
    lock, done = threading.Lock(), threading.Event()
    running: Counter[str] = Counter()
    begun: list[str] = []
    broken: list[Mapping[str, int]] = []
    left_to_begin = 8 * 50

    def begin(reply_id: str) -> bool:
        person = reply_id.partition("-")[0]
        with lock:
            running[person] += 1
            begun.append(reply_id)
            if running.total() > limits.total or running[person] > limits.per_person:
                broken.append(dict(running))
            if len(begun) == left_to_begin:
                done.set()
        threading.Thread(target=end, args=(reply_id, person)).start()
        return True

    def end(reply_id: str, person: str) -> None:
        with lock:
            running[person] -= 1
        queue.leave(reply_id)

    def enter(number: int) -> None:
        rng = random.Random(number)
        for at in range(50):
            reply_id = f"p{rng.randrange(4)}-{number}-{at}"
            person = reply_id.partition("-")[0]
            queue.enter(reply_id, person, begin=partial(begin, reply_id), show=lambda _: None)

    threads = [threading.Thread(target=enter, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert done.wait(30)
    assert len(set(begun)) == left_to_begin
    assert broken == []


def test_limits_come_from_the_environment() -> None:
    """Unset ones are the usual ones; what is no number from 1 on is refused by its name."""
    given = {"AUGENBLICK_MAX_REPLIES": " 40 ", "AUGENBLICK_MAX_REPLIES_PER_PERSON": "3"}
    assert read_limits(given) == Limits(40, 3)
    assert read_limits({"AUGENBLICK_MAX_WAITING_PER_PERSON": "7"}).waiting_per_person == 7
    assert read_limits({"AUGENBLICK_MAX_REPLIES": ""}) == Limits()
    for wrong in ("0", "-1", "many", "1.5", "²"):
        with pytest.raises(ConfigurationError, match="AUGENBLICK_MAX_REPLIES"):
            read_limits({"AUGENBLICK_MAX_REPLIES": wrong})


def test_many_answers_of_one_person_are_patient_on_a_busy_server() -> None:
    """Together they get what two would; who has few is like all others, as is a quiet server."""
    crowd = Crowd(total=200, per_person=8)
    crowd.ask(*(f"anna-{number}" for number in range(8)))
    assert crowd.queue.slowdown("anna") == 1.0

    crowd.ask("bert-1", "bert-2", *(f"person{number}-1" for number in range(20)))

    assert crowd.queue.slowdown("anna") == 4.0
    assert crowd.queue.slowdown("bert") == crowd.queue.slowdown("person0") == 1.0
    crowd.queue.leave("anna-0")
    assert crowd.queue.slowdown("anna") == 3.5

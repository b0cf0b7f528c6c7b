"""Who is answered now and who waits: so many replies at once, shared fairly between people.

A reply that has to wait costs no thread. Whenever one ends, the next person in turn gets a place,
one question each, so that somebody with many questions doesn't keep the others waiting; everybody
who still waits is told how many questions come before.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from augenblick.core.errors import ConfigurationError, NoRoom

_BUSY_REPLIES = 20  # with fewer there is room for all
_FEW_REPLIES = 2  # of one person, as in two tabs


@dataclass(frozen=True, slots=True)
class Limits:
    """How many replies this process writes at once: in all, and for one person; who may wait."""

    total: int = 200  # what one process on two cores carries without anybody noticing
    per_person: int = 8
    waiting_per_person: int = 20  # besides those that are being written


@dataclass(frozen=True, slots=True)
class Turn:
    """Where a waiting reply stands: so many questions come before it.

    `is_own` says that it waits for other answers of the same person, not for other people.
    """

    before: int
    is_own: bool


def read_limits(environ: Mapping[str, str]) -> Limits:
    """The limits from the environment.

    AUGENBLICK_MAX_REPLIES, AUGENBLICK_MAX_REPLIES_PER_PERSON, AUGENBLICK_MAX_WAITING_PER_PERSON;
    raises ConfigurationError for anything but a number from 1 on.
    """
    usual = Limits()
    return Limits(
        total=_number(environ, "AUGENBLICK_MAX_REPLIES", usual.total),
        per_person=_number(environ, "AUGENBLICK_MAX_REPLIES_PER_PERSON", usual.per_person),
        waiting_per_person=_number(
            environ, "AUGENBLICK_MAX_WAITING_PER_PERSON", usual.waiting_per_person
        ),
    )


@dataclass(slots=True)
class _Waiting:
    """A reply that has not begun."""

    reply_id: str
    person: str
    begin: Callable[[], bool]
    show: Callable[[Turn], None]
    turn: Turn | None = None


class ReplyQueue:
    """Lets replies begin when it is their turn. Any thread may call.

    No call waits but `wait_until_empty`.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Condition()  # notified when nothing runs any longer
        self._waiting: dict[str, deque[_Waiting]] = {}  # by person; the first is next in turn
        self._running: dict[str, str] = {}  # person by reply
        self._coming: Counter[tuple[str, str]] = Counter()  # person and submission about to enter

    @contextmanager
    def room_for(self, person: str, submission_id: str) -> Iterator[None]:
        """Keep room for one more reply of this person, which may enter within the block.

        The same submission at the same time, as by a second click, needs no more room.
        Raises NoRoom where all that one person may have here is taken.
        """
        limits, key = self._limits, (person, submission_id)
        with self._lock:
            waiting_count = len(self._waiting.get(person, ()))
            coming_count = sum(each[0] == person and each != key for each in self._coming)
            taken_count = self._running_count(person) + waiting_count + coming_count
            if taken_count >= limits.per_person + limits.waiting_per_person:
                raise NoRoom(code="too_many_asked", limit=limits.waiting_per_person)
            self._coming[key] += 1
        try:
            yield
        finally:
            with self._lock:
                self._coming[key] -= 1
                if not self._coming[key]:
                    del self._coming[key]

    def enter(
        self, reply_id: str, person: str, *, begin: Callable[[], bool], show: Callable[[Turn], None]
    ) -> None:
        """Have a reply begin now or when it is its turn.

        `begin` is called once, from any thread, and must be quick; False says that it could not
        begin, and its place is free again. `show` gets every change of its turn while it waits;
        it must be quick and call nothing here.
        """
        with self._lock:
            queue = self._waiting.setdefault(person, deque())
            queue.append(_Waiting(reply_id, person, begin, show))
        self._begin_those_in_turn()

    def begin_now(self, reply_id: str) -> None:
        """Let a reply begin out of turn, for it was stopped and will end at once."""
        with self._lock:
            everybody = itertools.chain.from_iterable(self._waiting.values())
            found = next((one for one in everybody if one.reply_id == reply_id), None)
            if found is None:
                return
            self._admit(found)
        if found.begin():
            self._begin_those_in_turn()  # who came after it is told so
        else:
            self.leave(reply_id)

    def leave(self, reply_id: str) -> None:
        """A reply has ended: its place goes to the next in turn."""
        with self._lock:
            self._running.pop(reply_id, None)
            if not self._running:
                self._lock.notify_all()
        self._begin_those_in_turn()

    def wait_until_empty(self, timeout_seconds: float) -> None:
        """Wait until no reply is running."""
        with self._lock:
            self._lock.wait_for(lambda: not self._running, timeout_seconds)

    def slowdown(self, person: str) -> float:
        """How many times longer than others' the frames of this person's answers stand.

        On a busy server, so that many answers of one person cost together what few would.
        """
        if len(self._running) < _BUSY_REPLIES:
            return 1.0
        with self._lock:
            return max(1.0, self._running_count(person) / _FEW_REPLIES)

    def _running_count(self, person: str) -> int:
        return list(self._running.values()).count(person)

    def _begin_those_in_turn(self) -> None:
        """Give free places to those who are next; tell the others where they stand."""
        while True:
            with self._lock:
                turns = self._turns()
                has_place = len(self._running) < self._limits.total
                first = next((one for one, turn in turns if has_place and not turn.is_own), None)
                if first is None:
                    for one, turn in turns:
                        if turn != one.turn:
                            one.turn = turn
                            one.show(turn)
                    return
                self._admit(first)
            if not first.begin():
                with self._lock:
                    self._running.pop(first.reply_id, None)

    def _admit(self, one: _Waiting) -> None:
        queue = self._waiting.pop(one.person)
        queue.remove(one)
        if queue:
            self._waiting[one.person] = queue  # behind everybody else
        self._running[one.reply_id] = one.person

    def _turns(self) -> list[tuple[_Waiting, Turn]]:
        """Where everybody stands who waits; first who waits for others, in their order."""
        if not self._waiting:
            return []
        running = Counter(self._running.values())
        is_free = {person: running[person] < self._limits.per_person for person in self._waiting}
        rows = itertools.zip_longest(
            *(queue for person, queue in self._waiting.items() if is_free[person])
        )
        in_turn = (one for row in rows for one in row if one is not None)
        turns = [(one, Turn(before, is_own=False)) for before, one in enumerate(in_turn)]
        for person, queue in self._waiting.items():
            if not is_free[person]:
                turns += [(one, Turn(before, is_own=True)) for before, one in enumerate(queue)]
        return turns


def _number(environ: Mapping[str, str], name: str, usual: int) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return usual
    if not (text.isascii() and text.isdigit() and int(text[:9]) > 0):
        raise ConfigurationError(name)
    return int(text[:9])

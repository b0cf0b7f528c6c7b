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
    """Lets replies begin when it is their turn. Any thread may call; no call waits."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[_Waiting]] = {}  # by person; the first is next in turn
        self._running: dict[str, str] = {}  # person by reply
        self._busy: Counter[str] = Counter()  # running replies by person
        self._coming: dict[str, Counter[str]] = {}  # submissions about to enter, by person

    @contextmanager
    def room_for(self, person: str, submission_id: str) -> Iterator[None]:
        """Keep room for one more reply of this person, which may enter within the block.

        The same submission at the same time, as by a second click, needs no more room.
        Raises NoRoom where all that one person may have here is taken.
        """
        limits = self._limits
        with self._lock:
            coming = self._coming.get(person) or Counter()
            taken = len(self._waiting.get(person, ())) + len({*coming} - {submission_id})
            if taken + self._busy[person] >= limits.per_person + limits.waiting_per_person:
                raise NoRoom(code="too_many_asked", limit=limits.waiting_per_person)
            coming[submission_id] += 1
            self._coming[person] = coming
        try:
            yield
        finally:
            with self._lock:
                coming[submission_id] -= 1
                if not coming[submission_id]:
                    del coming[submission_id]
                if not coming:
                    self._coming.pop(person, None)

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
            self._show_turns()
        if not found.begin():
            self.leave(reply_id)

    def leave(self, reply_id: str) -> None:
        """A reply has ended: its place goes to the next in turn."""
        with self._lock:
            self._release(reply_id)
        self._begin_those_in_turn()

    def slowdown(self, person: str) -> float:
        """How many times longer than others' the frames of this person's answers stand.

        On a busy server, so that many answers of one person cost together what few would.
        """
        if len(self._running) < _BUSY_REPLIES:
            return 1.0
        return max(1.0, self._busy[person] / _FEW_REPLIES)

    def _begin_those_in_turn(self) -> None:
        while (one := self._take()) is not None:
            if not one.begin():
                with self._lock:
                    self._release(one.reply_id)

    def _take(self) -> _Waiting | None:
        """Give the next in turn a place, if there is one; tell the others where they stand."""
        with self._lock:
            has_place = len(self._running) < self._limits.total
            one = next(self._in_turn(), None) if has_place else None
            if one is not None:
                self._admit(one)
            self._show_turns()
            return one

    def _admit(self, one: _Waiting) -> None:
        queue = self._waiting.pop(one.person)
        queue.remove(one)
        if queue:
            self._waiting[one.person] = queue  # behind everybody else
        self._running[one.reply_id] = one.person
        self._busy[one.person] += 1

    def _release(self, reply_id: str) -> None:
        person = self._running.pop(reply_id, None)
        if person is None:
            return
        self._busy[person] -= 1
        if not self._busy[person]:
            del self._busy[person]

    def _show_turns(self) -> None:
        turns = [(one, Turn(before, is_own=False)) for before, one in enumerate(self._in_turn())]
        for person, queue in self._waiting.items():
            if self._is_at_limit(person):
                turns += [(one, Turn(before, is_own=True)) for before, one in enumerate(queue)]
        for one, turn in turns:
            if turn != one.turn:
                one.turn = turn
                one.show(turn)

    def _in_turn(self) -> Iterator[_Waiting]:
        """Those who wait for other people, in the order in which they will begin."""
        queues = [queue for person, queue in self._waiting.items() if not self._is_at_limit(person)]
        for row in itertools.zip_longest(*queues):
            yield from (one for one in row if one is not None)

    def _is_at_limit(self, person: str) -> bool:
        return self._busy[person] >= self._limits.per_person


def _number(environ: Mapping[str, str], name: str, usual: int) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return usual
    if not (text.isascii() and text.isdigit() and int(text[:9]) > 0):
        raise ConfigurationError(name)
    return int(text[:9])

"""Whose picture gets a worker next: turns go round the people.

One person never has all the workers, so that somebody who comes meanwhile finds one free, however
long the pictures of the others take.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Lends workers to people, who wait for them in their own threads. Safe in threads."""

    def __init__(self, workers: Sequence[T]) -> None:
        self.most_per_person = max(1, len(workers) - 1)
        self._idle = list(workers)  # the last one given back first: it is warm
        self._busy: Counter[str] = Counter()  # workers by person
        self._waiting: OrderedDict[str, deque[Future[T]]] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def worker(self, person: str) -> Iterator[T]:
        """A worker for the block; waits until it is this person's turn."""
        turn: Future[T] = Future()
        with self._lock:
            self._waiting.setdefault(person, deque()).append(turn)
            self._lend()
        worker = turn.result()
        try:
            yield worker
        finally:
            with self._lock:
                self._idle.append(worker)
                self._busy -= Counter((person,))  # forgets people who have none
                self._lend()

    def _lend(self) -> None:
        """Give idle workers to those who have fewest, who was served longest ago first."""
        while self._idle:
            able = [who for who in self._waiting if self._busy[who] < self.most_per_person]
            if not able:
                return
            person = min(able, key=lambda who: self._busy[who])
            turns = self._waiting.pop(person)
            self._busy[person] += 1
            turns.popleft().set_result(self._idle.pop())
            if turns:
                self._waiting[person] = turns  # behind the others

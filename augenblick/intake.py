"""How a worker takes in its answer: what has come in meanwhile is read and handed on together.

Each read of a socket wakes a thread, which costs more than what is read, and each piece handed on
costs locks and an entry in the log. So nothing is handed on between two events of one read; and
where text comes faster than anybody looks, the next read waits until somebody does, or a moment at
most: the longer, the more replies are live.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from itertools import groupby
from types import TracebackType
from typing import Self

from augenblick.reply import Added

_SHORTEST_NAP_SECONDS = 0.012  # twice how late the end of an answer comes in by it, on average
_NAP_SECONDS_PER_REPLY = 0.0015
# Whoever follows ends a nap earlier, with each frame. With 200 live on one core, naps of at most
# 0.06 s left so little of it that people waited 25 s for their first word; with 0.2 s it was 0.6 s.
_LONGEST_NAP_SECONDS = 0.2
_LONGEST_GATHERING_SECONDS = 0.12  # of what comes faster than it can be read
_FEWEST_READS = 2.5  # that a nap must save up, for it costs a wake-up itself


def nap_seconds(live_count: int) -> float:
    """How long one of so many workers may leave what arrives unread."""
    return min(_SHORTEST_NAP_SECONDS + _NAP_SECONDS_PER_REPLY * live_count, _LONGEST_NAP_SECONDS)


class Intake:
    """Gathers what chunks add and hands it on before the next read and at the end of the `with`.

    `live_count` tells how many replies are live in all; `rest` waits so many seconds at most, less
    when somebody waits for text, and what comes then is handed on even if it is nothing. What
    follows a pause of the endpoint is never left waiting.
    """

    def __init__(
        self,
        hand_on: Callable[[Sequence[Added]], None],
        *,
        rest: Callable[[float], None],
        live_count: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hand_on = hand_on
        self._rest = rest
        self._live_count = live_count
        self._clock = clock
        self._added: list[Added] = []
        self._reads = 0  # since it was last handed on
        self._handed_at = -math.inf
        self._has_rested = False  # before the reads since

    def add(self, added: Sequence[Added]) -> None:
        """Take in what a chunk added."""
        self._added += added

    def pause(self, must_wait: Callable[[], bool]) -> None:
        """Hand on what there is before a read, and rest if that saves reads; for `on_read`."""
        self._reads += 1
        elapsed = self._clock() - self._handed_at
        nap = nap_seconds(self._live_count())
        is_fast = elapsed * _FEWEST_READS < self._reads * nap
        if not (is_fast or self._has_rested):
            self._give()
        elif must_wait():
            self._give()
            self._has_rested = is_fast
            if is_fast:
                self._rest(nap)
        elif elapsed > _LONGEST_GATHERING_SECONDS:  # it comes faster than we can read
            self._give()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._give()

    def _give(self) -> None:
        if self._added or self._has_rested:  # after a rest somebody may wait for what was held
            added, self._added = self._added, []
            self._hand_on(joined(added))
            self._handed_at = self._clock()
            self._reads = 0


def joined(added: Sequence[Added]) -> list[Added]:
    """The same text in fewer pieces: neighbours of one lane and choice are one."""
    lanes = groupby(added, key=lambda piece: (piece.choice_index, piece.lane))
    return [Added(at, lane, "".join(piece.text for piece in group)) for (at, lane), group in lanes]

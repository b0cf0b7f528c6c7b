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

from augenblick.client import Unread
from augenblick.reply import Added
from augenblick.sse import DONE

_SHORTEST_LOOK_SECONDS = 0.012  # twice how late the end of an answer comes in by it, on average
_LOOK_SECONDS_PER_REPLY = 0.0015
# With 200 live on one core, looks of 0.06 s left so little of it that people waited 25 s for their
# first word; with 0.2 s it was 0.6 s.
_LONGEST_LOOK_SECONDS = 0.2
# Whoever follows ends a nap earlier, with each frame. All caches are cold after a pause: what comes
# a word at a time costs 0.37 ms a word, five together 0.1 ms each, and a look 0.03 ms.
_SHORTEST_NAP_SECONDS = 0.05
_FEWEST_READS = 2.5  # that a nap must save up, for it costs a wake-up itself
_LONGEST_GATHERING_SECONDS = 0.12  # of what comes faster than it can be read
_END = DONE.encode()
_END_BYTES = 64  # in which the end stands, with what frames it


def look_seconds(live_count: int) -> float:
    """How often one of so many workers looks in a nap whether more comes."""
    look = _SHORTEST_LOOK_SECONDS + _LOOK_SECONDS_PER_REPLY * live_count
    return min(look, _LONGEST_LOOK_SECONDS)


def nap_seconds(live_count: int) -> float:
    """How long one of so many workers may leave what arrives unread: a look or several."""
    look = look_seconds(live_count)
    return look * max(1, round(_SHORTEST_NAP_SECONDS / look))


class Intake:
    """Gathers what chunks add and hands it on before the next read and at the end of the `with`.

    `live_count` tells how many replies are live in all; `rest` waits so many seconds at most, less
    when somebody waits for text, which it returns; what comes then is handed on even if it is
    nothing. What follows a pause of the endpoint is never left waiting.
    """

    def __init__(
        self,
        hand_on: Callable[[Sequence[Added]], None],
        *,
        rest: Callable[[float], bool],
        live_count: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hand_on = hand_on
        self._rest = rest
        self._live_count = live_count
        self._clock = clock
        self._added: list[Added] = []
        self._piece_count = 0  # that were read
        self._handed_count = 0  # of them, when it was last handed on
        self._handed_at = -math.inf
        self._has_rested = False  # before the reads since

    def add(self, added: Sequence[Added]) -> None:
        """Take in what a chunk added."""
        self._added += added

    def pause(self, unread: Unread) -> bool:
        """Hand on what there is before a read, and rest if that saves reads; for `on_read`.

        Returns whether text comes so fast that all of it that has been fetched may be read at once.
        """
        self._piece_count = unread.piece_count
        elapsed = self._clock() - self._handed_at
        live_count = self._live_count()
        reads = self._piece_count - self._handed_count  # or as many as a nap has saved
        is_fast = elapsed * _FEWEST_READS < reads * nap_seconds(live_count)
        if not (is_fast or self._has_rested):
            self._give()
            return False
        if unread.must_wait():
            self._give()
            self._has_rested = is_fast
            if is_fast:
                self._nap(unread, live_count)
        elif elapsed > _LONGEST_GATHERING_SECONDS:  # it comes faster than we can read
            self._give()
        return True

    def _nap(self, unread: Unread, live_count: int) -> None:
        """Leave what comes unread until somebody waits for it, or it has ended, or has paused."""
        look, seen = look_seconds(live_count), 0
        looks = round(nap_seconds(live_count) / look)
        while not self._rest(look) and (looks := looks - 1):
            arrived = unread.arrived()
            if _END in arrived[-_END_BYTES:] or 0 < len(arrived) == seen:
                return
            seen = len(arrived)

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
            self._handed_count = self._piece_count


def joined(added: Sequence[Added]) -> list[Added]:
    """The same text in fewer pieces: neighbours of one lane and choice are one."""
    lanes = groupby(added, key=lambda piece: (piece.choice_index, piece.lane))
    return [Added(at, lane, "".join(piece.text for piece in group)) for (at, lane), group in lanes]

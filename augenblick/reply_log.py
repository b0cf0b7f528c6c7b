"""One thread that writes what all live replies say: grouped, in order, and again after a fault.

Text is reported durable after the commit that holds it, never before. While the store can't be
written, text waits here and the writer tries again, at first soon and then every second, until it
succeeds; `state` says so, and whoever follows a reply may then show text that is not yet durable.

No database and no Streamlit here: a `ConversationStore` is all it knows.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import ClassVar, Self

from augenblick.conversations import ReplyRecord
from augenblick.errors import Cancelled, StoreUnavailable
from augenblick.store import ConversationStore, ReplyDelta, Trouble

Callback = Callable[[], None]

SLOW_SECONDS = 1.0
"""A write that has been under way for longer counts as trouble."""

_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0
_LAST_WRITE_SECONDS = 3.0  # longer than a store waits for a lock
_TROUBLED_CLOSE_SECONDS = 2.0  # what a store in trouble gets to come back when the log is closed
_LOOK_SECONDS = 0.1  # how often a blocked caller looks whether it is still wanted
_SHORTEST_GAP_SECONDS = 0.01  # a shorter one is below what a frame of the page takes anyway
_GAPS_PER_WRITE = 3  # so that the writer is busy a quarter of the time at most
_BYTES_PER_DELTA = 200  # what one costs besides its text, measured with CPython 3.11

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LogState:
    """WRITING while all is well; else since when and why text waits."""

    since: datetime | None = None
    reason: str = ""  # a code of `store.Trouble`

    WRITING: ClassVar[LogState]

    @property
    def is_troubled(self) -> bool:
        """Whether text waits because the store can't be written."""
        return self.since is not None


LogState.WRITING = LogState()
StateListener = Callable[[LogState], None]


@dataclass(slots=True)
class _Batch:
    """What is written together: text in one commit, then the ends that came with it."""

    number: int
    deltas: list[ReplyDelta] = field(default_factory=list)
    durable: list[Callback] = field(default_factory=list)
    ends: list[tuple[str, ReplyRecord, Callback | None]] = field(default_factory=list)
    flushed: list[Callback] = field(default_factory=list)
    byte_count: int = 0

    @property
    def is_empty(self) -> bool:
        return not (self.deltas or self.durable or self.ends or self.flushed)


class ReplyLog:
    """The one writer of all live replies. Any thread may call; close it, or use it with `with`.

    A commit is made when somebody waits to read (`hurry`), but `tick_seconds` after the one before
    at the latest, and holds whatever came in meanwhile. However many wait, a gap lies between two,
    the shorter the quicker the store is; what comes after a pause and the end of a reply wait for
    nothing. Not much more than `max_waiting_bytes` of memory hold text that waits for the store;
    beyond that `append` blocks, so the endpoint is read no further until the store can be written
    again, the log is closed or the caller is no longer wanted.
    """

    def __init__(
        self,
        store: ConversationStore,
        *,
        tick_seconds: float = 0.1,
        max_waiting_bytes: int = 64_000_000,
    ) -> None:
        self._store = store
        self._tick_seconds = tick_seconds
        self._max_waiting_bytes = max_waiting_bytes
        self._numbers = count(time.time_ns())  # rises from log to log as well
        self._lock = threading.Lock()
        self._has_work = threading.Condition(self._lock)
        self._has_room = threading.Condition(self._lock)
        self._gathering = _Batch(next(self._numbers))
        self._writing: _Batch | None = None
        self._took_at = -math.inf  # when the newest batch was taken, on the monotonic clock
        self._gap_seconds = 0.0  # from then to the next at least
        self._is_wanted = False  # somebody waits to read what is gathered
        self._is_resting = False  # the writer sleeps until it is told
        self._is_urgent = False  # the next batch is not even to wait for its gap
        self._trying_since: float | None = None  # set while a call of the store is under way
        self._closed = threading.Event()
        self._gives_up = threading.Event()
        self._state = LogState.WRITING
        self._untold: deque[LogState] = deque()
        self._is_telling = False
        self._listeners: tuple[StateListener, ...] = ()
        self._thread = threading.Thread(target=self._run, name="reply-log", daemon=True)
        self._thread.start()

    def append(
        self,
        deltas: Sequence[ReplyDelta],
        on_durable: Callback | None = None,
        *,
        is_awaited: Callable[[], bool] = lambda: False,
        is_unwanted: Callable[[], bool] = lambda: False,
    ) -> None:
        """Take text of live replies; returns before it is written.

        `on_durable` runs on the writer's thread after the commit. It must be quick and call
        nothing here. `is_awaited` tells whether somebody waits to read this: a `hurry` of before
        may have had a commit made that came too early for it. It is asked with a lock held.
        Raises StoreUnavailable once the log is closed, Cancelled when there is no room and
        `is_unwanted` comes true; the text was not taken then.
        """
        byte_count = sum(_BYTES_PER_DELTA + 2 * len(delta.text) for delta in deltas)
        with self._lock:
            while self._is_full(byte_count) and not self._closed.is_set():
                if is_unwanted():
                    raise Cancelled
                self._has_room.wait(_LOOK_SECONDS)
            self._refuse_if_closed()
            self._gathering.deltas.extend(deltas)
            self._gathering.byte_count += byte_count
            if on_durable is not None:
                self._gathering.durable.append(on_durable)
            self._is_wanted = self._is_wanted or is_awaited()
            if self._is_resting or self._is_wanted:  # else the writer looks by itself in time
                self._has_work.notify()
        self._notice_slowness()

    def hurry(self) -> None:
        """Somebody waits to read what was appended, or is about to be: no need for a whole tick."""
        with self._lock:
            if not self._is_wanted:
                self._is_wanted = True
                if not self._gathering.is_empty:
                    self._has_work.notify()

    def finish(
        self, reply_id: str, record: ReplyRecord, on_durable: Callback | None = None
    ) -> None:
        """End a reply after all text that was appended to it before. Never waits for the store.

        `on_durable` as for `append`. Raises StoreUnavailable once the log is closed, ValueError
        for a record without an end.
        """
        if record.end is None:
            raise ValueError("the record of a finished reply needs its end")
        with self._lock:
            self._refuse_if_closed()
            self._gathering.ends.append((reply_id, record, on_durable))
            self._is_urgent = True
            self._has_work.notify()

    def flush(self, timeout: float) -> bool:
        """Wait until all that has been taken is durable; False if that took longer (seconds)."""
        done = threading.Event()
        with self._lock:
            if self._gathering.is_empty and self._writing is None:
                return True
            self._gathering.flushed.append(done.set)
            self._is_wanted = True
            self._has_work.notify()
        return done.wait(timeout)

    def close(self, timeout: float = 10.0) -> bool:
        """Take no more, write what waits, end the thread; False if text had to be left behind.

        A writer that gets on has `timeout` seconds, one in trouble has two. The store stays open.
        """
        with self._lock:
            self._closed.set()
            self._has_work.notify()
            self._has_room.notify_all()
        self._wait_for_end(timeout)
        self._gives_up.set()
        self._thread.join(_LAST_WRITE_SECONDS)
        with self._lock:
            return self._writing is None and self._gathering.is_empty

    def _wait_for_end(self, timeout: float) -> None:
        started = time.monotonic()
        is_late = False
        while self._thread.is_alive() and not is_late:
            self._thread.join(_LOOK_SECONDS)
            patience = min(timeout, _TROUBLED_CLOSE_SECONDS) if self.state.is_troubled else timeout
            is_late = time.monotonic() - started > patience

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def state(self) -> LogState:
        """Whether text is being written or waits."""
        self._notice_slowness()
        return self._state

    def on_trouble(self, listener: StateListener) -> Callback:
        """Have trouble, a new reason for it and its end told; what is returned ends that.

        States come one after the other, in the order in which they arose, from any thread; no lock
        is held meanwhile. A listener must be quick.
        """
        with self._lock:
            self._listeners = (*self._listeners, listener)

        def forget() -> None:
            with self._lock:
                self._listeners = tuple(item for item in self._listeners if item is not listener)

        return forget

    def _is_full(self, byte_count: int) -> bool:
        waiting = self._gathering.byte_count + (self._writing.byte_count if self._writing else 0)
        return waiting > 0 and waiting + byte_count > self._max_waiting_bytes

    def _refuse_if_closed(self) -> None:
        if self._closed.is_set():
            raise StoreUnavailable("the log is closed", reason=Trouble.UNREACHABLE)

    def _run(self) -> None:
        while (batch := self._take()) is not None:
            if not self._write(batch):
                return
            with self._lock:
                self._writing = None
                self._has_room.notify_all()
            wanted = _GAPS_PER_WRITE * (time.monotonic() - self._took_at)
            self._gap_seconds = min(max(wanted, _SHORTEST_GAP_SECONDS), self._tick_seconds)
            _call_each(batch.flushed)

    def _take(self) -> _Batch | None:
        """The next batch, once it is due; None when closed and nothing is left."""
        with self._lock:
            while (seconds := self._seconds_until_due()) is None or seconds > 0:
                self._is_resting = seconds is None
                self._has_work.wait(seconds)
            self._is_resting = False
            self._is_wanted = self._is_urgent = False
            if self._gathering.is_empty:
                return None
            self._took_at = time.monotonic()
            self._writing, self._gathering = self._gathering, _Batch(next(self._numbers))
            return self._writing

    def _seconds_until_due(self) -> float | None:
        """How long the batch being gathered can wait; None when nothing has come for a tick.

        A reply's end does not wait for a gap: it is a commit of its own in any case.
        """
        if self._closed.is_set() or self._is_urgent:
            return 0.0
        is_empty = self._gathering.is_empty
        wait = self._gap_seconds if self._is_wanted and not is_empty else self._tick_seconds
        seconds = self._took_at + wait - time.monotonic()
        return None if is_empty and seconds <= 0 else seconds

    def _write(self, batch: _Batch) -> bool:
        """Write a batch, however long it takes; False when told to give up."""
        if batch.deltas and not self._insist(
            partial(self._store.append, batch.deltas, batch=batch.number)
        ):
            return False
        _call_each(batch.durable)
        for reply_id, record, on_durable in batch.ends:
            if not self._insist(partial(self._store.finish_reply, reply_id, record)):
                return False
            if on_durable is not None:
                _call_each([on_durable])
        return True

    def _insist(self, write: Callback) -> bool:
        """Try until it succeeds; False when told to give up."""
        pause = _FIRST_PAUSE_SECONDS
        while (reason := self._try(write)) is not None:
            self._enter_trouble(reason)
            if self._gives_up.wait(pause):
                return False
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        self._enter(LogState.WRITING)
        return True

    def _try(self, write: Callback) -> str | None:
        """Why a write failed; None when it succeeded."""
        self._set_trying(time.monotonic())
        try:
            write()
        except StoreUnavailable as error:
            return str(error.params.get("reason", Trouble.UNKNOWN))
        except Exception as error:  # noqa: BLE001 - the only writer outlives whatever a store raises
            _log.error("the store failed with %s", type(error).__name__)
            return Trouble.UNKNOWN
        finally:
            self._set_trying(None)
        return None

    def _set_trying(self, since: float | None) -> None:
        with self._lock:
            self._trying_since = since

    def _notice_slowness(self) -> None:
        """Enter trouble when the write under way takes too long; called from busy threads."""
        since = self._trying_since
        if since is None or time.monotonic() - since < SLOW_SECONDS:
            return
        with self._lock:
            if self._state.is_troubled or self._trying_since is None:
                return
            seconds = time.monotonic() - self._trying_since
            if seconds < SLOW_SECONDS:
                return
            began = datetime.now(UTC) - timedelta(seconds=seconds)
            self._set_state(LogState(began, Trouble.SLOW))
        self._tell()

    def _enter_trouble(self, reason: str) -> None:
        since = self._state.since or datetime.now(UTC)
        self._enter(LogState(since, reason))

    def _enter(self, state: LogState) -> None:
        if state is self._state:  # nobody else changes it while no write is under way
            return
        with self._lock:
            if state == self._state:
                return
            self._set_state(state)
        self._tell()

    def _set_state(self, state: LogState) -> None:
        self._state = state
        self._untold.append(state)

    def _tell(self) -> None:
        """Tell what is untold; while one thread tells, it does so for the others."""
        while (telling := self._next_untold()) is not None:
            state, listeners = telling
            _call_each([partial(listener, state) for listener in listeners])
            with self._lock:
                self._is_telling = False

    def _next_untold(self) -> tuple[LogState, tuple[StateListener, ...]] | None:
        with self._lock:
            if self._is_telling or not self._untold:
                return None
            self._is_telling = True
            return self._untold.popleft(), self._listeners


def _call_each(callbacks: Sequence[Callback]) -> None:
    for callback in callbacks:
        try:
            callback()
        except Exception as error:  # noqa: BLE001 - one follower's mistake must not stop all replies
            _log.error("a listener failed with %s", type(error).__name__)

"""The one thread that writes what all live replies say: grouped, in order, again after a fault.

It asks every live reply for what is unwritten, commits all of it in one transaction and then
confirms it, so that followers see nothing a crash could take back. During a store outage text
waits in the replies and the saver tries again, at first soon and then every second; followers are
shown the text meanwhile, marked as not yet written (`LiveReply.follow`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from typing import ParamSpec, Self, TypeVar

from augenblick.chat.live import LiveReply
from augenblick.core.errors import Cancelled, StoreError, StoreUnavailable
from augenblick.endpoint.client import Cancellation
from augenblick.endpoint.reply import Added
from augenblick.store import Store
from augenblick.store.store_values import StoreOutage

SLOW_SECONDS = 1.0
"""A write that has been under way for longer counts as an outage."""

_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0
_LAST_WRITE_SECONDS = 3.0  # longer than a store waits for a lock
_OUTAGE_CLOSE_SECONDS = 2.0  # what a store gets to come back when the saver is closed
_POLL_SECONDS = 0.1  # how often a blocked caller checks whether it is still wanted
_SHORTEST_GAP_SECONDS = 0.01  # between two commits; a page draws a frame every 50 ms
_GAPS_PER_WRITE = 3  # so that the saver is busy a quarter of the time at most

_OUTAGE_SECONDS = 30.0  # a database server restarts in less
_TRY_AGAIN_SECONDS = 0.25

_log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")


class Saver:
    """The one writer of all live replies. Any thread may call; close it, or use it with `with`.

    Commits every `interval_seconds` while there is something to write, and at once when woken.
    Not much more than `max_waiting_characters` wait for the store; beyond that `add` blocks, so
    that the endpoint is read no further until the store can be written again.
    """

    def __init__(
        self,
        store: Store,
        *,
        interval_seconds: float = 0.05,
        max_waiting_characters: int = 16_000_000,
    ) -> None:
        self._store = store
        self._interval_seconds = interval_seconds
        self._max_waiting_characters = max_waiting_characters
        self._batch_numbers = count(time.time_ns())  # rises from saver to saver as well
        self._lock = threading.Lock()
        self._has_room = threading.Condition(self._lock)
        self._replies: dict[str, LiveReply] = {}
        self._waiting_characters = 0
        self._is_woken = threading.Event()
        self._outage: StoreOutage | None = None
        self._writing_since: float | None = None  # set while a call of the store is under way
        self._closed = threading.Event()
        self._gives_up = threading.Event()
        self._has_left_text = False
        self._thread = threading.Thread(target=self._run, name="saver", daemon=True)
        self._thread.start()

    def watch(self, live: LiveReply) -> None:
        """Write this reply from now on, until its end is written."""
        with self._lock:
            self._replies[live.reply_id] = live
        self.wake()

    def find(self, reply_id: str) -> LiveReply | None:
        """A reply whose end is not written yet."""
        return self._replies.get(reply_id)

    @property
    def replies(self) -> list[LiveReply]:
        """All replies whose end is not written yet."""
        with self._lock:
            return list(self._replies.values())

    @property
    def reply_count(self) -> int:
        """How many replies have no written end yet."""
        return len(self._replies)

    def add(self, live: LiveReply, added: Sequence[Added]) -> None:
        """Hand text to a live reply, waiting first while too much is unwritten.

        Raises Cancelled when the reply is stopped meanwhile, StoreUnavailable once the saver is
        closed; the text was not taken then.
        """
        characters = sum(len(piece.text) for piece in added)
        with self._lock:
            while (
                not self._closed.is_set()
                and self._waiting_characters
                and self._waiting_characters + characters > self._max_waiting_characters
            ):
                if live.cancellation.is_cancelled:
                    raise Cancelled
                self._has_room.wait(_POLL_SECONDS)
            if self._closed.is_set():
                raise StoreUnavailable("the saver is closed", reason=StoreOutage.UNREACHABLE)
            self._waiting_characters += characters
        live.add(added)

    def wake(self) -> None:
        """Have the saver write now: somebody waits for text that is not written yet."""
        self._is_woken.set()

    @property
    def outage(self) -> StoreOutage | None:
        """Why text waits at the moment; None while the store can be written."""
        since = self._writing_since
        if self._outage is None and since is not None:
            return StoreOutage.SLOW if time.monotonic() - since > SLOW_SECONDS else None
        return self._outage

    def is_store_away(self) -> bool:
        """Whether followers are to be shown what is not written."""
        return self.outage is not None

    def close(self, timeout_seconds: float = 10.0) -> bool:
        """Take no more, write what there is, end the thread; False if text had to be left behind.

        During an outage the store gets two seconds to come back. It stays open.
        """
        self._closed.set()
        self.wake()
        started = time.monotonic()
        with self._lock:
            self._has_room.notify_all()
        while self._thread.is_alive():
            self._thread.join(_POLL_SECONDS)
            limit = min(timeout_seconds, _OUTAGE_CLOSE_SECONDS) if self.outage else timeout_seconds
            if time.monotonic() - started > limit:
                break
        self._gives_up.set()
        self._thread.join(_LAST_WRITE_SECONDS)
        return not self._thread.is_alive() and not self._has_left_text

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            self._is_woken.wait(self._interval_seconds if self._replies else None)
            self._is_woken.clear()
            is_last = self._closed.is_set()  # checked first: nothing is added after it
            began = time.monotonic()
            if not self._write_all():
                self._has_left_text = True
                return
            gap = _GAPS_PER_WRITE * (time.monotonic() - began)
            if not is_last:
                time.sleep(min(max(gap, _SHORTEST_GAP_SECONDS), self._interval_seconds))

    def _write_all(self) -> bool:
        """Write what all replies have; False when told to give up."""
        found = [(live, live.take_unwritten()) for live in self.replies]
        work = [(live, unwritten) for live, unwritten in found if unwritten is not None]
        deltas = [delta for _, unwritten in work for delta in unwritten.deltas]
        write = partial(self._store.append, deltas, batch=next(self._batch_numbers))
        if deltas and not self._retry_until_written(write):
            return False
        for live, unwritten in work:
            live.confirm(unwritten.position)
        with self._lock:
            written = sum(len(delta.text) for delta in deltas)
            self._waiting_characters = max(0, self._waiting_characters - written)
            self._has_room.notify_all()
        for live, unwritten in work:
            if unwritten.record is None:
                continue
            write = partial(self._store.finish_reply, live.reply_id, unwritten.record)
            if not self._retry_until_written(write):
                return False
            live.confirm_end()
            with self._lock:
                self._replies.pop(live.reply_id, None)
        return True

    def _retry_until_written(self, write: Callable[[], None]) -> bool:
        """Try until it succeeds; False when told to give up."""
        pause = _FIRST_PAUSE_SECONDS
        while (reason := self._try(write)) is not None:
            if self._outage is None:
                _log.error("Answers can't be saved at the moment: %s", reason)
            self._outage = reason
            if self._gives_up.wait(pause):
                return False
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        if self._outage is not None:
            _log.warning("Answers are saved again.")
        self._outage = None
        return True

    def _try(self, write: Callable[[], None]) -> StoreOutage | None:
        """Why a write failed; None when it succeeded."""
        self._writing_since = time.monotonic()
        try:
            write()
        except StoreUnavailable as error:
            return StoreOutage(str(error.params.get("reason", StoreOutage.UNKNOWN)))
        except Exception as error:  # noqa: BLE001 - the only writer outlives whatever a store raises
            _log.error("the store failed with %s", type(error).__name__)
            return StoreOutage.UNKNOWN
        finally:
            self._writing_since = None
        return None


def outlast_outage(
    cancellation: Cancellation, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Call the store for a reply, waiting out an outage: its question is accepted already.

    Raises StoreError when it lasts, Cancelled when the reply is stopped meanwhile.
    """
    deadline = time.monotonic() + _OUTAGE_SECONDS
    while True:
        try:
            return call(*args, **kwargs)
        except StoreUnavailable as error:
            if time.monotonic() > deadline:
                raise StoreError(error.detail, code="question_not_sent") from None
            if cancellation.wait(_TRY_AGAIN_SECONDS):
                raise Cancelled from None

"""The threads of replies that are being written: starting, stopping from elsewhere, ending all."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

from augenblick.chat.saver import Saver
from augenblick.core.errors import StoreError
from augenblick.store import Store

_POLL_SECONDS = 0.5  # how often this process asks whether another was told to stop its replies


class WorkerThreads:
    """A thread for each reply, and one that stops what another process was asked to stop here."""

    def __init__(self, store: Store, saver: Saver) -> None:
        self._store = store
        self._saver = saver
        self._running = 0
        self._ended = threading.Condition()
        self.closing = threading.Event()  # set when the server goes down
        self._poller = threading.Thread(target=self._poll_stops, name="stops", daemon=True)
        self._poller.start()

    def start(self, work: Callable[[], None], *, name: str) -> None:
        """Run `work` in a new thread. Raises RuntimeError if the system has no thread left."""

        def run() -> None:
            try:
                work()
            finally:
                self._end()

        with self._ended:
            self._running += 1
        try:
            threading.Thread(target=run, name=name, daemon=True).start()
        except RuntimeError:
            self._end()
            raise

    def close(self, timeout_seconds: float) -> None:
        """Stop all replies and wait up to `timeout_seconds` for their threads."""
        deadline = time.monotonic() + timeout_seconds
        self.closing.set()
        for live in self._saver.replies:
            live.stop()
        with self._ended:
            self._ended.wait_for(lambda: not self._running, timeout_seconds)
        self._poller.join(max(0.0, deadline - time.monotonic()))

    def _end(self) -> None:
        with self._ended:
            self._running -= 1
            self._ended.notify_all()

    def _poll_stops(self) -> None:
        while not self.closing.wait(_POLL_SECONDS):
            replies = {live.reply_id: live for live in self._saver.replies}
            if not replies:
                continue
            with contextlib.suppress(StoreError):  # asked again in a moment
                for reply_id in self._store.stop_requests(list(replies)):
                    replies[reply_id].stop()

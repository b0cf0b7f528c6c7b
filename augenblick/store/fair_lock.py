"""A lock that whoever waits longest gets next."""

from __future__ import annotations

import threading
from collections import deque


class FairLock:
    """As `threading.Lock`, in the order of asking. Any thread may call.

    The usual one goes to whoever comes by at the right moment: with 400 people asking at once some
    waited 30 s for it while hundreds who had come later wrote.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_held = False
        self._handed_count = 0
        self._waiting: deque[threading.Lock] = deque()  # each is released when its turn has come

    def acquire(self, timeout: float, *, goes_first: bool = False) -> bool:
        """Wait, so many seconds at most in which nobody gets it; returns whether it is ours now.

        Who `goes_first` is next, whoever waits.
        """
        with self._lock:
            if not self._is_held:
                self._is_held = True
                return True
            own = threading.Lock()
            own.acquire()
            if goes_first:
                self._waiting.appendleft(own)
            else:
                self._waiting.append(own)
            seen = self._handed_count
        while not own.acquire(timeout=timeout):
            with self._lock:
                if own not in self._waiting:
                    return True  # it was handed over at the last moment
                if self._handed_count == seen:
                    self._waiting.remove(own)
                    return False
                seen = self._handed_count  # others get on, and our turn will come
        return True

    def release(self) -> None:
        """Hand it over to who waits longest."""
        with self._lock:
            if self._waiting:
                self._handed_count += 1
                self._waiting.popleft().release()
            else:
                self._is_held = False

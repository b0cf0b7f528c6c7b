"""`ByteLru`: a cache bounded by the bytes of its values, for everything that is kept in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class ByteLru(Generic[K, V]):
    """The most recently used values, at most `max_bytes` of them by `size`. Safe in threads.

    A value larger than `max_bytes` is not kept, and does not push out the others.
    """

    def __init__(self, max_bytes: int, *, size: Callable[[V], int]) -> None:
        self._max_bytes = max_bytes
        self._size = size
        self._values: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()
        self.byte_count = 0

    def get(self, key: K) -> V | None:
        """The value, which counts as used now; None where it is not kept."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: K, value: V) -> None:
        """Keep a value in place of what the key had; the least recently used make room for it."""
        with self._lock:
            self._drop(key)
            if (size := self._size(value)) > self._max_bytes:
                return
            self._values[key] = value
            self.byte_count += size
            while self.byte_count > self._max_bytes:
                self._drop(next(iter(self._values)))

    def forget(self, key: K) -> None:
        """Keep this one no longer."""
        with self._lock:
            self._drop(key)

    def items(self) -> list[tuple[K, V]]:
        """What is kept at this moment, the least recently used first."""
        with self._lock:
            return list(self._values.items())

    def clear(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._values.clear()
            self.byte_count = 0

    def _drop(self, key: K) -> None:
        if key in self._values:
            self.byte_count -= self._size(self._values.pop(key))

"""The small pictures of questions, kept in memory once they were read from the store.

A picture is known by its bytes, so what is kept never grows old. One cache for all visitors.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

import streamlit as st

_MAX_BYTES = 64_000_000  # about a thousand


class Thumbnails:
    """The thumbnails that were looked at last, at most `max_bytes` of them. Any thread may call."""

    def __init__(self, *, max_bytes: int = _MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._byte_count = 0
        self._lock = threading.Lock()

    def get(self, sha256: str, load: Callable[[str], bytes]) -> bytes:
        """Return a thumbnail, by `load` where it is not kept; raises what `load` raises."""
        with self._lock:
            kept = self._kept.get(sha256)
            if kept is not None:
                self._kept.move_to_end(sha256)
                return kept
        loaded = load(sha256)
        self._keep(sha256, loaded)
        return loaded

    def forget(self, sha256: str) -> None:
        """Keep this one no longer."""
        with self._lock:
            self._byte_count -= len(self._kept.pop(sha256, b""))

    def _keep(self, sha256: str, thumbnail: bytes) -> None:
        with self._lock:
            if sha256 not in self._kept:
                self._kept[sha256] = thumbnail
                self._byte_count += len(thumbnail)
            while self._byte_count > self._max_bytes:
                _, dropped = self._kept.popitem(last=False)
                self._byte_count -= len(dropped)


@st.cache_resource(show_spinner=False)
def thumbnails() -> Thumbnails:
    """Return the cache of this process."""
    return Thumbnails()

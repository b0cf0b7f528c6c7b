"""The small pictures of questions, kept in memory once they were read from the store.

A picture is known by its bytes, so what is kept never grows old. One cache for all visitors.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from augenblick.core.byte_lru import ByteLru

_MAX_BYTES = 64_000_000  # about a thousand


class Thumbnails:
    """The thumbnails that were looked at last, at most `max_bytes` of them. Any thread may call."""

    def __init__(self, *, max_bytes: int = _MAX_BYTES) -> None:
        self._kept: ByteLru[str, bytes] = ByteLru(max_bytes, size=len)

    def get(self, sha256: str, load: Callable[[str], bytes]) -> bytes:
        """Return a thumbnail, by `load` where it is not kept; raises what `load` raises."""
        thumbnail = self._kept.get(sha256)
        if thumbnail is None:
            thumbnail = load(sha256)
            self._kept.put(sha256, thumbnail)
        return thumbnail

    def forget(self, sha256: str) -> None:
        """Keep this one no longer."""
        self._kept.forget(sha256)


@st.cache_resource(show_spinner=False)
def thumbnails() -> Thumbnails:
    """Return the cache of this process."""
    return Thumbnails()

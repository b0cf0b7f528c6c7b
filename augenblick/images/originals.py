"""The files that pictures were made from, for a while, so that one can be sent again sharper.

In memory only and never for long: an original has a place and a camera in it.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from augenblick.images.limits import PictureOptions


@dataclass(frozen=True, slots=True)
class PictureSource:
    """A file as a person handed it in."""

    name: str
    content: bytes = field(repr=False)
    options: PictureOptions | None = None  # for this one, where it differs from the others


@dataclass(slots=True)
class _Kept:
    content: bytes
    until: float  # monotonic seconds
    prepared: dict[str, PictureOptions]  # by SHA-256, how each was made


class Originals:
    """Files by the SHA-256 of what was made from them; `max_bytes` of them, the oldest go first.

    Without a name: two people may have the same file, each under a name of their own. None is kept
    for longer than `max_age_seconds`, whether somebody asks or not. Safe in threads.
    """

    def __init__(
        self, *, max_bytes: int = 256_000_000, max_age_seconds: float = 6 * 60 * 60
    ) -> None:
        self._max_bytes = max_bytes
        self._max_age_seconds = max_age_seconds
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()  # by SHA-256 of the file, by age
        self._sources: dict[str, bytes] = {}  # from the prepared picture to its file
        self._bytes = 0
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def put(
        self, prepared_sha256: str, content: bytes, options: PictureOptions, *, source_sha256: bytes
    ) -> None:
        """Remember the file that a prepared picture was made from, and how.

        The time of the file starts anew.
        """
        source = source_sha256
        if source.hex() == prepared_sha256 or len(content) > self._max_bytes:
            return
        with self._lock:
            known = self._kept.pop(source, None)
            prepared = known.prepared if known is not None else {}
            if known is None:
                self._bytes += len(content)
            prepared[prepared_sha256] = options
            until = time.monotonic() + self._max_age_seconds
            self._kept[source] = _Kept(content, until, prepared)
            self._sources[prepared_sha256] = source
            while self._bytes > self._max_bytes:
                self._drop(next(iter(self._kept)))
            self._watch()

    def get(self, prepared_sha256: str) -> tuple[bytes, PictureOptions] | None:
        """The file and how the picture was made from it, while it is kept."""
        with self._lock:
            source = self._sources.get(prepared_sha256)
            kept = self._kept.get(source) if source is not None else None
            if kept is None or kept.until <= time.monotonic():
                return None
            return kept.content, kept.prepared[prepared_sha256]

    def forget(self, prepared_sha256: str) -> None:
        """Drop the file that a picture was made from, now."""
        with self._lock:
            source = self._sources.get(prepared_sha256)
            if source is not None:
                self._drop(source)

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._kept.clear()
            self._sources.clear()
            self._bytes = 0
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _drop(self, source: bytes) -> None:
        kept = self._kept.pop(source)
        self._bytes -= len(kept.content)
        for prepared_sha256 in kept.prepared:
            if self._sources.get(prepared_sha256) == source:
                del self._sources[prepared_sha256]

    def _watch(self) -> None:
        """Come back when the oldest file has had its time."""
        if self._timer is not None or not self._kept:
            return
        oldest = next(iter(self._kept.values()))
        self._timer = threading.Timer(max(0.0, oldest.until - time.monotonic()), self._expire)
        self._timer.daemon = True
        self._timer.start()

    def _expire(self) -> None:
        with self._lock:
            self._timer = None
            now = time.monotonic()
            while self._kept and next(iter(self._kept.values())).until <= now:
                self._drop(next(iter(self._kept)))
            self._watch()

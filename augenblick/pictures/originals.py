"""The files that pictures were made from, for a while, so that one can be sent again sharper.

In memory only and never for long: an original has a place and a camera in it.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import NamedTuple

from augenblick.core.byte_lru import ByteLru
from augenblick.pictures.limits import PictureOptions

_ORIGIN_BYTES = 500  # about
_MOST_ORIGINS_BYTES = 5_000_000


@dataclass(frozen=True, slots=True)
class PictureSource:
    """A file as a person handed it in, and how a picture is prepared from it."""

    name: str
    content: bytes = field(repr=False)
    options: PictureOptions = field(default_factory=PictureOptions)


class _Kept(NamedTuple):
    content: bytes
    until: float  # monotonic seconds


class _Origin(NamedTuple):
    """What a picture was made from, and how. The file may be gone by now."""

    source_sha256: bytes
    options: PictureOptions


class Originals:
    """Files by the SHA-256 of what was made from them, at most `max_bytes` of them.

    Without a name: two people may have the same file, each under a name of their own. None is kept
    for longer than `max_age_seconds`, whether somebody asks or not. Safe in threads.
    """

    def __init__(
        self, *, max_bytes: int = 256_000_000, max_age_seconds: float = 6 * 60 * 60
    ) -> None:
        self._max_age_seconds = max_age_seconds
        self._files = ByteLru[bytes, _Kept](max_bytes, size=lambda kept: len(kept.content))
        self._origins = ByteLru[str, _Origin](_MOST_ORIGINS_BYTES, size=lambda _: _ORIGIN_BYTES)
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def put(
        self, prepared_sha256: str, content: bytes, options: PictureOptions, *, source_sha256: bytes
    ) -> None:
        """Remember the file that a prepared picture was made from, and how.

        The time of the file starts anew.
        """
        if source_sha256.hex() == prepared_sha256:
            return
        with self._lock:
            until = time.monotonic() + self._max_age_seconds
            self._files.put(source_sha256, _Kept(content, until))
            self._origins.put(prepared_sha256, _Origin(source_sha256, options))
            if self._timer is None:
                self._expire_at(until)

    def get(self, prepared_sha256: str) -> tuple[bytes, PictureOptions] | None:
        """The file and how the picture was made from it, while it is kept."""
        origin = self._origins.get(prepared_sha256)
        kept = self._files.get(origin.source_sha256) if origin is not None else None
        if origin is None or kept is None or kept.until <= time.monotonic():
            return None
        return kept.content, origin.options

    def forget(self, prepared_sha256: str) -> None:
        """Drop the file that a picture was made from, now."""
        origin = self._origins.get(prepared_sha256)
        if origin is not None:
            self._files.forget(origin.source_sha256)
            self._origins.forget(prepared_sha256)

    def forget_source(self, source_sha256: bytes) -> None:
        """Drop this file, now."""
        self._files.forget(source_sha256)

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._files.clear()
            self._origins.clear()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _expire_at(self, moment: float) -> None:
        self._timer = threading.Timer(max(0.0, moment - time.monotonic()), self._expire)
        self._timer.daemon = True
        self._timer.start()

    def _expire(self) -> None:
        """Drop the files that have had their time, and come back for the next one."""
        with self._lock:
            self._timer = None
            now, files = time.monotonic(), self._files.items()
            for source, kept in files:
                if kept.until <= now:
                    self._files.forget(source)
            left = [kept.until for _, kept in files if kept.until > now]
            if left:
                self._expire_at(min(left))

"""How many bytes pages may keep of what was uploaded: for one person, and in all.

Streamlit forgets an upload once it is read, and `upload_limits` counts it no longer. What a page
has taken over then waits with the page: for its question, for a choice.
Here all of it is counted as it is really held, so there is nothing to give back: what was sent or
taken out, and what went with its tab, is free again.

It is another account than that of `upload_limits`, which counts by session what Streamlit holds and
asks for each piece that arrives: going through all tabs there would cost the event loop too much.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from augenblick.core.errors import NoRoom
from augenblick.web.upload_limits import BYTES_PER_FILE

_MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class UploadMemoryLimits:
    """Bytes that pages may keep at once."""

    per_person_bytes: int = 256 * _MEGABYTE
    total_bytes: int = 1024 * _MEGABYTE


class UploadTab(Protocol):
    """One tab."""

    own_id: str
    session_id: str
    person: str  # whose tab it is, as far as the browser says so

    def held(self) -> Iterable[bytes]:
        """Every file it keeps; the same object may come several times."""
        ...

    def let_go(self) -> None:
        """Keep none of them any longer."""
        ...


T = TypeVar("T", bound=UploadTab)


class UploadMemory(Generic[T]):
    """Counts what tabs hold. Any thread may call; a tab that is gone is not counted."""

    def __init__(self, limits: UploadMemoryLimits | None = None) -> None:
        self.limits = limits or UploadMemoryLimits()
        self._tabs: weakref.WeakValueDictionary[str, T] = weakref.WeakValueDictionary()
        self._lock = threading.Lock()

    def watch(self, tab: T) -> None:
        """Count this tab from now on, for as long as there is anybody else who keeps it."""
        with self._lock:
            self._tabs[tab.own_id] = tab

    def find(self, own_id: str) -> T | None:
        """The tab of this id, while somebody keeps it."""
        with self._lock:
            return self._tabs.get(own_id)

    def tabs(self) -> list[T]:
        """All tabs that somebody keeps."""
        with self._lock:
            return list(self._tabs.values())

    def take(self, tab: UploadTab, files: Sequence[bytes], keep: Callable[[], None]) -> None:
        """Call `keep`, which has the tab hold these files too, if there is room for them.

        Raises NoRoom; then nothing has changed.
        """
        with self._lock:
            others: list[UploadTab] = [each for each in self._tabs.values() if each is not tab]
            own = [tab, *(other for other in others if tab.person and other.person == tab.person)]
            if _count(own, files) > self.limits.per_person_bytes:
                raise NoRoom(code="too_much_kept", limit=self.limits.per_person_bytes // _MEGABYTE)
            if _count([tab, *others], files) > self.limits.total_bytes:
                raise NoRoom(code="server_is_full")
            keep()

    def forget(self, session_id: str) -> None:
        """Have the tabs of a session let go, for nobody can come back to them."""
        with self._lock:
            gone = [each for each in self._tabs.values() if each.session_id == session_id]
        for tab in gone:
            tab.let_go()


def _count(tabs: Iterable[UploadTab], more: Iterable[bytes]) -> int:
    """Bytes of all files, each object once: the pages of a PDF share its bytes."""
    found = {id(file): file for tab in tabs for file in tab.held()}
    found |= {id(file): file for file in more}
    return sum(len(file) + BYTES_PER_FILE for file in found.values())

"""How many bytes pages may keep of what was uploaded: for one person, and in all.

Streamlit forgets an upload once it is read, and `limits` counts it no longer. What a page has taken
over then waits with the page: for its question, for the pages of a PDF, for a look. Here all of it
is counted as it is really held, so there is nothing to give back: what was sent or taken out, and
what went with its tab, is free again.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from augenblick.errors import ServerIsFull, TooMuchKept

_MEGABYTE = 1024 * 1024
_BYTES_PER_FILE = 1024  # an empty file costs memory too


@dataclass(frozen=True, slots=True)
class HoldingLimits:
    """Bytes that pages may keep at once."""

    per_person_bytes: int = 256 * _MEGABYTE
    total_bytes: int = 1024 * _MEGABYTE


class Holder(Protocol):
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


class Holdings:
    """Counts what tabs hold. Any thread may call; a tab that is gone is not counted."""

    def __init__(self, limits: HoldingLimits | None = None) -> None:
        self.limits = limits or HoldingLimits()
        self._holders: weakref.WeakValueDictionary[str, Holder] = weakref.WeakValueDictionary()
        self._lock = threading.Lock()

    def watch(self, holder: Holder) -> None:
        """Count this tab from now on, for as long as there is anybody else who keeps it."""
        with self._lock:
            self._holders[holder.own_id] = holder

    def take(self, holder: Holder, files: Sequence[bytes], keep: Callable[[], None]) -> None:
        """Call `keep`, which has the tab hold these files too, if there is room for them.

        Raises TooMuchKept or ServerIsFull; then nothing has changed.
        """
        with self._lock:
            others = [other for other in self._holders.values() if other is not holder]
            own = [holder, *(other for other in others if _is_same(holder, other))]
            if _count(own, files) > self.limits.per_person_bytes:
                raise TooMuchKept(limit=self.limits.per_person_bytes // _MEGABYTE)
            if _count([holder, *others], files) > self.limits.total_bytes:
                raise ServerIsFull
            keep()

    def sessions(self) -> set[str]:
        """The sessions of all tabs that are counted."""
        with self._lock:
            return {holder.session_id for holder in self._holders.values()}

    def forget(self, session_id: str) -> None:
        """Have the tabs of a session let go, for nobody can come back to them."""
        with self._lock:
            gone = [each for each in self._holders.values() if each.session_id == session_id]
        for holder in gone:
            holder.let_go()


def _is_same(one: Holder, other: Holder) -> bool:
    return bool(one.person) and one.person == other.person


def _count(holders: Iterable[Holder], more: Iterable[bytes]) -> int:
    """Bytes of all files, each object once: the pages of a PDF share its bytes."""
    found = {id(file): file for holder in holders for file in holder.held()}
    found |= {id(file): file for file in more}
    return sum(len(file) + _BYTES_PER_FILE for file in found.values())

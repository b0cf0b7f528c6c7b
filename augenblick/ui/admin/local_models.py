"""The programs with models on this computer, looked for so that no page waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from augenblick.core.providers import Provider
from augenblick.endpoint.local_servers import LocalServer

_FRESH_SECONDS = 20.0
_WAIT_SECONDS = 3.0


class LocalModels:
    """What was found, as one list for all; safe in threads. `find` is `find_local_servers`.

    A server is an endpoint like any other as soon as it is found and as long as it is there. With
    `is_on` False nothing is looked for.
    """

    def __init__(self, find: Callable[[], Sequence[LocalServer]], *, is_on: bool = True) -> None:
        self.is_on = is_on
        self._find = find
        self._found: tuple[LocalServer, ...] = ()
        self._ever: dict[str, LocalServer] = {}
        self._used: tuple[str, ...] = ()  # their names
        self._is_asked_for = False
        self._look: threading.Thread | None = None
        self._looked_at = float("-inf")
        self._lock = threading.Lock()

    @property
    def has_looked(self) -> bool:
        """Whether anything is known yet."""
        return self._looked_at > float("-inf")

    @property
    def is_looking(self) -> bool:
        """Whether a look is under way; it takes seconds at most."""
        return self._look is not None and self._look.is_alive()

    @property
    def found(self) -> tuple[LocalServer, ...]:
        """What was there at the last look."""
        return self._found

    def joined(self, configured: Sequence[Provider]) -> tuple[Provider, ...]:
        """The configured endpoints and what was found; looks again, beside the page, in a while.

        Without an endpoint but the reader it looks by itself, else once somebody asked for it. What
        was taken into use stands before the reader, all else after it.
        """
        is_alone = all(provider.is_reader for provider in configured)
        if self.is_on and (is_alone or self._is_asked_for):
            self._look_if_due()
        names = {provider.name for provider in configured}
        addresses = {provider.base_url for provider in configured}
        local = [
            server.provider
            for server in self._found
            if server.seeing and server.name not in names and server.base_url not in addresses
        ]
        used = [provider for provider in local if provider.name in self._used]
        return (
            *(provider for provider in configured if not provider.is_reader),
            *used,
            *(provider for provider in configured if provider.is_reader),
            *(provider for provider in local if provider not in used),
        )

    def remembered(self, name: str) -> Provider | None:
        """An endpoint that was found once, for questions that are on their way to it."""
        server = self._ever.get(name)
        return server.provider if server is not None else None

    def use(self, name: str) -> None:
        """Have everybody begin with this one, where nothing is configured."""
        if name not in self._used:
            self._used = (*self._used, name)

    def gone(self) -> tuple[str, ...]:
        """The labels of what was taken into use and is no longer there."""
        there = {server.name for server in self._found if server.seeing}
        return tuple(self._ever[name].label for name in self._used if name not in there)

    def look_again(self) -> None:
        """Look now, for somebody who asked for it, and wait a moment for what is found."""
        self._is_asked_for = True
        with self._lock:
            look = self._begin_look()
        look.join(_WAIT_SECONDS)

    def _look_if_due(self) -> None:
        with self._lock:
            if time.monotonic() - self._looked_at > _FRESH_SECONDS:
                self._begin_look()

    def _begin_look(self) -> threading.Thread:
        """The look that is under way, or a new one."""
        if self._look is None or not self.is_looking:
            self._look = threading.Thread(target=self._fill, name="local-models", daemon=True)
            self._look.start()
        return self._look

    def _fill(self) -> None:
        found = tuple(self._find())
        self._ever |= {server.name: server for server in found if server.seeing}
        self._found = found
        self._looked_at = time.monotonic()

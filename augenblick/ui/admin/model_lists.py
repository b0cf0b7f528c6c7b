"""Whether the endpoints answer and what models they have, asked so that no page waits for one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from augenblick.core.errors import Failure, ProviderError
from augenblick.core.providers import Provider

FIRST_WAIT_SECONDS = 2.0  # after the asking; later pages don't wait
_FRESH_SECONDS = 300.0
_FRESH_AFTER_FAILURE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class State:
    """How an endpoint was when it was asked last; `is_known` once it has answered or failed."""

    is_known: bool
    failure: Failure | None = None


class ModelLists:
    """The model names of each endpoint; safe in threads. `ask` asks an endpoint for them."""

    def __init__(self, ask: Callable[[Provider], tuple[str, ...]]) -> None:
        self._ask = ask
        self._lists: dict[str, _List] = {}
        self._lock = threading.Lock()

    def ask_all(self, providers: Sequence[Provider]) -> None:
        """Begin to ask all endpoints side by side that have not been asked lately."""
        for provider in providers:
            if not provider.models:
                self._known(provider)

    def of(self, provider: Provider) -> tuple[str, ...]:
        """Return the configured names, else what the endpoint listed; empty while it has not."""
        if provider.models:
            return provider.models
        known = self._known(provider)
        known.done.wait(max(0.0, known.wait_until - time.monotonic()))
        return known.names

    def state(self, provider: Provider) -> State:
        """Return how an endpoint is; one that was not asked lately is asked now."""
        known = self._known(provider)
        return State(known.done.is_set(), known.failure)

    def forget(self, provider: Provider) -> None:
        """Have an endpoint asked again by whoever comes next."""
        with self._lock:
            self._lists.pop(provider.name, None)

    def _known(self, provider: Provider) -> _List:
        with self._lock:
            known = self._lists.get(provider.name)
            if known is not None and not known.is_old:
                return known
            fresh = _List() if known is None else _List(known.names, wait_seconds=0.0)
            self._lists[provider.name] = fresh
        threading.Thread(target=self._fill, args=(fresh, provider), daemon=True).start()
        return fresh

    def _fill(self, known: _List, provider: Provider) -> None:
        fresh_seconds = _FRESH_AFTER_FAILURE_SECONDS
        try:
            known.names = self._ask(provider)
            fresh_seconds = _FRESH_SECONDS
        except ProviderError as error:
            known.failure = error.failure
        finally:
            known.good_until = time.monotonic() + fresh_seconds
            known.done.set()


class _List:
    """One list, on its way or there."""

    def __init__(
        self, names: tuple[str, ...] = (), *, wait_seconds: float = FIRST_WAIT_SECONDS
    ) -> None:
        self.names = names
        self.failure: Failure | None = None
        self.wait_until = time.monotonic() + wait_seconds
        self.good_until = 0.0
        self.done = threading.Event()

    @property
    def is_old(self) -> bool:
        return self.done.is_set() and time.monotonic() > self.good_until

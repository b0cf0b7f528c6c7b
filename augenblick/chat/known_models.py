"""The cards of all models, as this process knows them."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Final

from augenblick.core.errors import StoreError, StoreUnavailable
from augenblick.core.model_cards import Finding, ModelCard
from augenblick.store import Store

_AWAY_SECONDS: Final = 5.0  # before a store that could not be read is asked again
_NOTHING: Final = ModelCard()


class KnownModels:
    """Reads cards from memory, for every page asks for all of them; safe in threads.

    What another process finds out is known here `fresh_seconds` later at the latest.
    """

    def __init__(self, store: Store, *, fresh_seconds: float = 30.0) -> None:
        self._store = store
        self._fresh_seconds = fresh_seconds
        self._cards: Mapping[tuple[str, str], ModelCard] | None = None
        self._good_until = float("-inf")
        self._lock = threading.Lock()

    def of(self, provider: str, model: str) -> ModelCard:
        """What is known of a model, an empty card where that is nothing. Raises StoreError."""
        return self._read().get((provider, model), _NOTHING)

    def at(self, provider: str) -> Mapping[str, ModelCard]:
        """The cards of an endpoint by model, the newest first. Raises StoreError."""
        cards = [(name[1], card) for name, card in self._read().items() if name[0] == provider]
        return dict(sorted(cards, key=_age))

    def save(
        self,
        provider: str,
        model: str,
        *,
        sees: bool | None = None,
        findings: Sequence[Finding] = (),
    ) -> None:
        """Note what was found out; what is None or empty stays as it was. Raises StoreError."""
        self._store.save_model_card(provider, model, sees=sees, findings=findings)
        with self._lock:
            self._good_until = float("-inf")

    def _read(self) -> Mapping[tuple[str, str], ModelCard]:
        """All cards; those known before while the store is away, which is not asked each time."""
        with self._lock:  # one reads for all, and what is saved meanwhile is read the next time
            if time.monotonic() >= self._good_until:
                try:
                    self._cards = self._store.load_model_cards()
                    self._good_until = time.monotonic() + self._fresh_seconds
                except StoreError:
                    self._good_until = time.monotonic() + _AWAY_SECONDS
            if self._cards is None:
                raise StoreUnavailable("cards of models could not be read")
            return self._cards


def _age(named: tuple[str, ModelCard]) -> tuple[float, str]:
    model, card = named
    at = card.checked_at or card.sees_at
    return (-at.timestamp() if at else 0.0), model

"""What an endpoint needs, per model: read before the first request, learnt on the way."""

from __future__ import annotations

import contextlib
from collections.abc import Collection

from augenblick.chat.fallbacks import apply_quirks, fallback_for
from augenblick.chat.request_changes import Fallback, Fitting, Request
from augenblick.core.errors import ProviderError, StoreError
from augenblick.core.messages import Adjustment
from augenblick.store import Store


class Quirks:
    """The quirks of one endpoint and model. Raises StoreUnavailable if they can't be read."""

    def __init__(self, store: Store, provider: str, model: str, fitting: Fitting) -> None:
        self._store = store
        self._provider = provider
        self._model = model
        self._shrink, self._to_jpeg = fitting.shrink, fitting.to_jpeg
        self._known = dict(store.load_quirks(provider, model))

    def fit(self, request: Request) -> tuple[Request, tuple[Adjustment, ...]]:
        """The request as it is known to be taken, and the sentences that say so."""
        return apply_quirks(request, self._known, shrink=self._shrink, to_jpeg=self._to_jpeg)

    def fallback_for(
        self, error: ProviderError, request: Request, applied: Collection[str]
    ) -> Fallback | None:
        """A change that answers this refusal, remembered; None where only a person can help."""
        fallback = fallback_for(
            error, request, self._known,
            applied=applied, shrink=self._shrink, to_jpeg=self._to_jpeg,
        )  # fmt: skip
        if fallback is not None:
            self.learn(fallback)
        return fallback

    def learn(self, fallback: Fallback) -> None:
        """Remember what a fallback teaches."""
        self._known |= fallback.quirks
        with contextlib.suppress(StoreError):  # then it is learnt again the next time
            for name, value in fallback.quirks.items():
                self._store.save_quirk(self._provider, self._model, name, value)

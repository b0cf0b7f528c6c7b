"""What an endpoint needs, per model: read before the first request, learnt on the way."""

from __future__ import annotations

import contextlib
from collections.abc import Collection

from augenblick.chat.fallbacks import apply_lessons, remedy_for
from augenblick.chat.request_changes import Fitting, Remedy, Request
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
        self._known = dict(store.load_lessons(provider, model))

    def fit(self, request: Request) -> tuple[Request, tuple[Adjustment, ...]]:
        """The request as it is known to be taken, and the sentences that say so."""
        return apply_lessons(request, self._known, shrink=self._shrink, to_jpeg=self._to_jpeg)

    def remedy_for(
        self, error: ProviderError, request: Request, applied: Collection[str]
    ) -> Remedy | None:
        """A change that answers this refusal, remembered; None where only a person can help."""
        remedy = remedy_for(
            error, request, self._known,
            applied=applied, shrink=self._shrink, to_jpeg=self._to_jpeg,
        )  # fmt: skip
        if remedy is not None:
            self.learn(remedy)
        return remedy

    def learn(self, remedy: Remedy) -> None:
        """Remember what a remedy teaches."""
        self._known |= remedy.lessons
        with contextlib.suppress(StoreError):  # then it is learnt again the next time
            for name, value in remedy.lessons.items():
                self._store.save_lesson(self._provider, self._model, name, value)

"""Checks of models by the doctor, beside the pages; what it finds goes to the models' cards."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

from augenblick.chat.known_models import KnownModels
from augenblick.core.errors import AugenblickError, Failure, StoreError
from augenblick.core.model_cards import Finding, Mark
from augenblick.core.providers import Provider
from augenblick.ops.doctor import Report

_KEPT_PRIVATE: Final = "detail"  # the endpoint's own words


class Examine(Protocol):
    """`ops.doctor.examine`."""

    def __call__(self, provider: Provider, *, model: str) -> Report:
        """Examine a model; always comes back."""


class Sees(Protocol):
    """`SightChecks.sees`."""

    def __call__(self, provider: Provider, model: str, /) -> bool | None:
        """Try a model with a test picture."""


@dataclass(frozen=True, slots=True)
class FailedCheck:
    """A check that found nothing out; no `failure` where the endpoint answered with nothing."""

    model: str
    failure: Failure | None


class ModelChecks:
    """One check at a time for each endpoint, in a thread of its own; safe in threads.

    What is found goes to the model's card. A check that fails leaves the card as it was. With
    `is_on` False nothing is checked.
    """

    def __init__(
        self, known: KnownModels, *, examine: Examine, sees: Sees, is_on: bool = True
    ) -> None:
        self.is_on = is_on
        self._known = known
        self._examine = examine
        self._sees = sees
        self._running: dict[str, str] = {}  # the model, by endpoint
        self._failed: dict[str, FailedCheck] = {}
        self._lock = threading.Lock()

    def begin(self, provider: Provider, model: str) -> None:
        """Check a model, unless one at this endpoint is being checked."""
        with self._lock:
            if not self.is_on or provider.name in self._running:
                return
            self._running[provider.name] = model
            self._failed.pop(provider.name, None)
        threading.Thread(
            target=self._check, args=(provider, model), name="model-check", daemon=True
        ).start()

    @property
    def running(self) -> Mapping[str, str]:
        """Which model is being checked, by the name of its endpoint."""
        with self._lock:
            return dict(self._running)

    def failed(self, provider: Provider) -> FailedCheck | None:
        """The last check at an endpoint, if it failed."""
        return self._failed.get(provider.name)

    def _check(self, provider: Provider, model: str) -> None:
        failed: FailedCheck | None = FailedCheck(model, AugenblickError().failure)
        try:
            failed = self._find_out(provider, model)
        except StoreError as error:
            failed = FailedCheck(model, error.failure)
        finally:
            with self._lock:
                if failed is not None:
                    self._failed[provider.name] = failed
                self._running.pop(provider.name, None)

    def _find_out(self, provider: Provider, model: str) -> FailedCheck | None:
        report = self._examine(provider, model=model)
        if report.is_failed:
            return FailedCheck(model, report.failure)
        sees = self._seen(report.finding("picture"), provider, model)
        findings = [_without_words(finding) for finding in report.findings]
        self._known.save(provider.name, model, sees=sees, findings=findings)
        return None

    def _seen(self, picture: Finding, provider: Provider, model: str) -> bool | None:
        """Whether it sees. Of three things, a model that sees nothing often guesses one."""
        if picture.mark is Mark.UNKNOWN:
            return None
        if picture.code in {"seen", "error"}:  # an error that is known is a refusal of pictures
            return picture.code == "seen"
        try:
            return self._sees(provider, model)
        except AugenblickError:
            return None


def _without_words(finding: Finding) -> Finding:
    kept = {name: value for name, value in finding.params.items() if name != _KEPT_PRIVATE}
    return replace(finding, params=kept)

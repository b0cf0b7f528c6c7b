"""Whether a model sees pictures at all, tried once with a picture of a number.

Some servers leave pictures out and answer all the same, and the answer is made up. So after the
first answer about a picture the model is asked for the number in a test picture, beside everything
else; what comes of it is kept for this endpoint and model.
"""

from __future__ import annotations

import base64
import logging
import re
import secrets
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from augenblick.chat.known_models import KnownModels
from augenblick.core.errors import AugenblickError, StoreError
from augenblick.core.providers import Provider
from augenblick.endpoint.client import ChatClient

_log = logging.getLogger("augenblick.sight")

_QUESTION: Final = "Which three-digit number is in this picture? Answer with the number only."
_TRIES: Final = 2  # a model that sees may misread one; a blind one guesses right once in 450
_NUMBERS: Final = re.compile(r"(?<!\d)(?:\d{3}|\d(?:[\s,.-]{1,2}\d){2})(?!\d)")  # also "4-0-7"
_AGAIN_SECONDS: Final = 3600.0  # after a check that failed


class Sight(StrEnum):
    """What is known of a model."""

    UNKNOWN = "unknown"
    CHECKING = "checking"
    SEES = "sees"
    BLIND = "blind"


class SightChecks:
    """What is known of models, and finding it out; safe in threads."""

    def __init__(
        self,
        known: KnownModels,
        *,
        open_client: Callable[[Provider], ChatClient],
        draw_number: Callable[[str], bytes],
        is_on: bool = True,
    ) -> None:
        self._known = known
        self._open_client = open_client
        self._draw_number = draw_number
        self._is_on = is_on
        self._checking: set[tuple[str, str]] = set()
        self._checked_at: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def is_blind(self, provider: str, model: str) -> bool:
        """Whether it is known that a model sees nothing; no check begins."""
        try:
            return self._known.of(provider, model).sees is False
        except StoreError:
            return False

    def of(self, provider: Provider, model: str) -> Sight:
        """What is known; begins a check where nothing is. Raises StoreError."""
        if not self._is_on or provider.is_reader:
            return Sight.UNKNOWN
        key = provider.name, model
        if key in self._checking:
            return Sight.CHECKING
        sees = self._known.of(*key).sees
        if sees is not None:
            return Sight.SEES if sees else Sight.BLIND
        if time.monotonic() - self._checked_at.get(key, float("-inf")) <= _AGAIN_SECONDS:
            return Sight.UNKNOWN
        self.again(provider, model)
        return Sight.CHECKING

    def again(self, provider: Provider, model: str) -> None:
        """Check once more, whatever is known; a check that fails changes nothing."""
        key = provider.name, model
        with self._lock:
            if key in self._checking:
                return
            self._checking.add(key)
        threading.Thread(
            target=self._check, args=(provider, model), name="sight", daemon=True
        ).start()

    def sees(self, provider: Provider, model: str) -> bool | None:
        """Try a model with a test picture, twice at most; None where it answers with nothing.

        Nothing is noted. Raises ProviderError.
        """
        for _ in range(_TRIES):
            number = str(100 + secrets.randbelow(900))
            said = self._asked(provider, model, self._draw_number(number))
            if not said.strip():
                return None
            if any(re.sub(r"\D", "", each) == number for each in _NUMBERS.findall(said)):
                return True
        return False

    def _check(self, provider: Provider, model: str) -> None:
        key = provider.name, model
        try:
            self._known.save(*key, sees=self.sees(provider, model))
        except AugenblickError:  # nothing was found out, or it can't be kept
            _log.info("The test picture for %s could not be tried or noted.", provider.name)
        finally:
            self._checked_at[key] = time.monotonic()
            self._checking.discard(key)

    def _asked(self, provider: Provider, model: str, picture: bytes) -> str:
        url = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
        content = [
            {"type": "image_url", "image_url": {"url": url}},
            {"type": "text", "text": _QUESTION},
        ]
        payload = {
            "model": model,
            "messages": [{"role": "user", "content": content}],
            "stream": True,
        }
        with self._open_client(provider) as client, client.stream(payload) as stream:
            return "".join(delta.text for chunk in stream for delta in chunk.choices if delta.text)

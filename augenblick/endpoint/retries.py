"""When a refused request is sent again, and after how long. No clock, no sleeping."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from augenblick.core.errors import ProviderError

_EPOCH_SIZED_SECONDS = 1e8  # three years: a point in time, not a pause
_MAX_CHARS = 4_000  # of a header or a sentence; what is longer holds no pause
_GO_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_GO_PART = r"(\d{1,15}(?:\.\d{1,15})?)(h|ms|us|µs|ns|m|s)"
# OpenAI says "Please try again in 1m3.5s.", Gemini "Please retry in 33.4s."
_IN_WORDS = re.compile(rf"(?:try again|retry)(?: after| in) ((?:{_GO_PART}){{1,6}})")


@dataclass(frozen=True, slots=True)
class Wait:
    """A pause that begins now; `attempt` is the number of the send that follows it (2, 3, ...)."""

    seconds: float
    attempt: int
    reason: str  # the code of the error that caused it


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most `attempts` sends in all; the n-th pause is base * 2**(n-1), capped, less jitter.

    What the endpoint asks for (Retry-After and its kin) replaces the computed pause; above
    `max_asked_seconds` it is not waited for, and the error goes to the person.
    """

    attempts: int = 3
    base_seconds: float = 0.5
    cap_seconds: float = 8.0
    jitter: float = 0.25  # up to this share is taken off
    max_asked_seconds: float = 120.0

    def pause_seconds(
        self,
        error: ProviderError,
        *,
        attempt: int,
        shall_retry: bool | None,
    ) -> float | None:
        """The pause after the send number `attempt` failed; None where nothing is sent again.

        `shall_retry` is the endpoint's own word (`x-should-retry`), None where it said nothing.
        """
        is_worth_it = error.is_retryable if shall_retry is None else shall_retry
        if not is_worth_it or attempt >= self.attempts:
            return None
        if (asked := error.params.get("retry_after_seconds")) is not None:
            return float(asked) if float(asked) <= self.max_asked_seconds else None
        doubled = self.base_seconds * 2.0 ** min(attempt - 1, 60)
        return min(self.cap_seconds, doubled) * (1 - self.jitter * random.random())


def shall_retry(headers: Mapping[str, str]) -> bool | None:
    """What the endpoint says about another try (OpenAI's `x-should-retry`), None for nothing."""
    return {"true": True, "false": False}.get(headers.get("x-should-retry", "").strip().lower())


def asked_seconds(headers: Mapping[str, str], message: str, *, now: float) -> float | None:
    """How long the endpoint asks to wait; names of `headers` are in lower case, `now` is an epoch.

    In this order: `retry-after-ms`, `retry-after` (seconds or a date, RFC 9110 section 10.2.3),
    `x-ratelimit-reset-*` (the latest budget that is used up), the words of the message. Numbers
    of the size of an epoch, negative ones and nonsense are passed over.
    """
    headers = {name: value[:_MAX_CHARS] for name, value in headers.items()}
    in_words = _IN_WORDS.search(message[:_MAX_CHARS].lower())
    sources = (
        _number(headers.get("retry-after-ms", ""), unit_seconds=1e-3),
        _seconds_or_date(headers.get("retry-after", ""), now),
        _latest_budget(headers),
        go_duration_seconds(in_words[1]) if in_words else None,
    )
    return next((seconds for seconds in sources if seconds is not None), None)


def go_duration_seconds(text: str) -> float | None:
    """Seconds in a duration as Go writes it ("6m0s", "250ms", "1h2m3.5s"); None for others."""
    if not re.fullmatch(rf"(?:{_GO_PART}){{1,6}}", text):
        return None
    return sum(float(number) * _GO_UNITS[unit] for number, unit in re.findall(_GO_PART, text))


def _number(text: str, *, unit_seconds: float = 1.0) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    is_pause = math.isfinite(value) and 0 <= value < _EPOCH_SIZED_SECONDS
    return value * unit_seconds if is_pause else None


def _seconds_or_date(text: str, now: float) -> float | None:
    if (seconds := _number(text)) is not None:
        return seconds
    if not re.search(r"[A-Za-z]", text):
        return None
    try:
        pause = math.ceil(parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None
    return float(pause) if 0 <= pause < _EPOCH_SIZED_SECONDS else None


def _latest_budget(headers: Mapping[str, str]) -> float | None:
    """When the last of the budgets that are used up is renewed, else the last of all."""
    used_up: list[float] = []
    others: list[float] = []
    for name, text in headers.items():
        if not name.startswith("x-ratelimit-reset"):
            continue
        seconds = go_duration_seconds(text.strip())
        if seconds is None:
            seconds = _number(text)
        if seconds is not None:
            remaining = headers.get(name.replace("reset", "remaining"), "").strip()
            (used_up if remaining == "0" else others).append(seconds)
    return max(used_up or others, default=None)

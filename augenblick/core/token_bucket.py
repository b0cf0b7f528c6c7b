"""A token bucket: a burst at once, and a rate in the long run."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(slots=True)
class TokenBucket:
    """Holds up to `burst` tokens, is full at first, and gains `per_second`.

    Taking never fails, it costs time: the count goes below zero. It never goes below `-most_owed`,
    for callers that do not all wait as long as they are told.
    """

    burst: float
    per_second: float
    most_owed: float = math.inf
    tokens: float = 0.0
    counted_at: float = -math.inf  # on the monotonic clock; then the bucket was so full

    def take(self, amount: float = 1.0, *, now: float) -> float:
        """Take so many, `now` on the monotonic clock; returns the seconds to wait for them."""
        gained = (now - self.counted_at) * self.per_second
        self.tokens = max(min(self.tokens + gained, self.burst) - amount, -self.most_owed)
        self.counted_at = now
        return max(0.0, -self.tokens / self.per_second)

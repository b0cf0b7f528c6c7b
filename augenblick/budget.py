"""So much at once, and so much a second in the long run: what one page may ask of the server."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(slots=True)
class Budget:
    """A pot of `burst`, full at first, that fills up again by `per_second`.

    Taking never fails, it costs time. What is owed is never more than `most_owed`, where those who
    take do not all wait their time.
    """

    burst: float
    per_second: float
    most_owed: float = math.inf
    left: float = 0.0
    looked_at: float = -math.inf

    def take(self, amount: float = 1.0, *, now: float) -> float:
        """Take so much, `now` on the monotonic clock; returns the seconds to wait for it."""
        gained = (now - self.looked_at) * self.per_second
        self.left = max(min(self.left + gained, self.burst) - amount, -self.most_owed)
        self.looked_at = now
        return max(0.0, -self.left / self.per_second)

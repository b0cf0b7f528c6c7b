"""How often one tab may have the script run.

A run costs some ten milliseconds of the one interpreter that all people share. Nobody clicks as
fast as a broken or hostile page can ask, so beyond what people do a run waits before it draws;
Streamlit joins what is asked for meanwhile, and callbacks have been heard by then.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

BURST_RUNS = 30
RUNS_PER_SECOND = 4.0


@dataclass(slots=True)
class RunBudget:
    """What one tab has left: so many runs at once, and so many a second in the long run."""

    left: float = BURST_RUNS
    looked_at: float = field(default_factory=time.monotonic)

    def take(self, *, now: float) -> float:
        """Take one run, `now` on the monotonic clock; returns the seconds it has to wait."""
        gained = (now - self.looked_at) * RUNS_PER_SECOND
        self.left = max(min(self.left + gained, BURST_RUNS) - 1, -1.0)
        self.looked_at = now
        return max(0.0, -self.left / RUNS_PER_SECOND)

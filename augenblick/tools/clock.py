"""The present date and time, where the person is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from augenblick.tools.mistakes import CallMistake

Now = Callable[[], datetime]
"""The present moment, with a time zone."""


def tell_time(name: str, *, now: Now) -> dict[str, Any]:
    """What clock and calendar show in a time zone; without a name in UTC. Raises CallMistake."""
    moment = now().astimezone(_zone(name))
    return {
        "date": moment.date().isoformat(),
        "weekday": moment.strftime("%A"),
        "time": moment.strftime("%H:%M:%S"),
        "utc_offset": moment.isoformat()[-6:],
        "time_zone": name or "UTC",
    }


def _zone(name: str) -> tzinfo:
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CallMistake(f"There is no time zone {name[:80]!r}.") from None

"""How long conversations are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from augenblick.core.errors import ConfigurationError

_VARIABLE = "AUGENBLICK_KEEP_DAYS"
_MOST_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what nobody goes on with is kept (None is for ever), and what was deleted."""

    keep: timedelta | None = None
    undo: timedelta = timedelta(minutes=10)


def read_retention(environ: Mapping[str, str]) -> Retention:
    """The limit from AUGENBLICK_KEEP_DAYS, in days since somebody last went on.

    Raises ConfigurationError for anything but a whole number from 1 on.
    """
    given = environ.get(_VARIABLE, "").strip()
    if not given:
        return Retention()
    if not (given.isascii() and given.isdigit() and 1 <= int(given[:9]) <= _MOST_DAYS):
        raise ConfigurationError(f"{_VARIABLE} must be a whole number of days, 1 to {_MOST_DAYS}")
    return Retention(keep=timedelta(days=int(given)))

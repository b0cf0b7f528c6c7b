"""How long conversations are kept, as the configuration says it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from augenblick.core.errors import ConfigurationError
from augenblick.store.retention import Retention, read_retention


def test_days_are_read() -> None:
    """A number of days limits, nothing is for ever, and a deletion can be undone for minutes."""
    assert read_retention({}) == read_retention({"AUGENBLICK_KEEP_DAYS": " "}) == Retention()
    limited = read_retention({"AUGENBLICK_KEEP_DAYS": " 30 "})
    assert limited == Retention(keep=timedelta(days=30), undo=timedelta(minutes=10))


@pytest.mark.parametrize("given", ["0", "-1", "1.5", "ten", "1e3", "٣", "99999999", "9" * 5000])
def test_anything_else_is_refused(given: str) -> None:
    """What is no whole number of days is told with the name of the setting, never its value."""
    with pytest.raises(ConfigurationError, match="AUGENBLICK_KEEP_DAYS") as raised:
        read_retention({"AUGENBLICK_KEEP_DAYS": given})
    assert given not in raised.value.detail.replace("36500", "").replace("1 to", "")

"""What is on until somebody says no."""

from __future__ import annotations

import pytest

from augenblick.core.switches import is_switched_off


@pytest.mark.parametrize(
    ("value", "is_off"), [(None, False), ("", False), ("on", False), (" OFF ", True), ("0", True)]
)
def test_a_switch_is_on_unless_somebody_says_no(value: str | None, *, is_off: bool) -> None:
    """Without the variable, too."""
    environ = {} if value is None else {"AUGENBLICK_EVIDENCE": value}
    assert is_switched_off(environ, "AUGENBLICK_EVIDENCE") is is_off

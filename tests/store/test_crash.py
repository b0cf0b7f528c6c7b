"""Nothing that was reported durable is missing after kill -9."""

from __future__ import annotations

from tests.store.sweep import Findings, sweep


def test_a_killed_server_loses_nothing(url: str) -> None:
    """Kills at random moments while twenty replies are written lose not one character."""
    findings = sweep(url, 3, Findings())
    while not findings.reported_characters and findings.kills < 30:  # all came too early
        sweep(url, 3, findings)
    assert findings.faults == 0
    assert findings.kills >= 3
    assert findings.reported_characters > 0

"""A tab that asks for runs without end takes little from the others."""

from __future__ import annotations

from augenblick.ui.rerun_limit import BURST_RUNS, RUNS_PER_SECOND, rerun_bucket


def test_what_people_do_never_waits() -> None:
    """A burst of clicks, and three runs a second for an hour."""
    budget = rerun_bucket()

    assert {budget.take(now=0.0) for _ in range(BURST_RUNS)} == {0.0}
    assert {budget.take(now=10 + n / 3) for n in range(3 * 3600)} == {0.0}


def test_what_a_machine_does_is_slowed_down() -> None:
    """Whoever asks again whenever a run has ended gets few a second; a rest makes up for it."""
    budget = rerun_bucket()
    now, runs = 0.0, 0
    while now < 60:
        now += budget.take(now=now) + 0.001
        runs += 1

    assert runs <= BURST_RUNS + 60 * RUNS_PER_SECOND + 1
    assert budget.take(now=now + 60) == 0.0

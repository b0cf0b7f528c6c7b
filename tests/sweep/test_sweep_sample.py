"""A sample of the sweep; all of it runs with `python -m tests.sweep`."""

from __future__ import annotations

import random

import pytest

from augenblick.endpoint.sse import read_events
from tests.sweep.fuzz import answer_mutated, fold_random
from tests.sweep.kill import FRAMINGS, kills, record, run_kills
from tests.sweep.parser import actual_read, compare, expected_read
from tests.sweep.random_streams import random_stream
from tests.sweep.stops import PHASES, Phase, stop_often
from tests.sweep.streams import expect, load_stream, stream_names

pytestmark = pytest.mark.slow

_EVERY = 37  # a prime, so that framings and streams are hit at differing places


def test_there_are_streams_to_kill() -> None:
    """At least five recorded streams stand by, so that an empty folder can't pass for success."""
    assert len(stream_names()) >= 5


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("name", stream_names())
def test_a_dying_upstream_costs_no_received_character(name: str, framing: str) -> None:
    """Killed at any byte: all that had arrived is kept, and no truncated answer looks complete."""
    start = random.Random(name + framing).randrange(_EVERY)
    count = run_kills(kills([record(name, framing)], step=_EVERY, start=start))
    assert count.kills >= 20
    assert count.complaints == []


@pytest.mark.parametrize("name", stream_names())
def test_a_stream_may_be_cut_into_any_two_reads(name: str) -> None:
    """Where one read ends and the next begins changes no event."""
    content = load_stream(name)
    expected = expected_read(content)
    for at in range(len(content) + 1):
        assert actual_read([content[:at], content[at:]]) == expected


def test_random_streams_read_as_the_reference_reads_them() -> None:
    """Line ends, comments, BOMs, broken UTF-8 and odd fields: no difference and no exception."""
    assert compare(f"sample:{number}" for number in range(10_000)).complaints == []


def test_every_split_of_a_random_stream_reads_the_same() -> None:
    """Cutting in two at every place gives what the whole gives."""
    for number in range(60):
        content = random_stream(random.Random(f"splits:{number}"))
        expected = expected_read(content)
        for at in range(len(content) + 1):
            assert actual_read([content[:at], content[at:]]) == expected


def test_an_event_is_given_out_before_more_is_read() -> None:
    """No read-ahead: an event comes out as soon as the bytes of its blank line came in."""
    pieces = [b"data: a\n\n", b"data: b\r\r", b"data: c\r\n\r\n", b"data: d\n\n"]
    unread = iter(pieces)
    events = read_events(unread)
    assert next(events).data == "a"
    assert list(unread) == pieces[1:]


def test_the_judge_of_the_kills_knows_a_loss() -> None:
    """The oracle is strict: one event less, or a missing end, is told apart from the whole."""
    content = load_stream("openai_usage")
    whole = expect(content)
    assert whole.least == {(0, "text"): "Auf dem Foto schläft ein Bär 🐻 im Laub."}
    assert whole.is_finished
    shorter = expect(content[: content.index(b" im Laub")])
    assert shorter.least == {(0, "text"): "Auf dem Foto schläft ein Bär 🐻"}
    assert not shorter.may_be_finished


def test_random_events_never_raise() -> None:
    """Whatever a decoded event holds: no exception, nothing shown that is not kept, valid text."""
    assert fold_random(f"sample:{number}" for number in range(500)).complaints == []


def test_damaged_responses_raise_nothing_foreign() -> None:
    """Broken heads, framings and bodies end as one of our errors, never as somebody else's."""
    recordings = [record(name, framing) for name in stream_names() for framing in FRAMINGS]
    seeds = (f"sample:{number}" for number in range(400))
    assert answer_mutated(recordings, seeds).complaints == []


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.name.replace(" ", "-"))
def test_a_stop_frees_the_asker_in_every_phase(phase: Phase) -> None:
    """Stopped at random moments: always Cancelled, soon, and no thread or file stays behind."""
    count = stop_often(phase, times=6, chance=random.Random(phase.name))
    assert count.complaints == []
    assert sorted(count.seconds)[len(count.seconds) // 2] < 1.0

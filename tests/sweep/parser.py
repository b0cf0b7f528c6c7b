"""The parser against the reference on random streams."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field

from augenblick.endpoint.sse import read_events
from tests.sweep.random_streams import random_cuts, random_stream
from tests.sweep.reference import read_stream
from tests.sweep.streams import is_whole

Read = tuple[list[tuple[str, str, str]], int]


@dataclass(slots=True)
class ParserCount:
    """What came of many random streams."""

    streams: int = 0
    bytes: int = 0
    events: int = 0
    comments: int = 0
    complaints: list[str] = field(default_factory=list)


def expected_read(content: bytes) -> Read:
    """The events and the number of comments by the reference, a trustworthy tail counted in."""
    reading = read_stream(content)
    events = [(event.event, event.data, event.id) for event in reading.events]
    if reading.tail is not None and is_whole(reading.tail.data):
        events.append((reading.tail.event, reading.tail.data, reading.tail.id))
    return events, reading.comment_count


def actual_read(pieces: Iterable[bytes]) -> Read:
    """The events and the number of comments by the parser under test."""
    comments: list[str] = []
    events = [
        (event.event, event.data, event.id)
        for event in read_events(pieces, on_comment=comments.append)
    ]
    return events, len(comments)


def compare(seeds: Iterable[str]) -> ParserCount:
    """One random stream for each seed; the seed alone reproduces it and its cuts."""
    count = ParserCount()
    for seed in seeds:
        chance = random.Random(seed)
        content = random_stream(chance)
        expected = expected_read(content)
        actual = actual_read(random_cuts(content, chance))
        count.streams += 1
        count.bytes += len(content)
        count.events += len(expected[0])
        count.comments += expected[1]
        if actual != expected:
            count.complaints.append(f"{seed}: {content!r} gave {actual}, reference {expected}")
    return count

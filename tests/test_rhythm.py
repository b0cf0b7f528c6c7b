"""How an answer came, from recorded events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from augenblick.rhythm import read_rhythm, thinned
from augenblick.trace import WireEvent, WireExchange, WireRequest


def event(at_seconds: float, delta: dict[str, Any] | None = None, **more: object) -> WireEvent:
    """An event with a delta."""
    choices = [{"index": 0, "delta": delta}] if delta is not None else []
    return WireEvent(at_seconds, json.dumps({"choices": choices, **more}))


def exchange(*events: WireEvent) -> WireExchange:
    """An exchange with these events."""
    return WireExchange(WireRequest("POST", "http://h", ()), 0.0, 200, events=events)


EVENTS = (
    WireEvent(0.1, "hello", is_comment=True),
    event(0.2, {"role": "assistant", "content": ""}),
    event(1.0, {"reasoning_content": "abcd"}),
    event(2.0, {"content": "abcdefgh"}),
    event(4.0, {"content": "abcd"}),
    WireEvent(4.1, "{broken"),
)


def test_content_is_counted_from_the_first_on() -> None:
    """Signs of life and broken events are none; the endpoint's count is spread over the text."""
    usage = event(5.0, usage={"prompt_tokens": 9, "completion_tokens": 32})

    rhythm = read_rhythm(exchange(*EVENTS, usage, WireEvent(5.1, "[DONE]")))

    assert rhythm.is_counted
    assert rhythm.first_seconds == 1.0
    assert rhythm.seconds == (1.0, 2.0, 4.0)
    assert list(rhythm.tokens) == [8, 24, 32]
    assert rhythm.gaps == (1.0, 2.0)
    assert rhythm.tokens_per_second == pytest.approx(8)


def test_without_a_count_four_characters_are_a_token() -> None:
    """And it is said that nobody counted."""
    rhythm = read_rhythm(exchange(*EVENTS))

    assert not rhythm.is_counted
    assert list(rhythm.tokens) == [1, 3, 4]


def test_nothing_has_no_rhythm() -> None:
    """No events, no numbers."""
    rhythm = read_rhythm(exchange())

    assert rhythm.first_seconds is None
    assert rhythm.tokens_per_second is None
    assert rhythm.gaps == ()


@pytest.mark.parametrize("count", [0, 1, 5, 6, 1000])
def test_a_long_course_is_thinned_evenly(count: int) -> None:
    """Its ends stay."""
    places = thinned([0.0] * count, 5)

    assert len(places) == min(count, 5)
    assert list(places) == sorted(set(places))
    if count:
        assert (places[0], places[-1]) == (0, count - 1)

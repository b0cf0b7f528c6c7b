"""How an answer came: how much of it at what time, from the events of its recorded stream."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from augenblick.chunks import Chunk, parse_chunk
from augenblick.trace import WireEvent, WireExchange

_CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Rhythm:
    """The course of an answer. `tokens` are counted by the endpoint where it did, else guessed."""

    seconds: tuple[float, ...]  # of each event with content
    tokens: tuple[float, ...]  # so far, at that time
    is_counted: bool

    @property
    def first_seconds(self) -> float | None:
        """When the first content came."""
        return self.seconds[0] if self.seconds else None

    @property
    def gaps(self) -> tuple[float, ...]:
        """The seconds between one content and the next."""
        return tuple(later - earlier for earlier, later in pairwise(self.seconds))

    @property
    def tokens_per_second(self) -> float | None:
        """How fast it came, once it had begun."""
        took = self.seconds[-1] - self.seconds[0] if self.seconds else 0.0
        return (self.tokens[-1] - self.tokens[0]) / took if took > 0 else None


def read_rhythm(exchange: WireExchange) -> Rhythm:
    """What the events say. Tokens are spread over the characters, as nobody numbers them."""
    chunks = [
        (event.at_seconds, chunk)
        for event in exchange.events
        if (chunk := _chunk(event)) is not None
    ]
    sizes = [(at, size) for at, chunk in chunks if (size := _characters(chunk))]
    counts = [
        chunk.usage.completion_tokens
        for _, chunk in chunks
        if chunk.usage is not None and chunk.usage.completion_tokens
    ]
    total = sum(size for _, size in sizes)
    counted = counts[-1] if counts else None
    each = (counted / total if counted else 1 / _CHARACTERS_PER_TOKEN) if total else 0.0
    so_far, tokens = 0, []
    for _, size in sizes:
        so_far += size
        tokens.append(so_far * each)
    return Rhythm(tuple(at for at, _ in sizes), tuple(tokens), counted is not None)


def thinned(values: Sequence[float], most: int) -> tuple[int, ...]:
    """At most so many places of a long sequence, evenly, its ends among them."""
    if len(values) <= most:
        return tuple(range(len(values)))
    return tuple(round(place * (len(values) - 1) / (most - 1)) for place in range(most))


def _chunk(event: WireEvent) -> Chunk | None:
    if event.is_comment:
        return None
    try:
        return parse_chunk(json.loads(event.data), event=event.event)
    except (ValueError, RecursionError):
        return None


def _characters(chunk: Chunk) -> int:
    """How much a chunk adds; what it repeats whole was counted before."""
    return sum(
        len(one.text) + len(one.reasoning) + len(one.refusal)
        + sum(len(call.name) + len(call.arguments) for call in one.tool_calls)
        for one in chunk.choices
        if not one.is_whole
    )  # fmt: skip

"""The event stream algorithm a second time, written to be read and not to be fast.

Follows https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
step by step on the whole stream at once: nothing is split, so nothing can be split wrongly. Only
an id is that of its own event, as `augenblick.endpoint.sse` has it, with which no line is shared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE_END = re.compile("\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class ReferenceEvent:
    """An event as dispatched: type, data and its own id."""

    event: str
    data: str
    id: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a stream holds.

    `tail` is the event that its end leaves undispatched: a block with data but without the blank
    line. A last line without an end counts in only if it is a data line.
    """

    events: tuple[ReferenceEvent, ...]
    tail: ReferenceEvent | None
    comment_count: int


def read_stream(content: bytes) -> Reading:
    """Interpret a whole stream."""
    text = content.decode("utf-8", errors="replace").removeprefix("\ufeff")
    *lines, rest = _LINE_END.split(text)
    block = _Block()
    events: list[ReferenceEvent] = []
    for line in lines:
        if line:
            block.take(line)
        elif (event := block.dispatch()) is not None:
            events.append(event)
    comment_count = block.comment_count
    if rest.startswith("data:"):
        block.take(rest)
    return Reading(tuple(events), block.dispatch(), comment_count)


class _Block:
    """The three buffers of the specification."""

    def __init__(self) -> None:
        self._data = ""
        self._event = ""
        self._id = ""
        self.comment_count = 0

    def take(self, line: str) -> None:
        if line.startswith(":"):
            self.comment_count += 1
            return
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._event = value
        elif name == "data":
            self._data += value + "\n"
        elif name == "id":
            self._id = value

    def dispatch(self) -> ReferenceEvent | None:
        data, event, own_id = self._data, self._event, self._id
        self._data, self._event, self._id = "", "", ""
        if not data:
            return None
        return ReferenceEvent(event or "message", data.removesuffix("\n"), own_id)

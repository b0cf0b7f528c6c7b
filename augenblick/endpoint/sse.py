"""Server-sent events out of byte chunks.

(https://html.spec.whatwg.org/multipage/server-sent-events.html, section 9.2.6.)

`sseclient` parses them; it stands behind this module and nowhere else. Fed with raw bytes it stops
at one byte that is no UTF-8, loses an event behind a BOM, joins events that blank lines of mixed
kinds part, and needs quadratic time for large ones; so it is fed one whole event at a time, with LF
line ends and valid UTF-8. What differs from the specification, and no Chat Completions endpoint
can show, as their events are one line of JSON:

- an id is that of its own event, not the last one in the stream, and may hold NUL;
- an event of more than 1,000 lines is refused, as its lines are joined one by one;
- the end of the stream, and streams without blank lines: see `read_events`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from sseclient import SSEClient

from augenblick.core.errors import ProviderError

MAX_EVENT_BYTES = 8 * 1024 * 1024
DONE = "[DONE]"
_DONE = DONE.encode()
_MAX_EVENT_LINES = 1000
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Event:
    """One dispatched event."""

    event: str
    data: str
    id: str = ""


def read_events(
    chunks: Iterable[bytes],
    *,
    max_event_bytes: int = MAX_EVENT_BYTES,
    on_comment: Callable[[str], None] | None = None,
) -> Iterator[Event]:
    """The events of a stream, each as soon as its blank line has come.

    Chunks may be cut anywhere. Lines end with LF, CR or CRLF and nothing else; a BOM at the start
    is dropped; bytes that are no UTF-8 become U+FFFD. A comment line goes to `on_comment`.
    A last block that no blank line ended is dispatched only if its data is `[DONE]` or one whole
    JSON object; a half event never becomes one. Where blank lines are missing altogether, a line
    that begins another JSON object or `[DONE]` ends the event before it: as no JSON value goes on
    after its end, no event that means anything is cut. Costs are linear in the bytes read.

    Raises ProviderError when an event, its field names included, is above `max_event_bytes` or
    has more than 1,000 lines; whatever `chunks` raises passes through.
    """
    events = _whole_events(chunks, max_event_bytes, on_comment)
    for event in SSEClient(events).events():
        yield Event(event.event, event.data, event.id or "")


def _whole_events(
    chunks: Iterable[bytes], max_event_bytes: int, on_comment: Callable[[str], None] | None
) -> Iterator[bytes]:
    """The events as sseclient gets them, one at a time."""
    block = _Block(max_event_bytes)
    for line in _lines(chunks, max_event_bytes):
        if not line:
            yield block.dispatch()
        elif not line.startswith(b":"):
            yield from block.take(line)
        elif on_comment is not None:
            on_comment(line[1:].decode("utf-8", "replace").removeprefix(" "))
    if _is_whole(b"\n".join(block.values).strip()):
        yield block.dispatch()


def _lines(chunks: Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
    """The lines without their ends, wherever the chunks were cut; each as soon as it has ended.

    A last one that no line end followed counts if it has data.
    """
    pending, is_first, has_ended_with_cr = bytearray(), True, False
    for chunk in filter(None, chunks):
        piece = chunk.removeprefix(b"\n") if has_ended_with_cr else chunk
        has_ended_with_cr = piece.endswith(b"\r")
        ended = piece.splitlines()  # of bytes: at CR, LF and CRLF only
        rest = b"" if piece.endswith((b"\n", b"\r")) or not ended else ended.pop()
        if ended:
            ended[0] = bytes(pending + ended[0])
            if is_first:
                ended[0], is_first = ended[0].removeprefix(_BOM), False
            pending.clear()
            yield from ended
        pending += rest
        if len(pending) > max_bytes:
            raise ProviderError(code="event_too_large", limit=max_bytes)
    last = bytes(pending).removeprefix(_BOM if is_first else b"")
    if last.startswith(b"data:"):
        yield last


class _Block:
    """The lines of the event being read, without comments."""

    def __init__(self, max_bytes: int) -> None:
        self.values: list[bytes] = []  # of its data lines, but for empty ones
        self._max_bytes = max_bytes
        self._lines: list[bytes] = []
        self._data_end = 0  # the number of lines up to the last with data
        self._size_bytes = 0
        self._has_no_blank_lines = False

    def take(self, line: bytes) -> Iterator[bytes]:
        """Read one line that is not blank; hands out the events that end without a blank one."""
        name, _, value = line.partition(b":")
        is_data, value = name == b"data", value.strip()
        may_begin = is_data and (value.startswith(b"{") or value == _DONE)
        if may_begin and len(self.values) == 1 and _is_json_object(self.values[0]):
            self._has_no_blank_lines = True
            yield self.dispatch(self._data_end)  # a name after the data is that of the next event
        if is_data and not value and self._has_no_blank_lines:
            return  # a heartbeat
        self._lines.append(line)
        self._size_bytes += len(line)
        if self._size_bytes > self._max_bytes or len(self._lines) > _MAX_EVENT_LINES:
            raise ProviderError(code="event_too_large", limit=self._max_bytes)
        if is_data:
            self._data_end = len(self._lines)
            if value:
                self.values.append(value)
            if self._has_no_blank_lines and _is_whole(value):
                yield self.dispatch()

    def dispatch(self, line_count: int | None = None) -> bytes:
        """The event, of all lines or of the first ones, as sseclient gets it; another begins."""
        count = len(self._lines) if line_count is None else line_count
        event = b"\n".join(self._lines[:count]).decode("utf-8", "replace")
        self._lines = self._lines[count:]
        self.values, self._data_end, self._size_bytes = [], 0, 0
        return event.encode("utf-8") + b"\n\n"


def _is_whole(data: bytes) -> bool:
    """Whether data is `[DONE]` or one JSON object to its end."""
    return data == _DONE or _is_json_object(data)


def _is_json_object(data: bytes) -> bool:
    if not (data.startswith(b"{") and data.endswith(b"}")):
        return False
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True

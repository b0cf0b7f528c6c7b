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
    blocks = _blocks(chunks, max_event_bytes, on_comment)
    for event in SSEClient(blocks).events():
        yield Event(event.event, event.data, event.id or "")


class _Lines:
    """Cuts bytes into lines at LF, CR and CRLF, wherever the chunks were cut."""

    def __init__(self) -> None:
        self._pending: list[bytes] = []
        self._ended_with_cr = False
        self._is_first = True
        self.pending_bytes = 0

    def push(self, chunk: bytes) -> list[bytes]:
        """The lines that this chunk completes, without their ends."""
        if self._ended_with_cr and chunk:
            self._ended_with_cr = False
            chunk = chunk.removeprefix(b"\n")
        if b"\n" not in chunk and b"\r" not in chunk:
            self._pending.append(chunk)
            self.pending_bytes += len(chunk)
            return []
        self._ended_with_cr = chunk.endswith(b"\r")
        whole = b"".join((*self._pending, chunk))
        lines = whole.splitlines()  # of bytes: CR, LF and CRLF only
        rest = b"" if whole.endswith((b"\n", b"\r")) else lines.pop()
        self._pending, self.pending_bytes = [rest], len(rest)
        if self._is_first:
            self._is_first = False
            lines[0] = lines[0].removeprefix(_BOM)
        return lines

    def rest(self) -> bytes:
        """What stands after the last line end."""
        line = b"".join(self._pending)
        return line.removeprefix(_BOM) if self._is_first else line


class _Block:
    """The lines of the event being read, without comments."""

    def __init__(self, on_comment: Callable[[str], None] | None) -> None:
        self._on_comment = on_comment
        self._lines: list[bytes] = []
        self._data: list[bytes] = []  # the values of its data lines that are not empty
        self._data_end = 0  # the number of lines up to the last of these
        self._has_no_blank_lines = False
        self._size_bytes = 0

    def take(self, line: bytes) -> Iterator[bytes]:
        """Read one line that is not blank; hands out the events that end without a blank one."""
        if line.startswith(b":"):
            if self._on_comment is not None:
                self._on_comment(line[1:].decode("utf-8", "replace").removeprefix(" "))
            return
        is_data = line.startswith(b"data:") or line == b"data"
        value = line[5:].strip()
        if is_data and self._begins_another(value):
            self._has_no_blank_lines = True
            lines = self._lines[self._data_end :]  # a name after the data is that of the next event
            yield from self.dispatch(self._lines[: self._data_end])
            self._lines = lines
        if is_data and not value and self._has_no_blank_lines:
            return  # a heartbeat
        self._lines.append(line)
        self._size_bytes += len(line)
        if is_data:
            if value:
                self._data.append(value)
            self._data_end = len(self._lines)
            if self._has_no_blank_lines and _is_whole(value):
                yield from self.dispatch()

    def _begins_another(self, value: bytes) -> bool:
        """Whether a data line begins another event than the one before it."""
        begins = len(self._data) == 1 and (value.startswith(b"{") or value == DONE.encode())
        return begins and _is_json_object(self._data[0])

    def is_above(self, max_bytes: int, *, pending_bytes: int = 0) -> bool:
        """Whether this is too much for one event."""
        size_bytes = self._size_bytes + pending_bytes
        return size_bytes > max_bytes or len(self._lines) > _MAX_EVENT_LINES

    def dispatch(self, lines: list[bytes] | None = None) -> Iterator[bytes]:
        """The event as sseclient gets it, nothing where there is no data; another begins."""
        lines, has_data = lines or self._lines, self._data_end > 0
        self._lines, self._data, self._data_end, self._size_bytes = [], [], 0, 0
        if has_data:
            yield _valid_utf8(b"\n".join(lines) + b"\n\n")

    def dispatch_unterminated(self, rest: bytes) -> Iterator[bytes]:
        """The same for a block that the end of the stream cut off, if it is whole all the same."""
        if rest.startswith(b"data:"):
            yield from self.take(rest)
        if _is_whole(b"\n".join(self._data).strip()):
            yield from self.dispatch()


def _blocks(
    chunks: Iterable[bytes], max_event_bytes: int, on_comment: Callable[[str], None] | None
) -> Iterator[bytes]:
    lines, block = _Lines(), _Block(on_comment)
    for chunk in chunks:
        for line in lines.push(chunk):
            if line:
                yield from block.take(line)
                if block.is_above(max_event_bytes):
                    raise ProviderError(code="event_too_large", limit=max_event_bytes)
            else:
                yield from block.dispatch()
        if block.is_above(max_event_bytes, pending_bytes=lines.pending_bytes):
            raise ProviderError(code="event_too_large", limit=max_event_bytes)
    yield from block.dispatch_unterminated(lines.rest())


def _valid_utf8(block: bytes) -> bytes:
    try:
        block.decode("utf-8")
    except UnicodeDecodeError:
        return block.decode("utf-8", "replace").encode("utf-8")
    return block


def _is_whole(data: bytes) -> bool:
    """Whether data is `[DONE]` or one JSON object to its end."""
    return data == DONE.encode() or _is_json_object(data)


def _is_json_object(data: bytes) -> bool:
    if not (data.startswith(b"{") and data.endswith(b"}")):
        return False
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True

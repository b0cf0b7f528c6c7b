"""Server-sent events out of byte chunks, with the effect of the WHATWG algorithm.

(https://html.spec.whatwg.org/multipage/server-sent-events.html, section 9.2.6.)

`sseclient` stands behind this module and nowhere else. Fed with raw bytes it differs from the
algorithm in 13 of 48 measured cases, stops at one byte that is no UTF-8 and needs quadratic time
for large events; so it is fed one whole event at a time, in the one spelling it reads well:
`event`, `id` and a single `data` line, LF ends, valid UTF-8.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from sseclient import SSEClient

from augenblick.errors import EventTooLarge

MAX_EVENT_BYTES = 8 * 1024 * 1024
DONE = "[DONE]"
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Event:
    """One dispatched event. `id` is the last id seen in the stream, as the specification says."""

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
    JSON object; a half event never becomes one. Costs are linear in the bytes read.

    Raises EventTooLarge when an event, its field names included, is above `max_event_bytes`;
    whatever `chunks` raises passes through.
    """
    blocks = _blocks(chunks, max_event_bytes, on_comment)
    for event in SSEClient(blocks).events():
        yield Event(event.event, _unfold(event.data), event.id or "")


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
    """The fields of the event being read; `last_id` outlives it."""

    def __init__(self, on_comment: Callable[[str], None] | None) -> None:
        self._on_comment = on_comment
        self._last_id = b""
        self._event = b""
        self._data: list[bytes] = []
        self.size_bytes = 0

    def take(self, line: bytes) -> None:
        """Read one line that is not blank."""
        if line.startswith(b":"):
            if self._on_comment is not None:
                self._on_comment(line[1:].decode("utf-8", "replace").removeprefix(" "))
            return
        self.size_bytes += len(line)
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._event = value
        elif name == b"id" and b"\0" not in value:
            self._last_id = value

    def dispatch(self) -> bytes | None:
        """The event in the spelling sseclient gets, None where nothing is to be dispatched."""
        data, event = self._data, self._event
        self._data, self._event, self.size_bytes = [], b"", 0
        if not data:
            return None
        lines = [b"data: " + _fold(b"\n".join(data))]
        if self._last_id:
            lines.insert(0, b"id: " + self._last_id)
        if event:
            lines.insert(0, b"event: " + event)
        return _valid_utf8(b"\n".join(lines) + b"\n\n")

    def dispatch_unterminated(self, rest: bytes) -> bytes | None:
        """The same for a block that the end of the stream cut off, if it is whole all the same."""
        if rest.startswith(b"data:"):
            self.take(rest)
        data = b"\n".join(self._data).strip()
        if data == DONE.encode() or _is_json_object(data):
            return self.dispatch()
        return None


def _blocks(
    chunks: Iterable[bytes], max_event_bytes: int, on_comment: Callable[[str], None] | None
) -> Iterator[bytes]:
    lines, block = _Lines(), _Block(on_comment)
    for chunk in chunks:
        for line in lines.push(chunk):
            if line:
                block.take(line)
                if block.size_bytes > max_event_bytes:
                    raise EventTooLarge(limit=max_event_bytes)
            elif (dispatched := block.dispatch()) is not None:
                yield dispatched
        if block.size_bytes + lines.pending_bytes > max_event_bytes:
            raise EventTooLarge(limit=max_event_bytes)
    if (dispatched := block.dispatch_unterminated(lines.rest())) is not None:
        yield dispatched


def _fold(data: bytes) -> bytes:
    """Write LF so that several data lines fit in one; SUB (0x1A) is the escape."""
    if b"\n" in data or b"\x1a" in data:
        return data.replace(b"\x1a", b"\x1a0").replace(b"\n", b"\x1a1")
    return data


def _unfold(data: str) -> str:
    if "\x1a" in data:
        return data.replace("\x1a1", "\n").replace("\x1a0", "\x1a")
    return data


def _valid_utf8(block: bytes) -> bytes:
    try:
        block.decode("utf-8")
    except UnicodeDecodeError:
        return block.decode("utf-8", "replace").encode("utf-8")
    return block


def _is_json_object(data: bytes) -> bool:
    if not (data.startswith(b"{") and data.endswith(b"}")):
        return False
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True

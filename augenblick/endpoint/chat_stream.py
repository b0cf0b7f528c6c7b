"""An answer as it comes: the body of the response becomes typed chunks, or one of our errors.

Most endpoints send server-sent events; some send the whole answer as JSON, an error, or a web page.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from itertools import chain
from typing import Final

from augenblick.core.errors import AugenblickError, ProviderError
from augenblick.endpoint.chunks import Chunk, decode, read_chunk
from augenblick.endpoint.error_body import ErrorBody, page_title
from augenblick.endpoint.round_trip import RoundTrip
from augenblick.endpoint.sse import DONE, read_events

_MAX_MALFORMED: Final = 16
_MAX_BLANK_BYTES: Final = 65536  # before the first visible character of an answer
_MAX_SHOWN_BYTES: Final = 65536
_BLANKS: Final = b"\xef\xbb\xbf\r\n\t "
_TWICE_NAMED: Final = re.compile(r"\A(?:data:\s*)+")  # some proxies put the field's name twice


class ChatStream:
    """An answer being read: iterates over `Chunk`.

    A chunk with `is_done` comes last, and only if the server sent `[DONE]`. Raises ProviderError
    for faults, also in the middle, and Cancelled when the cancellation was used; the chunks
    yielded before either stay valid. A chunk with `is_malformed` stands for an event that was no
    JSON; text is missing there.
    """

    def __init__(self, trip: RoundTrip, pieces: Iterator[bytes]) -> None:
        self.headers_seconds = trip.headers_seconds  # since the first send
        self.was_streamed = False
        self._trip = trip
        self._chunks = self._read(pieces)
        self._is_done = False
        self._malformed_count = 0

    def __iter__(self) -> Iterator[Chunk]:
        return self._chunks

    def close(self) -> None:
        """Read no further. After `[DONE]` the few bytes left are read, to keep the connection."""
        if self._is_done:
            self._trip.drain()
        self._chunks.close()

    def _read(self, pieces: Iterator[bytes]) -> Generator[Chunk, None, None]:
        try:
            first = _first_bytes(pieces)
            start, kind = first.lstrip(_BLANKS)[:1], self._trip.content_type
            is_json = start in {b"{", b"[", b'"'} or (kind == "application/json" and not start)
            is_page = kind == "text/html" and not first.startswith(b"data:")
            if start == b"<" or (is_page and not is_json):
                page = first + next(pieces, b"")
                self._trip.record(page)
                raise ProviderError(page_title(page), code="not_an_endpoint")
            read = self._read_json if is_json else self._read_stream
            yield from read(first, pieces)
            self._trip.note_end("done" if self._is_done else "closed")
        except AugenblickError as error:
            self._trip.note_end(error.code)
            raise

    def _read_json(self, first: bytes, pieces: Iterator[bytes]) -> Iterator[Chunk]:
        """The whole answer in one piece."""
        self._trip.call.coalesces_reads = False  # these bytes are no events
        self._trip.call.text_began()
        content = b"".join((first, *pieces)).strip()
        self._trip.record(content)
        try:
            wire = decode(content.removeprefix(b"\xef\xbb\xbf"))
        except (ValueError, RecursionError):
            is_whole = content.endswith((b"}", b"]"))
            code = "malformed_stream" if is_whole else "stream_interrupted"
            raise ProviderError(code=code) from None
        if isinstance(wire, str):  # nothing but words
            raise self._trip.refuse(ErrorBody(wire))
        yield from self._read_wire(wire, event="message")
        if not isinstance(wire, dict) or "choices" not in wire:
            beginning = content[:_MAX_SHOWN_BYTES].decode("utf-8", "replace")
            raise ProviderError(self._trip.scrubbed(beginning)[:200], code="foreign_json")

    def _read_stream(self, first: bytes, pieces: Iterator[bytes]) -> Iterator[Chunk]:
        self.was_streamed, has_read_any = True, False
        call, recorder = self._trip.call, self._trip.recorder
        call.idle_seconds = call.deadlines.first_token_seconds
        on_comment = recorder.comment if recorder is not None else None
        for event in read_events(chain([first], pieces), on_comment=on_comment):
            call.event_count += 1
            if recorder is not None:
                recorder.event(event.data, event.event, event.id)
            data = _TWICE_NAMED.sub("", event.data.strip())
            if data.strip('"').startswith(DONE):
                self._is_done = True
                yield Chunk(is_done=True)
                return
            if not data or data.startswith(":"):  # a heartbeat that came as data
                continue
            try:
                wire = decode(data)
            except (ValueError, RecursionError):
                yield self._malformed(event.event, data)
            else:
                has_read_any = True
                yield from self._read_wire(wire, event=event.event)
        if self._malformed_count and not has_read_any:
            raise ProviderError(code="malformed_stream", count=self._malformed_count)
        is_stream = self._trip.content_type == "text/event-stream"
        if not is_stream and not call.event_count and self._trip.received_bytes:
            self._trip.record(first)
            raise ProviderError(code="not_an_endpoint")

    def _malformed(self, event: str, data: str) -> Chunk:
        """What stands for an event that is no JSON, unless that is an error or one too many."""
        if event == "error":
            raise self._trip.refuse(ErrorBody(data)) from None
        self._malformed_count += 1
        if self._malformed_count > _MAX_MALFORMED:
            raise ProviderError(code="malformed_stream", count=self._malformed_count) from None
        return Chunk(is_malformed=True)

    def _read_wire(self, wire: object, *, event: str) -> Iterator[Chunk]:
        chunk, body = read_chunk(wire, event=event)
        if not self._trip.call.has_text and any(one.has_content for one in chunk.choices):
            self._trip.call.text_began()
        if body is None or chunk.choices:
            yield chunk
        if body is not None:
            raise self._trip.refuse(body)


def _first_bytes(pieces: Iterator[bytes]) -> bytes:
    """The body up to its first visible character, which tells JSON, web page and stream apart."""
    found = b""
    for piece in pieces:
        found += piece
        if piece.strip(_BLANKS) or len(found) > _MAX_BLANK_BYTES:
            break
    return found

"""The way to the endpoint: `ChatClient` posts with requests, `ChatStream` yields typed chunks.

Every foreign failure becomes one of `core.errors` in this room and nowhere else; no error text
holds the key, the prompt or a picture.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from typing import Any, Final, Self

import requests

from augenblick.core.errors import AugenblickError, CannotConnect, ProviderError
from augenblick.core.providers import Provider
from augenblick.endpoint.chunks import Chunk, decode, read_chunk
from augenblick.endpoint.error_body import ErrorBody, page_title
from augenblick.endpoint.foreign_errors import CATCHABLE, translate
from augenblick.endpoint.model_list import read_model_list
from augenblick.endpoint.payload import encode_payload
from augenblick.endpoint.recorder import Recorder
from augenblick.endpoint.retries import RetryPolicy, Wait
from augenblick.endpoint.round_trip import RoundTrip
from augenblick.endpoint.scrubbing import private_texts
from augenblick.endpoint.sse import DONE, read_events
from augenblick.endpoint.transport import Call, Cancellation, Deadlines, StoppableAdapter

__all__ = ["Cancellation", "ChatClient", "ChatStream", "Deadlines", "RetryPolicy", "Wait"]

_LIST_SECONDS: Final = 30.0
_MAX_MALFORMED: Final = 16
_MAX_BLANK_BYTES: Final = 65536  # before the first visible character of an answer
_MAX_SHOWN_BYTES: Final = 65536
_BLANKS: Final = b"\xef\xbb\xbf\r\n\t "
_TWICE_NAMED: Final = re.compile(r"\A(?:data:\s*)+")  # some proxies put the field's name twice


class ChatClient:
    """One endpoint. Holds a pool of connections; any thread may call; close it when done.

    Reads nothing from the environment, no netrc either: proxy and certificates are those of the
    provider. By default reads of a fast stream are coalesced to some forty a second;
    `coalesces_reads` False takes in each event as it arrives.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        deadlines: Deadlines | None = None,
        retry: RetryPolicy | None = None,
        coalesces_reads: bool = True,
    ) -> None:
        self.provider = provider
        self.deadlines = deadlines or Deadlines()
        self.retry = retry or RetryPolicy()
        self._coalesces_reads = coalesces_reads
        self._adapter = StoppableAdapter(proxy=provider.proxy, ca_bundle=provider.ca_bundle)

    @contextmanager
    def stream(
        self,
        payload: Mapping[str, Any],
        *,
        cancellation: Cancellation | None = None,
        on_wait: Callable[[Wait], None] | None = None,
        recorder: Recorder | None = None,
    ) -> Iterator[ChatStream]:
        """Post a request when entered; leaving closes the connection or gives it back to the pool.

        `"stream": false` works as well. A recorder keeps all that goes over the wire. Raises
        ProviderError, and Cancelled when the cancellation was used.
        """
        is_stream = payload.get("stream") is True
        accept = "text/event-stream" if is_stream else "application/json"
        body = encode_payload(payload)
        request = self._request("POST", "/chat/completions", body, accept=accept)
        recording = None
        if recorder is not None:
            key = self.provider.api_key.reveal()
            recording = recorder.open(payload, secrets=[key])
        call = Call(
            self.deadlines, cancellation, is_stream=is_stream, coalesces_reads=self._coalesces_reads
        )
        secrets = (*self._secrets(), *private_texts(payload.get("messages")))
        trip = RoundTrip(self._adapter, call, self.retry, secrets=secrets, recorder=recording)
        with trip, call.cancellation.watched_by(call.shut):
            pieces = trip.send(request, on_wait)
            del payload, body, request  # megabytes of pictures, which a long answer would hold
            stream = ChatStream(trip, pieces)
            try:
                yield stream
            finally:
                stream.close()

    def list_models(self) -> tuple[str, ...]:
        """The names at `GET {base_url}/models`, in the order of the endpoint; within 30 seconds."""
        with self._short_trip() as trip:
            return read_model_list(self._read_json(trip, "/models"), refuse=trip.refuse)

    def ask_beside(self, path: str, question: Mapping[str, Any] | None = None) -> object:
        """The JSON at a path outside of the API, by GET, or by POST where there is a `question`.

        Raises ProviderError, also where the answer is not JSON.
        """
        with self._short_trip() as trip:
            return self._read_json(trip, path, question)

    def _read_json(
        self, trip: RoundTrip, path: str, question: Mapping[str, Any] | None = None
    ) -> object:
        body = encode_payload(question) if question is not None else None
        request = self._request("POST" if body else "GET", path, body, accept="application/json")
        content = b"".join(trip.send(request))
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise ProviderError(page_title(content), code="not_an_endpoint") from None

    def _short_trip(self) -> RoundTrip:
        seconds = min(_LIST_SECONDS, self.deadlines.total_seconds)
        call = Call(replace(self.deadlines, total_seconds=seconds))
        return RoundTrip(self._adapter, call, self.retry, secrets=self._secrets())

    def close(self) -> None:
        """Close every pooled connection."""
        self._adapter.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _secrets(self) -> tuple[str, ...]:
        """What must not appear in an error text, even where the endpoint repeats it."""
        extra = (value for _, value in (*self.provider.headers, *self.provider.query))
        return (self.provider.api_key.reveal(), *extra)

    def _request(
        self, method: str, path: str, body: bytes | None, *, accept: str
    ) -> requests.PreparedRequest:
        headers = {"User-Agent": "augenblick", "Accept": accept, "Accept-Encoding": "identity"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key := self.provider.api_key.reveal():
            headers["Authorization"] = f"Bearer {key}"
        headers |= dict(self.provider.headers)
        if not all(re.fullmatch(r"[\x20-\x7e]*", value) for value in headers.values()):
            raise CannotConnect(code="header_invalid")
        url = self.provider.base_url + path
        request = requests.Request(method, url, headers, data=body, params=self.provider.query)
        try:
            return request.prepare()
        except CATCHABLE as error:
            raise translate(error, is_connected=False) from None


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

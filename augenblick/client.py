"""The way to the endpoint: `ChatClient` posts with requests, `ChatStream` yields typed chunks.

Every foreign failure becomes one of `errors` here (with `transport.translate`) and nowhere else; no
error text holds the key, the prompt or a picture.
"""

from __future__ import annotations

import json
import random
import re
import socket
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from io import BufferedReader
from typing import Any, Final, Protocol, Self
from urllib.parse import urlsplit

import requests
from urllib3 import HTTPResponse
from urllib3.util.wait import wait_for_read

from augenblick import errors
from augenblick.chunks import Chunk, read_chunk
from augenblick.errors import AugenblickError, ProviderError
from augenblick.messages import Timings
from augenblick.providers import Provider
from augenblick.refusals import ErrorBody, read_error, refusal, scrub
from augenblick.retries import RetryPolicy, Wait, asked_seconds, shall_retry
from augenblick.sse import DONE, Event, read_events
from augenblick.trace import Line, Recorder
from augenblick.transport import (
    CATCHABLE,
    WATCHDOG,
    Call,
    Cancellation,
    Deadlines,
    making,
    new_session,
    translate,
)

__all__ = [
    "Cancellation", "ChatClient", "ChatStream", "Deadlines", "RetryPolicy", "Wait",
    "encode_payload",
]  # fmt: skip

OnWait = Callable[[Wait], None]

_READ_BYTES: Final = 65536
_MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
_MAX_ERROR_BYTES: Final = 65536
_MAX_MALFORMED: Final = 16
_ERROR_BODY_SECONDS: Final = 10.0
_LIST_SECONDS: Final = 30.0
_DRAIN_SECONDS: Final = 0.15  # above the 40 ms that a delayed acknowledgement can cost
_BURST_EVENTS: Final = 20
_BURST_SECONDS: Final = 0.05
_PRIVATE_CHARS: Final = 16  # shorter pieces of a prompt are ordinary words
_REQUEST_ID_HEADERS: Final = ("x-request-id", "request-id", "apim-request-id", "x-generation-id")
_DECODABLE: Final = {"", "identity", *HTTPResponse.CONTENT_DECODERS}
_OK, _REDIRECT, _REFUSED = 200, 300, 400


class Unread(Protocol):
    """What has come in of an answer and is not read yet."""

    @property
    def piece_count(self) -> int:
        """How many pieces were read before, as the endpoint cut them."""

    def must_wait(self) -> bool:
        """Whether a read would have to wait."""

    def arrived(self) -> bytes:
        """What the system holds, as `Call.arrived` gives it."""


OnRead = Callable[[Unread], bool]


def encode_payload(payload: Mapping[str, Any]) -> bytes:
    """The exact bytes of the body: compact JSON in UTF-8. Raises ValueError for NaN."""
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace")


class ChatClient:
    """One endpoint. Holds a pool of connections; any thread may call; close it when done.

    `ca_bundle` is the path of a certificate bundle (for an own authority). The surroundings are
    not asked for anything: no netrc, no proxy variables.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        deadlines: Deadlines | None = None,
        retry: RetryPolicy | None = None,
        ca_bundle: str | None = None,
        rng: random.Random | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.provider = provider
        self.deadlines = deadlines or Deadlines()
        self.retry = retry or RetryPolicy()
        self._verify: bool | str = ca_bundle or True
        self._rng = rng or random.Random()
        self._wall_clock = wall_clock
        self._session = new_session()

    def stream(
        self,
        payload: Mapping[str, Any],
        *,
        cancellation: Cancellation | None = None,
        on_wait: OnWait | None = None,
        recorder: Recorder | None = None,
        on_read: OnRead | None = None,
    ) -> ChatStream:
        """Post a request. Sent when the result is entered; `"stream": false` works as well.

        A recorder takes down all that goes over the wire. `on_read` is called before the answer is
        read further, when all that was read is iterated over, with what is there to be read. It
        may take its time, and returns whether all that has been fetched is to be read in one go.
        """
        cancellation = cancellation or Cancellation()
        return ChatStream(self, payload, cancellation, on_wait, recorder=recorder, on_read=on_read)

    def list_models(self, *, cancellation: Cancellation | None = None) -> tuple[str, ...]:
        """The names at `GET {base_url}/models`, in the order of the endpoint; within 30 seconds."""
        with ExitStack() as stack:
            seconds = min(_LIST_SECONDS, self.deadlines.total_seconds)
            exchange = _Exchange(self, self._secrets({}), is_stream=False, total_seconds=seconds)
            exchange.enter(stack, cancellation or Cancellation())
            body = exchange.send("GET", "/models", None)
            content = b"".join(body)
            try:
                wire = json.loads(content)
            except (ValueError, RecursionError):
                raise errors.NotAnEndpoint(_page_title(content)) from None
            return _model_names(wire)

    def close(self) -> None:
        """Close every pooled connection."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _secrets(self, payload: Mapping[str, Any]) -> tuple[str, ...]:
        """What may stand in no error text, should the endpoint repeat it."""
        extra = (value for _, value in (*self.provider.headers, *self.provider.query))
        return (self.provider.api_key.reveal(), *extra, *_private_texts(payload.get("messages")))

    def _prepare(
        self, method: str, path: str, body: bytes | None, *, is_stream: bool
    ) -> requests.PreparedRequest:
        headers = {
            "User-Agent": "augenblick",
            "Accept": "text/event-stream" if is_stream else "application/json",
            "Accept-Encoding": "identity",
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
        key = self.provider.api_key.reveal()
        if key:
            headers["Authorization"] = f"Bearer {key}"
        headers |= dict(self.provider.headers)
        if not all(re.fullmatch(r"[\x20-\x7e]*", value) for value in headers.values()):
            raise errors.HeaderInvalid
        url = self.provider.base_url + path
        request = requests.Request(method, url, headers, data=body, params=self.provider.query)
        return self._session.prepare_request(request)

    def _post(self, request: requests.PreparedRequest) -> HTTPResponse:
        """Send once. `Session.send` would read the body of a redirect, so its adapter is asked."""
        proxy = self.provider.proxy
        proxies = {"http": proxy, "https": proxy} if proxy else {}
        adapter = self._session.get_adapter(request.url or "")
        response = adapter.send(
            request, stream=True, timeout=None, verify=self._verify, proxies=proxies
        )
        raw = response.raw
        assert isinstance(raw, HTTPResponse)  # noqa: S101 - for the type checker
        return raw


class _Exchange:
    """One request with its repeats, up to the body of a successful answer."""

    def __init__(
        self,
        client: ChatClient,
        secrets: tuple[str, ...],
        *,
        is_stream: bool,
        total_seconds: float | None = None,
        line: Line | None = None,
        on_read: OnRead | None = None,
    ) -> None:
        self._client = client
        self._on_read = on_read
        self._secrets = secrets
        self._is_stream = is_stream
        self._line = line
        self.call = Call(total_seconds=total_seconds or client.deadlines.total_seconds)
        self.raw: HTTPResponse | None = None
        self.status = 0
        self.headers: dict[str, str] = {}
        self.attempts = 0
        self.headers_seconds: float | None = None
        self.received_bytes = 0
        self.piece_count = 0

    @property
    def request_id(self) -> str:
        """What the endpoint calls this request, for its operators."""
        found = (self.headers.get(name, "") for name in _REQUEST_ID_HEADERS)
        return next((value[:200] for value in found if value), "")

    def enter(self, stack: ExitStack, cancellation: Cancellation) -> None:
        """Be watched until the stack is left."""
        stack.callback(self.release)
        stack.enter_context(WATCHDOG.watching(self.call))
        stack.enter_context(cancellation.watched_by(self.call.cancel))

    def send(
        self, method: str, path: str, body: bytes | None, on_wait: OnWait | None = None
    ) -> Iterator[bytes]:
        """Send, again where that is safe; returns the pieces of the body as they arrive."""
        while True:
            self.attempts += 1
            try:
                self._attempt(method, path, body)
            except ProviderError as error:
                self.note_end(error.code)
                self.release()
                pause = self._pause_after(error)
                if pause is None:
                    raise
                if on_wait is not None:
                    on_wait(Wait(pause, self.attempts + 1, error.code))
                self.call.sleep(pause)
            else:
                return self._pieces()

    def refuse(self, body: ErrorBody) -> ProviderError:
        """Our error for one that came inside a successful answer."""
        return refusal(0, body, secrets=self._secrets, request_id=self.request_id)

    def note_end(self, how: str) -> None:
        """Have the recorder, if there is one, take down how this exchange ended."""
        if self._line is not None:
            self._line.ended(how)

    def release(self) -> None:
        """Let go of the connection: closed, unless it was read to its end and is pooled again."""
        self.call.detach()
        if self.raw is not None:
            self.raw.close()

    def drain(self) -> None:
        """Read the few bytes after `[DONE]`, so that the connection can be used again."""
        raw = self.raw
        has_end = raw is not None and (raw.chunked or raw.length_remaining is not None)
        if raw is None or not has_end or raw.connection is None or self.call.is_ended:
            return
        self.call.allow("body", _DRAIN_SECONDS, None)
        try:
            while raw.read1(_READ_BYTES, decode_content=True):
                if self.call.remaining_seconds() <= 0:
                    return
        except CATCHABLE:
            return  # the answer is complete; this connection just isn't kept
        finally:
            self.call.lift("body")

    def _attempt(self, method: str, path: str, body: bytes | None) -> None:
        client = self._client
        self.headers, self.status = {}, 0
        self.call.begin_attempt(client.deadlines, is_stream=self._is_stream)
        try:
            request = client._prepare(method, path, body, is_stream=self._is_stream)  # noqa: SLF001 - one unit
            if self._line is not None:
                self._line.sent(method, request.url or "", request.headers.items())
            with making(self.call):
                self.raw = client._post(request)  # noqa: SLF001 - one unit
        except CATCHABLE as error:
            self.call.check()
            raise translate(error, is_connected=self.call.is_connected) from None
        except errors.CannotConnect:
            self.call.check()
            raise
        self.call.check()
        self.status = self.raw.status
        self.headers = {name.lower(): value for name, value in self.raw.headers.items()}
        self.headers_seconds = time.monotonic() - self.call.started
        if self._line is not None:
            self._line.answered(self.status, self.raw.headers.items())
        self._check_status()

    def _check_status(self) -> None:
        if _OK <= self.status < _REDIRECT:
            return
        if _REDIRECT <= self.status < _REFUSED:
            target = urlsplit(self.headers.get("location", ""))
            raise errors.Redirected(
                f"HTTP {self.status}", status=self.status, host=scrub(target.netloc)[:200]
            )
        content = self._error_body()
        if self._line is not None:
            self._line.content(content)
        body = read_error(content)
        self.call.check()
        raise refusal(
            self.status,
            body,
            secrets=self._secrets,
            request_id=self.request_id,
            retry_after_seconds=asked_seconds(
                self.headers,
                body.message,
                now=self._client._wall_clock(),  # noqa: SLF001 - one unit
            )
            if self.status >= _REFUSED
            else None,
        )

    def _error_body(self) -> bytes:
        """The first bytes of a refusal, as far as they come in time."""
        self.call.allow("body", _ERROR_BODY_SECONDS, None)
        found = b""
        assert self.raw is not None  # noqa: S101 - for the type checker
        try:
            while len(found) < _MAX_ERROR_BYTES:
                piece = self.raw.read1(_READ_BYTES, decode_content=True)
                if not piece:
                    break
                found += piece
        except CATCHABLE:
            pass  # the status alone tells enough
        self.call.lift("body")
        return found[:_MAX_ERROR_BYTES]

    def _pause_after(self, error: ProviderError) -> float | None:
        asked = error.params.get("retry_after_seconds")
        pause = self._client.retry.pause_seconds(
            error,
            attempt=self.attempts,
            asked_seconds=float(asked) if asked is not None else None,
            shall_retry=shall_retry(self.headers)
            if isinstance(error, errors.StatusError)
            else None,
            rng=self._client._rng,  # noqa: SLF001 - one unit
        )
        if pause is None or pause >= self.call.remaining_seconds():
            return None
        return pause

    def _pieces(self) -> Iterator[bytes]:
        """The body as it arrives; raises what ended it early, also where that looks like an end."""
        raw = self.raw
        assert raw is not None  # noqa: S101 - for the type checker
        if self.headers.get("content-encoding", "").lower() not in _DECODABLE:
            raise errors.MalformedResponse("content-encoding")
        failure: AugenblickError | None = None
        while failure is None:
            is_in_one_go = self._on_read is not None and self._on_read(self)
            pieces: list[bytes] = []
            try:
                with self.call.reading():
                    pieces.append(raw.read1(_READ_BYTES, decode_content=True))
                    while is_in_one_go and _is_at_hand(raw):
                        pieces.append(raw.read1(_READ_BYTES, decode_content=True))
            except CATCHABLE as error:
                failure = translate(error, is_connected=True, has_begun=True)
            if raw.connection is None:
                self.call.detach()  # back in the pool: a later stop must not reach it
            content = b"".join(pieces)
            if not content:
                break
            self.piece_count += len(pieces)
            self.received_bytes += len(content)
            if self.received_bytes > _MAX_ANSWER_BYTES:
                raise errors.AnswerTooLarge(limit=_MAX_ANSWER_BYTES)
            yield content
        self.call.check()
        if failure is not None:
            raise failure

    def arrived(self) -> bytes:
        """What the system holds that is not read yet."""
        return self.call.arrived()

    def must_wait(self) -> bool:
        """Whether nothing has come in that is not read yet."""
        raw = self.raw
        sock = raw.connection.sock if raw is not None and raw.connection is not None else None
        body = getattr(raw, "_fp", None)  # what http.client reads from
        fetched = getattr(body, "fp", None)
        if sock is None or fetched is None:
            return False
        try:
            if getattr(body, "chunk_left", None) == 0:  # the end of the chunk is there, or will be
                ahead = fetched.peek(1)
            else:
                ahead = _peek_at_once(fetched, sock)
            return not ahead.strip(b"\r\n") and not wait_for_read(sock, timeout=0)
        except (OSError, ValueError):  # TLS says so with an error; all others come again
            return True


def _is_at_hand(raw: HTTPResponse) -> bool:
    """Whether the beginning of another chunk has been fetched, so that a read waits for nothing."""
    body = getattr(raw, "_fp", None)  # what http.client reads from
    if body is None or getattr(body, "chunk_left", None) != 0:
        return False
    ahead: bytes = body.fp.peek(1)
    end_of_size = ahead.find(b"\r\n", 2)
    return 0 < end_of_size < len(ahead) - 2


def _peek_at_once(fetched: BufferedReader, sock: socket.socket) -> bytes:
    """What was fetched and not read, without waiting for more. Dear: threads lose their turn."""
    patience = sock.gettimeout()
    try:
        sock.settimeout(0)
        return fetched.peek(1)
    finally:
        with suppress(OSError):
            sock.settimeout(patience)


class ChatStream:
    """An answer being read: a context manager (entering sends) and an iterator over `Chunk`.

    A chunk with `is_done` comes last, and only if the server sent `[DONE]`. Raises ProviderError
    for faults, also in the middle, and Cancelled when the cancellation was used; the chunks
    yielded before either stay valid. Leaving the `with` closes the connection or gives
    it back to the pool. A chunk with `is_malformed` stands for an event that was no JSON; text is
    missing there.
    """

    def __init__(
        self,
        client: ChatClient,
        payload: Mapping[str, Any],
        cancellation: Cancellation,
        on_wait: OnWait | None,
        *,
        recorder: Recorder | None = None,
        on_read: OnRead | None = None,
    ) -> None:
        self._client = client
        self._cancellation = cancellation
        self._on_wait = on_wait
        self._asked_to_stream = payload.get("stream") is True
        self._content: bytes | None = encode_payload(payload)
        self._sent_bytes = len(self._content)
        self._line: Line | None = None
        if recorder is not None:
            key = client.provider.api_key.reveal()
            self._line = recorder.open(payload, encode_payload, secrets=[key])
        self._exchange = _Exchange(
            client,
            client._secrets(payload),  # noqa: SLF001 - one unit
            is_stream=self._asked_to_stream,
            line=self._line,
            on_read=on_read,
        )
        self._stack = ExitStack()
        self._chunks: Generator[Chunk, None, None] | None = None
        self._is_done = False
        self._first_event_at = 0.0
        self._last_event_at = 0.0
        self._good_count = 0
        self._first_token_seconds: float | None = None
        self._ended_seconds: float | None = None
        self.was_streamed = False
        self.event_count = 0
        self.comment_count = 0
        self.malformed_count = 0

    def __enter__(self) -> Self:
        try:
            self._exchange.enter(self._stack, self._cancellation)
            pieces = self._exchange.send("POST", "/chat/completions", self._content, self._on_wait)
        except BaseException as error:  # also a stop: whatever it was, the connection is given back
            self._exchange.note_end(error.code if isinstance(error, AugenblickError) else "left")
            self._stack.close()
            raise
        self._content = None  # megabytes of pictures, which a long answer would hold
        self._chunks = self._read(pieces)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Chunk]:
        if self._chunks is None:
            raise RuntimeError("a ChatStream is read inside `with`")
        return self._chunks

    def close(self) -> None:
        """Stop reading and release the connection; from the reading thread."""
        if self._is_done:
            self._exchange.drain()
        if self._chunks is not None:
            self._chunks.close()
        self._stack.close()

    @property
    def status(self) -> int:
        """The HTTP status of the last answer, 0 before one came."""
        return self._exchange.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the answer, names in lower case."""
        return self._exchange.headers

    @property
    def request_id(self) -> str:
        """What the endpoint calls this request, empty where it has no name."""
        return self._exchange.request_id

    @property
    def attempts(self) -> int:
        """How often it was sent."""
        return self._exchange.attempts

    @property
    def sent_bytes(self) -> int:
        """The size of the request's body."""
        return self._sent_bytes

    @property
    def received_bytes(self) -> int:
        """How much of the answer has come."""
        return self._exchange.received_bytes

    @property
    def headers_seconds(self) -> float | None:
        """When the headers came, since the first send."""
        return self._exchange.headers_seconds

    @property
    def timings(self) -> Timings:
        """Seconds since the first send, repeats and waits included."""
        return Timings(self.headers_seconds, self._first_token_seconds, self._ended_seconds)

    @property
    def was_burst(self) -> bool:
        """Whether a long answer arrived all at once: something in between buffers."""
        took = self._last_event_at - self._first_event_at
        return self.event_count >= _BURST_EVENTS and took < _BURST_SECONDS

    def _read(self, pieces: Iterator[bytes]) -> Generator[Chunk, None, None]:
        try:
            first, kind = _first_bytes(pieces), self._content_type()
            start = first.lstrip(b"\xef\xbb\xbf\r\n\t ")[:1]
            if start == b"<" or (kind == "text/html" and not first.startswith(b"data:")):
                page = first + _some(pieces)
                self._note_content(page)
                raise errors.NotAnEndpoint(_page_title(page))
            if start in {b"{", b"["} or (kind == "application/json" and not start):
                yield from self._read_json(first, pieces)
            else:
                yield from self._read_stream(first, pieces)
            self._exchange.note_end("done" if self._is_done else "closed")
        except AugenblickError as error:
            self._exchange.note_end(error.code)
            raise
        finally:
            self._exchange.note_end("left")
            self._ended_seconds = self._seconds()

    def _read_json(self, first: bytes, pieces: Iterable[bytes]) -> Iterator[Chunk]:
        """The whole answer in one piece."""
        self._exchange.call.lift("first_token")
        self._exchange.call.allow_silence(self._client.deadlines.idle_seconds)
        content = b"".join((first, *pieces)).strip()
        self._note_content(content)
        try:
            wire = json.loads(content.removeprefix(b"\xef\xbb\xbf"))
        except (ValueError, RecursionError):
            is_whole = content.endswith((b"}", b"]"))
            means = errors.MalformedStream if is_whole else errors.StreamInterrupted
            raise means from None
        yield from self._from_wire(wire, event="message")
        if not isinstance(wire, dict) or "choices" not in wire:
            raise errors.NotAnEndpoint

    def _read_stream(self, first: bytes, pieces: Iterable[bytes]) -> Iterator[Chunk]:
        self.was_streamed = True
        self._exchange.call.allow_silence(self._client.deadlines.first_token_seconds)
        line = self._line
        for event in read_events(_chained(first, pieces), on_comment=self._count_comment):
            self._note_event()
            if line is not None:
                line.event(event.data, event.event, event.id)
            yield from self._from_event(event)
            if self._is_done:
                return
        if self.malformed_count and not self._good_count:
            raise errors.MalformedStream(count=self.malformed_count)
        is_stream = self._content_type() == "text/event-stream"
        if not is_stream and not self.event_count and self.received_bytes:
            self._note_content(first)
            raise errors.NotAnEndpoint

    def _from_event(self, event: Event) -> Iterator[Chunk]:
        data = event.data.strip()
        while data.startswith("data:"):  # some proxies put the field's name twice
            data = data[5:].strip()
        if data.strip('"').startswith(DONE):
            self._is_done = True
            yield Chunk(is_done=True)
        elif not data or data.startswith(":"):  # a heartbeat that came as data
            self.comment_count += 1
        elif (wires := _decode(data)) is not None:
            for wire in wires:
                yield from self._from_wire(wire, event=event.event)
        elif event.event == "error":
            raise self._exchange.refuse(ErrorBody(data))
        else:
            self.malformed_count += 1
            if self.malformed_count > _MAX_MALFORMED:
                raise errors.MalformedStream(count=self.malformed_count)
            yield Chunk(is_malformed=True)

    def _from_wire(self, wire: object, *, event: str) -> Iterator[Chunk]:
        self._good_count += 1
        chunk, body = read_chunk(wire, event=event)
        if self._first_token_seconds is None and any(one.has_content for one in chunk.choices):
            self._note_progress()
        if body is None or chunk.choices:
            yield chunk
        if body is not None:
            raise self._exchange.refuse(body)

    def _note_event(self) -> None:
        self.event_count += 1
        self._last_event_at = time.monotonic()
        if self.event_count == 1:
            self._first_event_at = self._last_event_at

    def _note_progress(self) -> None:
        self._first_token_seconds = self._seconds()
        self._exchange.call.lift("first_token")
        self._exchange.call.allow_silence(self._client.deadlines.idle_seconds)

    def _note_content(self, content: bytes) -> None:
        if self._line is not None:
            self._line.content(content)

    def _count_comment(self, text: str) -> None:
        self.comment_count += 1
        if self._line is not None:
            self._line.comment(text)

    def _content_type(self) -> str:
        return self.headers.get("content-type", "").split(";")[0].strip().lower()

    def _seconds(self) -> float:
        return time.monotonic() - self._exchange.call.started


def _first_bytes(pieces: Iterator[bytes]) -> bytes:
    """The body up to its first visible character, which tells JSON, web page and stream apart."""
    found = b""
    for piece in pieces:
        found += piece
        if found.strip(b"\xef\xbb\xbf\r\n\t ") or len(found) > _READ_BYTES:
            break
    return found


def _some(pieces: Iterator[bytes]) -> bytes:
    """A little more of a body that is about to be refused."""
    return next(pieces, b"")


def _chained(first: bytes, pieces: Iterable[bytes]) -> Iterator[bytes]:
    yield first
    yield from pieces


def _decode(data: str) -> list[object] | None:
    """The JSON values in the data of an event, None for broken ones.

    Several values on lines of their own come from servers that leave out the blank line.
    """
    try:
        return [json.loads(data)]
    except (ValueError, RecursionError):
        if "\n" not in data:
            return None
    try:
        return [json.loads(line) for line in data.split("\n") if line.strip()]
    except (ValueError, RecursionError):
        return None


def _page_title(content: bytes) -> str:
    """The title of a web page, the one thing of it that is shown."""
    body = read_error(content[:_MAX_ERROR_BYTES])
    return scrub(body.message)[:200] if body.kind == "html" else ""


def _private_texts(messages: object) -> Iterator[str]:
    """The lines of the prompt."""
    for message in messages if isinstance(messages, list | tuple) else ():
        content = message.get("content") if isinstance(message, Mapping) else None
        parts = content if isinstance(content, list) else [{"text": content}]
        for part in parts:
            text = part.get("text") if isinstance(part, Mapping) else None
            if isinstance(text, str):
                lines = (line.strip() for line in text.splitlines())
                yield from (line for line in lines if len(line) >= _PRIVATE_CHARS)


def _model_names(wire: object) -> tuple[str, ...]:
    """The names in an answer to `GET /models`, in any of the shapes seen."""
    items = wire
    if isinstance(wire, Mapping):
        items = next((wire[key] for key in ("data", "models") if key in wire), None)
    if not isinstance(items, list):
        raise errors.NotAnEndpoint
    names = (
        item if isinstance(item, str) else _name(item)
        for item in items
        if isinstance(item, str | Mapping)
    )
    return tuple(dict.fromkeys(name for name in names if name))


def _name(item: Mapping[str, object]) -> str:
    found = (item.get(key) for key in ("id", "name", "model"))
    return next((name for name in found if isinstance(name, str)), "")

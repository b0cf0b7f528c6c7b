"""One request with its retries, up to the body of a successful answer: `RoundTrip`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Final, Self
from urllib.parse import urlsplit

import requests
from urllib3 import HTTPResponse

from augenblick.core.errors import AugenblickError, CannotConnect, ProviderError, StatusError
from augenblick.endpoint.error_body import ErrorBody, read_error
from augenblick.endpoint.error_mapping import refusal
from augenblick.endpoint.foreign_errors import CATCHABLE, translate
from augenblick.endpoint.recorder import ExchangeRecorder
from augenblick.endpoint.retries import RetryPolicy, Wait, asked_seconds, shall_retry
from augenblick.endpoint.scrubbing import scrub
from augenblick.endpoint.transport import Call, StoppableAdapter

_READ_BYTES: Final = 65536
_MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
_MAX_READ_WITHIN_BYTES: Final = 65536  # of what a refusal says, or follows `[DONE]`
_ERROR_BODY_SECONDS: Final = 10.0
_DRAIN_SECONDS: Final = 0.15  # above the 40 ms that a delayed acknowledgement can cost
_REQUEST_ID_HEADERS: Final = ("x-request-id", "request-id", "apim-request-id", "x-generation-id")
# What is registered as Content-Encoding. Anything else ("none", "utf-8", "json") is sent by servers
# behind which nothing is compressed.
_CODINGS: Final = {
    "aes128gcm", "br", "compress", "dcb", "dcz", "deflate", "exi", "gzip", "pack200-gzip",
    "x-compress", "x-gzip", "zstd",
}  # fmt: skip
_OK, _REDIRECT, _REFUSED = 200, 300, 400


class RoundTrip:
    """One request, sent again where that is safe; used as a context manager, by one thread.

    Leaving closes the connection, unless the body was read to its end and the connection is pooled
    again. `secrets` stand in no error text. `recorder` is told what goes over the wire.
    """

    def __init__(
        self,
        adapter: StoppableAdapter,
        call: Call,
        retry: RetryPolicy,
        *,
        secrets: tuple[str, ...],
        recorder: ExchangeRecorder | None = None,
    ) -> None:
        self.call = call
        self._adapter = adapter
        self._retry = retry
        self._secrets = secrets
        self._raw: HTTPResponse | None = None
        self._headers: dict[str, str] = {}
        self._codings: set[str] = set()
        self.recorder = recorder
        self.headers_seconds: float | None = None
        self.received_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.note_end("left")
        self._release()

    @property
    def content_type(self) -> str:
        """The media type of the answer, in lower case and without parameters."""
        return self._headers.get("content-type", "").split(";")[0].strip().lower()

    def send(
        self, request: requests.PreparedRequest, on_wait: Callable[[Wait], None] | None = None
    ) -> Iterator[bytes]:
        """Send, again where that is safe; returns the pieces of the body as they arrive.

        Raises ProviderError and Cancelled. `on_wait` is called before each pause.
        """
        attempt = 1
        while True:
            try:
                self._attempt(request)
                return self._pieces()
            except AugenblickError as error:
                self.note_end(error.code)
                self._release()
                pause = self._pause_after(error, attempt)
                if pause is None:
                    raise
                attempt += 1
                if on_wait is not None:
                    on_wait(Wait(pause, attempt, error.code))
                self.call.cancellation.wait(pause)

    def refuse(self, body: ErrorBody) -> ProviderError:
        """Our error for one that came inside a successful answer."""
        return refusal(0, body, secrets=self._secrets, request_id=self._request_id())

    def scrubbed(self, text: str) -> str:
        """A text of the endpoint, fit to be shown."""
        return scrub(text, secrets=self._secrets)

    def record(self, content: bytes) -> None:
        """Record a body that is not a stream."""
        if self.recorder is not None:
            self.recorder.content(content)

    def note_end(self, how: str) -> None:
        """Record how the answer ended; what is said first counts."""
        if self.recorder is not None:
            self.recorder.ended(how)

    def drain(self) -> None:
        """Read the few bytes after `[DONE]`, so that the connection can be used again."""
        raw = self._raw
        has_end = raw is not None and (raw.chunked or raw.length_remaining is not None)
        is_stopped = self.call.cancellation.is_cancelled
        if raw is not None and has_end and raw.connection and not is_stopped:
            self._read_within(raw, _DRAIN_SECONDS)

    def _attempt(self, request: requests.PreparedRequest) -> None:
        self._headers = {}
        self.call.begin_attempt()
        if self.recorder is not None:
            self.recorder.sent(request.method or "", request.url or "", request.headers.items())
        try:
            self._raw = raw = self._adapter.send_for(self.call, request)
        except CATCHABLE as error:
            self.call.check()
            raise translate(error, is_connected=self.call.is_connected) from None
        except CannotConnect:
            self.call.check()
            raise
        self.call.check()
        self.headers_seconds = time.monotonic() - self.call.started
        self._headers = {name.lower(): value for name, value in raw.headers.items()}
        if self.recorder is not None:
            self.recorder.answered(raw.status, raw.headers.items())
        words = self._headers.get("content-encoding", "").lower().split(",")
        codings = [word for each in words if (word := each.strip(" \t\"'")) in _CODINGS]
        self._codings = set(codings)
        raw.headers["Content-Encoding"] = ", ".join(codings)  # urllib3 fails at other words
        if not _OK <= raw.status < _REDIRECT:
            raise self._status_error(raw)

    def _status_error(self, raw: HTTPResponse) -> ProviderError:
        if _REDIRECT <= raw.status < _REFUSED:
            host = scrub(urlsplit(self._headers.get("location", "")).netloc)[:200]
            said = f"HTTP {raw.status}"
            return ProviderError(said, code="redirected", status=raw.status, host=host)
        if raw.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            return CannotConnect(f"HTTP {raw.status}", code="proxy_failed")
        content = self._read_within(raw, _ERROR_BODY_SECONDS)
        self.record(content)
        self.call.check()
        body = read_error(content)
        pause = asked_seconds(self._headers, body.message, now=time.time())
        return refusal(
            raw.status, body, secrets=self._secrets, request_id=self._request_id(),
            retry_after_seconds=pause if raw.status >= _REFUSED else None,
        )  # fmt: skip

    def _read_within(self, raw: HTTPResponse, seconds: float) -> bytes:
        """The first bytes of a body, as far as they come in time and unbroken."""
        self.call.allow("body", seconds, None)
        found = b""
        try:
            while len(found) < _MAX_READ_WITHIN_BYTES:
                piece = raw.read1(_READ_BYTES, decode_content=True)
                if not piece:
                    break
                found += piece
        except CATCHABLE:
            pass
        self.call.lift("body")
        return found[:_MAX_READ_WITHIN_BYTES]

    def _request_id(self) -> str:
        """What the endpoint calls this request, for its operators."""
        found = (self._headers.get(name, "") for name in _REQUEST_ID_HEADERS)
        return next((value[:200] for value in found if value), "")

    def _pause_after(self, error: AugenblickError, attempt: int) -> float | None:
        """How long to wait before it is sent again; None where it is not."""
        if not isinstance(error, ProviderError):
            return None
        said = shall_retry(self._headers) if isinstance(error, StatusError) else None
        pause = self._retry.pause_seconds(error, attempt=attempt, shall_retry=said)
        return pause if pause is not None and pause < self.call.remaining_seconds() else None

    def _pieces(self) -> Iterator[bytes]:
        """The body as it arrives; raises what ended it early, also where that looks like an end."""
        raw = self._raw
        assert raw is not None  # noqa: S101 - for the type checker
        if not self._codings <= set(HTTPResponse.CONTENT_DECODERS):
            raise ProviderError("content-encoding", code="malformed_response")
        failure: ProviderError | None = None
        while failure is None:
            content = b""
            try:
                content = raw.read1(_READ_BYTES, decode_content=True)
            except CATCHABLE as error:
                failure = translate(error, is_connected=True, has_begun=True)
            if raw.connection is None:
                self.call.detach()  # back in the pool: a later stop must not reach it
            if not content:
                break
            self.received_bytes += len(content)
            if self.received_bytes > _MAX_ANSWER_BYTES:
                raise ProviderError(code="answer_too_large", limit=_MAX_ANSWER_BYTES)
            yield content
        self.call.check()
        if failure is not None:
            raise failure

    def _release(self) -> None:
        """Let go of the connection: closed, unless it was read to its end and is pooled again."""
        self.call.detach()
        if self._raw is not None:
            self._raw.close()

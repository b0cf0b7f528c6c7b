"""The way to the endpoint: `ChatClient` posts with requests; what comes is a `ChatStream`.

Every foreign failure becomes one of `core.errors` in this room and nowhere else; no error text
holds the key, the prompt or a picture.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, Self

import requests

from augenblick.core.errors import CannotConnect, ProviderError
from augenblick.core.providers import Provider
from augenblick.endpoint.chat_stream import ChatStream
from augenblick.endpoint.error_body import page_title
from augenblick.endpoint.foreign_errors import CATCHABLE, translate
from augenblick.endpoint.model_list import read_model_list
from augenblick.endpoint.payload import encode_payload
from augenblick.endpoint.recorder import Recorder
from augenblick.endpoint.retries import RetryPolicy, Wait
from augenblick.endpoint.round_trip import RoundTrip
from augenblick.endpoint.scrubbing import private_texts
from augenblick.endpoint.transport import Call, Cancellation, Deadlines, StoppableAdapter

__all__ = ["Cancellation", "ChatClient", "ChatStream", "Deadlines", "RetryPolicy", "Wait"]

_LIST_SECONDS: Final = 30.0


class ChatClient:
    """One endpoint. Holds a pool of connections; any thread may call; close it when done.

    Reads nothing from the environment, no netrc either: proxy and certificates are those of the
    provider. By default a stream is read every 40 ms once its text has begun; with
    `coalesces_reads` False each event is taken in as it arrives.
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

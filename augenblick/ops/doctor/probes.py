"""One question to the endpoint and what could be observed of its answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from augenblick.core.errors import AugenblickError, Cancelled, Param, RequestRejected
from augenblick.core.messages import (
    ChoiceText,
    ImagePart,
    Message,
    ReplyEnd,
    Role,
    TextPart,
    Usage,
)
from augenblick.core.providers import Provider
from augenblick.core.settings import RequestSettings
from augenblick.endpoint.client import Cancellation, ChatClient, Deadlines, RetryPolicy
from augenblick.endpoint.payload import DataUris, Payload, build_payload
from augenblick.endpoint.reply import Reply
from augenblick.ops.doctor.probe_pictures import TestPicture
from augenblick.pictures.token_costs import estimate_text

_ENDS_OF_ITS_OWN = {
    ReplyEnd.COMPLETE, ReplyEnd.LENGTH, ReplyEnd.TOOL_CALLS, ReplyEnd.REFUSED,
}  # fmt: skip
_PICTURE_TOKENS = 400  # of a test picture and its question, where nobody counts
_ONCE = RetryPolicy(attempts=2, base_seconds=0.5, cap_seconds=2.0, max_asked_seconds=5.0)


@dataclass(frozen=True, slots=True)
class Observation:
    """An answer seen from outside. Times are seconds since the question was sent."""

    end: ReplyEnd
    error: AugenblickError | None
    choices: tuple[ChoiceText, ...]
    usage: Usage | None
    was_streamed: bool
    arrivals_seconds: tuple[float, ...]  # of every chunk that brought something to read
    seconds: float

    @property
    def is_whole(self) -> bool:
        """Whether the answer came to an end of its own; of any other, nothing missing is told."""
        return self.error is None and self.end in _ENDS_OF_ITS_OWN

    @property
    def text(self) -> str:
        """What the first choice answered."""
        return self.choices[0].text if self.choices else ""

    @property
    def first_token_seconds(self) -> float | None:
        """When something to read came first."""
        return self.arrivals_seconds[0] if self.arrivals_seconds else None


@dataclass(frozen=True, slots=True)
class Stop:
    """How stopping went. `was_under_way` False: the answer was over before it could be stopped."""

    was_under_way: bool
    seconds_to_free: float = 0.0  # from stopping until the connection was given up
    error: AugenblickError | None = None


class Examinee:
    """An endpoint and model under examination, with a time by which all must be over."""

    def __init__(self, provider: Provider, *, ends_at: float) -> None:
        self.provider = provider
        self._ends_at = ends_at  # on time.monotonic
        self._spent: dict[str, int] = {"requests": 0, "prompt": 0, "completion": 0}
        self._lock = threading.Lock()

    @property
    def seconds_left(self) -> float:
        """How much of the time is left, never below zero."""
        return max(0.0, self._ends_at - time.monotonic())

    def spent(self) -> dict[str, Param]:
        """How much was asked: `requests`, and about how many tokens (`prompt`, `completion`)."""
        with self._lock:
            return {**self._spent}

    def list_models(self) -> tuple[str, ...]:
        """The names at `/models`. Raises ProviderError."""
        with self._client(within_seconds=10) as client:
            return client.list_models()

    def ask(self, payload: Mapping[str, Any], *, within_seconds: float = 20) -> Observation:
        """Ask and wait for the end; an error is part of the observation."""
        reply = Reply(n=int(payload.get("n", 1)))
        arrivals: list[float] = []
        error: AugenblickError | None = None
        was_streamed = False
        began = time.monotonic()
        try:
            with self._client(within_seconds) as client, client.stream(payload) as stream:
                for chunk in stream:
                    was_streamed = stream.was_streamed  # told at once: the rest may not come
                    at_seconds = time.monotonic() - began
                    is_readable = reply.fold(chunk, at_seconds=at_seconds) or any(
                        choice.tool_calls for choice in chunk.choices
                    )
                    arrivals += [at_seconds] if is_readable else []
        except AugenblickError as caught:
            error = caught
        seconds = time.monotonic() - began
        end = reply.close(failure=error.failure if error else None, at_seconds=seconds)
        self._count(payload, reply)
        return Observation(
            end, error, reply.choices, reply.usage, was_streamed, tuple(arrivals), seconds
        )

    def stop_early(self, payload: Mapping[str, Any]) -> Stop:
        """Ask, wait for two pieces of the answer, then stop."""
        cancellation = Cancellation()
        reply = Reply()
        arrived = 0
        stopped_at = time.monotonic()
        try:
            with (
                self._client(within_seconds=20) as client,
                client.stream(payload, cancellation=cancellation) as stream,
            ):
                for chunk in stream:
                    reply.fold(chunk, at_seconds=0.0)
                    arrived += any(choice.text or choice.reasoning for choice in chunk.choices)
                    if arrived >= 2 and not cancellation.is_cancelled:  # noqa: PLR2004 - see above
                        stopped_at = time.monotonic()
                        cancellation.cancel()
        except Cancelled:
            return Stop(was_under_way=True, seconds_to_free=time.monotonic() - stopped_at)
        except AugenblickError as error:
            return Stop(was_under_way=False, error=error)
        finally:
            self._count(payload, reply)
        return Stop(was_under_way=False)

    def _count(self, payload: Mapping[str, Any], reply: Reply) -> None:
        """Add a request to what was spent, estimated where the endpoint does not say."""
        usage = reply.usage or Usage()
        said = "".join(choice.reasoning + choice.text for choice in reply.choices)
        prompt, completion = usage.prompt_tokens, usage.completion_tokens
        with self._lock:
            self._spent["requests"] += 1
            self._spent["prompt"] += _asked_tokens(payload) if prompt is None else prompt
            self._spent["completion"] += estimate_text(said) if completion is None else completion

    def _client(self, within_seconds: float) -> ChatClient:
        seconds = max(0.1, min(within_seconds, self.seconds_left))
        deadlines = Deadlines(
            connect_seconds=min(5.0, seconds),
            first_token_seconds=seconds,
            idle_seconds=seconds,
            total_seconds=seconds,
        )
        return ChatClient(
            self.provider, deadlines=deadlines, retry=_ONCE, coalesces_reads=False
        )  # pauses of ours would look like somebody holding the answer back


def as_payload(settings: RequestSettings, text: str, picture: TestPicture | None = None) -> Payload:
    """A question in words, with a picture before them where there is one."""
    if picture is None:
        message = Message(Role.USER, (TextPart(text),))
        return build_payload([message], settings, data_uri=DataUris(lambda _: b""))
    message = Message(Role.USER, (ImagePart(picture.attachment), TextPart(text)))
    return build_payload([message], settings, data_uri=DataUris(lambda _: picture.content))


def _asked_tokens(payload: Mapping[str, Any]) -> int:
    contents = [message["content"] for message in payload["messages"]]
    words = "".join(each for each in contents if isinstance(each, str))
    pictures = sum(not isinstance(each, str) for each in contents)
    return estimate_text(words) + pictures * _PICTURE_TOKENS


def is_refusal(error: AugenblickError | None) -> bool:
    """A plain 500 counts too: that is how some servers say that they don't know a field."""
    if error is None or error.code == "prompt_filtered":
        return False
    return isinstance(error, RequestRejected) or error.code in {"server_failed", "error_in_stream"}

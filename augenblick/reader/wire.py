"""The shapes on the wire: error objects, completions, chunks, server-sent events.

As documented at https://platform.openai.com/docs/api-reference/chat (object, streaming) and
https://platform.openai.com/docs/guides/error-codes.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from augenblick.reader import MODEL_ID, VERSION

JsonValue = Any  # what json.loads gives
Body = dict[str, JsonValue]

SYSTEM_FINGERPRINT = "fp_" + hashlib.sha256(f"{MODEL_ID} {VERSION}".encode()).hexdigest()[:10]
DONE = b"data: [DONE]\n\n"


class ApiError(Exception):
    """What the API answers instead of a completion.

    The message quotes no prompt and no picture; `param` is the path of the wrong field, such as
    `messages[0].content[1].image_url.url`.
    """

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        status: int = 400,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code
        self.status = status

    @property
    def body(self) -> Body:
        """The error object."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"  # noqa: PLR2004 - HTTP's border
        return {
            "error": {
                "message": self.message,
                "type": kind,
                "param": self.param,
                "code": self.code,
            }
        }


def encode(body: Body) -> bytes:
    """UTF-8 JSON; half of a surrogate pair, which JSON allows, becomes a question mark."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def event(body: Body) -> bytes:
    """One server-sent event."""
    return b"data: " + encode(body) + b"\n\n"


def usage(prompt_tokens: int, completion_tokens: int) -> Body:
    """The `usage` object, by the reader's own tokenizer (`tokens`)."""
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


@dataclass(frozen=True, slots=True)
class Envelope:
    """What all parts of one answer share."""

    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def _body(self, kind: str, choices: list[Body]) -> Body:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": MODEL_ID,
            "service_tier": "default",
            "system_fingerprint": SYSTEM_FINGERPRINT,
            "choices": choices,
        }

    def completion(self, choices: list[Body], usage: Body) -> Body:
        """A whole `chat.completion`."""
        return self._body("chat.completion", choices) | {"usage": usage}

    def chunk(self, choices: list[Body], *, usage: Body | None, with_usage: bool) -> bytes:
        """One `chat.completion.chunk` event; `usage` is there only where it was asked for."""
        body = self._body("chat.completion.chunk", choices)
        return event(body | {"usage": usage} if with_usage else body)


def choice(index: int, *, content: str | None, refusal: str | None, finish_reason: str) -> Body:
    """One entry of `choices` in a whole completion."""
    return {
        "index": index,
        "message": {
            "role": "assistant",
            "content": content,
            "refusal": refusal,
            "annotations": [],
        },
        "logprobs": None,
        "finish_reason": finish_reason,
    }


def delta(index: int, content: Body, *, finish_reason: str | None = None) -> Body:
    """One entry of `choices` in a chunk."""
    return {"index": index, "delta": content, "logprobs": None, "finish_reason": finish_reason}


def models(created: int) -> Body:
    """The list of models: one."""
    return {"object": "list", "data": [model(created)]}


def model(created: int) -> Body:
    """The one model."""
    return {"id": MODEL_ID, "object": "model", "created": created, "owned_by": "augenblick"}

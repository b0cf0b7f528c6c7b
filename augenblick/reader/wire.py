"""JSON, server-sent events and error objects on the wire.

Errors as documented at https://platform.openai.com/docs/guides/error-codes.
"""

from __future__ import annotations

import json
from typing import Any

JsonValue = Any  # what json.loads gives
Body = dict[str, JsonValue]

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
        about = {"message": self.message, "type": kind, "param": self.param, "code": self.code}
        return {"error": about}


def encode(body: Body) -> bytes:
    """UTF-8 JSON; half of a surrogate pair, which JSON allows, becomes a question mark."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def event(body: Body) -> bytes:
    """One server-sent event."""
    return b"data: " + encode(body) + b"\n\n"

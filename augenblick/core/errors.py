"""Every failure that this project raises on purpose: the classes, and a table of codes.

A class exists where somebody tells errors apart by type; within a class the `code` does. To add an
error is a row in `ERRORS` and its texts, `error.CODE.title`, `.what` and `.do`, in all catalogues.

`params` fill the places of the texts. `detail` is for the curious: plain text of at most 2 KB in
which no key, prompt or picture may stand; whoever raises the error sees to that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

Param = str | int | float


@dataclass(frozen=True, slots=True)
class Failure:
    """What is kept of an error when it is stored beside a reply and shown later."""

    code: str
    params: dict[str, Param] = field(default_factory=dict)
    detail: str = ""


class AugenblickError(Exception):
    """Root of everything this project raises on purpose.

    A class with a `code` of its own needs none in the call.
    """

    code: str = "unexpected"

    def __init__(self, detail: str = "", *, code: str = "", **params: Param) -> None:
        self.code = code or self.code
        super().__init__(detail or self.code)
        self.detail = detail
        self.params = params

    @classmethod
    def of(cls, code: str, detail: str = "", **params: Param) -> Self:
        """The error with this code, of the class that stands in the table.

        Raises KeyError for a code that no error of this class has.
        """
        kind = ERRORS[code].kind
        if not issubclass(kind, cls):
            raise KeyError(code)
        return kind(detail, code=code, **params)

    @property
    def failure(self) -> Failure:
        """The storable value of this error."""
        return Failure(self.code, dict(self.params), self.detail)


class ImageError(AugenblickError):
    """A picture can't be used; the others go on. `params["name"]` is the file's name."""

    code = "image"


class UnreadableImage(ImageError):
    """The format is known but the picture is damaged or cut off."""

    code = "image_unreadable"


class ImageTooLarge(ImageError):
    """More than allowed; `params` has the `limit` and, where known, what the picture `has`."""


class NoRoom(AugenblickError):
    """More than is kept or queued at once; what was there before is there still."""


class ConfigurationError(AugenblickError):
    """What the person running the server has to mend; `detail` names the entry, never its value."""

    code = "configuration"


class ProviderError(AugenblickError):
    """The endpoint could not be reached, refused the request or broke off."""

    @property
    def is_retryable(self) -> bool:
        """Whether the same request may be sent again: nothing of an answer had come."""
        return ERRORS[self.code].is_retryable


class CannotConnect(ProviderError):
    """No connection came about, so nothing was sent."""


class TimedOut(ProviderError):
    """One of our own deadlines passed; `params["seconds"]` is its length."""


class StatusError(ProviderError):
    """The endpoint answered with an HTTP status that is no success.

    `params`: `status` (0 when it was said inside a stream) and, where known, `request_id`.
    """


class RequestRejected(StatusError):
    """The endpoint does not take the request as it is."""

    code = "request_rejected"


class Cancelled(AugenblickError):
    """The person stopped it: a signal, not a fault, and no ProviderError."""

    code = "cancelled"


class SettingsInvalid(AugenblickError):
    """A request field holds what the API does not document; nothing was saved or sent.

    `params`: `field`, with the path inside of it, and `allowed`, in signs rather than words.
    """

    code = "settings_invalid"


class ImportRefused(AugenblickError):
    """A file with conversations, or one of them, can't be taken in; nothing was written of it."""


class ImportDamaged(ImportRefused):
    """The file is cut off or broken."""

    code = "import_damaged"


class ImportTooLarge(ImportRefused):
    """More than allowed; `params["limit"]` of `params["unit"]`.

    The unit is "bytes", "conversations" or "messages".
    """

    code = "import_too_large"


class ImportMalformed(ImportRefused):
    """One conversation of a file makes no sense; `params["title"]` is its title or number."""

    code = "import_malformed"


class StoreError(AugenblickError):
    """Conversations can't be read or written."""

    code = "store"


class ConversationNotFound(StoreError):
    """No conversation has this id, or it belongs to somebody else."""

    code = "conversation_not_found"


class ShareExpired(StoreError):
    """The link has expired, or whoever made it took it back."""

    code = "share_expired"


class StoreUnavailable(StoreError):
    """The database does not answer, is full or read-only; nothing was written."""

    code = "store_unavailable"


class StoreLost(StoreUnavailable):
    """The database is gone or broken, and stays so until somebody mends it.

    `detail` says what has happened and what the person who runs the server is to do.
    """

    code = "store_lost"


@dataclass(frozen=True, slots=True)
class Row:
    """One error: its class, the HTTP statuses that mean it, whether to send again may help."""

    kind: type[AugenblickError]
    statuses: tuple[int, ...] = ()
    is_retryable: bool = False


_IN_FRONT: Final = (502, 504, *range(520, 528))  # a gateway; the last ones are Cloudflare's

# By code. Behind a row: what it means where its name does not say it, and its `params`.
ERRORS: Final[Mapping[str, Row]] = {
    "unexpected": Row(AugenblickError),
    "cancelled": Row(Cancelled),
    # A picture
    "image": Row(ImageError),
    "image_empty": Row(ImageError),  # the file has no bytes
    "image_unsupported": Row(ImageError),  # no picture of an allowed format, whatever its name
    "image_unreadable": Row(UnreadableImage),
    "image_locked": Row(ImageError),  # a PDF that asks for a password
    "image_too_many": Row(ImageError),  # in one question; `limit`
    "image_too_heavy": Row(ImageTooLarge),  # in megabytes of 1024 x 1024
    "image_too_many_pixels": Row(ImageTooLarge),  # in megapixels
    "image_too_long": Row(ImageTooLarge),  # one side, in pixels
    "image_too_many_pages": Row(ImageTooLarge),
    "image_too_slow": Row(ImageTooLarge),  # preparing it, in seconds
    "image_too_demanding": Row(ImageTooLarge),  # preparing it, in memory; no `limit`
    # Room
    "too_much_kept": Row(NoRoom),  # by one person's tabs; `limit` in megabytes
    "server_is_full": Row(NoRoom),  # by all tabs together
    "too_many_asked": Row(NoRoom),  # questions of a person that wait for their turn; `limit`
    # Configuration and request
    "configuration": Row(ConfigurationError),
    "database_too_new": Row(ConfigurationError),  # written by a newer version of the program
    "settings_invalid": Row(SettingsInvalid),
    "messages_in_extra": Row(SettingsInvalid),  # the free JSON would replace the conversation
    "model_missing": Row(SettingsInvalid),  # none was chosen, and the endpoint named none
    # No connection
    "address_invalid": Row(CannotConnect),
    "header_invalid": Row(CannotConnect),  # key or extra header can't stand in a header line
    "name_not_found": Row(CannotConnect, is_retryable=True),  # `host`
    "connection_refused": Row(CannotConnect, is_retryable=True),
    "host_unreachable": Row(CannotConnect, is_retryable=True),
    "connect_timed_out": Row(CannotConnect, is_retryable=True),  # `seconds`
    "tls_failed": Row(CannotConnect),
    "proxy_failed": Row(CannotConnect, is_retryable=True),
    "connection_lost": Row(ProviderError, is_retryable=True),  # after sending, before the answer
    "first_token_timed_out": Row(TimedOut),  # signs of life do not count
    "idle_timed_out": Row(TimedOut),
    "total_timed_out": Row(TimedOut),  # repeats included
    # A status
    "authentication_failed": Row(StatusError, (401,)),
    "quota_exhausted": Row(StatusError, (402,)),  # and 429 because the account is empty
    "permission_denied": Row(StatusError, (403,)),
    "model_not_found": Row(StatusError),
    "address_not_found": Row(StatusError, (404, 405)),
    "request_timed_out": Row(StatusError, (408,), is_retryable=True),
    "conflict": Row(StatusError, (409,), is_retryable=True),
    "request_too_large": Row(StatusError, (413,)),
    "rate_limited": Row(StatusError, (429,), is_retryable=True),  # `retry_after_seconds`
    "server_failed": Row(StatusError, is_retryable=True),  # 500 and other 5xx
    "gateway_failed": Row(StatusError, _IN_FRONT, is_retryable=True),
    "server_overloaded": Row(StatusError, (503, 529), is_retryable=True),
    "model_loading": Row(StatusError, is_retryable=True),
    "request_rejected": Row(RequestRejected),  # 400, 422 and other 4xx
    "context_too_long": Row(RequestRejected),  # `limit` in tokens, where known
    "unknown_field": Row(RequestRejected),  # `field`, as on the wire
    "field_value_rejected": Row(RequestRejected),  # `field`
    "system_role_rejected": Row(RequestRejected),
    "roles_must_alternate": Row(RequestRejected),
    "prompt_filtered": Row(RequestRejected),  # question or picture, by a content filter
    "picture_too_large": Row(RequestRejected),  # `limit_px`, where known
    "too_many_pictures": Row(RequestRejected),  # `limit`, where known
    "picture_format_rejected": Row(RequestRejected),
    "picture_unreadable": Row(RequestRejected),
    "pictures_not_supported": Row(RequestRejected),
    # An answer that is none, or ends too soon
    "not_an_endpoint": Row(ProviderError),  # a web page or foreign text with status 200
    "foreign_json": Row(ProviderError),  # `detail` is its beginning
    "redirected": Row(ProviderError),  # never followed; `host` is where to
    "malformed_response": Row(ProviderError),  # chunk sizes, headers or compression
    "malformed_stream": Row(ProviderError),
    "event_too_large": Row(ProviderError),  # `limit` in bytes
    "answer_too_large": Row(ProviderError),  # `limit` in bytes
    "stream_interrupted": Row(ProviderError),
    "error_in_stream": Row(ProviderError),  # reported inside an answer that began with 200
    # Files with conversations
    "import_unknown": Row(ImportRefused),  # no export that we know
    "import_damaged": Row(ImportDamaged),
    "import_too_large": Row(ImportTooLarge),
    "import_malformed": Row(ImportMalformed),
    # The store
    "store": Row(StoreError),
    "conversation_not_found": Row(ConversationNotFound),
    "share_expired": Row(ShareExpired),
    "question_not_sent": Row(StoreError),  # saved; the database did not come back in time
    "reply_in_progress": Row(StoreError),  # `reply_id` is the one that is being written
    "trace_unreadable": Row(StoreError),
    "store_unavailable": Row(StoreUnavailable),
    "store_lost": Row(StoreLost),
}

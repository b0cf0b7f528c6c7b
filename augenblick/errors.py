"""Every failure the core can raise, as one tree.

AugenblickError
  ImageError                a picture can't be used; the others go on
    EmptyImage              the file has no bytes
    UnsupportedImage        the bytes are no picture of an allowed format
    UnreadableImage         a picture that is damaged or cut off
    LockedImage             a PDF that asks for a password
    ImageTooLarge           more than allowed
      ImageTooHeavy         of bytes
      ImageTooManyPixels    of pixels
      ImageTooLong          of one side
      ImageTooManyPages     of pages
      ImageTooSlow          of seconds
      ImageTooDemanding     of memory
    TooManyImages           more pictures in one question than allowed
  NoRoom                    more than is kept or queued at once; nothing was lost
    TooMuchKept             one person's tabs keep as many bytes as they may
    ServerIsFull            all people's together do
    TooManyUnchosen         one tab has too many questions that wait for the pages of a PDF
    TooManyAsked            one person has too many questions that wait for their turn
  ConfigurationError        what the person running the server has to mend
  ProviderError             the endpoint could not be reached, refused or broke off
    CannotConnect         * nothing was sent
      AddressInvalid        the address is no http(s) address
      HeaderInvalid         key or extra header can't stand in a header line
      NameNotFound        * the host name has no address
      ConnectionRefused   * nobody listens there
      HostUnreachable     * no way through the network
      ConnectTimedOut     * no connection in time
      TlsFailed             certificate or encryption does not fit
      ProxyFailed         * the configured proxy refuses or is away
    ConnectionLost        * the connection ended before the answer began
    TimedOut                a deadline of ours passed
      FirstTokenTimedOut    nothing of an answer came in time
      IdleTimedOut          the answer stopped arriving
      TotalTimedOut         the whole took too long
    StatusError             an HTTP status other than success; `params["status"]`
      AuthenticationFailed  401
      QuotaExhausted        402, or 429 because the account is empty
      PermissionDenied      403
      ModelNotFound         404 for the model
      AddressNotFound       404 or 405 for the path
      RequestTimedOut     * 408
      Conflict            * 409
      RequestTooLarge       413
      RateLimited         * 429
      ServerFailed        * 500 and other 5xx
        GatewayFailed     * 502, 504, 52x: something in front of the endpoint
        ServerOverloaded  * 503, 529
          ModelLoading    * the model is being loaded
      RequestRejected       400, 422 and other 4xx
        ContextTooLong      more tokens than the model takes
        FieldRejected       a request field is unknown or refused; `params["field"]`
          UnknownField      the field itself
          FieldValueRejected  its value
        SystemRoleRejected  the model takes no system message
        PromptFiltered      the question was refused by a content filter
        PictureRejected     something about a picture
          PictureTooLarge   bytes or pixels
          TooManyPictures   `params["limit"]` is the number, where known
          PictureFormatRejected  not this file format
          PictureUnreadable the endpoint could not decode it
          PicturesNotSupported  the model can't see
    AnswerUnusable          an answer came that is none
      NotAnEndpoint         a web page or foreign text
      Redirected            the endpoint wants to send us elsewhere
      MalformedResponse     broken HTTP or compression
      MalformedStream       no event of the stream could be read
      EventTooLarge         one event above the cap
      AnswerTooLarge        the whole above the cap
      StreamInterrupted     the connection broke in the middle of the answer
      ErrorInStream         the endpoint reported an error inside a 200 answer
  Cancelled                 the person stopped it: a signal, not a fault
  SettingsInvalid           a request field can't be sent like this; `params["field"]`
    MessagesInExtra         the free JSON holds the messages
  ImportRefused             a file with conversations can't be taken in
    ImportUnknown           it is none of the formats
    ImportDamaged           it can't be read to its end
    ImportTooLarge          more of something than allowed
    ImportMalformed         one conversation in it; the others go on
  StoreError                conversations can't be read or written
    ConversationNotFound
    ShareExpired              a link that leads nowhere any more
    QuestionNotSent           saved, but the database was away when it was to be sent
    ReplyInProgress         the conversation is already being answered
    StoreUnavailable        the database does not answer; worth another try
    TraceUnreadable         what was kept of the wire is damaged or of another version

A star marks what is safe to send again (`is_retryable`): the endpoint has not begun to answer.

An error knows a stable `code` (what the table of sentences in `ui.notices` is keyed by), `params`
for the sentence and a `detail` for the curious. A detail is plain text of at most 2 KB in which
no key, prompt or picture may stand; whoever raises the error sees to that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

Param = str | int | float


@dataclass(frozen=True, slots=True)
class Failure:
    """What is kept of an error when it is stored beside a reply and shown later."""

    code: str
    params: dict[str, Param] = field(default_factory=dict)
    detail: str = ""


class AugenblickError(Exception):
    """Root of everything this project raises on purpose."""

    code: ClassVar[str] = "unexpected"

    def __init__(self, detail: str = "", **params: Param) -> None:
        super().__init__(detail or self.code)
        self.detail = detail
        self.params = params

    @property
    def failure(self) -> Failure:
        """The storable value of this error."""
        return Failure(self.code, dict(self.params), self.detail)


class ImageError(AugenblickError):
    """A picture can't be used. `params` carries `name`, the file name the person knows."""

    code = "image"


class EmptyImage(ImageError):
    """The file has no bytes."""

    code = "image_empty"


class UnsupportedImage(ImageError):
    """The bytes are no picture of an allowed format, whatever the name says."""

    code = "image_unsupported"


class UnreadableImage(ImageError):
    """The format is known but the picture is damaged or cut off."""

    code = "image_unreadable"


class LockedImage(ImageError):
    """A PDF that can't be opened without a password."""

    code = "image_locked"


class ImageTooLarge(ImageError):
    """More than allowed. `params` has the `limit` and, where it is known, what the picture `has`.

    Both are in the unit that the class names; the class itself is raised for none.
    """

    code = "image_too_large"


class ImageTooHeavy(ImageTooLarge):
    """More bytes; `limit` and `has` are megabytes (of 1024 x 1024)."""

    code = "image_too_heavy"


class ImageTooManyPixels(ImageTooLarge):
    """More pixels; `limit` and `has` are megapixels."""

    code = "image_too_many_pixels"


class ImageTooLong(ImageTooLarge):
    """A longer side; `limit` and `has` are pixels."""

    code = "image_too_long"


class ImageTooManyPages(ImageTooLarge):
    """A PDF with more pages; `limit` and `has` are their number."""

    code = "image_too_many_pages"


class ImageTooSlow(ImageTooLarge):
    """Preparing took longer than `limit` seconds."""

    code = "image_too_slow"


class ImageTooDemanding(ImageTooLarge):
    """Preparing takes more memory than a worker may have; no number describes that limit."""

    code = "image_too_demanding"


class TooManyImages(ImageError):
    """More pictures in one question than allowed; `params["limit"]` is the number."""

    code = "image_too_many"


class NoRoom(AugenblickError):
    """More than is kept or queued at once; what was there before is there still."""

    code = "no_room"


class TooMuchKept(NoRoom):
    """One person's tabs keep as much as they may; `params["limit"]` is in megabytes."""

    code = "too_much_kept"


class ServerIsFull(NoRoom):
    """All people's tabs together keep as much as they may."""

    code = "server_is_full"


class TooManyUnchosen(NoRoom):
    """Too many questions of a tab wait for the pages of a PDF; `params["limit"]` is the number."""

    code = "too_many_unchosen"


class TooManyAsked(NoRoom):
    """Too many questions of a person wait for their turn; `params["limit"]` is the number."""

    code = "too_many_asked"


class ConfigurationError(AugenblickError):
    """The configuration is wrong; `detail` names the entry, never its value."""

    code = "configuration"


class ProviderError(AugenblickError):
    """The endpoint could not be reached, refused the request or broke off.

    `is_retryable`: the same request may be sent again, nothing of an answer had come.
    """

    code = "provider"
    is_retryable: ClassVar[bool] = False


class CannotConnect(ProviderError):
    """No connection came about, so nothing was sent."""

    code = "cannot_connect"
    is_retryable = True


class AddressInvalid(CannotConnect):
    """The address of the endpoint is no http(s) address."""

    code = "address_invalid"
    is_retryable = False


class HeaderInvalid(CannotConnect):
    """The key or an extra header holds characters a header line can't carry."""

    code = "header_invalid"
    is_retryable = False


class NameNotFound(CannotConnect):
    """The host name has no address; `params["host"]` is the name."""

    code = "name_not_found"


class ConnectionRefused(CannotConnect):
    """Nobody listens at the address."""

    code = "connection_refused"


class HostUnreachable(CannotConnect):
    """The network knows no way to the address."""

    code = "host_unreachable"


class ConnectTimedOut(CannotConnect):
    """No connection within `params["seconds"]`."""

    code = "connect_timed_out"


class TlsFailed(CannotConnect):
    """The encrypted connection failed: certificate, name or protocol."""

    code = "tls_failed"
    is_retryable = False


class ProxyFailed(CannotConnect):
    """The configured proxy can't be reached or refuses."""

    code = "proxy_failed"


class ConnectionLost(ProviderError):
    """The connection ended after sending and before the answer began."""

    code = "connection_lost"
    is_retryable = True


class TimedOut(ProviderError):
    """One of our own deadlines passed; `params["seconds"]` is its length."""

    code = "timed_out"


class FirstTokenTimedOut(TimedOut):
    """Nothing of an answer came in time (signs of life do not count)."""

    code = "first_token_timed_out"


class IdleTimedOut(TimedOut):
    """The answer had begun and then nothing came any more."""

    code = "idle_timed_out"


class TotalTimedOut(TimedOut):
    """The whole request, repeats included, took longer than allowed."""

    code = "total_timed_out"


class StatusError(ProviderError):
    """The endpoint answered with an HTTP status that is no success.

    `params`: `status` (0 when it was said inside a stream) and, where known, `request_id`.
    """

    code = "status_error"


class AuthenticationFailed(StatusError):
    """401: the key is missing or wrong."""

    code = "authentication_failed"


class QuotaExhausted(StatusError):
    """402, or 429 because the account has no credit left."""

    code = "quota_exhausted"


class PermissionDenied(StatusError):
    """403: the key is known but may not do this."""

    code = "permission_denied"


class ModelNotFound(StatusError):
    """404: the endpoint does not have the model."""

    code = "model_not_found"


class AddressNotFound(StatusError):
    """404 or 405: the endpoint does not know the path."""

    code = "address_not_found"


class RequestTimedOut(StatusError):
    """408: the endpoint waited too long for the request."""

    code = "request_timed_out"
    is_retryable = True


class Conflict(StatusError):
    """409: the endpoint is busy with something that excludes this."""

    code = "conflict"
    is_retryable = True


class RequestTooLarge(StatusError):
    """413: the request has more bytes than the endpoint takes."""

    code = "request_too_large"


class RateLimited(StatusError):
    """429: too many requests; `params["retry_after_seconds"]` where the endpoint said it."""

    code = "rate_limited"
    is_retryable = True


class ServerFailed(StatusError):
    """500 and other 5xx."""

    code = "server_failed"
    is_retryable = True


class GatewayFailed(ServerFailed):
    """502, 504, 52x: what stands in front of the endpoint got no answer from it."""

    code = "gateway_failed"


class ServerOverloaded(ServerFailed):
    """503 or 529: too busy at the moment."""

    code = "server_overloaded"


class ModelLoading(ServerOverloaded):
    """The model is still being loaded into memory."""

    code = "model_loading"


class RequestRejected(StatusError):
    """400, 422 and other 4xx: the endpoint does not take the request as it is."""

    code = "request_rejected"


class ContextTooLong(RequestRejected):
    """More tokens than the model takes; `params["limit"]` where known."""

    code = "context_too_long"


class FieldRejected(RequestRejected):
    """A request field is refused; `params["field"]` is its name on the wire."""

    code = "field_rejected"


class UnknownField(FieldRejected):
    """The endpoint or model does not have this field."""

    code = "unknown_field"


class FieldValueRejected(FieldRejected):
    """The field exists but not with this value."""

    code = "field_value_rejected"


class SystemRoleRejected(RequestRejected):
    """The model takes no system message."""

    code = "system_role_rejected"


class PromptFiltered(RequestRejected):
    """A content filter of the endpoint refused the question or a picture."""

    code = "prompt_filtered"


class PictureRejected(RequestRejected):
    """A picture is the reason."""

    code = "picture_rejected"


class PictureTooLarge(PictureRejected):
    """Too many bytes or pixels; `params["limit_px"]` where a side length is known."""

    code = "picture_too_large"


class TooManyPictures(PictureRejected):
    """More pictures than allowed; `params["limit"]` where known."""

    code = "too_many_pictures"


class PictureFormatRejected(PictureRejected):
    """The file format of a picture is not taken."""

    code = "picture_format_rejected"


class PictureUnreadable(PictureRejected):
    """The endpoint could not decode a picture."""

    code = "picture_unreadable"


class PicturesNotSupported(PictureRejected):
    """The model can't see pictures."""

    code = "pictures_not_supported"


class AnswerUnusable(ProviderError):
    """An answer came that can't be used, or not any further."""

    code = "answer_unusable"


class NotAnEndpoint(AnswerUnusable):
    """A web page or foreign text came with status 200."""

    code = "not_an_endpoint"


class Redirected(AnswerUnusable):
    """The endpoint sends us elsewhere, which is never followed; `params["host"]` is where."""

    code = "redirected"


class MalformedResponse(AnswerUnusable):
    """Broken HTTP: chunk sizes, headers or compression."""

    code = "malformed_response"


class MalformedStream(AnswerUnusable):
    """No event of the stream, or too few, could be read."""

    code = "malformed_stream"


class EventTooLarge(AnswerUnusable):
    """One event of the stream is above the cap; `params["limit"]` in bytes."""

    code = "event_too_large"


class AnswerTooLarge(AnswerUnusable):
    """The answer is above the cap; `params["limit"]` in bytes."""

    code = "answer_too_large"


class StreamInterrupted(AnswerUnusable):
    """The connection broke in the middle of the answer."""

    code = "stream_interrupted"


class ErrorInStream(AnswerUnusable):
    """The endpoint reported an error inside an answer that had begun with 200."""

    code = "error_in_stream"


class Cancelled(AugenblickError):
    """The person stopped it: raised in every phase, and no ProviderError."""

    code = "cancelled"


class SettingsInvalid(AugenblickError):
    """A request field holds what the API does not document; nothing was saved or sent.

    `params`: `field`, with the path inside of it, and `allowed`, in signs rather than words.
    """

    code = "settings_invalid"


class MessagesInExtra(SettingsInvalid):
    """The free JSON holds `messages`, and merged last it would replace the conversation."""

    code = "messages_in_extra"


class ImportRefused(AugenblickError):
    """A file with conversations, or one of them, can't be taken in; nothing was written of it."""

    code = "import_refused"


class ImportUnknown(ImportRefused):
    """The file is no export we know."""

    code = "import_unknown"


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


class QuestionNotSent(StoreError):
    """A saved question could not be sent, for the database did not come back in time."""

    code = "question_not_sent"


class ReplyInProgress(StoreError):
    """The conversation is already being answered; `params["reply_id"]` is that reply."""

    code = "reply_in_progress"


class StoreUnavailable(StoreError):
    """The database does not answer, is full or read-only; nothing was written."""

    code = "store_unavailable"


class TraceUnreadable(StoreError):
    """What was kept of what went over the wire can't be read."""

    code = "trace_unreadable"

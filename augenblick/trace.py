"""What went over the wire for a reply: recorded while it happens, kept packed, read again later.

A `Recorder` belongs to one reply and may see several exchanges: repeats, remedies, rounds of calls,
requests side by side. Pictures are folded to what they are (`WirePicture`), keys are masked before
anything is kept. Kept is a log of records, compressed as it comes; `read_trace` is the other way.
"""

from __future__ import annotations

import json
import re
import secrets
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from itertools import pairwise
from typing import Any, Final, Self
from urllib.parse import quote, quote_plus, unquote_plus, urlsplit

from augenblick.errors import TraceUnreadable
from augenblick.messages import Attachment

MASK: Final = "…"
MAX_PACKED_BYTES: Final = 4 * 1024 * 1024
_MAGIC: Final = b"AGTR"
_VERSION: Final = 2
_UNCHECKED_VERSION: Final = 1  # without the checksum at the end
_CHECKSUM_BYTES: Final = 4
_RESERVE_BYTES: Final = 256 * 1024  # for heads and ends after everything else has been cut
_MAX_BODY_BYTES: Final = 8 * 1024 * 1024
_LEVEL, _WINDOW_BITS, _MEMORY_LEVEL = 1, 12, 5  # 32 KB of state; an event is like the one before
_BATCH_BYTES: Final = 16384  # to pack less at a time costs the thread its turn more often
_MIN_SECRET_CHARS: Final = 12  # shorter ones are the "ollama" of servers that want no key
_RECORD: Final = struct.Struct("<BBQI")  # kind, exchange, microseconds since the start, length
_BODY, _PICTURE, _SENT, _HEAD, _EVENT, _NAMED, _COMMENT, _CONTENT, _END, _CUT = range(1, 11)
_ALWAYS: Final = {_SENT, _HEAD, _END}
_MAX_EXCHANGES: Final = 255
_SECRET_NAME: Final = re.compile(
    r"auth|(?:^|[-_.])(?:api)?key(?:$|[-_.])|token|secret|passw|credential|signature|^sig$|^code$|cookie|jwt",
    re.IGNORECASE,
)
_LOOKS_SECRET: Final = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[\w.~+/=-]{20,}")


@dataclass(frozen=True, slots=True)
class WirePicture:
    """A picture in a request's body, where its data URI stood."""

    sha256: str
    media_type: str
    byte_count: int
    width_px: int
    height_px: int


BodyPiece = bytes | WirePicture


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A request as it was sent. What is secret in address and headers is `MASK`."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: tuple[BodyPiece, ...] = ()
    is_whole: bool = True  # False: the body was too large to be kept whole

    @property
    def pictures(self) -> tuple[WirePicture, ...]:
        """The pictures of the body, in order."""
        return tuple(piece for piece in self.body if isinstance(piece, WirePicture))

    def unfold(self, data_uri: Callable[[WirePicture], str]) -> bytes:
        """The body as it was sent, byte for byte; `data_uri` gives each picture's."""
        return b"".join(
            data_uri(piece).encode("ascii") if isinstance(piece, WirePicture) else piece
            for piece in self.body
        )

    def folded(self, name: Callable[[int, WirePicture], str]) -> object:
        """The body as JSON with a name in place of each picture; None where it is not whole."""
        numbers = iter(range(len(self.body)))
        text = b"".join(
            json.dumps(name(next(numbers), piece))[1:-1].encode()
            if isinstance(piece, WirePicture)
            else piece
            for piece in self.body
        )
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return None


@dataclass(frozen=True, slots=True)
class WireEvent:
    """One event of the stream, or a comment line. Seconds since the request was sent."""

    at_seconds: float
    data: str
    event: str = "message"
    id: str = ""
    is_comment: bool = False


@dataclass(frozen=True, slots=True)
class WireExchange:
    """One request and what came back. `status` is 0 where nothing did.

    `end` is "done" after `[DONE]`, "closed" where the body simply ended, "left" where nobody read
    on, else the code of the error; `content` is what came that was no stream.
    """

    request: WireRequest
    started_at: float  # seconds since 1970
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    headers_seconds: float | None = None
    events: tuple[WireEvent, ...] = ()
    content: bytes = b""
    end: str = ""
    end_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """All that was kept for a reply. What was cut is counted only."""

    exchanges: tuple[WireExchange, ...]
    cut_records: int = 0
    cut_bytes: int = 0


class Recorder:
    """Takes down the exchanges of one reply. Safe in threads; never raises for what it is given.

    Holds about 35 KB and what was packed, at most `max_packed_bytes`; beyond that it counts.
    """

    def __init__(
        self,
        *,
        max_packed_bytes: int = MAX_PACKED_BYTES,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._max_packed_bytes = max_packed_bytes
        self._clock = clock
        self._wall_clock = wall_clock
        self._started = clock()
        self._lock = threading.Lock()
        self._known: dict[int, Attachment] = {}  # by hash: the megabytes themselves are not held
        self._packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL)
        self._waiting = bytearray()
        self._packed: list[bytes] = []
        self._packed_bytes = 0
        self._exchanges = 0
        self._bodies = 0
        self.cut_records = 0
        self.cut_bytes = 0

    def knowing(self, data_uri: Callable[[Attachment], str]) -> Callable[[Attachment], str]:
        """The same function; what it gives is folded when it stands in a body."""

        def known(attachment: Attachment) -> str:
            uri = data_uri(attachment)
            self._known[hash(uri)] = attachment
            return uri

        return known

    def open(
        self,
        payload: Mapping[str, Any],
        encode: Callable[[Mapping[str, Any]], bytes],
        *,
        secrets: Iterable[str] = (),
    ) -> Line:
        """Begin to listen to a request with this payload, written by `encode`.

        `secrets` are masked wherever they come back.
        """
        with self._lock:
            number = self._bodies = min(self._bodies + 1, _MAX_EXCHANGES)
        for piece in _fold(payload, encode, self._known):
            if isinstance(piece, bytes):
                self._write(_BODY, number, piece)
            else:
                self._write(_PICTURE, number, json.dumps(astuple(piece)).encode())
        return Line(self, number, secrets)

    def pack(self) -> bytes:
        """What is to be kept; nothing more is taken down after it."""
        with self._lock:
            if self.cut_records:
                self._take(_CUT, 0, json.dumps([self.cut_records, self.cut_bytes]).encode())
            self._packed += [self._packer.compress(bytes(self._waiting)), self._packer.flush()]
            self._waiting.clear()
            self._packer = zlib.compressobj()
            self._max_packed_bytes = -_RESERVE_BYTES
            packed, self._packed = b"".join(self._packed), []
        kept = _MAGIC + bytes([_VERSION]) + packed
        return kept + zlib.crc32(kept).to_bytes(_CHECKSUM_BYTES)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was sent."""
        return not self._exchanges

    @property
    def held_bytes(self) -> int:
        """How much has been packed so far."""
        return self._packed_bytes + len(self._waiting)

    def _begin(self, body: int, method: str, url: str, headers: Iterable[tuple[str, str]]) -> int:
        with self._lock:
            number = self._exchanges = min(self._exchanges + 1, _MAX_EXCHANGES)
        sent = [body, method, url, list(headers), self._wall_clock()]
        self._write(_SENT, number, json.dumps(sent).encode())
        return number

    def _write(self, kind: int, number: int, content: bytes) -> None:
        with self._lock:
            self._take(kind, number, content)

    def _take(self, kind: int, number: int, content: bytes) -> None:
        room = self._max_packed_bytes + (_RESERVE_BYTES if kind in _ALWAYS else 0)
        is_large = kind == _BODY and len(content) > _MAX_BODY_BYTES
        if kind != _CUT and (self._packed_bytes > room or is_large):
            self.cut_records += 1
            self.cut_bytes += len(content)
            return
        at = int((self._clock() - self._started) * 1_000_000)
        self._waiting += _RECORD.pack(kind, number, max(0, at), len(content)) + content
        if len(self._waiting) >= _BATCH_BYTES:
            packed = self._packer.compress(bytes(self._waiting))
            self._waiting.clear()
            if packed:
                self._packed.append(packed)
                self._packed_bytes += len(packed)


class Line:
    """What `client` tells of one request: sent (perhaps again), answered, each event, the end."""

    def __init__(self, recorder: Recorder, body: int, secrets: Iterable[str]) -> None:
        self._recorder = recorder
        self._body = body
        self._secrets = _spellings(secrets)
        self._number = 0
        self._has_ended = True

    def sent(self, method: str, url: str, headers: Iterable[tuple[str, str]]) -> None:
        """Take down that it is being sent, for the first time or again."""
        pairs = [(name, value) for name, value in headers]
        found = [value for name, value in pairs if is_secret(name, value)]
        found += [value.rpartition(" ")[2] for value in found]  # the key alone, without "Bearer"
        found += [value for _, value in _query_secrets(url)]
        self._secrets = tuple(dict.fromkeys((*self._secrets, *_spellings(found))))
        masked = [
            (name, _masked(value) if is_secret(name, value) else self._clean(value))
            for name, value in pairs
        ]
        self._number = self._recorder._begin(  # noqa: SLF001 - one unit
            self._body, method, mask_url(url), masked
        )
        self._has_ended = False

    def answered(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        """Take down status and headers."""
        masked = [
            (name, MASK if "cookie" in name.lower() else self._clean(value))
            for name, value in headers
        ]
        self._write(_HEAD, json.dumps([status, masked]).encode())

    def event(self, data: str, event: str = "message", id: str = "") -> None:  # noqa: A002 - the name on the wire
        """Take down an event as it was read."""
        for secret in self._secrets:
            if secret in data:
                data = data.replace(secret, MASK)
        if event == "message" and not id:
            self._write(_EVENT, data.encode("utf-8", "surrogatepass"))
        else:
            self._write(_NAMED, json.dumps([self._clean(event), self._clean(id), data]).encode())

    def comment(self, text: str) -> None:
        """Take down a comment line."""
        self._write(_COMMENT, self._clean(text).encode("utf-8", "surrogatepass"))

    def content(self, content: bytes) -> None:
        """Take down a body that is no stream, in pieces or whole."""
        for secret in self._secrets:
            content = content.replace(secret.encode(), MASK.encode())
        self._write(_CONTENT, content)

    def ended(self, how: str) -> None:
        """Take down the end, once for each time it was sent."""
        if not self._has_ended:
            self._has_ended = True
            self._write(_END, how.encode())

    def _write(self, kind: int, content: bytes) -> None:
        self._recorder._write(kind, self._number, content)  # noqa: SLF001 - one unit

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text


def is_secret(name: str, value: str) -> bool:
    """Whether a header or a field of a query is to be masked: by its name, or as keys look."""
    return bool(_SECRET_NAME.search(name) or _LOOKS_SECRET.fullmatch(value))


def mask_url(url: str) -> str:
    """An address without what is secret in its query."""
    for written, _ in _query_secrets(url):
        url = url.replace(written, written.partition("=")[0] + "=" + MASK)
    return url


def read_trace(packed: bytes) -> Trace:
    """Read what `Recorder.pack` gave. Raises TraceUnreadable."""
    if packed[:4] != _MAGIC:
        raise TraceUnreadable("not a trace")
    if packed[4:5] == bytes([_VERSION]):
        packed, checksum = packed[:-_CHECKSUM_BYTES], packed[-_CHECKSUM_BYTES:]
        if checksum != zlib.crc32(packed).to_bytes(_CHECKSUM_BYTES):
            raise TraceUnreadable("damaged")  # the packer's own sum misses some of it
    elif packed[4:5] != bytes([_UNCHECKED_VERSION]):
        raise TraceUnreadable("written by another version")
    try:
        unpacker = zlib.decompressobj(_WINDOW_BITS)
        content = unpacker.decompress(packed[5:])
        if not unpacker.eof:
            raise TraceUnreadable("cut off")
        reading = _Reading()
        for kind, number, at, record in _records(content):
            reading.take(kind, number, at / 1_000_000, record)
        return reading.trace()
    except (zlib.error, struct.error, ValueError, TypeError, LookupError, RecursionError) as error:
        raise TraceUnreadable(type(error).__name__) from None


def _records(content: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    at = 0
    while at < len(content):
        kind, number, moment, length = _RECORD.unpack_from(content, at)
        at += _RECORD.size
        if at + length > len(content):
            raise TraceUnreadable("cut off")
        yield kind, number, moment, content[at : at + length]
        at += length


@dataclass(slots=True)
class _Reading:
    """What has been read of a trace so far."""

    bodies: dict[int, list[BodyPiece]] = field(default_factory=dict)
    open: dict[int, _OpenExchange] = field(default_factory=dict)
    cut: Sequence[int] = (0, 0)

    def take(self, kind: int, number: int, at: float, record: bytes) -> None:
        if kind == _BODY:
            self.bodies.setdefault(number, []).append(record)
        elif kind == _PICTURE:
            self.bodies.setdefault(number, []).append(WirePicture(*json.loads(record)))
        elif kind == _SENT:
            self.open[number] = _OpenExchange.from_record(at, record)
        elif kind == _CUT:
            records, size = json.loads(record)
            self.cut = (int(records), int(size))
        else:
            self.open[number].take(kind, at, record)

    def trace(self) -> Trace:
        exchanges = tuple(
            each.whole(tuple(self.bodies.get(each.body, ()))) for each in self.open.values()
        )
        return Trace(exchanges, *self.cut)


@dataclass(slots=True)
class _OpenExchange:
    """An exchange while its records are read."""

    body: int
    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    started_at: float
    sent: float
    status: int = 0
    answer_headers: tuple[tuple[str, str], ...] = ()
    headers_seconds: float | None = None
    events: list[WireEvent] = field(default_factory=list)
    content: list[bytes] = field(default_factory=list)
    end: str = ""
    end_seconds: float | None = None

    @classmethod
    def from_record(cls, at: float, record: bytes) -> Self:
        body, method, url, headers, started_at = json.loads(record)
        return cls(int(body), str(method), str(url), _pairs(headers), float(started_at), at)

    def take(self, kind: int, at: float, record: bytes) -> None:
        seconds = round(at - self.sent, 6)
        if kind == _HEAD:
            status, headers = json.loads(record)
            self.status, self.answer_headers = int(status), _pairs(headers)
            self.headers_seconds = seconds
        elif kind == _EVENT:
            self.events.append(WireEvent(seconds, _text(record)))
        elif kind == _NAMED:
            name, identity, data = json.loads(record)
            self.events.append(WireEvent(seconds, str(data), str(name), str(identity)))
        elif kind == _COMMENT:
            self.events.append(WireEvent(seconds, _text(record), is_comment=True))
        elif kind == _CONTENT:
            self.content.append(record)
        elif kind == _END:
            self.end, self.end_seconds = record.decode(), seconds
        else:
            raise TraceUnreadable("an unknown record")

    def whole(self, body: tuple[BodyPiece, ...]) -> WireExchange:
        return WireExchange(
            WireRequest(self.method, self.url, self.headers, body, is_whole=_is_whole(body)),
            self.started_at,
            self.status,
            self.answer_headers,
            self.headers_seconds,
            tuple(self.events),
            b"".join(self.content),
            self.end,
            self.end_seconds,
        )


def _is_whole(body: tuple[BodyPiece, ...]) -> bool:
    """Whether no piece is missing; the pieces between pictures are kept or cut each on its own."""
    if not body or not isinstance(body[0], bytes) or not isinstance(body[-1], bytes):
        return False
    kinds = [isinstance(piece, bytes) for piece in body]
    alternates = all(one != other for one, other in pairwise(kinds))
    return alternates and body[0].startswith(b"{") and body[-1].endswith(b"}")


def _pairs(headers: Iterable[Sequence[object]]) -> tuple[tuple[str, str], ...]:
    return tuple((str(name), str(value)) for name, value in headers)


def _text(record: bytes) -> str:
    return record.decode("utf-8", "surrogatepass")


def _fold(
    payload: Mapping[str, Any],
    encode: Callable[[Mapping[str, Any]], bytes],
    known: Mapping[int, Attachment],
) -> Iterator[BodyPiece]:
    """The pieces of a body. The megabytes of its pictures are not touched: marks are encoded.

    A mark holds a number that nobody can know before, so no text of a person is taken for one.
    """
    nonce = secrets.token_hex(16)
    found: list[Attachment] = []

    def marked(value: object) -> object:
        if isinstance(value, str):
            attachment = known.get(hash(value)) if value.startswith("data:") else None
            if attachment is None or len(value) != _uri_length(attachment):
                return value
            found.append(attachment)
            return nonce
        if isinstance(value, Mapping):
            return {name: marked(item) for name, item in value.items()}
        return [marked(item) for item in value] if isinstance(value, list | tuple) else value

    folded = {name: marked(value) for name, value in payload.items()}
    pieces = encode(folded).split(nonce.encode())
    yield pieces[0]
    for attachment, piece in zip(found, pieces[1:], strict=True):
        yield WirePicture(
            attachment.sha256,
            attachment.media_type,
            attachment.byte_count,
            attachment.width_px,
            attachment.height_px,
        )
        yield piece


def _uri_length(attachment: Attachment) -> int:
    head = f"data:{attachment.media_type};base64,"
    return len(head) + (attachment.byte_count + 2) // 3 * 4


def _masked(value: str) -> str:
    """The kind of a secret stays: "Bearer …"."""
    kind, space, _ = value.partition(" ")
    return f"{kind} {MASK}" if space and kind.isalpha() else MASK


def _query_secrets(url: str) -> list[tuple[str, str]]:
    """The secret fields of a query: as they stand there, and the value meant."""
    fields = [each.partition("=") for each in urlsplit(url).query.split("&")]
    return [
        (f"{name}={value}", unquote_plus(value))
        for name, _, value in fields
        if value and is_secret(unquote_plus(name), unquote_plus(value))
    ]


def _spellings(secrets: Iterable[str]) -> tuple[str, ...]:
    """Each secret as it may come back: plain, in JSON, in an address. The longest first."""
    long = [secret for secret in secrets if len(secret) >= _MIN_SECRET_CHARS]
    spelled = (
        spelling
        for secret in long
        for spelling in (
            secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1],
            quote(secret, safe=""), quote_plus(secret),
        )
    )  # fmt: skip
    return tuple(sorted(dict.fromkeys(spelled), key=len, reverse=True))

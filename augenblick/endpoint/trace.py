"""What went over the wire for a reply, as it is kept and read again: `Trace`, `read_trace`.

Kept are lines, compressed as they come, between a mark and a CRC-32; `recorder` writes them.
A line is `kind exchange microseconds values`: the values as a JSON list, but those of an event that
has nothing besides its data are that text itself. It is JSON already, and to quote it again for
each event of a stream would cost as much as all the rest.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

from augenblick.core.errors import StoreError
from augenblick.endpoint.old_trace import TraceRow, is_old_trace, old_rows

MASK: Final = "…"
MARK: Final = b"AGTR\x03"  # 1 and 2: `old_trace`
CHECKSUM_BYTES: Final = 4  # the packer's own sum misses some damage


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


def read_trace(packed: bytes) -> Trace:
    """Read what `Recorder.pack` gave, this version's or an older one's. Raises StoreError."""
    try:
        return _read(old_rows(packed) if is_old_trace(packed) else _rows(packed))
    except (
        *(zlib.error, struct.error, RecursionError),
        *(AttributeError, LookupError, TypeError, ValueError),
    ) as error:
        raise StoreError(type(error).__name__, code="trace_unreadable") from None


def _read(rows: Iterable[TraceRow]) -> Trace:
    """Put the rows together; those of a body come before the exchanges it is sent in."""
    bodies: defaultdict[int, list[BodyPiece]] = defaultdict(list)
    events: dict[int, list[WireEvent]] = {}
    sent: dict[int, int] = {}
    exchanges: dict[int, WireExchange] = {}
    cut_records, cut_bytes = 0, 0
    for kind, number, microseconds, values in rows:
        seconds = (microseconds - sent.get(number, 0)) / 1_000_000
        match kind:
            case "body":
                bodies[number].append(as_bytes(*values))
            case "picture":
                bodies[number].append(WirePicture(*values))
            case "sent":
                body, method, url, headers, started_at = values
                pieces = tuple(bodies[body])
                request = WireRequest(
                    str(method), str(url), _pairs(headers), pieces, is_whole=_is_whole(pieces)
                )
                exchanges[number] = WireExchange(request, float(started_at))
                sent[number], events[number] = microseconds, []
            case "event" | "named":
                events[number].append(WireEvent(seconds, *values))
            case "comment":
                events[number].append(WireEvent(seconds, str(values[0]), is_comment=True))
            case "cut":
                cut_records, cut_bytes = (int(value) for value in values)
            case _:
                exchanges[number] = _continued(exchanges[number], kind, seconds, values)
    whole = (replace(each, events=tuple(events[number])) for number, each in exchanges.items())
    return Trace(tuple(whole), cut_records, cut_bytes)


def _continued(
    exchange: WireExchange, kind: str, seconds: float, values: Sequence[Any]
) -> WireExchange:
    """The exchange with what a row adds to it."""
    match kind:
        case "head":
            status, headers = int(values[0]), _pairs(values[1])
            return replace(exchange, status=status, headers=headers, headers_seconds=seconds)
        case "content":
            return replace(exchange, content=exchange.content + as_bytes(*values))
        case "end":
            return replace(exchange, end=str(values[0]), end_seconds=seconds)
        case _:
            raise StoreError("an unknown row", code="trace_unreadable")


def _rows(packed: bytes) -> Iterator[TraceRow]:
    if not packed.startswith(MARK):
        raise StoreError("not a trace, or of another version", code="trace_unreadable")
    packed, checksum = packed[:-CHECKSUM_BYTES], packed[-CHECKSUM_BYTES:]
    if checksum != zlib.crc32(packed).to_bytes(CHECKSUM_BYTES):
        raise StoreError("damaged", code="trace_unreadable")
    for line in zlib.decompress(packed[len(MARK) :]).split(b"\n")[:-1]:
        kind, number, at, values = line.decode("utf-8", "surrogatepass").split(" ", 3)
        yield kind, int(number), int(at), [values] if kind == "event" else json.loads(values)


def _is_whole(body: tuple[BodyPiece, ...]) -> bool:
    """Whether no piece is missing; the pieces between pictures are kept or cut each on its own."""
    if not body or not isinstance(body[0], bytes) or not isinstance(body[-1], bytes):
        return False
    kinds = [isinstance(piece, bytes) for piece in body]
    alternates = all(one != other for one, other in pairwise(kinds))
    return alternates and body[0].startswith(b"{") and body[-1].endswith(b"}")


def _pairs(headers: Iterable[Sequence[object]]) -> tuple[tuple[str, str], ...]:
    return tuple((str(name), str(value)) for name, value in headers)


def as_text(content: bytes) -> str:
    """Bytes, mostly UTF-8, for a row; `as_bytes` is the other way, for any bytes."""
    return content.decode("utf-8", "surrogateescape")


def as_bytes(text: str) -> bytes:
    """What `as_text` was given."""
    return text.encode("utf-8", "surrogateescape")

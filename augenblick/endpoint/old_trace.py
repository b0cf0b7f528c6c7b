"""Traces as versions up to 0.3 kept them: a compressed log of binary records. Read, never written.

Behind "AGTR" and a version (1, or 2 with a CRC-32 at the end) stand records one after the other: a
head of kind, exchange, microseconds since the start and length, then so many bytes.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from augenblick.core.errors import StoreError

TraceRow = tuple[str, int, int, list[Any]]
"""Kind, exchange, microseconds since the start, values."""

_WITHOUT_CHECKSUM, _WITH_CHECKSUM = b"AGTR\x01", b"AGTR\x02"
_HEAD = struct.Struct("<BBQI")
_KINDS = {
    1: "body", 2: "picture", 3: "sent", 4: "head", 5: "event", 6: "named", 7: "comment",
    8: "content", 9: "end", 10: "cut",
}  # fmt: skip


def is_old_trace(kept: bytes) -> bool:
    """Whether `old_rows` is to read this."""
    return kept.startswith((_WITHOUT_CHECKSUM, _WITH_CHECKSUM))


def old_rows(kept: bytes) -> Iterator[TraceRow]:
    """The records as `trace` has its lines now.

    Raises StoreError for what is damaged, zlib.error, struct.error, LookupError, TypeError or
    ValueError for what can't be a record.
    """
    if kept.startswith(_WITH_CHECKSUM):
        kept, checksum = kept[:-4], kept[-4:]
        if checksum != zlib.crc32(kept).to_bytes(4):
            raise StoreError("damaged", code="trace_unreadable")
    unpacker = zlib.decompressobj()
    content = unpacker.decompress(kept[len(_WITH_CHECKSUM) :])
    if not unpacker.eof:
        raise StoreError("cut off", code="trace_unreadable")
    at = 0
    while at < len(content):
        number, exchange, microseconds, length = _HEAD.unpack_from(content, at)
        at += _HEAD.size
        record = content[at : at + length]
        if len(record) < length:
            raise StoreError("cut off", code="trace_unreadable")
        at += length
        yield _KINDS[number], exchange, microseconds, _values(_KINDS[number], record)


def _values(kind: str, record: bytes) -> list[Any]:
    match kind:
        case "named":
            name, identity, data = json.loads(record)
            return [data, name, identity]
        case "picture" | "sent" | "head" | "cut":
            return list(json.loads(record))
        case "body" | "content":
            return [record.decode("utf-8", "surrogateescape")]
        case _:
            return [record.decode("utf-8", "surrogatepass")]

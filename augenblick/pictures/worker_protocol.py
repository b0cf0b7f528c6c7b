"""How the server and a worker talk: JSON in which bytes may stand, each length first, over pipes.

JSON and not pickle: a decoder that was taken over must not be able to run code in the server. So
what it answers is checked to be of the type that was asked for (`processes.Worker`).
"""

from __future__ import annotations

import dataclasses
import json
import struct
from typing import IO, Any

_LENGTH = struct.Struct("!Q")
_LARGEST_BLOCK = 256 * 1024 * 1024
_BYTES = "bytes"  # the key of an object that stands for a block, by its number


def write_message(stream: IO[bytes], value: object) -> None:
    """Write and flush a value of JSON, dataclasses and bytes.

    Raises OSError when nobody reads any more.
    """
    blocks: list[bytes] = []

    def plain(inner: Any) -> object:  # noqa: ANN401 - what JSON does not know
        if isinstance(inner, bytes):
            blocks.append(inner)
            return {_BYTES: len(blocks) - 1}
        return {field.name: getattr(inner, field.name) for field in dataclasses.fields(inner)}

    text = json.dumps(value, default=plain).encode()
    stream.write(_LENGTH.pack(len(blocks)))
    for block in (text, *blocks):
        stream.write(_LENGTH.pack(len(block)))
        stream.write(block)
    stream.flush()


def read_message(stream: IO[bytes]) -> Any:  # noqa: ANN401 - as JSON is
    """Read what `write_message` wrote; a dataclass comes as the object of its fields.

    Raises EOFError at the end of the stream, even inside a message, ValueError for anything else.
    """
    (count,) = _LENGTH.unpack(_read_exactly(stream, _LENGTH.size))
    text = _read_block(stream)
    blocks = [_read_block(stream) for _ in range(count)]
    try:
        return json.loads(
            text, object_hook=lambda found: blocks[found[_BYTES]] if _BYTES in found else found
        )
    except (LookupError, TypeError) as error:
        raise ValueError("a block that is not there") from error


def _read_block(stream: IO[bytes]) -> bytes:
    (length,) = _LENGTH.unpack(_read_exactly(stream, _LENGTH.size))
    if length > _LARGEST_BLOCK:
        raise EOFError("the length of a block makes no sense")
    return _read_exactly(stream, length)


def _read_exactly(stream: IO[bytes], length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        raise EOFError("the stream ended inside a message")
    return data

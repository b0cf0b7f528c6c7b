"""How the pool and a worker talk: a JSON header and byte strings, each length first, over pipes.

JSON and not pickle: a decoder that was taken over must not be able to run code in the server. The
name of a picture stays with the pool; a worker has no use for it.
"""

from __future__ import annotations

import dataclasses
import json
import struct
from typing import IO, Any

from augenblick.errors import (
    EmptyImage,
    ImageError,
    ImageTooLarge,
    UnreadableImage,
    UnsupportedImage,
)
from augenblick.images.limits import PictureLimits, PictureOptions
from augenblick.messages import Attachment, PictureReceipt, PreparedPicture

_LENGTH = struct.Struct("!Q")
_LARGEST_PART = 256 * 1024 * 1024
_ERRORS = {
    error.code: error for error in (EmptyImage, UnsupportedImage, UnreadableImage, ImageTooLarge)
}

Header = dict[str, Any]


def write_message(stream: IO[bytes], header: Header, *parts: bytes) -> None:
    """Write and flush one message. Raises OSError when nobody reads any more."""
    for part in (json.dumps({**header, "parts": len(parts)}).encode(), *parts):
        stream.write(_LENGTH.pack(len(part)))
        stream.write(part)
    stream.flush()


def read_message(stream: IO[bytes]) -> tuple[Header, list[bytes]]:
    """Read one message. Raises EOFError at the end of the stream, even inside a message."""
    header: Header = json.loads(_read_part(stream))
    return header, [_read_part(stream) for _ in range(header["parts"])]


def _read_part(stream: IO[bytes]) -> bytes:
    (length,) = _LENGTH.unpack(_read_exactly(stream, _LENGTH.size))
    if length > _LARGEST_PART:
        raise EOFError("the length of a part makes no sense")
    return _read_exactly(stream, length)


def _read_exactly(stream: IO[bytes], length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        raise EOFError("the stream ended inside a message")
    return data


def order(options: PictureOptions, limits: PictureLimits) -> Header:
    """The header of a request; the file is its only part."""
    return {"options": dataclasses.asdict(options), "limits": dataclasses.asdict(limits)}


def order_from(header: Header) -> tuple[PictureOptions, PictureLimits]:
    """What `order` wrote."""
    return PictureOptions(**header["options"]), PictureLimits(**header["limits"])


def answer(picture: PreparedPicture) -> tuple[Header, bytes, bytes]:
    """Header, prepared picture and thumbnail."""
    header = {
        "attachment": dataclasses.asdict(picture.attachment),
        "thumbnail_size": (picture.thumbnail_width_px, picture.thumbnail_height_px),
    }
    return header, picture.content, picture.thumbnail


def refusal(error: ImageError) -> Header:
    """A header that says why there is no picture."""
    return {"error": error.code, "detail": error.detail, "params": error.params}


def picture_from(header: Header, parts: list[bytes], *, name: str) -> PreparedPicture:
    """What `answer` wrote, under the name the person knows. Raises what `refusal` wrote."""
    if "error" in header:
        params = {**header["params"], "name": name}
        raise _ERRORS.get(header["error"], ImageError)(header["detail"], **params)
    fields = header["attachment"]
    receipt = fields["receipt"]
    receipt |= {"source_name": name, "removed": tuple(receipt["removed"])}
    content, thumbnail = parts
    width_px, height_px = header["thumbnail_size"]
    return PreparedPicture(
        attachment=Attachment(**{**fields, "receipt": PictureReceipt(**receipt)}),
        content=content,
        thumbnail=thumbnail,
        thumbnail_width_px=width_px,
        thumbnail_height_px=height_px,
    )

"""How the pool and a worker talk: a JSON header and byte strings, each length first, over pipes.

JSON and not pickle: a decoder that was taken over must not be able to run code in the server. The
name of a picture stays with the pool; a worker has no use for it.
"""

from __future__ import annotations

import dataclasses
import json
import struct
from collections.abc import Iterable, Sequence
from typing import IO, Any

from augenblick.core.errors import ImageError
from augenblick.core.messages import Attachment, PreparedPicture, Provenance, TileOf
from augenblick.pictures.facts import PageThumbnail, PdfPages, PictureCode, PictureFacts
from augenblick.pictures.limits import PictureLimits, PictureOptions
from augenblick.pictures.regions import Region

_LENGTH = struct.Struct("!Q")
_LARGEST_PART = 256 * 1024 * 1024

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


def prepare_order(options: Sequence[PictureOptions], limits: PictureLimits) -> Header:
    """A request for pictures; as with every request, the file is its only part."""
    wishes = [dataclasses.asdict(wish) for wish in options]
    return {"task": "prepare", "options": wishes, "limits": dataclasses.asdict(limits)}


def look_order(page: int, limits: PictureLimits) -> Header:
    """A request for the facts of a file; `page` is that of a PDF."""
    return {"task": "look", "page": page, "limits": dataclasses.asdict(limits)}


def thumbnails_order(pages: range, limits: PictureLimits) -> Header:
    """A request for small pictures of PDF pages."""
    span = [pages.start, pages.stop]
    return {"task": "thumbnails", "pages": span, "limits": dataclasses.asdict(limits)}


def codes_order(options: PictureOptions, limits: PictureLimits) -> Header:
    """A request for the codes in a picture."""
    wishes = [dataclasses.asdict(options)]
    return {"task": "codes", "options": wishes, "limits": dataclasses.asdict(limits)}


def pixelate_order(
    options: PictureOptions, regions: Iterable[Region], limits: PictureLimits
) -> Header:
    """A request for the file anew, without what is in these regions."""
    order = codes_order(options, limits)
    return {
        **order,
        "task": "pixelate",
        "regions": [dataclasses.astuple(region) for region in regions],
    }


def faces_order() -> Header:
    """A request for the faces in a picture, which only a `face_process` can answer."""
    return {"task": "faces"}


def limits_from(header: Header) -> PictureLimits:
    """The limits of any request."""
    return PictureLimits(**header["limits"])


def options_from(header: Header) -> list[PictureOptions]:
    """The options of a request for pictures."""
    return [_options(wish) for wish in header["options"]]


def regions_from(header: Header) -> tuple[Region, ...]:
    """The regions of a request to pixelate, and of `faces_answer`."""
    _raise_refusal(header)
    return tuple(Region(*region) for region in header["regions"])


def _options(fields: Header) -> PictureOptions:
    tile, history = fields["tile"], fields["history"]
    return PictureOptions(
        **{
            **fields,
            "tile": None if tile is None else TileOf(**tile),
            "marks": tuple(TileOf(**mark) for mark in fields["marks"]),
            "history": None if history is None else Provenance.from_fields(history),
        }
    )


def pictures_answer(pictures: Iterable[PreparedPicture]) -> tuple[Header, list[bytes]]:
    """Header and, for each picture, its bytes and its thumbnail."""
    descriptions, parts = [], []
    for picture in pictures:
        size = (picture.thumbnail_width_px, picture.thumbnail_height_px)
        attachment = dataclasses.asdict(picture.attachment)
        descriptions.append({"attachment": attachment, "thumbnail_size": size})
        parts += [picture.content, picture.thumbnail]
    return {"pictures": descriptions}, parts


def facts_answer(facts: PictureFacts) -> tuple[Header, list[bytes]]:
    """A header that says it all."""
    return {"facts": dataclasses.asdict(facts)}, []


def thumbnails_answer(pages: PdfPages, tried: int) -> tuple[Header, list[bytes]]:
    """Header and the small pictures."""
    thumbnails = pages.thumbnails
    places = [(small.page, small.width_px, small.height_px) for small in thumbnails]
    header = {"page_count": pages.page_count, "tried": tried, "thumbnails": places}
    return header, [small.content for small in thumbnails]


def codes_answer(codes: Iterable[PictureCode]) -> tuple[Header, list[bytes]]:
    """A header that says it all."""
    return {"codes": [dataclasses.asdict(code) for code in codes]}, []


def pixelated_answer(content: bytes) -> tuple[Header, list[bytes]]:
    """The file alone."""
    return {}, [content]


def faces_answer(faces: Iterable[Region]) -> tuple[Header, list[bytes]]:
    """A header that says it all."""
    return {"regions": [dataclasses.astuple(face) for face in faces]}, []


def refusal(error: ImageError) -> tuple[Header, list[bytes]]:
    """A header that says why there is nothing."""
    return {"error": error.code, "detail": error.detail, "params": error.params}, []


def pictures_from(header: Header, parts: list[bytes]) -> list[PreparedPicture]:
    """What `pictures_answer` wrote. All of these raise what `refusal` wrote."""
    _raise_refusal(header)
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return [
        _picture(description, content, thumbnail)
        for description, (content, thumbnail) in zip(header["pictures"], pairs, strict=True)
    ]


def facts_from(header: Header) -> PictureFacts:
    """What `facts_answer` wrote."""
    _raise_refusal(header)
    return PictureFacts(**header["facts"])


def thumbnails_from(header: Header, parts: list[bytes]) -> tuple[PdfPages, int]:
    """What `thumbnails_answer` wrote."""
    _raise_refusal(header)
    thumbnails = tuple(
        PageThumbnail(page, content, width_px, height_px)
        for (page, width_px, height_px), content in zip(header["thumbnails"], parts, strict=True)
    )
    return PdfPages(header["page_count"], thumbnails), header["tried"]


def codes_from(header: Header) -> tuple[PictureCode, ...]:
    """What `codes_answer` wrote."""
    _raise_refusal(header)
    return tuple(PictureCode(**code) for code in header["codes"])


def pixelated_from(header: Header, parts: list[bytes]) -> bytes:
    """What `pixelated_answer` wrote."""
    _raise_refusal(header)
    (content,) = parts
    return content


def _raise_refusal(header: Header) -> None:
    if "error" in header:
        raise ImageError.of(header["error"], header["detail"], **header["params"])


def _picture(description: Header, content: bytes, thumbnail: bytes) -> PreparedPicture:
    fields = description["attachment"]
    width_px, height_px = description["thumbnail_size"]
    receipt = Provenance.from_fields(fields["receipt"])
    return PreparedPicture(
        attachment=Attachment(**{**fields, "receipt": receipt}),
        content=content,
        thumbnail=thumbnail,
        thumbnail_width_px=width_px,
        thumbnail_height_px=height_px,
    )

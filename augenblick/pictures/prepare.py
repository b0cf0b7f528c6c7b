"""`prepare_image`: what a person hands in becomes what every endpoint takes.

Everything happens in the calling process and thread. A server hands pictures of strangers to
`PicturePool`, which calls this in a process that can be lost.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import time
from collections.abc import Sequence
from dataclasses import replace

from PIL import Image, ImageChops

from augenblick.core.errors import UnreadableImage
from augenblick.core.messages import Attachment, PreparedPicture, Provenance
from augenblick.pictures.colours import neighbour_steps
from augenblick.pictures.decode import DecodedPicture, decode, refusing
from augenblick.pictures.facts import PageThumbnail, PdfPages
from augenblick.pictures.limits import PictureLimits, PictureOptions
from augenblick.pictures.marks import draw_marks
from augenblick.pictures.pdf import PdfFile, opened_pdf
from augenblick.pictures.sizes import fitted

DEFAULT_OPTIONS = PictureOptions()
DEFAULT_LIMITS = PictureLimits()

_THUMBNAIL_QUALITY = 80
_PAGE_THUMBNAIL_SIDE_PX = 320
_FLAT_SHARE = 0.5  # of neighbouring pixels that are equal; photographs have below 0.2
_SAMPLED_ROWS = 64
_PNG_WORTH = 2.0  # a drawing without JPEG's ringing may weigh twice as much
_PNG_LEVEL = 3  # a third faster than 6 and at most a tenth larger
_FINE_COLOUR_STEP = 24  # of 255, from one pixel to the next: an edge between two colours
_FINE_COLOUR_SHARE = 0.005  # of neighbouring pixels; grain and daylight colours have below 0.001


def prepare_image(
    content: bytes,
    *,
    name: str,
    options: PictureOptions = DEFAULT_OPTIONS,
    limits: PictureLimits = DEFAULT_LIMITS,
) -> PreparedPicture:
    """An upright sRGB JPEG or PNG of at most `longest_side_px` that carries nothing but pixels.

    A drawing or screenshot stays a PNG where that is not much heavier. Of an animation or a
    multi-picture file the first picture is taken; transparency is laid on white, or
    on what shows it better. Raises ImageError with `params["name"]`.
    """
    (picture,) = prepare_each(content, name=name, options=(options,), limits=limits)
    return picture


def prepare_each(
    content: bytes,
    *,
    name: str,
    options: Sequence[PictureOptions],
    limits: PictureLimits = DEFAULT_LIMITS,
) -> list[PreparedPicture]:
    """What `prepare_image` gives for each of the options, from decoding once.

    Made for the parts of one picture and the pages of one PDF.
    """
    decoded = decode(content, name=name, options=options, limits=limits)
    return [_prepared(part, wish) for part, wish in zip(decoded, options, strict=True)]


def draw_thumbnails(
    content: bytes,
    *,
    name: str,
    pages: range,
    seconds: float,
    limits: PictureLimits = DEFAULT_LIMITS,
) -> tuple[PdfPages, int]:
    """Small pictures of these pages of a PDF, and how many of them were tried.

    Stops after so many seconds, but not before the first.
    """
    until = time.monotonic() + seconds
    thumbnails: list[PageThumbnail] = []
    tried = 0
    with refusing(name), opened_pdf(content, limits) as document:
        for page in pages[: max(0, document.page_count - pages.start)]:
            if tried and time.monotonic() > until:
                break
            tried += 1
            with contextlib.suppress(UnreadableImage):
                thumbnails.append(_page_thumbnail(document, page))
        return PdfPages(document.page_count, tuple(thumbnails)), tried


def _page_thumbnail(document: PdfFile, page: int) -> PageThumbnail:
    size = fitted(document.page_size(page), _PAGE_THUMBNAIL_SIDE_PX)
    image = document.draw(page, size)
    return PageThumbnail(page, _jpeg(image, _THUMBNAIL_QUALITY, chroma="4:2:0"), *size)


def _prepared(decoded: DecodedPicture, options: PictureOptions) -> PreparedPicture:
    if options.tile is not None and options.marks:
        draw_marks(decoded.image, options.marks, (options.tile.width_px, options.tile.height_px))
    media_type, prepared = encode(decoded, options)
    width_px, height_px = decoded.image.size
    thumbnail, thumbnail_size = _thumbnail(decoded.image, prepared, options.thumbnail_side_px)
    return PreparedPicture(
        attachment=Attachment(
            sha256=hashlib.sha256(prepared).hexdigest(),
            media_type=media_type,
            width_px=width_px,
            height_px=height_px,
            byte_count=len(prepared),
            receipt=_receipt(decoded.receipt, options.history),
        ),
        content=prepared,
        thumbnail=thumbnail,
        thumbnail_width_px=thumbnail_size[0],
        thumbnail_height_px=thumbnail_size[1],
    )


def _receipt(receipt: Provenance, history: Provenance | None) -> Provenance:
    """What was done to the picture since a person gave it, in a file of our own before this one."""
    if history is None:
        return receipt
    sides = receipt.source_width_px, receipt.source_height_px
    width_px, height_px = sides[::-1] if history.rotation_degrees % 180 else sides
    return replace(
        history,
        source_width_px=width_px,
        source_height_px=height_px,
        rotation_degrees=(history.rotation_degrees + receipt.rotation_degrees) % 360,
        tile=receipt.tile or history.tile,
    )


def encode(decoded: DecodedPicture, options: PictureOptions) -> tuple[str, bytes]:
    """Media type and bytes. Where colours change from pixel to pixel they keep full resolution.

    Red print on blue is 19 delta E off on average with halved colours, 3 without; a photograph
    gains nothing from a quarter more bytes.
    """
    rows = _sampled_rows(decoded.image)
    flat = decoded.was_lossless and _is_flat(rows)
    fine = flat or _has_fine_colour(rows)
    jpeg = _jpeg(decoded.image, options.quality, chroma="4:4:4" if fine else "4:2:0")
    if not flat or options.always_jpeg:
        return "image/jpeg", jpeg
    buffer = io.BytesIO()
    decoded.image.save(buffer, "PNG", compress_level=_PNG_LEVEL)
    if buffer.tell() <= _PNG_WORTH * len(jpeg):
        return "image/png", buffer.getvalue()
    return "image/jpeg", jpeg


def _sampled_rows(image: Image.Image) -> Image.Image:
    size = (image.width, min(image.height, _SAMPLED_ROWS))
    return image.resize(size, Image.Resampling.NEAREST)


def _is_flat(rows: Image.Image) -> bool:
    """Whether areas of one colour make up most of it."""
    steps = _steps(*rows.split())
    return steps[0] >= _FLAT_SHARE * sum(steps)


def _has_fine_colour(rows: Image.Image) -> bool:
    """Whether colours, lightness aside, change from one pixel to the next in some places."""
    _, blue, red = rows.convert("YCbCr").split()
    steps = _steps(blue, red)
    return sum(steps[_FINE_COLOUR_STEP:]) > _FINE_COLOUR_SHARE * sum(steps)


def _steps(*channels: Image.Image) -> list[int]:
    """How often neighbours differ by so much, in the channel in which they differ most."""
    steps = (neighbour_steps(channel, across=1) for channel in channels)
    return functools.reduce(ImageChops.lighter, steps).histogram()


def _jpeg(image: Image.Image, quality: int, *, chroma: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling=chroma)
    return buffer.getvalue()


def _thumbnail(
    image: Image.Image, prepared: bytes, longest_px: int
) -> tuple[bytes, tuple[int, int]]:
    if max(image.size) <= longest_px:
        return prepared, image.size
    size = fitted(image.size, longest_px)
    small = image.resize(size, Image.Resampling.HAMMING, reducing_gap=1.0)
    return _jpeg(small, _THUMBNAIL_QUALITY, chroma="4:2:0"), size

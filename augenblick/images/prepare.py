"""`prepare_image`: what a person hands in becomes what every endpoint takes.

Everything happens in the calling process and thread. A server hands pictures of strangers to
`PicturePool`, which calls this in a process that can be lost.
"""

from __future__ import annotations

import hashlib
import io

from PIL import Image, ImageChops

from augenblick.images.decode import DecodedPicture, decode
from augenblick.images.limits import PictureLimits, PictureOptions
from augenblick.messages import Attachment, PreparedPicture

DEFAULT_OPTIONS = PictureOptions()
DEFAULT_LIMITS = PictureLimits()

_THUMBNAIL_QUALITY = 80
_FLAT_SHARE = 0.5  # of neighbouring pixels that are equal; photographs have below 0.2
_SAMPLED_ROWS = 64
_PNG_WORTH = 1.5  # a drawing without JPEG's ringing may weigh half as much again


def prepare_image(
    content: bytes,
    *,
    name: str,
    options: PictureOptions = DEFAULT_OPTIONS,
    limits: PictureLimits = DEFAULT_LIMITS,
) -> PreparedPicture:
    """An upright sRGB JPEG or PNG of at most `longest_side_px` that carries nothing but pixels.

    A drawing or screenshot stays a PNG where that is not much heavier. Of an animation or a
    multi-picture file the first picture is taken; transparency is laid on white. Raises EmptyImage,
    UnsupportedImage, UnreadableImage or ImageTooLarge, each with `params["name"]`.
    """
    decoded = decode(content, name=name, options=options, limits=limits)
    media_type, prepared = _encode(decoded, options)
    width_px, height_px = decoded.image.size
    thumbnail, thumbnail_size = _thumbnail(decoded.image, prepared, options.thumbnail_side_px)
    return PreparedPicture(
        attachment=Attachment(
            sha256=hashlib.sha256(prepared).hexdigest(),
            media_type=media_type,
            width_px=width_px,
            height_px=height_px,
            byte_count=len(prepared),
            receipt=decoded.receipt,
        ),
        content=prepared,
        thumbnail=thumbnail,
        thumbnail_width_px=thumbnail_size[0],
        thumbnail_height_px=thumbnail_size[1],
    )


def _encode(decoded: DecodedPicture, options: PictureOptions) -> tuple[str, bytes]:
    """Media type and bytes. Flat pictures keep full colour resolution even as JPEG."""
    flat = decoded.was_lossless and _is_flat(decoded.image)
    jpeg = _jpeg(decoded.image, options.quality, chroma="4:4:4" if flat else "4:2:0")
    if not flat or options.always_jpeg:
        return "image/jpeg", jpeg
    buffer = io.BytesIO()
    decoded.image.save(buffer, "PNG")
    if buffer.tell() <= _PNG_WORTH * len(jpeg):
        return "image/png", buffer.getvalue()
    return "image/jpeg", jpeg


def _is_flat(image: Image.Image) -> bool:
    """Whether areas of one colour make up most of it, judged by some of its rows."""
    if image.width == 1:
        return True
    rows = image.resize((image.width, min(image.height, _SAMPLED_ROWS)), Image.Resampling.NEAREST)
    left = rows.crop((0, 0, rows.width - 1, rows.height))
    right = rows.crop((1, 0, rows.width, rows.height))
    red, green, blue = ImageChops.difference(left, right).split()
    largest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    return largest.histogram()[0] >= _FLAT_SHARE * left.width * left.height


def _jpeg(image: Image.Image, quality: int, *, chroma: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling=chroma)
    return buffer.getvalue()


def _thumbnail(
    image: Image.Image, prepared: bytes, longest_px: int
) -> tuple[bytes, tuple[int, int]]:
    if max(image.size) <= longest_px:
        return prepared, image.size
    scale = longest_px / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    small = image.resize(size, Image.Resampling.HAMMING, reducing_gap=1.0)
    return _jpeg(small, _THUMBNAIL_QUALITY, chroma="4:2:0"), size

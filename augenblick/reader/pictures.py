"""Data URIs to pictures: the format is decided by content, limits come before decoding.

Allowed are JPEG, PNG, WebP, GIF (first frame), HEIC and AVIF. Nothing is ever fetched.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import re
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

from augenblick.reader.turns import PictureUri
from augenblick.reader.wire import ApiError

MAX_PICTURE_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 64_000_000

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "HEIF", "AVIF")
_DATA_URI = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)?(?P<extra>(?:;[^;,]*)*),", re.IGNORECASE)
_ORIENTATION_TAG = 0x0112
_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that can be decoded; the size is that of the upright picture."""

    sha256: str
    content: bytes
    width_px: int
    height_px: int
    was_turned: bool  # by its EXIF orientation
    detail: str


def load_picture(
    source: PictureUri, *, is_known: Callable[[str], bool] = lambda _sha256: False
) -> Picture:
    """The picture behind a data URI; what `is_known` by its hash is not decoded once more.

    Raises `ApiError` naming the place in the request.
    """
    content = _content(source)
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        return _inspected(source, content, sha256, is_known=is_known(sha256))
    except ApiError:
        raise
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(source) from error
    except Exception as error:  # decoders raise whatever their parsers trip over
        raise _wrong(
            source, "The picture is damaged or cut off and can't be read.", "invalid_image"
        ) from error


def _inspected(source: PictureUri, content: bytes, sha256: str, *, is_known: bool) -> Picture:
    with _opened(source, content) as image:
        if image.width * image.height > MAX_PIXELS:
            raise _too_many_pixels(source)
        orientation = _orientation(image)
        if not is_known:
            image.load()
        turned = orientation in _SIDEWAYS
        width, height = (image.height, image.width) if turned else image.size
        return Picture(sha256, content, width, height, orientation > 1, source.detail)


def decode(content: bytes, *, longest_side_px: int) -> Image.Image:
    """The upright RGB picture on white, no larger than asked. The bytes are known to be good."""
    with _registered(content) as image:
        image.draft("RGB", (longest_side_px, longest_side_px))
        flat = _flat(_upright(image))
    flat.thumbnail((longest_side_px, longest_side_px), reducing_gap=2.0)
    return flat


def _flat(image: Image.Image) -> Image.Image:
    """Eight bits a channel, transparency on white."""
    if image.mode.startswith("I"):
        return image.point(lambda value: value / 256).convert("L").convert("RGB")
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        layered = image.convert("RGBA")
        paper = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(paper, layered).convert("RGB")
    return image.convert("RGB")


def _upright(image: Image.Image) -> Image.Image:
    if _orientation(image) > 1:
        return ImageOps.exif_transpose(image)
    return image


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 where there is none or it can't be read.

    Pillow's HEIF and AVIF openers turn the pixels themselves and leave 1 behind.
    """
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # noqa: BLE001 - broken metadata must not cost the picture
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1  # noqa: PLR2004 - EXIF has eight


def _opened(source: PictureUri, content: bytes) -> Image.Image:
    if not content:
        raise _wrong(source, "The picture has no bytes.", "empty_image")
    try:
        return _registered(content)
    except UnidentifiedImageError as error:
        raise _wrong(
            source,
            "You uploaded an unsupported image. Please make sure your image has one of the "
            "following formats: JPEG, PNG, GIF, WebP, HEIC, AVIF.",
            "invalid_image_format",
        ) from error


def _registered(content: bytes) -> Image.Image:
    import pillow_heif  # noqa: PLC0415 - keeps the start short

    pillow_heif.register_heif_opener()
    return Image.open(io.BytesIO(content), formats=_FORMATS)


def _content(source: PictureUri) -> bytes:
    match = _DATA_URI.match(source.uri[:200])
    if not match:
        raise _wrong(
            source,
            "Expected a picture as data URI (data:image/jpeg;base64,...). This endpoint fetches "
            "nothing from the network.",
            "invalid_image_url",
        )
    if not (match["type"] or "").lower().startswith("image/"):
        raise _wrong(
            source, "Invalid MIME type. Only image types are supported.", "invalid_image_format"
        )
    if not match["extra"].lower().endswith(";base64"):
        raise _wrong(source, "The data URI has to be base64.", "invalid_base64")
    if (len(source.uri) - match.end()) * 3 // 4 > MAX_PICTURE_BYTES:
        limit = MAX_PICTURE_BYTES // 1024 // 1024
        raise _wrong(source, f"The picture has more than {limit} MB.", "image_too_large")
    try:
        return base64.b64decode("".join(source.uri[match.end() :].split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _wrong(source, "The base64 of the data URI is broken.", "invalid_base64") from error


def _too_many_pixels(source: PictureUri) -> ApiError:
    limit = MAX_PIXELS // 1_000_000
    return _wrong(source, f"The picture has more than {limit} megapixels.", "image_too_large")


def _wrong(source: PictureUri, message: str, code: str) -> ApiError:
    return ApiError(message, param=source.param, code=code)

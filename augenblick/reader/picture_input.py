"""Data URIs to pictures: the format is decided by content, limits come before decoding.

Allowed are JPEG, PNG, WebP, GIF (first frame), HEIC and AVIF. Nothing is ever fetched.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

from augenblick.core.errors import ImageError, ImageTooLarge
from augenblick.core.messages import Detail
from augenblick.pictures.decode import DecodedPicture, checked_format, decode, look
from augenblick.pictures.limits import PictureLimits, PictureOptions
from augenblick.reader.chat_request import ImageUrl
from augenblick.reader.wire import ApiError

MAX_PICTURE_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 64_000_000
LONGEST_SIDE_PX = 3200  # as analysed

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "HEIF", "AVIF")
_LIMITS = PictureLimits(
    max_bytes=MAX_PICTURE_BYTES,
    max_pixels=MAX_PIXELS,
    max_decoded_pixels=MAX_PIXELS,
    max_side_px=MAX_PIXELS,
)
_DATA_URI = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)?(?P<extra>(?:;[^;,]*)*),", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that can be decoded; the size is that of the upright picture."""

    sha256: str
    content: bytes
    width_px: int
    height_px: int
    detail: Detail


def load_picture(
    image: ImageUrl, param: str, *, is_known: Callable[[str], bool] = lambda _sha256: False
) -> Picture:
    """The picture behind a data URI; what `is_known` by its hash is not decoded once more.

    Raises `ApiError` naming `param`, the place in the request.
    """
    content = _content(image.url, param)
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        if checked_format(content, _LIMITS) not in _FORMATS:
            raise ImageError(code="image_unsupported")  # noqa: TRY301 - answered below
        facts = look(content, name="", limits=_LIMITS)
        if not is_known(sha256):
            decoded(content)
    except ImageError as error:
        code, message = _ANSWERS.get(error.code, _DAMAGED)
        if isinstance(error, ImageTooLarge):
            code, message = _TOO_LARGE
        raise ApiError(message, param=param, code=code) from error
    detail = Detail(image.detail or "auto")
    return Picture(sha256, content, facts.width_px, facts.height_px, detail)


def decoded(content: bytes, *, longest_side_px: int = LONGEST_SIDE_PX) -> DecodedPicture:
    """The upright picture in sRGB, at most so long. Raises ImageError."""
    options = PictureOptions(longest_side_px=longest_side_px)
    (picture,) = decode(content, name="", options=(options,), limits=_LIMITS)
    return picture


_ANSWERS = {
    "image_empty": ("empty_image", "The picture has no bytes."),
    "image_unsupported": (
        "invalid_image_format",
        "You uploaded an unsupported image. Supported are JPEG, PNG, GIF, WebP, HEIC and AVIF.",
    ),
}
_TOO_LARGE = (
    "image_too_large",
    f"Too large: at most {MAX_PICTURE_BYTES // 1024**2} MB, {MAX_PIXELS // 10**6} megapixels.",
)
_DAMAGED = ("invalid_image", "The picture is damaged or cut off and can't be read.")


def _content(uri: str, param: str) -> bytes:
    def wrong(message: str, code: str) -> ApiError:
        return ApiError(message, param=param, code=code)

    match = _DATA_URI.match(uri[:200])
    if not match:
        raise wrong(
            "Expected a picture as data URI (data:image/jpeg;base64,...). This endpoint fetches "
            "nothing from the network.",
            "invalid_image_url",
        )
    if not (match["type"] or "").lower().startswith("image/"):
        raise wrong("Invalid MIME type. Only image types are supported.", "invalid_image_format")
    if not match["extra"].lower().endswith(";base64"):
        raise wrong("The data URI has to be base64.", "invalid_base64")
    try:
        return base64.b64decode("".join(uri[match.end() :].split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise wrong("The base64 of the data URI is broken.", "invalid_base64") from error

"""QR and bar codes in a picture."""

from __future__ import annotations

import zxingcpp
from PIL import Image

from augenblick.pictures.decode import decode
from augenblick.pictures.facts import PictureCode
from augenblick.pictures.limits import PictureLimits, PictureOptions


def read_codes(
    content: bytes, *, name: str, options: PictureOptions, limits: PictureLimits
) -> tuple[PictureCode, ...]:
    """The codes in a picture as it would be prepared, from top to bottom; each once.

    Raises what `prepare_image` raises.
    """
    (decoded,) = decode(content, name=name, options=(options,), limits=limits)
    return codes_in(decoded.image)


def codes_in(image: Image.Image) -> tuple[PictureCode, ...]:
    """The codes in a decoded picture, from top to bottom; each once."""
    codes: list[PictureCode] = []
    for found in zxingcpp.read_barcodes(image.convert("L")):
        corners = (
            found.position.top_left, found.position.top_right,
            found.position.bottom_left, found.position.bottom_right,
        )  # fmt: skip
        x = sum(corner.x for corner in corners) / len(corners) / image.width
        y = sum(corner.y for corner in corners) / len(corners) / image.height
        codes.append(PictureCode(str(found.format), found.text, x, y))
    codes.sort(key=lambda code: (code.y, code.x))
    return tuple({(code.kind, code.text): code for code in codes}.values())

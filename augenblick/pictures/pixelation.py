"""Regions of a picture made unrecognisable for good, and the file written anew without them.

A mosaic can be read where its blocks say enough: text by trying what would give the same blocks
(Hill et al., "On the (In)effectiveness of Mosaicing and Blurring as Tools for Document Redaction",
2016), faces among known ones by training for it (McPherson et al., "Defeating Image Obfuscation
with Deep Learning", 2016, with 8 px blocks of 224 px faces). So what is drawn as 8 blocks along the
longer side comes from 4 averages along it and none finer, and each block is off by chance, which
nobody can compute again.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace

from PIL import Image

from augenblick.core.errors import ImageTooLarge
from augenblick.pictures.decode import DecodedPicture, decode
from augenblick.pictures.formats import picture_format
from augenblick.pictures.limits import PictureLimits, PictureOptions
from augenblick.pictures.prepare import encode
from augenblick.pictures.regions import Region

_BLOCKS = 8  # along the longer side of a region
_AVERAGES = 4
_OFF_BY = 8.0  # of 255, standard deviation
_chance = random.SystemRandom()
_KEPT_QUALITY = 92
_LONGEST_PAGE_PX = 8_000  # of a PDF; files with pixels keep theirs


def pixelated(
    content: bytes,
    *,
    name: str,
    options: PictureOptions,
    regions: Sequence[Region],
    limits: PictureLimits,
) -> bytes:
    """The file anew, a JPEG or PNG, as upright as `options` show it and whole, at full size.

    Nothing of the old file is in it but the pixels outside the regions, which count in what
    `options` show without its tile. Smaller only where the file would weigh more than
    `limits.max_bytes`, or is decoded at a fraction. Raises what `prepare_image` raises.
    """
    is_page = picture_format(content) == "PDF"
    side_px = _LONGEST_PAGE_PX if is_page else limits.max_side_px
    whole = replace(options, longest_side_px=side_px, quality=_KEPT_QUALITY, tile=None)
    (decoded,) = decode(content, name=name, options=(whole,), limits=limits)
    cover(decoded.image, regions)
    return _written(decoded, whole, limits)


def cover(image: Image.Image, regions: Sequence[Region]) -> None:
    """Draw a mosaic over each region of an RGB picture."""
    for region in regions:
        left = max(0, math.floor(region.left * image.width))
        top = max(0, math.floor(region.top * image.height))
        right = min(image.width, math.ceil((region.left + region.width) * image.width))
        bottom = min(image.height, math.ceil((region.top + region.height) * image.height))
        box = (left, top, max(left + 1, right), max(top + 1, bottom))
        image.paste(_mosaic(image.crop(box)), box)


def _mosaic(part: Image.Image) -> Image.Image:
    averages = part.resize(_grid(part.size, _AVERAGES), Image.Resampling.BOX)
    blocks = averages.resize(_grid(part.size, _BLOCKS), Image.Resampling.BILINEAR)
    off = (round(value + _chance.gauss(0, _OFF_BY)) for value in blocks.tobytes())
    colours = bytes(min(max(0, value), 255) for value in off)
    chosen = Image.frombytes("RGB", blocks.size, colours)
    return chosen.resize(part.size, Image.Resampling.NEAREST)


def _grid(size: tuple[int, int], count: int) -> tuple[int, int]:
    """So many fields along the longer side, and along the other as many as look square."""
    longest = max(size)
    return max(1, round(count * size[0] / longest)), max(1, round(count * size[1] / longest))


def _written(decoded: DecodedPicture, options: PictureOptions, limits: PictureLimits) -> bytes:
    _, content = encode(decoded, options)
    while len(content) > limits.max_bytes:
        if min(decoded.image.size) < 2:  # noqa: PLR2004 - no half of it
            raise ImageTooLarge(code="image_too_demanding")
        decoded = replace(decoded, image=decoded.image.reduce(2))
        _, content = encode(decoded, options)
    return content

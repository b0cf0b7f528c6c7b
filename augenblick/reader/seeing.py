"""A picture to a `Sighting`: what can be seen without recognising anything.

Sharpness comes from the variance of the Laplacian, codes from zxing-cpp, colours from `colours`,
text from `ocr`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from PIL import Image

from augenblick.reader.colours import Colour, main_colours
from augenblick.reader.layout import Line
from augenblick.reader.ocr import Pixels
from augenblick.reader.pictures import Picture, decode

LONGEST_SIDE_PX = 3200

_SHARPNESS_SIDE_PX = 1024
_FLAT = 4.0  # standard deviation of grey below which there is nothing to be sharp


class Sharpness(StrEnum):
    """How crisp the edges are; FLAT where there are none."""

    SHARP = "sharp"
    SOFT = "soft"
    BLURRY = "blurry"
    FLAT = "flat"


@dataclass(frozen=True, slots=True)
class Code:
    """A QR or bar code."""

    kind: str  # "QR Code", "EAN-13", ...
    content: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """Everything that was seen in one picture."""

    width_px: int
    height_px: int
    was_turned: bool
    colours: tuple[Colour, ...]
    sharpness: Sharpness
    codes: tuple[Code, ...]
    lines: tuple[Line, ...]
    text_turned_degrees: int = 0

    @property
    def text(self) -> str:
        """The text, with a blank line between paragraphs."""
        return "\n".join(
            f"\n{line.text}" if line.starts_paragraph else line.text for line in self.lines
        )

    @property
    def megapixels(self) -> float:
        """Millions of pixels."""
        return self.width_px * self.height_px / 1e6


class Gone(Exception):
    """Nobody waits for this sighting any more."""


def look(
    picture: Picture,
    *,
    read: Callable[[Pixels], tuple[tuple[Line, ...], int]],
    is_gone: Callable[[], bool],
) -> Sighting:
    """Look at a picture; raises `Gone` between two steps once `is_gone` says so."""
    image = decode(picture.content, longest_side_px=LONGEST_SIDE_PX)
    codes = _codes(image)
    colours = main_colours(image)
    sharpness = sharpness_of(image)
    if is_gone():
        raise Gone
    lines, turned = read(np.asarray(image))
    return Sighting(
        picture.width_px, picture.height_px, picture.was_turned,
        colours, sharpness, codes, lines, turned,
    )  # fmt: skip


def _codes(image: Image.Image) -> tuple[Code, ...]:
    import zxingcpp  # noqa: PLC0415 - keeps the start short

    found = sorted(
        zxingcpp.read_barcodes(np.asarray(image.convert("L"))),
        key=lambda code: (code.position.top_left.y, code.position.top_left.x),
    )
    return tuple(dict.fromkeys(Code(str(code.format), code.text) for code in found))


def sharpness_of(image: Image.Image) -> Sharpness:
    """By the strongest edges: the Laplacian's variance against the picture's own contrast."""
    grey = image.convert("L")
    grey.thumbnail((_SHARPNESS_SIDE_PX, _SHARPNESS_SIDE_PX))
    pixels = np.asarray(grey, dtype=np.float32)
    if min(pixels.shape) < 3 or pixels.std() < _FLAT:  # noqa: PLR2004 - the Laplacian needs 3 x 3
        return Sharpness.FLAT
    laplacian = (
        pixels[:-2, 1:-1] + pixels[2:, 1:-1] + pixels[1:-1, :-2] + pixels[1:-1, 2:]
        - 4 * pixels[1:-1, 1:-1]
    )  # fmt: skip
    crispness = float(laplacian.var()) / float(pixels.var())
    return next((level for limit, level in _LEVELS if crispness >= limit), Sharpness.BLURRY)


_LEVELS = ((0.05, Sharpness.SHARP), (0.01, Sharpness.SOFT))

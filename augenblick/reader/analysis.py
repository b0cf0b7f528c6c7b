"""A picture to a `PictureAnalysis`: what can be seen without recognising anything.

Sharpness comes from the variance of the Laplacian, colours from `colour_names`, text from `ocr`.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

import numpy as np
from PIL import Image

from augenblick.pictures.codes import codes_in
from augenblick.pictures.facts import PictureCode
from augenblick.reader.colour_names import Colour, main_colours
from augenblick.reader.layout import Line
from augenblick.reader.ocr import TextReader
from augenblick.reader.picture_input import Picture, decoded

_SHARPNESS_SIDE_PX = 1024
_FLAT = 4.0  # standard deviation of grey below which there is nothing to be sharp


Orientation = Literal["portrait", "landscape", "square"]


class Sharpness(StrEnum):
    """How crisp the edges are; FLAT where there are none."""

    SHARP = "sharp"
    SOFT = "soft"
    BLURRY = "blurry"
    FLAT = "flat"


@dataclass(frozen=True, slots=True)
class PictureAnalysis:
    """Everything that was seen in one picture."""

    width_px: int
    height_px: int
    was_turned: bool
    colours: tuple[Colour, ...]
    sharpness: Sharpness
    codes: tuple[PictureCode, ...]
    lines: tuple[Line, ...] = ()
    text_turned_degrees: int = 0
    has_unread: bool = False  # there is writing that could not be read

    @property
    def texts(self) -> list[str]:
        """The lines of text."""
        return [line.text for line in self.lines]

    @property
    def text(self) -> str:
        """The text, with a blank line between paragraphs."""
        return "\n".join(
            f"\n{line.text}" if line.starts_paragraph else line.text for line in self.lines
        )

    @property
    def orientation(self) -> Orientation:
        """As the picture stands upright."""
        if self.width_px == self.height_px:
            return "square"
        return "landscape" if self.width_px > self.height_px else "portrait"

    @property
    def megapixels(self) -> float:
        """Millions of pixels."""
        return self.width_px * self.height_px / 1e6


@dataclass(frozen=True, slots=True)
class Progress:
    """How far reading has come; `lines` are those that are certain since the last one."""

    read: int  # rows of text
    of: int
    lines: tuple[Line, ...] = ()


def analyze(
    picture: Picture, *, with_text: bool, reader: TextReader
) -> Generator[Progress | PictureAnalysis]:
    """How far reading has come, line by line, and at the end everything in a picture.

    Reading takes seconds, all else a tenth of one. Closing it stops the work.
    """
    opened = decoded(picture.content)
    image = opened.image
    was_turned = bool(opened.receipt.rotation_degrees or opened.receipt.was_mirrored)
    seen = PictureAnalysis(
        picture.width_px, picture.height_px, was_turned,
        main_colours(image), sharpness_of(image), codes_in(image),
    )  # fmt: skip
    if not with_text:
        yield seen
        return
    found = reader.find(np.asarray(image), scale=picture.width_px / image.width)
    yield Progress(0, len(found.rows))
    lines: list[Line] = []
    has_unread = False
    with closing(reader.read(found)) as rows:
        for row in rows:
            lines.extend(row.lines)
            has_unread = row.has_unread
            yield Progress(row.number, len(found.rows), row.lines)
    turned = found.turned_degrees if lines else 0
    yield replace(seen, lines=tuple(lines), text_turned_degrees=turned, has_unread=has_unread)


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

"""Numbered outlines drawn into a picture, to be seen on light and on dark."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from augenblick.core.messages import TileOf
from augenblick.pictures.sizes import Size

_LIGHT = "#ffd54a"
_DARK = "black"
_LINE_SHARE = 1 / 400  # of the longest side; half of that is left where an endpoint halves it
_LEAST_LINE_PX = 2
_LETTER_LINES = 9  # how many lines wide a digit is high


def draw_marks(image: Image.Image, marks: Sequence[TileOf], whole: Size) -> None:
    """Draw into an RGB picture; the marks are in pixels of a picture of the size `whole`."""
    draw = ImageDraw.Draw(image)
    line = max(_LEAST_LINE_PX, round(max(image.size) * _LINE_SHARE))
    face = ImageFont.load_default(_LETTER_LINES * line)
    boxes = [_scaled(mark, image.size, whole) for mark in marks]
    for box in boxes:
        _outline(draw, box, line)
    for mark, box in zip(marks, boxes, strict=True):  # no line crosses a number
        _badge(draw, str(mark.index), box, line, face)


Box = tuple[int, int, int, int]  # left, top, right, bottom


def _scaled(mark: TileOf, size: Size, whole: Size) -> Box:
    across, down = size[0] / whole[0], size[1] / whole[1]
    return (
        round(mark.left_px * across),
        round(mark.top_px * down),
        max(1, round((mark.left_px + mark.width_px) * across)) - 1,
        max(1, round((mark.top_px + mark.height_px) * down)) - 1,
    )


def _outline(draw: ImageDraw.ImageDraw, box: Box, line: int) -> None:
    """A light line between two dark ones, around the region, inwards at the picture's edges."""
    most = draw.im.size[0] - 1, draw.im.size[1] - 1
    left, top = max(0, box[0] - 3 * line), max(0, box[1] - 3 * line)
    right, bottom = min(most[0], box[2] + 3 * line), min(most[1], box[3] + 3 * line)
    for colour in (_DARK, _LIGHT, _DARK):
        draw.rectangle((left, top, max(left, right), max(top, bottom)), None, colour, line)
        left, top, right, bottom = left + line, top + line, right - line, bottom - line


def _badge(
    draw: ImageDraw.ImageDraw,
    number: str,
    box: Box,
    line: int,
    face: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    """The number at the upper left corner, outside where there is room for it."""
    side = (_LETTER_LINES + 5) * line
    width, height = draw.im.size
    left = min(max(0, box[0] - 3 * line), max(0, width - side))
    above = box[1] - 2 * line - side
    top = above if above >= 0 else min(max(0, box[1]), max(0, height - side))
    draw.rectangle((left, top, left + side - 1, top + side - 1), _LIGHT, _DARK, line)
    draw.text((left + side / 2, top + side / 2), number, fill=_DARK, font=face, anchor="mm")

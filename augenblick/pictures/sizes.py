"""How large a picture comes out, and whether to send it larger or in parts. Arithmetic only.

Sizes are those of the upright picture, as `PicturePool.look` tells them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from augenblick.core.messages import Provenance, TileOf
from augenblick.pictures.limits import PictureOptions

SNAP = 0.94  # a decoder's own size is taken as it is from 94 % of the wanted side
SHARPEST_SIDE_PX = 4096  # above, endpoints refuse or shrink by themselves
MAX_PARTS = 9  # with the overview ten pictures, as many as one question takes

_DCT_FACTORS = (8, 4, 2)  # libjpeg's own reduced sizes, in eighths: 1/8, 2/8, 4/8
SHARP_QUALITY = 92
_LONG = 3  # times as long as wide: a strip
_LOST = 2  # times larger than what is sent: small print is gone
_OVERLAP = 0.1  # of a part's side, so that a line of text is whole in one of two neighbours

Size = tuple[int, int]


def would_lose_detail(width_px: int, height_px: int, options: PictureOptions) -> bool:
    """Whether small print may be lost, so that sending parts (`plan_tiles`) should be offered."""
    longest, shortest = max(width_px, height_px), min(width_px, height_px)
    if options.tile is not None or longest <= options.longest_side_px:
        return False
    return longest > _LOST * options.longest_side_px or longest > _LONG * shortest


def plan_tiles(
    width_px: int, height_px: int, *, longest_side_px: int = 2048, max_parts: int = MAX_PARTS
) -> tuple[TileOf, ...]:
    """The overview and the overlapping parts of a picture; nothing when it fits as a whole.

    The parts are as few as show every pixel; where `max_parts` are not enough for that, they are as
    sharp as so many can be.
    """
    if max(width_px, height_px) <= longest_side_px:
        return ()

    def cost(grid: Size) -> tuple[float, int]:
        part = max(_part(width_px, grid[0]), _part(height_px, grid[1]))
        return max(1.0, part / longest_side_px), grid[0] * grid[1]

    columns, rows = min(_grids(max_parts), key=cost)
    count = columns * rows
    boxes = [
        (left, top, width, height)
        for top, height in _spread(height_px, rows)
        for left, width in _spread(width_px, columns)
    ]
    overview = TileOf(0, count, 0, 0, width_px, height_px)
    return overview, *(TileOf(number, count, *box) for number, box in enumerate(boxes, start=1))


def sharper(options: PictureOptions, receipt: Provenance) -> PictureOptions | None:
    """Options that show twice as much of the same picture; None when there is no more to show."""
    shown = receipt.tile
    sides = (receipt.source_width_px, receipt.source_height_px)
    there_px = max(sides if shown is None else (shown.width_px, shown.height_px))
    wanted_px = min(2 * options.longest_side_px, there_px, SHARPEST_SIDE_PX)
    if wanted_px <= options.longest_side_px:
        return None
    quality = max(options.quality, SHARP_QUALITY)
    return replace(options, longest_side_px=wanted_px, quality=quality)


def decoder_factor(side_px: int, longest_px: int) -> int:
    """The smallest of libjpeg's own sizes that will do, as the number to divide by."""
    fits = (factor for factor in _DCT_FACTORS if math.ceil(side_px / factor) >= longest_px * SNAP)
    return next(fits, 1)


def whole_factor(side_px: int, longest_px: int) -> int:
    """By how many pixels to average first; the next whole number where it snaps."""
    factor = max(1, side_px // longest_px)
    snaps = longest_px * SNAP <= math.ceil(side_px / (factor + 1)) <= longest_px
    return factor + 1 if snaps and side_px > longest_px else factor


def fitted(size: Size, longest_px: int) -> Size:
    """The size shrunk to a longest side; never enlarged."""
    if max(size) <= longest_px:
        return size
    scale = longest_px / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _grids(max_parts: int) -> Iterator[Size]:
    for columns in range(1, max_parts + 1):
        for rows in range(1, max_parts // columns + 1):
            yield columns, rows


def _part(side_px: int, count: int) -> int:
    """The length of each of `count` parts that overlap."""
    return math.ceil(side_px / (count - (count - 1) * _OVERLAP))


def _spread(side_px: int, count: int) -> list[tuple[int, int]]:
    """Start and length of each part."""
    length = _part(side_px, count)
    step = (side_px - length) / max(1, count - 1)
    return [(round(number * step), length) for number in range(count)]

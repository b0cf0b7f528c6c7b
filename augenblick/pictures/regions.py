"""Regions that a person draws on a picture: where they are, not how they look (`marks`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from augenblick.core.messages import TileOf

MAX_REGIONS = 9  # that are marked
MAX_PIXELATED = 200  # more than there are faces in a photo of a school
_LEAST_PIXELATED_PX = 2  # of a side: one pixel would stay what it is
_LEAST_PX = 32  # of a side: vision models see a picture in squares of 14 to 32 pixels
_SLACK = 1e-5  # of sums that a page has rounded


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the upright picture as the person sees it, in shares of its sides, from 0 to 1."""

    left: float
    top: float
    width: float
    height: float

    def can_be_pixelated(self, width_px: int, height_px: int) -> bool:
        """Whether all of it lies in a picture of this size, and it is more than a pixel of it."""
        is_inside = (
            min(self.left, self.top) >= -_SLACK
            and max(self.left + self.width, self.top + self.height) <= 1 + _SLACK
        )
        shortest_px = min(self.width * width_px, self.height * height_px)
        return is_inside and shortest_px >= _LEAST_PIXELATED_PX - 0.5  # as a page rounds

    def turned(self) -> Region:
        """The same part once the picture has been turned to the right by a quarter."""
        return Region(1 - self.top - self.height, self.left, self.height, self.width)


def region_tiles(regions: Sequence[Region], width_px: int, height_px: int) -> tuple[TileOf, ...]:
    """The overview and then each region, in pixels of the whole picture.

    What lies outside is cut off; a region that is smaller than 32 pixels grows to that.
    """
    count = len(regions)
    overview = TileOf(0, count, 0, 0, width_px, height_px, is_region=True)
    return overview, *(
        _tile(region, number, count, width_px, height_px)
        for number, region in enumerate(regions, start=1)
    )


def _tile(region: Region, number: int, count: int, width_px: int, height_px: int) -> TileOf:
    left, right = _span(region.left, region.width, width_px)
    top, bottom = _span(region.top, region.height, height_px)
    return TileOf(number, count, left, top, right - left, bottom - top, is_region=True)


def _span(start: float, length: float, side_px: int) -> tuple[int, int]:
    """From which pixel to which, along one side."""
    low, high = sorted(min(1.0, max(0.0, edge)) * side_px for edge in (start, start + length))
    least = min(_LEAST_PX, side_px)
    if high - low < least:
        low = min(max(0.0, (low + high - least) / 2), side_px - least)
        high = low + least
    return round(low), round(high)


def within(regions: Sequence[Region], shown: Region) -> tuple[Region, ...]:
    """Regions of a part of a picture as regions of the whole; `shown` is where the part lies."""
    return tuple(
        Region(
            shown.left + region.left * shown.width,
            shown.top + region.top * shown.height,
            region.width * shown.width,
            region.height * shown.height,
        )
        for region in regions
    )

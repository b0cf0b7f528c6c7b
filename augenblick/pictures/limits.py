"""What a picture may weigh and what shall become of it. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from augenblick.core.messages import Provenance, TileOf

QUARTER_TURNS = (0, 90, 180, 270)


@dataclass(frozen=True, slots=True)
class PictureOptions:
    """How a picture is prepared. A smaller picture is never enlarged.

    The prepared side may come out up to 6 % shorter than `longest_side_px`: a JPEG decoder halves
    almost for free, and 4032 px halved (2016) is four times faster than 4032 px resized to 2048.
    """

    longest_side_px: int = 2048
    quality: int = 85  # of a JPEG, 1 to 95
    rotate_degrees: int = 0  # clockwise, on top of what the camera says: 0, 90, 180 or 270
    thumbnail_side_px: int = 640
    always_jpeg: bool = False  # for an endpoint that refuses PNG
    page: int | None = None  # of a PDF, the first is 0, as is None; without meaning for others
    tile: TileOf | None = None  # only this part, of the picture as turned by `rotate_degrees`
    marks: tuple[TileOf, ...] = ()  # regions whose outlines and numbers are drawn into `tile`
    history: Provenance | None = None  # of the file, where it is one that we wrote ourselves

    def __post_init__(self) -> None:
        if self.rotate_degrees not in QUARTER_TURNS:
            raise ValueError("rotate_degrees must be 0, 90, 180 or 270")
        if min(self.longest_side_px, self.thumbnail_side_px) < 1:
            raise ValueError("a side must be at least 1 px long")
        if not 1 <= self.quality <= 95:  # noqa: PLR2004 - the range Pillow recommends
            raise ValueError("quality must be from 1 to 95")
        if self.page is not None and self.page < 0:
            raise ValueError("page must be 0 or more")


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """What is refused with ImageTooLarge (for `max_count`: ImageError, image_too_many).

    `max_pixels` is what the file says; `max_decoded_pixels` what has to be held in memory at once.
    They differ for JPEG, which can be decoded at a half, a quarter or an eighth of its size, and
    for HEIC, which is shrunk from its decoder's buffer: the 200-megapixel photographs of some
    phones pass, a PNG of that size does not.
    """

    max_bytes: int = 25 * 1024 * 1024  # less than inputs take (`web.limits`), to be refused here
    max_pixels: int = 210_000_000
    max_decoded_pixels: int = 64_000_000
    max_side_px: int = 32_000
    max_pages: int = 5_000
    max_count: int = 10

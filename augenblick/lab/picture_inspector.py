"""A stored picture looked at again: a region at full resolution, the codes in it.

From the file the person gave while it is kept, else from the picture as it was prepared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from augenblick.core.errors import UnreadableImage
from augenblick.core.messages import Attachment, PreparedPicture, TileOf
from augenblick.lab.tools import Region
from augenblick.pictures import (
    SHARPEST_SIDE_PX,
    PictureCode,
    PictureOptions,
    PicturePool,
    PictureSource,
)

_QUALITY = 92  # of a JPEG that is looked at for its details
_BEST = PictureOptions(longest_side_px=SHARPEST_SIDE_PX, quality=_QUALITY)


class PictureInspector:
    """The `Sight` of the built-in tools; safe in threads."""

    def __init__(self, pool: PicturePool, *, load_content: Callable[[str], bytes]) -> None:
        self._pool = pool
        self._load_content = load_content

    def zoom(self, picture: Attachment, region: Region) -> PreparedPicture:
        """The region as a picture, pixel for pixel up to 4096. Raises ImageError."""
        source = self._sharpest(picture, region)
        return self._pool.prepare(source.content, name=source.name, options=source.options)

    def codes(self, picture: Attachment, region: Region) -> tuple[PictureCode, ...]:
        """The codes in the region. Raises ImageError."""
        return self._pool.read_codes(self._sharpest(picture, region))

    def _sharpest(self, picture: Attachment, region: Region) -> PictureSource:
        """A file, and how to show the region of it."""
        source = self._pool.original(picture)
        if source is None:
            content = self._stored(picture)
            whole = TileOf(1, 1, 0, 0, picture.width_px, picture.height_px)
            options = replace(_BEST, tile=_part(whole, region))
            return PictureSource(picture.receipt.source_name, content, options)
        options = replace(
            source.options,
            longest_side_px=SHARPEST_SIDE_PX,
            quality=max(_QUALITY, source.options.quality),
            tile=_part(self._shown(source), region),
            marks=(),  # they would hide what stands there
        )
        return replace(source, options=options)

    def _stored(self, picture: Attachment) -> bytes:
        try:
            return self._load_content(picture.sha256)
        except KeyError:  # deleted meanwhile
            raise UnreadableImage(name=picture.receipt.source_name) from None

    def _shown(self, source: PictureSource) -> TileOf:
        """What of the file the picture shows, in pixels of the whole upright one."""
        if source.options.tile is not None:
            return source.options.tile
        facts = self._pool.look(source)
        sides = facts.width_px, facts.height_px
        return TileOf(1, 1, 0, 0, *(sides[::-1] if source.options.rotate_degrees % 180 else sides))


def _part(shown: TileOf, region: Region) -> TileOf:
    left, right = (round(edge * shown.width_px) for edge in (region.left, region.right))
    top, bottom = (round(edge * shown.height_px) for edge in (region.top, region.bottom))
    return TileOf(
        1,
        1,
        shown.left_px + min(left, shown.width_px - 1),
        shown.top_px + min(top, shown.height_px - 1),
        max(1, right - left),
        max(1, bottom - top),
    )

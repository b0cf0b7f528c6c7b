"""How this tab's pictures are to be sent: how closely to look, how large, how fine. Values only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from augenblick.core.messages import Detail
from augenblick.pictures import PictureLimits, PictureOptions, PictureSource

SIDES_PX = (1024, 1568, 2048, 4096, PictureLimits().max_side_px)  # the last: as in the file
QUALITIES = {"small": 70, "normal": 85, "best": 95}  # of a JPEG


@dataclass(frozen=True, slots=True)
class PictureChoice:
    """What was chosen for the next pictures; as it is, it suits almost everybody."""

    detail: Detail = Detail.AUTO
    longest_side_px: int = 2048
    quality: str = "normal"

    @property
    def options(self) -> PictureOptions:
        """How a picture is prepared."""
        return self.applied_to(PictureOptions())

    def applied_to(self, options: PictureOptions) -> PictureOptions:
        """The same page, part and rotation in the chosen size and quality."""
        quality = QUALITIES[self.quality]
        return replace(options, longest_side_px=self.longest_side_px, quality=quality)

    def of(self, sources: Iterable[PictureSource]) -> tuple[PictureSource, ...]:
        """The files with how each is to be prepared; options of its own keep page and rotation."""
        return tuple(replace(source, options=self.applied_to(source.options)) for source in sources)

"""Pictures: from any file a phone or a program writes to an upright JPEG or PNG without metadata.

`PicturePool` prepares pictures in worker processes and is what a server uses; `prepare_image` does
the same in the calling process, for scripts. Pillow and PDFium appear nowhere else in the core.
"""

from augenblick.pictures.facts import PageThumbnail, PdfPages, PictureCode, PictureFacts
from augenblick.pictures.formats import SUPPORTED_FORMATS, picture_format
from augenblick.pictures.limits import PictureLimits, PictureOptions
from augenblick.pictures.originals import PictureSource
from augenblick.pictures.pool import MAX_PAGE_THUMBNAILS, PicturePool
from augenblick.pictures.prepare import prepare_image
from augenblick.pictures.sizes import (
    MAX_PARTS,
    SHARPEST_SIDE_PX,
    plan_tiles,
    sharper,
    would_lose_detail,
)

__all__ = [
    "MAX_PAGE_THUMBNAILS",
    "MAX_PARTS",
    "SHARPEST_SIDE_PX",
    "SUPPORTED_FORMATS",
    "PageThumbnail",
    "PdfPages",
    "PictureCode",
    "PictureFacts",
    "PictureLimits",
    "PictureOptions",
    "PicturePool",
    "PictureSource",
    "picture_format",
    "plan_tiles",
    "prepare_image",
    "sharper",
    "would_lose_detail",
]

"""Pictures: from any file a phone or a program writes to an upright JPEG or PNG without metadata.

`PicturePool` prepares pictures in worker processes and is what a server uses; `prepare_image` does
the same in the calling process, for scripts. Pillow appears nowhere else in the core.
"""

from augenblick.images.formats import SUPPORTED_FORMATS, picture_format
from augenblick.images.limits import PictureLimits, PictureOptions
from augenblick.images.pool import PicturePool, PictureSource
from augenblick.images.prepare import prepare_image

__all__ = [
    "SUPPORTED_FORMATS",
    "PictureLimits",
    "PictureOptions",
    "PicturePool",
    "PictureSource",
    "picture_format",
    "prepare_image",
]

"""What a look at a file tells before anything of it is prepared. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """A file that could be opened; whether all of it is intact shows when it is prepared."""

    source_format: str  # one of SUPPORTED_FORMATS
    width_px: int  # upright; of a PDF the first page, at 300 dots per inch
    height_px: int
    page_count: int = 1  # more than 1 only for a PDF


@dataclass(frozen=True, slots=True)
class PageThumbnail:
    """A small JPEG of one PDF page."""

    page: int  # the first is 0
    content: bytes = field(repr=False)
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True)
class PictureCode:
    """A QR or bar code in a picture; `x` and `y` are its middle, in fractions of the sides."""

    kind: str  # "QR Code", "EAN-13", ...
    text: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class PdfPages:
    """A PDF and small pictures of some of its pages; a page that can't be drawn has none."""

    page_count: int
    thumbnails: tuple[PageThumbnail, ...]

"""Pages of a PDF as pictures, drawn by PDFium on white.

A page has no pixels of its own: its size is the one it has at 300 dots per inch, as if scanned.
Fonts that a PDF does not bring along come from PDFium itself, since a worker can open no file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c
from PIL import Image

from augenblick.core.errors import ImageError, ImageTooLarge, UnreadableImage
from augenblick.pictures.limits import PictureLimits
from augenblick.pictures.sizes import Size

_PIXELS_PER_POINT = 300 / 72
_LOCKED = (pdfium_c.FPDF_ERR_PASSWORD, pdfium_c.FPDF_ERR_SECURITY)


class PdfFile:
    """An opened PDF with at least one page. Any call may raise UnreadableImage."""

    def __init__(self, document: pdfium.PdfDocument, limits: PictureLimits) -> None:
        self._document = document
        self._limits = limits
        self.page_count: int = len(document)

    def page_size(self, page: int) -> Size:
        """Width and height at 300 dots per inch, upright; less for a page of a building's size."""
        if not 0 <= page < self.page_count:
            raise UnreadableImage(f"there is no page {page + 1}")
        try:
            points = self._document.get_page_size(page)
        except pdfium.PdfiumError as error:
            raise UnreadableImage(type(error).__name__) from error
        if not all(math.isfinite(side) and side > 0 for side in points):
            raise UnreadableImage("a page of no size")
        scale = min(_PIXELS_PER_POINT, self._limits.max_side_px / max(points))
        return max(1, round(points[0] * scale)), max(1, round(points[1] * scale))

    def draw(self, page: int, size: Size) -> Image.Image:
        """The page, stretched to this size; mode RGB."""
        try:
            with closing(self._document.get_page(page)) as opened:
                bitmap = pdfium.PdfBitmap.new_native(*size, pdfium_c.FPDFBitmap_BGRx)
                with closing(bitmap):
                    bitmap.fill_rect((255, 255, 255, 255), 0, 0, *size)
                    place = (0, 0, *size, 0, pdfium_c.FPDF_ANNOT)
                    pdfium_c.FPDF_RenderPageBitmap(bitmap, opened, *place)
                    if opened.formenv:
                        pdfium_c.FPDF_FFLDraw(opened.formenv, bitmap, opened, *place)
                    return Image.frombuffer(
                        "RGB", size, bitmap.buffer, "raw", "BGRX", bitmap.stride, 1
                    )
        except pdfium.PdfiumError as error:
            raise UnreadableImage(type(error).__name__) from error


@contextmanager
def opened_pdf(content: bytes, limits: PictureLimits) -> Iterator[PdfFile]:
    """Open a PDF for the block. Raises ImageError."""
    with closing(_document(content)) as document:
        if len(document) > limits.max_pages:
            raise ImageTooLarge(
                code="image_too_many_pages", limit=limits.max_pages, has=len(document)
            )
        document.init_forms()  # what has been filled in is part of the page
        yield PdfFile(document, limits)


def _document(content: bytes) -> pdfium.PdfDocument:
    """Load through the plain interface: the library takes an empty document for a broken one."""
    raw = pdfium_c.FPDF_LoadMemDocument64(content, len(content), None)
    if not raw:
        code = pdfium_c.FPDF_GetLastError()
        if code in _LOCKED:
            raise ImageError(code="image_locked")
        raise UnreadableImage(f"PDFium: {code}")
    document = pdfium.PdfDocument(raw)
    if len(document) < 1:
        document.close()
        raise ImageError(code="image_empty")
    return document

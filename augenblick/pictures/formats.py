"""Which format bytes really are, and opening them with that format's decoder and no other.

The name of a file never decides anything. Whatever is not listed here (EPS, SVG, and everything
else Pillow could open) is refused before a decoder sees it. A PDF is recognised here and drawn by
`pdf`.
"""

from __future__ import annotations

import importlib
import io
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import pillow_heif
from PIL import Image, ImageFile
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from augenblick.core.errors import ImageError, UnreadableImage

_PLUGINS: Mapping[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WEBP": WebPImageFile,
    "GIF": GifImageFile,
    "TIFF": TiffImageFile,
    "BMP": BmpImageFile,
    "AVIF": AvifImageFile,
    "HEIF": pillow_heif.HeifImageFile,  # the only one that is not part of Pillow
}
SUPPORTED_FORMATS = (*_PLUGINS, "PDF")

_SIGNATURES = {
    "JPEG": (b"\xff\xd8\xff",),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
}
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1"}
_PDF_SIGNATURE = b"%PDF-"
_PDF_SIGNATURE_WITHIN = 1024  # bytes; ISO 32000-1, Annex H.3.4.1: what readers accept
_NEW_SUBFILE_TYPE, _REDUCED, _SUB_IFDS = 254, 1, 330  # TIFF 6.0, section 8; TIFF/EP
_MUCH_LARGER = 4  # a page of so many times the pixels makes the first one a preview of it
_ALIKE = 0.05  # by so much the shape of a preview may differ
_MOST_PAGES = 20
IS_LATER_PAGE = "is_later_page"  # in `info`: not the first page of the file, but the largest
_BITS_PER_SAMPLE, _PLANAR_CONFIGURATION, _APART = 258, 284, 2  # TIFF 6.0, section 8
_STRIP_BYTES = 16 * 1024 * 1024
_BMP_HEADER_BYTES = {12, 16, 40, 52, 56, 64, 108, 124}

_IMPORTED_LATE = (
    "PIL.JpegPresets", "PIL.MpoImagePlugin", "PIL.ImageOps", "PIL.ImagePalette", "PIL.ImageCms",
    "PIL.TiffTags", "PIL.ImageSequence", "PIL._deprecate", "encodings.latin_1",
    "encodings.ascii", "encodings.utf_16", "encodings.utf_16_le", "encodings.utf_16_be",
)  # fmt: skip

DECODER_FAILURES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What Pillow and its plugins were seen to raise on damaged pictures, by family. MemoryError is
not among them: it means a picture that is too large."""


def load_decoders() -> None:
    """Import what decoders import on first use; afterwards no file is opened."""
    for module in _IMPORTED_LATE:
        importlib.import_module(module)
    Image.preinit()


def picture_format(content: bytes) -> str | None:
    """One of SUPPORTED_FORMATS, from the first bytes alone; None for anything else."""
    for kind, signatures in _SIGNATURES.items():
        if content.startswith(signatures):
            return kind
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    if content[:2] == b"BM" and int.from_bytes(content[14:18], "little") in _BMP_HEADER_BYTES:
        return "BMP"
    if _PDF_SIGNATURE in content[:_PDF_SIGNATURE_WITHIN]:
        return "PDF"
    return _media_container(content)


def _media_container(content: bytes) -> str | None:
    """HEIF and AVIF share a container; its `ftyp` box lists the brands (ISO/IEC 14496-12, 4.3)."""
    if content[4:8] != b"ftyp":
        return None
    box = content[8 : min(int.from_bytes(content[:4], "big"), 256)]
    brands = {box[at : at + 4] for at in range(0, len(box), 4) if at != 4}  # noqa: PLR2004 - the minor version stands at 4
    if brands & _AVIF_BRANDS:
        return "AVIF"
    return "HEIF" if brands & _HEIF_BRANDS else None


def open_picture(content: bytes) -> tuple[str, ImageFile.ImageFile]:
    """The format and the opened picture, nothing decoded yet. A PDF is none to be opened here.

    Going to the plugin class instead of `Image.open` makes the list above the only list, and
    leaves Pillow's process-wide pixel limit to those who use `Image.open`.
    """
    kind = picture_format(content)
    if kind is None or kind not in _PLUGINS:
        raise ImageError(code="image_unsupported")
    try:
        opened = _PLUGINS[kind](io.BytesIO(content))
        if isinstance(opened, TiffImageFile):
            opened = _main_page(opened, content)
            _mend_planes(opened)
    except DECODER_FAILURES as error:
        raise UnreadableImage(type(error).__name__) from error
    return kind, opened


def reduced_heif(content: bytes, factor: int) -> Image.Image:
    """The upright picture in a HEIF file, `factor` times smaller, in 8 bits a channel.

    For those too large for Pillow, which takes another 4 bytes a pixel: here the decoder's own
    buffer (3 bytes) is shrunk from in strips. 200 megapixels need 1040 MB (measured).
    """
    opened = pillow_heif.open_heif(io.BytesIO(content), convert_hdr_to_8bit=True)
    picture = opened[opened.primary_index]
    pixels = memoryview(picture.data)  # decodes
    (width, height), mode, stride = picture.size, picture.mode, picture.stride
    reduced = Image.new(mode, (-(-width // factor), -(-height // factor)))
    rows = max(1, _STRIP_BYTES // stride // factor) * factor
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        strip = bytes(pixels[top * stride : bottom * stride])
        size = (width, bottom - top)
        part = Image.frombuffer(mode, size, strip, "raw", mode, stride, 1)
        reduced.paste(part.reduce(factor), (0, top // factor))
    reduced.info = {"icc_profile": picture.info.get("icc_profile")}
    return reduced


def _main_page(opened: TiffImageFile, content: bytes) -> TiffImageFile:
    """The first page; where that is a small copy of another one, the largest there is.

    Cameras put a preview first and the picture among the pages or in SubIFDs (TIFF/EP, DNG); one
    that Pillow can't decode, such as the raw values of the sensor, is passed over.
    """
    first_px = opened.width * opened.height
    kind = opened.tag_v2.get(_NEW_SUBFILE_TYPE, 0)
    is_preview = isinstance(kind, int) and bool(kind & _REDUCED)
    largest = opened
    for page in _other_pages(opened, content):
        pixels = page.width * page.height
        is_like = abs(page.width * opened.height - page.height * opened.width) <= _ALIKE * pixels
        is_main = is_preview or (pixels >= _MUCH_LARGER * first_px and is_like)
        if is_main and pixels > largest.width * largest.height:
            largest = page
    if largest is not opened:
        largest.info[IS_LATER_PAGE] = True
    return largest


def _other_pages(opened: TiffImageFile, content: bytes) -> Iterator[TiffImageFile]:
    """What else is in the file, by the places of its directories (TIFF 6.0, section 2)."""
    order: Literal["little", "big"] = "little" if content[:2] == b"II" else "big"
    width, at = (8, 8) if content[2:4].strip(b"\0") == b"+" else (4, 4)  # BigTIFF or TIFF
    seen = {int.from_bytes(content[at : at + width], order)}
    places = _directories(opened)
    while places and len(seen) < _MOST_PAGES:
        place = places.pop(0)
        if not place or place in seen:
            continue
        seen.add(place)
        head = content[:at] + place.to_bytes(width, order)
        try:
            page = TiffImageFile(io.BytesIO(head + content[at + width :]))
        except DECODER_FAILURES:
            continue
        places += _directories(page)
        yield page


def _directories(page: TiffImageFile) -> list[int]:
    found = page.tag_v2.get(_SUB_IFDS, ())
    return [*(found if isinstance(found, tuple) else (found,)), page.tag_v2.next]


def _mend_planes(opened: TiffImageFile) -> None:
    """Pillow takes each byte of a 16-bit sample for a sample where the channels lie apart."""
    depths = opened.tag_v2.get(_BITS_PER_SAMPLE, ())
    if opened.tag_v2.get(_PLANAR_CONFIGURATION) != _APART or 16 not in depths:  # noqa: PLR2004 - bits
        return
    order = "B" if opened.tag_v2.prefix == b"MM" else "L"
    opened.tile = [
        tile._replace(args=(f"{tile.args[0]};16{order}", *tile.args[1:]))
        if tile.codec_name == "raw" and isinstance(tile.args, tuple)
        else tile
        for tile in opened.tile
    ]

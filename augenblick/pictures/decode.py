"""From the bytes of a file to small upright pictures in sRGB, within the limits.

Only the first frame is ever decoded, and once for all the parts that are wanted of it. Peak memory
is kept low on purpose: a JPEG is decoded at a half, a quarter or an eighth of its size, a PDF page
drawn as large as it is wanted, everything else is shrunk strip by strip.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from PIL import Image, ImageChops, ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from augenblick.core.errors import ImageError, ImageTooLarge, UnreadableImage
from augenblick.core.messages import Provenance
from augenblick.pictures import colours, endings, metadata, sizes
from augenblick.pictures.colours import Whole
from augenblick.pictures.endings import Ending
from augenblick.pictures.facts import PictureFacts
from augenblick.pictures.formats import (
    DECODER_FAILURES,
    IS_LATER_PAGE,
    open_picture,
    picture_format,
    reduced_heif,
)
from augenblick.pictures.limits import PictureLimits, PictureOptions
from augenblick.pictures.pdf import PdfFile, opened_pdf
from augenblick.pictures.sizes import Size

_LOSSLESS = ("PNG", "GIF", "BMP", "TIFF", "WEBP", "PDF")  # WebP may be either
_SAMPLES_PER_DECODED_PIXEL = 6  # 12 bytes; with the default limits 768 of the worker's 1152 MB
_MEGABYTE = 1024 * 1024  # as upload fields count
_BLOCKS_PX = 32  # of a JPEG's last row, two of its largest blocks
_STRIP_PIXELS = 4_000_000  # about 16 MB of RGB


@dataclass(frozen=True, slots=True)
class DecodedPicture:
    """An upright RGB picture that carries nothing but pixels, and what was done to get it."""

    image: Image.Image
    receipt: Provenance
    was_lossless: bool  # drawings and screenshots come as such


def decode(
    content: bytes, *, name: str, options: Sequence[PictureOptions], limits: PictureLimits
) -> Iterator[DecodedPicture]:
    """Decode, shrink, turn and convert, once for each of the options, in their order.

    Raises ImageError with `params["name"]`.
    """
    with refusing(name):
        kind = checked_format(content, limits)
        make = _pages if kind == "PDF" else _views
        yield from make(content, name, options, limits)


def look(content: bytes, *, name: str, page: int = 0, limits: PictureLimits) -> PictureFacts:
    """Read no more than the header. Raises what `decode` raises, as far as the header tells."""
    with refusing(name):
        kind = checked_format(content, limits)
        if kind == "PDF":
            with opened_pdf(content, limits) as document:
                return PictureFacts("PDF", *document.page_size(page), document.page_count)
        kind, opened = open_picture(endings.mended(content, kind).content)
        _check_size(opened, limits)
        _, missing = metadata.turns_at_sight(opened, content)
        width_px, height_px = opened.size
        if missing.degrees % 180:
            width_px, height_px = height_px, width_px
        return PictureFacts(kind, width_px, height_px)


@contextmanager
def refusing(name: str) -> Iterator[None]:
    """Whatever goes wrong with a file is an ImageError with its name."""
    try:
        yield
    except ImageError as error:
        error.params.setdefault("name", name)
        raise
    except (MemoryError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageTooLarge(code="image_too_demanding", name=name) from None
    except DECODER_FAILURES as error:
        raise UnreadableImage(type(error).__name__, name=name) from error


def checked_format(content: bytes, limits: PictureLimits) -> str:
    """One of SUPPORTED_FORMATS. Raises ImageError for any other, and for no bytes or too many."""
    if not content:
        raise ImageError(code="image_empty")
    if len(content) > limits.max_bytes:
        raise ImageTooLarge(
            code="image_too_heavy", limit=limits.max_bytes / _MEGABYTE, has=len(content) / _MEGABYTE
        )
    kind = picture_format(content)
    if kind is None:
        raise ImageError(code="image_unsupported")
    return kind


def _too_many_pixels(limit: int, *, has: int) -> ImageTooLarge:
    return ImageTooLarge(code="image_too_many_pixels", limit=limit / 1_000_000, has=has / 1_000_000)


def _pages(
    content: bytes, name: str, options: Sequence[PictureOptions], limits: PictureLimits
) -> Iterator[DecodedPicture]:
    with opened_pdf(content, limits) as document:
        for wish in options:
            yield _drawn(document, len(content), name, wish, limits)


def _drawn(
    document: PdfFile, byte_count: int, name: str, options: PictureOptions, limits: PictureLimits
) -> DecodedPicture:
    page = options.page or 0
    size = document.page_size(page)
    turn = metadata.Turn().and_rotated(options.rotate_degrees)
    shown = size if options.tile is None else (options.tile.width_px, options.tile.height_px)
    most = math.sqrt(limits.max_decoded_pixels / (size[0] * size[1]))  # for a part all is drawn
    share = min(1.0, most, options.longest_side_px / max(shown))
    drawn = max(1, round(size[0] * share)), max(1, round(size[1] * share))
    image = metadata.transposed(_part(document.draw(page, drawn), size, turn, options), turn)
    receipt = Provenance(
        source_name=name,
        source_format="PDF",
        source_bytes=byte_count,
        source_width_px=size[0],
        source_height_px=size[1],
        rotation_degrees=options.rotate_degrees,
        source_page=page + 1,
        source_page_count=document.page_count,
        tile=options.tile,
    )
    return DecodedPicture(image, receipt, was_lossless=True)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A decoded file, possibly at a fraction of its size, and what is still to be done."""

    image: Image.Image
    whole: Whole  # so that parts look alike
    full_size: Size  # of this picture, were it not at a fraction
    done: metadata.Turn
    missing: metadata.Turn
    receipt: Provenance  # what is the same for all views


def _views(
    content: bytes, name: str, options: Sequence[PictureOptions], limits: PictureLimits
) -> Iterator[DecodedPicture]:
    ending = endings.mended(content, picture_format(content))
    kind, opened = open_picture(ending.content)
    full_size = opened.size
    _check_size(opened, limits)
    if isinstance(opened, JpegImageFile):
        _check_progressive(opened, limits)
        _use_reduced_size(opened, options, limits)
    remarks = ["ending"] if ending.is_mended else []
    image: Image.Image = opened
    has_room = opened.width * opened.height <= limits.max_decoded_pixels
    if has_room:
        done, missing = metadata.turns(opened, content)
        if isinstance(opened, JpegImageFile) and (ending.is_suspect or _ends_flat(opened)):
            _check_complete(opened, ending, options, limits)
    elif kind == "HEIF":
        done, missing = metadata.turns_at_sight(opened, content)
        share = opened.width * opened.height / limits.max_decoded_pixels
        image = reduced_heif(content, math.ceil(math.sqrt(share)))
        remarks.append("reduced")
    else:
        raise _too_many_pixels(limits.max_decoded_pixels, has=opened.width * opened.height)
    stored_size = full_size[::-1] if done.degrees % 180 else full_size  # before it was turned
    receipt = Provenance(
        source_name=name,
        source_format=kind,
        source_bytes=len(content),
        source_width_px=stored_size[0],
        source_height_px=stored_size[1],
        removed=tuple(_removed(kind, opened, ending)),
        remarks=tuple(remarks),
    )
    loaded = _Loaded(image, Whole.of(image), full_size, done, missing, receipt)
    del opened, image
    for wish in options[:-1]:
        yield _view(loaded, wish)
    last = _view(loaded, options[-1])
    del loaded  # whoever takes the last one needs the memory to encode it
    yield last


def _view(loaded: _Loaded, options: PictureOptions) -> DecodedPicture:
    missing = loaded.missing.and_rotated(options.rotate_degrees)
    part = _part(loaded.image, loaded.full_size, missing, options)
    image, saw_through = _small_upright(part, options.longest_side_px, missing, loaded.whole)
    done = loaded.done
    applied = missing if done == metadata.Turn() else done.and_rotated(missing.degrees)
    ground = (loaded.whole.ground.receipt,) if saw_through else ()
    receipt = replace(
        loaded.receipt,
        rotation_degrees=applied.degrees,
        was_mirrored=applied.mirrored,
        removed=(*loaded.receipt.removed, *ground),
        tile=options.tile,
    )
    return DecodedPicture(image, receipt, was_lossless=receipt.source_format in _LOSSLESS)


def _part(
    image: Image.Image, size: Size, turn: metadata.Turn, options: PictureOptions
) -> Image.Image:
    """The wanted part of a picture that is to be turned yet; `size` is what tiles count in."""
    tile = options.tile
    if tile is None:
        return image
    box = (
        tile.left_px, tile.top_px, tile.left_px + tile.width_px, tile.top_px + tile.height_px
    )  # fmt: skip
    left, top, right, bottom = metadata.before(turn, box, size)
    across, down = image.width / size[0], image.height / size[1]
    left, top = min(round(left * across), image.width - 1), min(round(top * down), image.height - 1)
    right = min(max(left + 1, round(right * across)), image.width)
    bottom = min(max(top + 1, round(bottom * down)), image.height)
    return image.crop((left, top, right, bottom))


def _check_size(opened: Image.Image, limits: PictureLimits) -> None:
    if max(opened.size) > limits.max_side_px:
        raise ImageTooLarge(code="image_too_long", limit=limits.max_side_px, has=max(opened.size))
    if opened.width * opened.height > limits.max_pixels:
        raise _too_many_pixels(limits.max_pixels, has=opened.width * opened.height)
    if min(opened.size) < 1:
        raise UnreadableImage("a side of no length")


def _check_progressive(opened: JpegImageFile, limits: PictureLimits) -> None:
    """A progressive JPEG is held in memory as coefficients of 2 bytes, whatever size is wanted.

    libjpeg reports memory that runs out as damage, so this asks beforehand.
    """
    if "progressive" not in opened.info:
        return
    shares = [across * down for _, across, down, _ in opened.layer]
    samples = opened.width * opened.height * sum(shares) / max(1, *shares)
    most = _SAMPLES_PER_DECODED_PIXEL * limits.max_decoded_pixels
    if samples > most:
        pixels = opened.width * opened.height
        raise _too_many_pixels(int(pixels * most / samples), has=pixels)


def _use_reduced_size(
    opened: ImageFile.ImageFile, options: Sequence[PictureOptions], limits: PictureLimits
) -> None:
    """Have libjpeg decode at the smallest of its own sizes that will do for all options."""
    factor = min(
        sizes.decoder_factor(_shown_side(opened.size, wish), wish.longest_side_px)
        for wish in options
    )
    while opened.width * opened.height > limits.max_decoded_pixels * factor**2 and factor < 8:  # noqa: PLR2004 - libjpeg's smallest
        factor *= 2
    if factor > 1:
        size = (max(1, opened.width // factor), max(1, opened.height // factor))
        opened.draft(opened.mode, size)


def _ends_flat(opened: JpegImageFile) -> bool:
    """Whether the last pixels are all the same, as they are where libjpeg had no data for them."""
    right, bottom = opened.size
    last = opened.crop((max(0, right - _BLOCKS_PX), bottom - 1, right, bottom))
    return all(count in (0, last.width) for count in last.histogram())


def _check_complete(
    opened: JpegImageFile, ending: Ending, options: Sequence[PictureOptions], limits: PictureLimits
) -> None:
    """Raises UnreadableImage when the picture would be another one with more data behind it."""
    try:
        _, other = open_picture(ending.with_more_data())
        _use_reduced_size(other, options, limits)
        other.load()
    except (*DECODER_FAILURES, MemoryError):  # too large to be decoded beside the first
        return
    rows = max(1, _STRIP_PIXELS // opened.width)
    for top in reversed(range(0, opened.height, rows)):  # what is missing is missing at the end
        strip = (0, top, opened.width, min(top + rows, opened.height))
        if ImageChops.difference(opened.crop(strip), other.crop(strip)).getbbox():
            raise UnreadableImage("pixel data is missing")


def _shown_side(size: Size, options: PictureOptions) -> int:
    tile = options.tile
    return max(size) if tile is None else max(tile.width_px, tile.height_px)


def _removed(kind: str, opened: ImageFile.ImageFile, ending: Ending) -> list[str]:
    removed = list(metadata.private_parts(opened))
    if opened.info.get("icc_profile"):
        removed.append("profile")
    if IS_LATER_PAGE in opened.info:
        removed.append("preview")
    elif "mp" in opened.info if kind == "JPEG" else getattr(opened, "is_animated", False):
        removed.append("frames")
    if ending.has_more and "frames" not in removed:
        removed.append("attached")
    return removed


def _small_upright(
    image: Image.Image, longest_px: int, turn: metadata.Turn, whole: Whole
) -> tuple[Image.Image, bool]:
    """A plain RGB image and whether the file was transparent somewhere.

    Each step lets go of the one before: at most two full pictures are in memory.
    """
    profile = image.info.get("icc_profile")
    factor = sizes.whole_factor(max(image.size), longest_px)
    image, saw_through = _reduced(image, factor, whole)
    size = sizes.fitted(image.size, longest_px)
    if size != image.size:
        image = image.resize(size, Image.Resampling.LANCZOS)
    image = colours.to_srgb(image, profile if isinstance(profile, bytes) else None)
    image = metadata.transposed(image, turn)
    if isinstance(image, ImageFile.ImageFile):
        image = image.copy()  # a plain Image, without what the plugin class remembers
    image.info = {}
    return image, saw_through


def _reduced(image: Image.Image, factor: int, whole: Whole) -> tuple[Image.Image, bool]:
    """The flattened picture, `factor` times smaller, made in strips so that memory stays low."""
    if colours.is_flat(image):
        return (image.reduce(factor) if factor > 1 else image), False
    rows = max(1, _STRIP_PIXELS // image.width // factor) * factor
    if rows >= image.height:
        flat, saw_through = colours.flatten(image, whole)
        return (flat.reduce(factor) if factor > 1 else flat), saw_through
    size = (math.ceil(image.width / factor), math.ceil(image.height / factor))
    result = Image.new(colours.flat_mode(image), size)
    saw_through = False
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        flat, strip_saw_through = colours.flatten(strip, whole)
        saw_through |= strip_saw_through
        result.paste(flat.reduce(factor) if factor > 1 else flat, (0, top // factor))
    return result, saw_through

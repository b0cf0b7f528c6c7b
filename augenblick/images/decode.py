"""From the bytes of a file to a small upright picture in sRGB, within the limits.

Only the first frame is ever decoded. Peak memory is kept low on purpose: a JPEG is decoded at a
half, a quarter or an eighth of its size, everything else is shrunk strip by strip.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from PIL import Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from augenblick.errors import EmptyImage, ImageError, ImageTooLarge, UnreadableImage
from augenblick.images import colours, metadata
from augenblick.images.formats import DECODER_FAILURES, open_picture
from augenblick.images.limits import PictureLimits, PictureOptions
from augenblick.messages import PictureReceipt

SNAP = 0.94  # a decoder's own size is taken as it is from 94 % of the wanted side
_DCT_FACTORS = (8, 4, 2)  # libjpeg's own reduced sizes, in eighths: 1/8, 2/8, 4/8
_LOSSLESS = ("PNG", "GIF", "BMP", "TIFF", "WEBP")  # WebP may be either
_SAMPLES_PER_DECODED_PIXEL = 4.5  # 9 bytes; with the default limits 576 of the worker's 768 MB
_STRIP_PIXELS = 4_000_000  # about 16 MB of RGB


@dataclass(frozen=True, slots=True)
class DecodedPicture:
    """An upright RGB picture that carries nothing but pixels, and what was done to get it."""

    image: Image.Image
    receipt: PictureReceipt
    was_lossless: bool  # drawings and screenshots come as such


def decode(
    content: bytes, *, name: str, options: PictureOptions, limits: PictureLimits
) -> DecodedPicture:
    """Decode, shrink, turn and convert. Raises any ImageError but TooManyImages."""
    try:
        return _decode(content, name, options, limits)
    except ImageError as error:
        error.params.setdefault("name", name)
        raise
    except MemoryError:
        raise too_large("memory", 0, name=name) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise too_large("pixels", limits.max_pixels, name=name) from None
    except DECODER_FAILURES as error:
        raise UnreadableImage(type(error).__name__, name=name) from error


def too_large(unit: str, limit: float, **params: str) -> ImageTooLarge:
    """The error; `params["unit"]` is "bytes", "pixels", "side_px", "seconds" or "memory".

    "memory" means more than the process may have, which no number describes: its limit is 0.
    """
    return ImageTooLarge(f"limit: {limit} {unit}", unit=unit, limit=limit, **params)


def _decode(
    content: bytes, name: str, options: PictureOptions, limits: PictureLimits
) -> DecodedPicture:
    if not content:
        raise EmptyImage
    if len(content) > limits.max_bytes:
        raise too_large("bytes", limits.max_bytes)
    kind, opened = open_picture(content)
    width_px, height_px = opened.size
    _check_size(opened, limits)
    if isinstance(opened, JpegImageFile):
        _check_progressive(opened, limits)
        _use_reduced_size(opened, options.longest_side_px)
    if opened.width * opened.height > limits.max_decoded_pixels:
        raise too_large("pixels", limits.max_decoded_pixels)
    done, missing = metadata.turns(opened, content)
    if done.degrees % 180:  # such a decoder names the size of the upright picture
        width_px, height_px = height_px, width_px
    missing = missing.and_rotated(options.rotate_degrees)
    removed = _removed(kind, opened)
    image, saw_through = _small_upright(opened, options.longest_side_px, missing)
    applied = missing if done == metadata.Turn() else done.and_rotated(missing.degrees)
    return DecodedPicture(
        image,
        PictureReceipt(
            source_name=name,
            source_format=kind,
            source_bytes=len(content),
            source_width_px=width_px,
            source_height_px=height_px,
            rotation_degrees=applied.degrees,
            was_mirrored=applied.mirrored,
            removed=(*removed, *(("transparency",) if saw_through else ())),
        ),
        was_lossless=kind in _LOSSLESS,
    )


def _check_size(opened: Image.Image, limits: PictureLimits) -> None:
    if max(opened.size) > limits.max_side_px:
        raise too_large("side_px", limits.max_side_px)
    if opened.width * opened.height > limits.max_pixels:
        raise too_large("pixels", limits.max_pixels)
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
    if samples > _SAMPLES_PER_DECODED_PIXEL * limits.max_decoded_pixels:
        raise too_large("pixels", limits.max_decoded_pixels)


def _use_reduced_size(opened: ImageFile.ImageFile, longest_px: int) -> None:
    """Have libjpeg decode at the smallest of its own sizes that will do."""
    for factor in _DCT_FACTORS:
        if math.ceil(max(opened.size) / factor) >= longest_px * SNAP:
            size = (max(1, opened.width // factor), max(1, opened.height // factor))
            opened.draft(opened.mode, size)
            return


def _removed(kind: str, opened: ImageFile.ImageFile) -> list[str]:
    removed = list(metadata.private_parts(opened))
    if opened.info.get("icc_profile"):
        removed.append("profile")
    if "mp" in opened.info if kind == "JPEG" else getattr(opened, "is_animated", False):
        removed.append("frames")
    return removed


def _small_upright(
    image: Image.Image, longest_px: int, turn: metadata.Turn
) -> tuple[Image.Image, bool]:
    """A plain RGB image and whether the file was transparent somewhere.

    Each step lets go of the one before: at most two full pictures are in memory.
    """
    profile = image.info.get("icc_profile")
    image, saw_through = _shrunk(image, longest_px)
    image = colours.to_srgb(image, profile if isinstance(profile, bytes) else None)
    image = metadata.transposed(image, turn)
    if isinstance(image, ImageFile.ImageFile):
        image = image.copy()  # a plain Image, without what the plugin class remembers
    image.info = {}
    return image, saw_through


def _shrunk(image: Image.Image, longest_px: int) -> tuple[Image.Image, bool]:
    image, saw_through = _reduced(image, _whole_factor(max(image.size), longest_px))
    if max(image.size) <= longest_px:
        return image, saw_through
    scale = longest_px / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS), saw_through


def _whole_factor(side_px: int, longest_px: int) -> int:
    """By how many pixels to average first; the next whole number where it snaps."""
    factor = max(1, side_px // longest_px)
    snaps = longest_px * SNAP <= math.ceil(side_px / (factor + 1)) <= longest_px
    return factor + 1 if snaps and side_px > longest_px else factor


def _reduced(image: Image.Image, factor: int) -> tuple[Image.Image, bool]:
    """The flattened picture, `factor` times smaller, made in strips so that memory stays low."""
    values = colours.value_range(image)
    rows = max(1, _STRIP_PIXELS // image.width // factor) * factor
    if rows >= image.height:
        flat, saw_through = colours.flatten(image, values=values)
        return (flat.reduce(factor) if factor > 1 else flat), saw_through
    size = (math.ceil(image.width / factor), math.ceil(image.height / factor))
    result = Image.new(colours.flat_mode(image), size)
    saw_through = False
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        flat, strip_saw_through = colours.flatten(strip, values=values)
        saw_through |= strip_saw_through
        result.paste(flat.reduce(factor) if factor > 1 else flat, (0, top // factor))
    return result, saw_through

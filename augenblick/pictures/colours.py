"""From any pixel mode and profile to plain sRGB on a ground that shows it."""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass
from typing import cast

from PIL import Image, ImageChops, ImageCms

_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")
_TRANSPARENT = ("RGBA", "RGBa", "LA", "La", "PA")

_SAMPLE_PX = 1024  # of the longest side, to choose a ground by
_PLAIN = 64  # of 255: a step that nobody overlooks, and a larger one is no plainer
_ENOUGH = 0.8  # of what the best ground shows; then white will do


@dataclass(frozen=True, slots=True)
class Ground:
    """What transparent pixels are laid on, and the word of the receipt for it."""

    receipt: str
    grey: int


WHITE = Ground("transparency", 255)
_GROUNDS = (WHITE, Ground("transparency_dark", 32), Ground("transparency_grey", 128))

ValueRange = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Whole:
    """What has to be known of a whole picture to flatten a strip or a part of it."""

    values: ValueRange  # of a picture with 32-bit pixels; (0, 255) for all others
    ground: Ground

    @classmethod
    def of(cls, image: Image.Image) -> Whole:
        """Look at a decoded picture."""
        values = 0.0, 255.0
        if image.mode in ("I", "F"):
            values = cast("ValueRange", image.getextrema())  # of a picture with one channel
        return cls(values, _ground(image))


def _ground(image: Image.Image) -> Ground:
    """White, unless the picture would lose too much of its edges on it: a white logo, say."""
    if not _is_transparent(image) or image.mode in _SIXTEEN_BIT:
        return WHITE
    scale = min(1.0, _SAMPLE_PX / max(image.size))
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    sample = image.resize(size, Image.Resampling.NEAREST).convert("RGBA")
    alpha, grey = sample.getchannel("A"), sample.convert("L")
    shown = {each: _edges(grey, alpha, each) for each in _GROUNDS}
    best = max(shown, key=lambda each: shown[each])
    return WHITE if shown[WHITE] >= _ENOUGH * shown[best] else best


def _edges(grey: Image.Image, alpha: Image.Image, on: Ground) -> int:
    """How much of a picture stands out on a ground."""
    laid = Image.new("L", grey.size, on.grey)
    laid.paste(grey, mask=alpha)
    steps = (neighbour_steps(laid, across=1), neighbour_steps(laid, down=1))
    counts = [step.histogram() for step in steps if min(step.size)]
    return sum(min(_PLAIN, size) * many for count in counts for size, many in enumerate(count))


def neighbour_steps(channel: Image.Image, *, across: int = 0, down: int = 0) -> Image.Image:
    """By how much each pixel differs from the one so far to the right and below."""
    width, height = channel.size
    return ImageChops.difference(
        channel.crop((0, 0, width - across, height - down)),
        channel.crop((across, down, width, height)),
    )


def _is_transparent(image: Image.Image) -> bool:
    """Whether the file declares transparency (it may still be opaque everywhere)."""
    return image.mode in _TRANSPARENT or "transparency" in image.info


def flat_mode(image: Image.Image) -> str:
    """The mode that `flatten` will give this picture."""
    if image.mode in ("1", "L", "LA", "La", "I", "F", *_SIXTEEN_BIT):
        return "L"
    return image.mode if image.mode in ("CMYK", "LAB") else "RGB"


def is_flat(image: Image.Image) -> bool:
    """Whether `flatten` would change nothing."""
    return image.mode == flat_mode(image) and not _is_transparent(image)


def flatten(image: Image.Image, whole: Whole) -> tuple[Image.Image, bool]:
    """8 bits per channel on a ground, as L, RGB, CMYK or LAB; and whether it saw through.

    `whole` is the picture of which this may be a strip.
    """
    if image.mode in _SIXTEEN_BIT:
        # Pillow's own conversion cuts everything above 255 off instead of dividing
        return image.point(lambda value: value * (1 / 257)).convert("L"), False
    if image.mode in ("I", "F"):
        return _eight_bit(image, whole.values), False
    if _is_transparent(image):
        return _on_ground(image, flat_mode(image), whole.ground)
    return (image if image.mode == flat_mode(image) else image.convert(flat_mode(image))), False


def _eight_bit(image: Image.Image, values: ValueRange) -> Image.Image:
    low, high = values
    if low >= 0 and 255 < high <= 65535:  # noqa: PLR2004 - 16 bits in a 32-bit container
        low, high = 0, 65535
    scale = 255 / (high - low) if high > low else 1.0
    return image.convert("F").point(lambda value: value * scale + -low * scale).convert("L")


def _on_ground(image: Image.Image, mode: str, on: Ground) -> tuple[Image.Image, bool]:
    layered = image.convert("RGBA")
    alpha = layered.getchannel("A")
    laid = Image.new(mode, image.size, f"rgb({on.grey},{on.grey},{on.grey})")
    laid.paste(layered.convert(mode), mask=alpha)
    return laid, alpha.histogram()[255] < image.width * image.height


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The picture in sRGB, mode RGB; the same object if it is so already.

    A profile that is damaged or of another kind than the pixels is ignored.
    """
    transform = _transform(profile or b"", image.mode) if profile or image.mode == "LAB" else None
    if transform is None:
        return image if image.mode == "RGB" else image.convert("RGB")
    return transform.apply(image)


@functools.lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """None when the profile is unusable or changes no colour by more than one step of 255."""
    try:
        source = _profile(profile, mode)
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    return None if mode == "RGB" and _changes_nothing(transform) else transform


def _profile(profile: bytes, mode: str) -> ImageCms.ImageCmsProfile:
    if mode == "LAB" and not profile:
        return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    return ImageCms.ImageCmsProfile(io.BytesIO(profile))


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    steps = range(0, 256, 15)
    chart = bytes(channel for r in steps for g in steps for b in steps for channel in (r, g, b))
    before = Image.frombytes("RGB", (len(steps) ** 2, len(steps)), chart)
    after = transform.apply(before).tobytes()
    return all(abs(old - new) <= 1 for old, new in zip(chart, after, strict=True))

"""The main colours of a picture, by name.

Ranges of hue, saturation and value as people use the words; the first row that holds wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_GRID = (160, 160)  # pixels that are looked at
_MIN_SHARE = 0.05
_MAX_COLOURS = 4


@dataclass(frozen=True, slots=True)
class Colour:
    """A main colour; `name` is its key in the catalogue, `share` from 0 to 1."""

    name: str
    share: float


class _Range(NamedTuple):
    """Borders of a name, upper ones excluded: hue in degrees, the others from 0 to 255."""

    name: str
    hue: tuple[int, int] = (0, 361)
    saturation: tuple[int, int] = (0, 256)
    value: tuple[int, int] = (0, 256)


_RANGES = (
    _Range("reader.colour.black", value=(0, 45)),
    _Range("reader.colour.white", saturation=(0, 28), value=(216, 256)),
    _Range("reader.colour.grey", saturation=(0, 38)),
    _Range("reader.colour.grey", saturation=(0, 60), value=(0, 80)),
    _Range("reader.colour.beige", hue=(14, 50), saturation=(0, 115), value=(166, 256)),
    _Range("reader.colour.brown", hue=(14, 50), value=(0, 166)),
    _Range("reader.colour.red", hue=(0, 14)),
    _Range("reader.colour.orange", hue=(14, 42)),
    _Range("reader.colour.yellow", hue=(42, 68)),
    _Range("reader.colour.green", hue=(68, 170)),
    _Range("reader.colour.turquoise", hue=(170, 195)),
    _Range("reader.colour.blue", hue=(195, 255)),
    _Range("reader.colour.purple", hue=(255, 290)),
    _Range("reader.colour.pink", hue=(290, 345)),
    _Range("reader.colour.red", hue=(345, 361)),
)


def main_colours(image: Image.Image) -> tuple[Colour, ...]:
    """The named colours that cover most of the picture, largest first."""
    grid = image.resize(_GRID, Image.Resampling.NEAREST).convert("HSV")
    names = _named(np.asarray(grid, dtype=np.int32))
    found, counts = np.unique(names, return_counts=True)
    shares = sorted(zip(found, counts / names.size, strict=True), key=lambda pair: -pair[1])
    return tuple(
        Colour(str(name), round(float(share), 3))
        for name, share in shares[:_MAX_COLOURS]
        if share >= _MIN_SHARE
    )


def _named(hsv: NDArray[np.int32]) -> NDArray[np.str_]:
    hue, saturation, value = hsv[:, :, 0] * 360 // 255, hsv[:, :, 1], hsv[:, :, 2]
    conditions = [
        _within(hue, row.hue) & _within(saturation, row.saturation) & _within(value, row.value)
        for row in _RANGES
    ]
    return np.select(conditions, [row.name for row in _RANGES], default="reader.colour.grey")


def _within(channel: NDArray[np.int32], borders: tuple[int, int]) -> NDArray[np.bool_]:
    low, high = borders
    return (channel >= low) & (channel < high)

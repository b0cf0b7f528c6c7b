"""The tools that look at a picture again: at a region of it, and at the codes in it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self

from augenblick.core.messages import Attachment, ImagePart, PreparedPicture
from augenblick.pictures import PictureCode

_EDGES: Final = ("left", "top", "right", "bottom")
_SMALLEST_PX: Final = 8  # of a region's side: less shows nothing, and is a slip of the model
_MOST_CODES: Final = 20
_MOST_CHARACTERS: Final = 2_000  # of one code's content; a QR code holds 4296


class CallMistake(Exception):
    """A call that can't be run; the text goes back to the model as the result of the call."""


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a picture in fractions of its sides, 0 to 1, with an area."""

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the picture."""
        return self == type(self)()

    @classmethod
    def read(cls, arguments: Mapping[str, Any], picture: Attachment) -> Self:
        """The region a call names, cut to the picture. Raises CallMistake.

        Numbers of 0 to 1 are fractions; as soon as one is above 1, all are pixels.
        """
        given = [arguments.get(edge) for edge in _EDGES]
        if all(value is None for value in given):
            return cls()
        numbers = [_number(edge, value) for edge, value in zip(_EDGES, given, strict=True)]
        sides = (picture.width_px, picture.height_px) * 2
        if max(numbers) > 1:
            numbers = [value / side for value, side in zip(numbers, sides, strict=True)]
        left, top, right, bottom = (min(1.0, value) for value in numbers)
        if right <= left or bottom <= top:
            raise CallMistake("right must be larger than left, and bottom larger than top.")
        left, right = _widened(left, right, picture.width_px)
        top, bottom = _widened(top, bottom, picture.height_px)
        return cls(left, top, right, bottom)


class Sight(Protocol):
    """Looks at a stored picture again. Both raise ImageError."""

    def zoom(self, picture: Attachment, region: Region) -> PreparedPicture:
        """The region as a picture, as sharp as there is one."""
        ...

    def codes(self, picture: Attachment, region: Region) -> Sequence[PictureCode]:
        """The codes in the region, in reading order; positions are those within the region."""
        ...


def picture_of(arguments: Mapping[str, Any], seen: Sequence[ImagePart]) -> ImagePart:
    """The picture a call names by its number. Raises CallMistake."""
    number = arguments.get("picture", 1 if len(seen) == 1 else None)
    is_whole = isinstance(number, int | float) and not isinstance(number, bool)
    if not is_whole or number != int(number):
        raise CallMistake("picture must be the number of a picture, from 1 on.")
    if not seen:
        raise CallMistake("There is no picture in this conversation.")
    if not 1 <= number <= len(seen):
        raise CallMistake(f"There is no picture {int(number)}; there are 1 to {len(seen)}.")
    return seen[int(number) - 1]


def tell_codes(found: Sequence[PictureCode]) -> dict[str, Any]:
    """What was read, as a result."""
    codes: list[dict[str, Any]] = [
        {
            "type": code.kind,
            "content": code.text[:_MOST_CHARACTERS],
            "at": [round(code.x, 3), round(code.y, 3)],
        }
        for code in found[:_MOST_CODES]
    ]
    left_out = len(found) - len(codes)
    return {"codes": codes, "left_out": left_out} if left_out else {"codes": codes}


def _number(edge: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise CallMistake(f"{edge} must be a number: all of left, top, right and bottom, or none.")
    return max(0.0, float(value))


def _widened(start: float, end: float, side_px: int) -> tuple[float, float]:
    """A side of at least so many pixels, within the picture."""
    length = min(1.0, max(end - start, _SMALLEST_PX / side_px))
    start = max(0.0, min(start, 1.0 - length))
    return start, start + length

"""The text that was read in a picture, with its places."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TextCell:
    """A piece of a row and the upright box around it, in pixels of the picture."""

    text: str
    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class PictureText:
    """Rows in reading order; None while only their number is known, for reading many takes long."""

    row_count: int
    rows: tuple[tuple[TextCell, ...], ...] | None
    is_level: bool = True  # the text runs from left to right in the picture as it is

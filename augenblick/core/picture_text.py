"""The text that was read in a picture, with its places; and what of an answer stands in it."""

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


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands, in pixels of the picture."""

    sha256: str
    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Value:
    """A value as it is written in the answer, wherever it stands there, and where it was found."""

    text: str
    places: tuple[Place, ...]

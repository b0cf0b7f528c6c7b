"""Boxes of text to lines in reading order.

Cells on one height become one line, so that label and price stay together. Two columns of running
text are read one after the other. No OCR here, only geometry in pixels: the order is known before
a single word has been read, so that lines can be handed on one by one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

_COLUMN_MIN_ROWS = 3
_COLUMN_MIN_CHARS = 16  # prices, times and labels are shorter; running text is longer
_MAX_GAP_CHARS = 24
_SMALL_OVERLAP = 0.8  # of a cell's height
_PARAGRAPH_GAP = 0.9  # of a line's height
_CHAR_WIDTH = 0.42  # of a cell's height: measured as the mean of Latin text in found boxes


@dataclass(frozen=True, slots=True)
class Cell:
    """One box of text; `number` is its place among the boxes that were found."""

    number: int
    left: float
    top: float
    right: float
    bottom: float

    @property
    def height(self) -> float:
        """In pixels."""
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        """The height of its centre."""
        return (self.top + self.bottom) / 2


def char_count(width: float, height: float) -> float:
    """About how many characters a box of this size holds."""
    return max(width, 1.0) / max(height * _CHAR_WIDTH, 1.0)


Box = tuple[int, int, int, int]
"""Left, top, width and height of what stands upright in a picture, in its pixels."""


@dataclass(frozen=True, slots=True)
class Row:
    """Cells on one height, from left to right, and where their block of text begins."""

    cells: tuple[Cell, ...]
    block: int  # rows of one block stand below each other
    left: float  # of the block
    char_px: float  # the width of a character in the block


@dataclass(frozen=True, slots=True)
class Line:
    """A row that was read: the texts of its cells."""

    cells: tuple[str, ...]
    laid_out: str  # with spaces that show the columns
    height_px: float
    starts_paragraph: bool = False
    boxes: tuple[Box, ...] = ()  # of the cells, in the picture as it was given

    @property
    def text(self) -> str:
        """The cells, two spaces apart."""
        return "  ".join(self.cells)


Corner = tuple[float, float]


def straight_cells(boxes: Sequence[Sequence[Corner]]) -> list[Cell]:
    """Upright cells from boxes of four corners (from the top left, clockwise), tilt taken out."""
    tilt = _tilt(boxes)
    cos, sin = math.cos(tilt), math.sin(tilt)
    cells = []
    for number, corners in enumerate(boxes):
        xs = [x * cos + y * sin for x, y in corners]
        ys = [y * cos - x * sin for x, y in corners]
        top, bottom = (ys[0] + ys[1]) / 2, (ys[2] + ys[3]) / 2
        cells.append(Cell(number, min(xs), top, max(xs), bottom))
    return cells


def _tilt(boxes: Iterable[Sequence[Corner]]) -> float:
    """The median slope of the longer boxes, in radians."""
    slopes = []
    for corners in boxes:
        (left, top), (right, top_right) = corners[0], corners[1]
        height = math.dist(corners[0], corners[3])
        if right - left > 2 * height:
            slopes.append(math.atan2(top_right - top, right - left))
    return median(slopes) if slopes else 0.0


def rows_of(cells: Sequence[Cell]) -> list[Row]:
    """All rows, in reading order."""
    rows = []
    for number, block in enumerate(_blocks(cells)):
        left = min(cell.left for cell in block)
        char_px = max(median(cell.height for cell in block) * _CHAR_WIDTH, 1.0)
        rows += [Row(tuple(row), number, left, char_px) for row in _rows(block)]
    return rows


def line_of(row: Row, texts: Mapping[int, str], above: Row | None) -> Line:
    """The line of a row. `texts` are those of its cells, by number; a cell may have none.

    `above` is the row that was read before it, `None` for the first.
    """
    cells = [cell for cell in row.cells if cell.number in texts]
    height = median(cell.height for cell in cells)
    starts = above is not None and above.block != row.block
    if above is not None and not starts:
        gap = min(cell.top for cell in cells) - max(cell.bottom for cell in above.cells)
        starts = gap > _PARAGRAPH_GAP * height
    read = tuple(texts[cell.number] for cell in cells)
    return Line(read, _laid_out(row, cells, read), height, starts)


def _rows(cells: Sequence[Cell]) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for cell in sorted(cells, key=lambda cell: cell.middle):
        if rows and _is_level(rows[-1], cell):
            rows[-1].append(cell)
        else:
            rows.append([cell])
    return [sorted(row, key=lambda cell: cell.left) for row in rows]


def _is_level(row: Sequence[Cell], cell: Cell) -> bool:
    middle = sum(other.middle for other in row) / len(row)
    reach = 0.5 * min(cell.height, *(other.height for other in row))
    overlaps = (min(one.right, cell.right) - max(one.left, cell.left) for one in row)
    is_beside = max(overlaps) < _SMALL_OVERLAP * cell.height
    return abs(cell.middle - middle) < reach and is_beside


def _laid_out(row: Row, cells: Sequence[Cell], texts: Sequence[str]) -> str:
    """The cells at about the place they have in the picture; the last one ends where it ends."""
    laid_out = texts[0]
    for cell, text in zip(cells[1:], texts[1:], strict=True):
        column = round((cell.right - row.left) / row.char_px) - len(text)
        laid_out += " " * min(max(column - len(laid_out), 2), _MAX_GAP_CHARS) + text
    return laid_out


def _blocks(cells: Sequence[Cell]) -> list[list[Cell]]:
    """Parts to be read one after the other: usually one, more where text runs in two columns."""
    gutter = _gutter(cells)
    if gutter is None:
        return [list(cells)] if cells else []
    blocks: list[list[Cell]] = []
    band: list[Cell] = []
    for row in _rows(cells):
        if any(cell.left < gutter < cell.right for cell in row):
            blocks.extend(_columns(band, gutter))
            blocks.append(row)
            band = []
        else:
            band.extend(row)
    return [block for block in [*blocks, *_columns(band, gutter)] if block]


def _columns(band: Sequence[Cell], gutter: float) -> list[list[Cell]]:
    sides = [
        [cell for cell in band if cell.right <= gutter],
        [cell for cell in band if cell.left >= gutter],
    ]
    return sides if all(_runs(side) for side in sides) else [list(band)]


def _runs(side: Sequence[Cell]) -> bool:
    """Whether these cells look like running text rather than labels or prices."""
    return (
        len(side) >= _COLUMN_MIN_ROWS
        and median(char_count(cell.right - cell.left, cell.height) for cell in side)
        >= _COLUMN_MIN_CHARS
    )


def _gutter(cells: Sequence[Cell]) -> float | None:
    """The x of an upright gap between two columns of running text."""
    best: tuple[int, float] | None = None
    for candidate in sorted({cell.left for cell in cells}):
        x = candidate - 1
        left = [cell for cell in cells if cell.right <= x]
        right = [cell for cell in cells if cell.left >= x]
        crossing = len(cells) - len(left) - len(right)
        if crossing * 4 > len(cells) or not (_runs(left) and _runs(right)):
            continue
        if best is None or crossing < best[0]:
            best = (crossing, x)
    return best[1] if best else None

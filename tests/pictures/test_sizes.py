"""How large a picture will come out, when parts are better, and what sharper means."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from augenblick.core.messages import Provenance, TileOf
from augenblick.pictures import (
    PictureOptions,
    plan_tiles,
    prepare_image,
    sharper,
    would_lose_detail,
)
from tests.pictures import corpus

LARGE = [(1080, 12_000), (8064, 6048), (16_000, 1_500), (2049, 100), (4100, 4100), (32_000, 70)]


@pytest.mark.parametrize("size", [(4032, 1200), (3000, 700), (6000, 400), (640, 480), (2050, 900)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "PDF"])
def test_a_picture_comes_out_as_large_as_wanted(kind: str, size: tuple[int, int]) -> None:
    """At most 6 % smaller, for every way a decoder has to make it so; turned or not, never more."""
    content = corpus.encoded(
        corpus.scene(size), kind, **{"resolution": 300} if kind == "PDF" else {}
    )
    for wish in (
        PictureOptions(),
        PictureOptions(longest_side_px=512, rotate_degrees=90),
        PictureOptions(longest_side_px=300, tile=TileOf(1, 2, 40, 20, 600, 380)),
    ):
        attachment = prepare_image(content, name="x", options=wish).attachment
        width, height = (600, 380) if wish.tile else size[:: -1 if wish.rotate_degrees else 1]
        most = min(max(width, height), wish.longest_side_px)
        longest = max(attachment.width_px, attachment.height_px)
        assert 0.94 * most <= longest <= most
        share = longest / max(width, height)
        assert attachment.width_px == pytest.approx(width * share, abs=1)
        assert attachment.height_px == pytest.approx(height * share, abs=1)


@pytest.mark.parametrize("size", LARGE)
def test_parts_show_every_pixel_and_overlap(size: tuple[int, int]) -> None:
    """No line of text is cut in both of two neighbours, and there are ten pictures at most."""
    width, height = size
    overview, *parts = plan_tiles(width, height)
    assert overview == TileOf(0, len(parts), 0, 0, width, height)
    assert 2 <= len(parts) <= 9
    seen = np.zeros((height, width), dtype=np.uint8)
    for number, part in enumerate(parts, start=1):
        assert (part.index, part.count) == (number, len(parts))
        assert part.left_px + part.width_px <= width
        assert part.top_px + part.height_px <= height
        seen[
            part.top_px : part.top_px + part.height_px, part.left_px : part.left_px + part.width_px
        ] += 1
    assert seen.min() == 1
    assert seen.max() > 1
    if len(parts) < 9:
        assert max(max(part.width_px, part.height_px) for part in parts) <= 2048


def test_a_picture_that_fits_has_no_parts() -> None:
    """There is nothing to gain."""
    assert plan_tiles(2048, 1500) == ()
    assert plan_tiles(1080, 3400, longest_side_px=4096) == ()


@pytest.mark.parametrize(
    ("size", "is_lost"),
    [
        ((4032, 3024), False),  # an ordinary photograph
        ((8064, 6048), True),
        ((1080, 2400), False),  # the screen of a phone
        ((1080, 9000), True),  # a long page on it
        ((500, 1800), False),  # long, but sent as it is
        ((12_000, 3_000), True),
    ],
)
def test_parts_are_offered_where_small_print_would_be_lost(
    size: tuple[int, int], *, is_lost: bool
) -> None:
    """Very large and very long pictures, but never a part of one."""
    assert would_lose_detail(*size, PictureOptions()) is is_lost
    part = PictureOptions(tile=TileOf(0, 4, 0, 0, *size))
    assert not would_lose_detail(*size, part)


def test_sharper_goes_up_to_what_the_file_has_and_no_further() -> None:
    """Twice the side, at most the source's and 4096 px; then there is no more to offer."""
    receipt = Provenance("x", "JPEG", 1, 6000, 4000)
    second = sharper(PictureOptions(rotate_degrees=90), receipt)
    assert second == PictureOptions(longest_side_px=4096, quality=92, rotate_degrees=90)
    assert sharper(second, receipt) is None
    small = replace(receipt, source_width_px=3000, source_height_px=2000)
    assert sharper(PictureOptions(), small) == PictureOptions(longest_side_px=3000, quality=92)
    assert sharper(PictureOptions(), replace(small, source_width_px=2048)) is None
    part = replace(receipt, tile=TileOf(1, 9, 0, 0, 2500, 1200))
    assert sharper(PictureOptions(quality=95), part) == PictureOptions(
        longest_side_px=2500, quality=95
    )


@pytest.mark.parametrize("fields", [{"index": 3}, {"left_px": -1}, {"height_px": 0}])
def test_a_part_that_can_not_be_is_an_error_of_the_program(fields: dict[str, Any]) -> None:
    """Numbers beyond the count and places beyond the picture can't be asked for."""
    good = TileOf(1, 2, 0, 0, 10, 10)
    with pytest.raises(ValueError, match="must"):
        replace(good, **fields)

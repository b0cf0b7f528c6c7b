"""Regions that are marked on a picture: cut from the file as it came, numbered in the overview."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from PIL import Image

from augenblick.core.messages import PreparedPicture, TileOf
from augenblick.pictures import PictureOptions, PicturePool, PictureSource
from augenblick.pictures.regions import MAX_REGIONS, Region
from augenblick.pictures.tray import Tray, choose_pages, mark, prepare_anew, prepare_file, turn
from tests.pictures import corpus
from tests.raising import raises

_SIZE = (4000, 3000)
_QUARTER = Region(0.5, 0.5, 0.5, 0.5)


@pytest.fixture(scope="module")
def pool() -> Iterator[PicturePool]:
    """Real workers."""
    with PicturePool(workers=1) as started:
        yield started


def _jpeg(image: Image.Image, *, orientation: int = 1) -> bytes:
    return corpus.encoded(image, "JPEG", quality=95, exif=corpus.exif(orientation).tobytes())


def _ramps(size: tuple[int, int] = _SIZE) -> Image.Image:
    """Red says how far to the right, green how far down."""
    width, height = size
    across = np.linspace(0, 255, width).astype(np.uint8)[None, :].repeat(height, 0)
    down = np.linspace(0, 255, height).astype(np.uint8)[:, None].repeat(width, 1)
    return Image.fromarray(np.dstack([across, down, np.full_like(across, 128)]))


def _opened(picture: PreparedPicture) -> Image.Image:
    return Image.open(io.BytesIO(picture.content)).convert("RGB")


def _tiles(pictures: Sequence[PreparedPicture]) -> list[tuple[int, int, int, int]]:
    found = [each.attachment.receipt.tile for each in pictures]
    return [(t.left_px, t.top_px, t.width_px, t.height_px) for t in found if t is not None]


def _place(picture: PreparedPicture) -> tuple[float, float]:
    """Where the middle of a part of the ramps is, in shares of the sides."""
    red, green, _ = np.asarray(_opened(picture)).mean((0, 1)) / 255
    return round(float(red), 2), round(float(green), 2)


def _marked(pool: PicturePool, content: bytes, *regions: Region) -> tuple[PreparedPicture, ...]:
    return pool.prepare_regions(PictureSource("a.jpg", content), regions)


def test_a_region_has_every_pixel_of_the_file_where_the_overview_is_small(
    pool: PicturePool,
) -> None:
    """A quarter of 12 megapixels is sent as such; the overview is as small as it would be alone."""
    source = _jpeg(_ramps())
    overview, region = _marked(pool, source, _QUARTER)
    alone = pool.prepare(source, name="a.jpg")

    assert (region.attachment.width_px, region.attachment.height_px) == (2000, 1500)
    assert overview.attachment.width_px == alone.attachment.width_px
    assert _place(region) == pytest.approx((0.75, 0.75), abs=0.01)
    assert overview.content != alone.content
    receipts = [each.attachment.receipt.tile for each in (overview, region)]
    assert receipts == [
        TileOf(0, 1, 0, 0, 4000, 3000, is_region=True),
        TileOf(1, 1, 2000, 1500, 2000, 1500, is_region=True),
    ]


@pytest.mark.parametrize(
    ("region", "tile"),
    [
        (Region(0, 0, 1, 1), (0, 0, 4000, 3000)),
        (Region(0.9, 0.9, 0.1, 0.1), (3600, 2700, 400, 300)),
        (Region(0.5, 0.5, 1 / 4000, 1 / 3000), (1984, 1484, 32, 32)),
        (Region(0.5, 0.5, 0, 0), (1984, 1484, 32, 32)),
        (Region(1, 1, 0, 0), (3968, 2968, 32, 32)),
        (Region(0, 0, 0, 0), (0, 0, 32, 32)),
        (Region(-0.5, 0.25, 1, 0.5), (0, 750, 2000, 1500)),
        (Region(0.75, 0.5, 9, 0.25), (3000, 1500, 1000, 750)),
        (Region(5, -7, 1, 1), (3968, 0, 32, 32)),
        (Region(0.75, 0.75, -0.25, -0.5), (2000, 750, 1000, 1500)),
    ],
)
def test_a_region_is_within_the_picture_and_never_tiny(
    pool: PicturePool, region: Region, tile: tuple[int, int, int, int]
) -> None:
    """What lies outside is cut off; a pixel grows to what a model can see, also at an edge."""
    pictures = _marked(pool, _jpeg(_ramps()), region)

    assert _tiles(pictures) == [(0, 0, 4000, 3000), tile]
    assert max(_opened(pictures[1]).size) == max(tile[2:])


@pytest.mark.parametrize("size", [(3, 2), (1, 1), (5000, 1)])
def test_a_picture_that_is_smaller_than_a_region_may_be(
    pool: PicturePool, size: tuple[int, int]
) -> None:
    """All of its short side, then."""
    pictures = _marked(pool, corpus.encoded(Image.new("RGB", size), "PNG"), Region(0.4, 0.4, 0, 0))
    width, height = size

    assert _tiles(pictures)[1][2:] == (min(32, width), min(32, height))


def test_nine_regions_are_numbered_in_the_order_of_drawing(pool: PicturePool) -> None:
    """Each has its own number, its own place and its own picture."""
    regions = [Region(0.1 * at, 0.1 * (9 - at), 0.1, 0.1) for at in range(9)]
    overview, *parts = _marked(pool, _jpeg(_ramps()), *regions)
    tiles = [each.attachment.receipt.tile for each in parts]

    assert [(tile.index, tile.count) for tile in tiles if tile] == [(n, 9) for n in range(1, 10)]
    assert [_place(each)[0] for each in parts] == pytest.approx(
        [0.1 * at + 0.05 for at in range(9)], abs=0.02
    )
    assert overview.attachment.receipt.tile == TileOf(0, 9, 0, 0, 4000, 3000, is_region=True)


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_the_outline_is_seen_on_dark_and_light(pool: PicturePool, shade: int) -> None:
    """Beside the region stand a line as light and one as dark as can be told from any picture."""
    content = _jpeg(Image.new("RGB", (1600, 1200), (shade,) * 3))
    overview, _ = _marked(pool, content, Region(0.4, 0.4, 0.2, 0.2))
    row = np.asarray(_opened(overview).convert("L"))[600].astype(int)
    beside, inside = row[600:640], row[650:950]

    assert beside.min() < 40
    assert beside.max() > 180
    assert abs(inside - shade).max() < 12


@pytest.mark.parametrize("orientation", corpus.ORIENTATIONS)
def test_a_region_counts_in_the_picture_as_it_is_seen(pool: PicturePool, orientation: int) -> None:
    """However the camera was held, the lower left corner of the page is the one that is cut out."""
    content = corpus.encoded(
        corpus.stored(orientation, (360, 240)), "JPEG", exif=corpus.exif(orientation).tobytes()
    )
    _, region = _marked(pool, content, Region(0, 2 / 3, 1 / 3, 1 / 3))
    colour = np.asarray(_opened(region)).reshape(-1, 3).mean(0)

    assert abs(colour - np.array(corpus.BLUE)).max() < 14


def _take(_files: Sequence[bytes], keep: Callable[[], None]) -> None:
    keep()


def _tray(pool: PicturePool, content: bytes, *, max_count: int = 10) -> Tray:
    tray = Tray(max_count=max_count)
    tray.begin(1, "a.jpg")
    prepare_file(tray, pool, PictureSource("a.jpg", content), file=1, person="", take=_take)
    return tray


def _mark(tray: Tray, pool: PicturePool, *regions: Region, at: int = 0) -> None:
    mark(tray, pool, tray.items[at], regions, person="", take=_take)


def test_regions_turn_with_their_picture(pool: PicturePool) -> None:
    """Turned in the tray afterwards they show what they showed, four times and back again."""
    tray = _tray(pool, _jpeg(_ramps(), orientation=6))
    region = Region(0.1, 0.2, 0.3, 0.15)
    _mark(tray, pool, region)
    before = _place(tray.pictures[1])
    sizes = []
    for _ in range(4):
        turn(tray, pool, tray.items[0], person="")
        overview, part = tray.pictures
        sizes.append((part.attachment.width_px, part.attachment.height_px))

        assert _place(part) == pytest.approx(before, abs=0.01)
        assert overview.attachment.receipt.tile is not None

    assert sizes == [(600, 900), (900, 600)] * 2
    (again,) = tray.items[0].regions
    assert (again.left, again.top, again.width, again.height) == pytest.approx(
        (region.left, region.top, region.width, region.height)
    )


def test_in_another_size_the_regions_stay_and_are_as_sharp_as_before(pool: PicturePool) -> None:
    """Only the overview follows the size that is chosen for pictures."""
    tray = _tray(pool, _jpeg(_ramps()))
    _mark(tray, pool, _QUARTER)
    prepare_anew(tray, pool, PictureOptions(longest_side_px=1000), person="")

    assert [each.attachment.width_px for each in tray.pictures] == [1000, 2000]


def test_marking_anew_replaces_and_none_takes_the_marks_away(pool: PicturePool) -> None:
    """It is the picture itself again then, and turns and counts as one."""
    tray = _tray(pool, _jpeg(_ramps()))
    plain = tray.pictures
    _mark(tray, pool, Region(0, 0, 0.5, 0.5), _QUARTER)
    assert len(tray.pictures) == 3
    assert tray.room() == 7
    _mark(tray, pool, _QUARTER)
    assert _tiles(tray.pictures)[1:] == [(2000, 1500, 2000, 1500)]
    _mark(tray, pool)

    assert tray.pictures == plain
    assert tray.room() == 9


def test_more_regions_than_a_question_has_room_for_are_refused(pool: PicturePool) -> None:
    """A region is a picture of the question; what was marked before stays."""
    tray = _tray(pool, _jpeg(_ramps((400, 300))), max_count=4)
    _mark(tray, pool, _QUARTER)
    with raises("image_too_many"):
        _mark(tray, pool, *[_QUARTER] * 4)
    assert len(tray.pictures) == 2
    _mark(tray, pool, *[_QUARTER] * 3)
    assert tray.room() == 0

    tray.put([pool.prepare(_jpeg(_ramps((200, 100))), name="back.jpg")], file=7)  # one too many
    _mark(tray, pool, *[Region(0, 0, 0.5, 0.5)] * 3)
    assert tray.room() == -1

    many = _tray(pool, _jpeg(_ramps((400, 300))), max_count=50)
    with raises("image_too_many"):
        _mark(many, pool, *[_QUARTER] * (MAX_REGIONS + 1))


def test_a_picture_that_was_taken_out_or_turned_meanwhile_is_not_marked(pool: PicturePool) -> None:
    """What the regions were drawn on is no longer what they would be cut from."""
    tray = _tray(pool, _jpeg(_ramps((400, 300))))
    item = tray.items[0]
    turn(tray, pool, item, person="")
    mark(tray, pool, item, [_QUARTER], person="", take=_take)
    assert [len(each.sent) for each in tray.items] == [1]

    turned = tray.items[0]
    tray.remove(turned.id)
    mark(tray, pool, turned, [_QUARTER], person="", take=_take)
    assert tray.items == ()


def test_a_question_takes_the_overview_and_the_regions_in_order(pool: PicturePool) -> None:
    """Given back, they wait together as they were, and are taken out together."""
    tray = _tray(pool, _jpeg(_ramps((400, 300))))
    tray.begin(2, "b.jpg")
    other = PictureSource("b.jpg", _jpeg(_ramps((200, 100))))
    prepare_file(tray, pool, other, file=2, person="", take=_take)
    _mark(tray, pool, Region(0, 0, 0.5, 0.5), _QUARTER)
    taken = tray.take([item.id for item in tray.items])
    assert taken is not None
    assert [each.attachment.width_px for each in taken] == [400, 200, 200, 200]
    assert tray.pictures == ()

    tray.put(taken, file=5)
    assert [len(item.sent) for item in tray.items] == [3, 1]
    prepare_anew(tray, pool, PictureOptions(longest_side_px=100), person="")
    again = tray.take([tray.items[0].id])
    assert again == taken[:3]


def test_pages_of_a_pdf_that_stay_keep_their_regions(pool: PicturePool) -> None:
    """Choosing other pages loses nothing of those that were chosen before."""
    first, *others = [Image.new("RGB", (90, 120), f"#{40 * n + 20:02x}4040") for n in range(3)]
    buffer = io.BytesIO()
    first.save(buffer, "PDF", save_all=True, append_images=others)
    tray = _tray(pool, buffer.getvalue())
    _mark(tray, pool, _QUARTER, at=1)
    choose_pages(tray, pool, tray.items[0], (1, 2), person="", take=_take)

    assert [len(item.sent) for item in tray.items] == [2, 1]
    assert [item.regions for item in tray.items] == [(_QUARTER,), ()]


def test_a_region_of_a_huge_page_is_drawn_as_sharp_as_memory_allows(pool: PicturePool) -> None:
    """A plan of more than a square metre has 190 megapixels, of which 64 are drawn at once."""
    pictures = _marked(pool, corpus.paper(1, (4000, 2800)), Region(0.25, 0.25, 0.25, 0.25))

    assert max(_opened(pictures[1]).size) > 2000

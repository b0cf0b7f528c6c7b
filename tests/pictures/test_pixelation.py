"""What is pixelated can't be had back, from the tray, the file, a part or another size of it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from augenblick.core.messages import PreparedPicture
from augenblick.pictures import PictureLimits, PictureOptions, PicturePool, PictureSource
from augenblick.pictures.faces import FaceFinder
from augenblick.pictures.regions import Region
from augenblick.pictures.tray import (
    Tray,
    choose_pages,
    mark,
    origin,
    prepare_anew,
    prepare_file,
    turn,
)
from augenblick.pictures.tray_pixelation import pixelate
from tests.pictures import corpus

FacesIn = Callable[[bytes], tuple[Region, ...]]
FACE = Region(0.31, 0.06, 0.26, 0.34)  # in the photograph
_PHOTO = Image.open(Path(__file__).parent / "photos" / "astronaut.jpg").convert("RGB")


@pytest.fixture(scope="module")
def pool() -> Iterator[PicturePool]:
    """Real workers, with time for machines that are busy with other tests."""
    with PicturePool(workers=1, time_limit_seconds=120) as started:
        yield started


@pytest.fixture(scope="module")
def faces_in() -> FacesIn:
    """What finds faces, in this process, and where it is sure of them."""
    return partial(FaceFinder().find, sure=0.5)


def _jpeg(image: Image.Image, **more: object) -> bytes:
    return corpus.encoded(image, "JPEG", quality=90, **more)


def _camera_jpeg() -> bytes:
    """Turned by its EXIF, with a preview in it and another one behind it."""
    preview = _jpeg(_PHOTO.resize((256, 256)))
    exif = corpus.exif(6)
    ifd = exif.get_ifd(0x8769)
    ifd[0x927C] = preview  # MakerNote, where cameras have them
    stored = _PHOTO.transpose(Image.Transpose.ROTATE_90)
    return _jpeg(stored, exif=exif) + preview


_FILES: dict[str, Callable[[], bytes]] = {
    "camera.jpg": _camera_jpeg,
    "phone.heic": lambda: corpus.encoded(_PHOTO, "HEIF", quality=90),
    "scan.png": lambda: corpus.encoded(_PHOTO, "PNG"),
    "page.pdf": lambda: corpus.encoded(_PHOTO, "PDF", resolution=200),
}


def _put(tray: Tray, pool: PicturePool, name: str, content: bytes, file: int = 1) -> None:
    tray.begin(file, name)
    source = PictureSource(name, content)
    prepare_file(tray, pool, source, file=file, person="", take=_take)


def _take(_files: Sequence[bytes], keep: Callable[[], None]) -> None:
    keep()


def _file(pool: PicturePool, picture: PreparedPicture) -> bytes:
    """What it would be prepared from again."""
    return origin(picture, pool, PictureOptions()).content


@pytest.mark.parametrize("name", _FILES)
def test_no_face_is_left_in_anything_that_is_kept(
    name: str, pool: PicturePool, faces_in: FacesIn
) -> None:
    """The picture, its thumbnail, the file itself and all that can be made of it afterwards."""
    content = _FILES[name]()
    tray = Tray(max_count=10)
    _put(tray, pool, name, content)
    (before,) = tray.pictures
    assert faces_in(before.content)
    assert faces_in(before.thumbnail)
    assert pool.original(before.attachment) is not None

    (face,) = pool.find_faces(before)
    assert pixelate(tray, pool, tray.items[0], [face], person="")

    (after,) = tray.pictures
    turn(tray, pool, tray.items[0], person="")
    prepare_anew(tray, pool, PictureOptions(longest_side_px=400), person="")
    file = _file(pool, after)
    sharp = pool.prepare(file, name=name, options=PictureOptions(4096, 95))
    made = [after.content, after.thumbnail, file, sharp.content, tray.pictures[0].content]
    upright = [*made[:-1], _turned_back(made[-1])]
    assert [faces_in(each) for each in upright] == [()] * 5
    assert pool.original(before.attachment) is None
    assert [file.count(sign) for sign in (b"\xff\xd8\xff", b"Exif", b"ftyp", b"%PDF")] in (
        [1, 0, 0, 0],
        [0, 0, 0, 0],
    )


def _turned_back(content: bytes) -> bytes:
    return _jpeg(Image.open(io.BytesIO(content)).transpose(Image.Transpose.ROTATE_90))


def test_the_receipt_says_how_many_and_what_was_done_before(pool: PicturePool) -> None:
    """It goes on through a turn and a second time, as that of the file that a person gave."""
    tray = Tray(max_count=10)
    _put(tray, pool, "IMG_1.jpg", _jpeg(_PHOTO.resize((900, 600)), exif=corpus.private_exif(6)))
    (before,) = tray.pictures
    for regions in ([FACE, Region(0, 0, 0.1, 0.1)], [Region(0.5, 0.5, 0.5, 0.5)]):
        assert pixelate(tray, pool, tray.items[0], regions, person="")
        turn(tray, pool, tray.items[0], person="")

    (after,) = tray.pictures
    was, receipt = before.attachment.receipt, after.attachment.receipt
    assert receipt.pixelated == 3
    assert (receipt.source_name, receipt.source_format) == ("IMG_1.jpg", "JPEG")
    assert receipt.source_bytes == was.source_bytes
    assert receipt.removed == was.removed != ()
    assert receipt.rotation_degrees == (was.rotation_degrees + 180) % 360
    assert (receipt.source_width_px, receipt.source_height_px) == (900, 600)
    assert (after.attachment.width_px, after.attachment.height_px) == (600, 900)


def test_outside_of_the_regions_nothing_changes_and_inside_little_is_left(
    pool: PicturePool,
) -> None:
    """64 colours at the most, and other ones each time."""
    source = PictureSource("scan.png", corpus.encoded(corpus.noise((400, 400)), "PNG"))
    region = Region(0.25, 0.25, 0.5, 0.5)
    first, second = (pool.pixelate(source, [region]) for _ in range(2))
    images = [
        Image.open(io.BytesIO(each.content)).convert("RGB") for each in (source, first, second)
    ]
    inside = [each.crop((100, 100, 300, 300)) for each in images]
    for each in images:
        each.paste(0, (100, 100, 300, 300))

    steps = ImageChops.difference(images[0], images[1]).convert("L").histogram()
    assert sum(steps[32:]) < 0.02 * sum(steps)  # what a JPEG of noise is off by
    assert len(inside[0].getcolors(100_000) or ()) > 10_000
    assert ImageChops.difference(inside[1], inside[2]).getbbox() is not None
    blocks = inside[1].resize((8, 8), Image.Resampling.NEAREST).resize((200, 200), 0)
    off = ImageChops.difference(blocks, inside[1]).convert("L").histogram()
    assert sum(off[32:]) < 0.02 * sum(off)


@pytest.mark.parametrize("degrees", [0, 90])
def test_a_region_of_a_part_is_gone_from_all_parts(
    degrees: int, pool: PicturePool, faces_in: FacesIn
) -> None:
    """Parts, their overview and the same file chosen twice come from one file."""
    large = _PHOTO.resize((1200, 1200))
    upright = large.transpose(Image.Transpose.ROTATE_90) if degrees else large
    content = _jpeg(upright)
    tray = Tray(max_count=20)
    _put(tray, pool, "large.jpg", content)
    _put(tray, pool, "again.jpg", content, file=2)
    options = PictureOptions(longest_side_px=600, rotate_degrees=degrees)
    tiles = pool.prepare_tiles(PictureSource("large.jpg", content, options))
    tray.replace(tray.items[0].id, tiles)
    seen = [bool(faces_in(each.content)) for each in tiles]
    part = next(at for at, is_seen in enumerate(seen) if at and is_seen)
    assert seen[0]

    faces = pool.find_faces(tiles[part])
    assert pixelate(tray, pool, tray.items[part], faces, person="")

    assert len(tray.pictures) == len(tiles) + 1
    sizes = [(each.attachment.width_px, each.attachment.height_px) for each in tray.pictures]
    assert sizes[:-1] == [(each.attachment.width_px, each.attachment.height_px) for each in tiles]
    *parts, whole = tray.pictures
    assert all(not faces_in(each.content) for each in parts)
    back = Image.open(io.BytesIO(whole.content)).rotate(-degrees, expand=True)
    assert not faces_in(_jpeg(back))
    assert [each.attachment.receipt.tile for each in parts] == [
        each.attachment.receipt.tile for each in tiles
    ]


def test_regions_that_are_marked_stay_so(pool: PicturePool, faces_in: FacesIn) -> None:
    """They are cut out of the new file, and can be marked anew."""
    tray = Tray(max_count=10)
    _put(tray, pool, "1.jpg", _jpeg(_PHOTO.resize((1200, 1200))))
    marks = (Region(0.2, 0, 0.6, 0.6), Region(0.5, 0.5, 0.5, 0.5))
    mark(tray, pool, tray.items[0], marks, person="", take=_take)
    assert [len(faces_in(each.content)) for each in tray.pictures] == [1, 1, 0]

    assert pixelate(tray, pool, tray.items[0], [FACE], person="")

    assert tray.items[0].regions == marks
    assert [len(faces_in(each.content)) for each in tray.pictures] == [0, 0, 0]
    assert [each.attachment.receipt.pixelated for each in tray.pictures] == [1, 1, 1]
    assert tray.pictures[2].attachment.width_px == 600
    mark(tray, pool, tray.items[0], (), person="", take=_take)
    assert [faces_in(each.content) for each in tray.pictures] == [()]


def test_a_page_is_taken_out_of_its_pdf(pool: PicturePool, faces_in: FacesIn) -> None:
    """The other pages that wait stay as they are, and no page can be chosen from the PDF again."""
    buffer = io.BytesIO()
    pages = [
        Image.new("RGB", (512, 512), "#204060"),
        _PHOTO,
        _PHOTO.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    ]
    pages[0].save(buffer, "PDF", save_all=True, append_images=pages[1:], resolution=200)
    tray = Tray(max_count=10)
    _put(tray, pool, "contract.pdf", buffer.getvalue())
    assert [len(faces_in(each.content)) for each in tray.pictures] == [0, 1, 1]

    item = tray.items[1]
    assert pixelate(tray, pool, item, [FACE], person="")

    assert [len(faces_in(each.content)) for each in tray.pictures] == [0, 0, 1]
    assert [each.attachment.receipt.pixelated for each in tray.pictures] == [0, 1, 0]
    assert [each.attachment.receipt.source_page for each in tray.pictures] == [1, 2, 3]
    assert all(each.pdf is None for each in tray.items)
    files = [_file(pool, each) for each in tray.pictures]
    assert not any(each.startswith(b"%PDF") for each in (*files, *tray.held()))
    choose_pages(tray, pool, tray.items[1], (1,), person="", take=_take)
    assert len(tray.items) == 3


def test_a_picture_that_changed_meanwhile_stays_as_it_is(pool: PicturePool) -> None:
    """Somebody removed or turned it; a page has to be told that nothing was pixelated."""
    tray = Tray(max_count=10)
    _put(tray, pool, "1.jpg", _jpeg(_PHOTO))
    item = tray.items[0]
    turn(tray, pool, item, person="")
    turned = tray.items[0]

    assert not pixelate(tray, pool, item, [FACE], person="")
    assert tray.items == (turned,)
    tray.remove(turned.id)
    assert not pixelate(tray, pool, turned, [FACE], person="")
    assert not tray.items


@pytest.mark.usefixtures("pool")  # it is not quick
def test_a_picture_whose_file_is_no_longer_kept_is_pixelated_all_the_same(
    faces_in: FacesIn,
) -> None:
    """The server has room for few files; then the picture itself is what there is."""
    with PicturePool(workers=1, time_limit_seconds=120, originals_bytes=1000) as pool:
        tray = Tray(max_count=10)
        _put(tray, pool, "1.jpg", _jpeg(_PHOTO, exif=corpus.private_exif()))
        assert pixelate(tray, pool, tray.items[0], [FACE], person="")
        turn(tray, pool, tray.items[0], person="")
        (after,) = tray.pictures

    assert not faces_in(_turned_back(after.content))
    assert after.attachment.receipt.pixelated == 1
    assert "location" in after.attachment.receipt.removed


def test_the_largest_files_fit_into_the_limits(pool: PicturePool) -> None:
    """64 megapixels, in the memory that a worker has."""
    large = corpus.encoded(corpus.scene((8000, 8000)), "JPEG")
    for content in (large, corpus.empty_png(8000, 7900)):
        made = pool.pixelate(PictureSource("large", content), [FACE])
        assert pool.look(made).width_px == 8000


@pytest.mark.usefixtures("pool")  # it is not quick
def test_a_file_that_would_become_too_heavy_becomes_smaller() -> None:
    """Better than to refuse it when it is prepared again."""
    content = corpus.encoded(corpus.noise((800, 600)), "JPEG", quality=30)
    limits = PictureLimits(max_bytes=len(content))
    with PicturePool(workers=1, limits=limits, time_limit_seconds=120) as pool:
        made = pool.pixelate(PictureSource("noise.jpg", content), [FACE])
        facts = pool.look(made)

    assert (facts.width_px, facts.height_px) == (400, 300)


def test_faces_are_suggested_where_they_are(pool: PicturePool) -> None:
    """Small, large and close ones; a cat and a cup have none."""
    faces_in = FaceFinder().find
    head = _PHOTO.crop((150, 20, 300, 220))
    for image in (_PHOTO.resize((160, 160)), _PHOTO.resize((2000, 2000)), head.resize((900, 1200))):
        assert len(faces_in(_jpeg(image))) == 1, image.size
    photos = Path(__file__).parents[1] / "reader" / "photos"
    for name in ("cat.jpg", "coffee.jpg"):
        assert faces_in((photos / name).read_bytes()) == ()
    (face,) = pool.find_faces(pool.prepare(_jpeg(_PHOTO), name="1.jpg"))
    assert abs(face.left + face.width / 2 - 0.44) < 0.03
    assert abs(face.top + face.height / 2 - 0.23) < 0.03

"""Pictures that wait for their question: their order, their room, and what is taken of them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence

import pytest
from PIL import Image

from augenblick.pictures import PictureOptions, PicturePool, PictureSource
from augenblick.pictures.tray import Tray, choose_pages, prepare_anew, prepare_file, turn
from tests.raising import raises


@pytest.fixture(scope="module")
def pool() -> Iterator[PicturePool]:
    """Real workers."""
    with PicturePool() as started:
        yield started


def _file(name: str, size: tuple[int, int] = (60, 40)) -> PictureSource:
    buffer = io.BytesIO()
    Image.new("RGB", size, "#204060").save(buffer, "JPEG")
    return PictureSource(name, buffer.getvalue())


def _pdf(pages: int) -> PictureSource:
    first, *others = [Image.new("RGB", (90, 120), f"#{20 * n + 20:02x}4040") for n in range(pages)]
    buffer = io.BytesIO()
    first.save(buffer, "PDF", save_all=True, append_images=others)
    return PictureSource("contract.pdf", buffer.getvalue())


def _take(_files: Sequence[bytes], keep: Callable[[], None]) -> None:
    keep()


def _put(tray: Tray, pool: PicturePool, source: PictureSource, file: int) -> None:
    tray.begin(file, source.name)
    prepare_file(tray, pool, source, file=file, person="", take=_take)


def test_order_is_that_of_choosing_not_of_arriving(pool: PicturePool) -> None:
    """The first file may be ready last; a file that is taken out meanwhile does not come back."""
    tray = Tray(max_count=10)
    for file in (1, 2, 3):
        tray.begin(file, f"{file}.jpg")
    tray.remove(tray.items[1].id)
    for file in (3, 2, 1):
        prepare_file(tray, pool, _file(f"{file}.jpg"), file=file, person="", take=_take)

    assert [item.name for item in tray.items] == ["1.jpg", "3.jpg"]
    assert len(tray.pictures) == 2


def test_files_on_their_way_take_room_and_broken_ones_do_not(pool: PicturePool) -> None:
    """Ten places are ten pictures, however many of them are ready."""
    tray = Tray(max_count=2)
    _put(tray, pool, PictureSource("broken.jpg", b"no picture"), 1)
    tray.begin(2, "2.jpg")
    tray.begin(3, "3.jpg")

    with raises("image_too_many"):
        tray.begin(4, "4.jpg")
    assert [item.failure.code if item.failure else "" for item in tray.items] == [
        "image_unsupported", "", "",
    ]  # fmt: skip


def test_a_pdf_takes_the_pages_there_is_room_for_and_others_can_be_chosen(
    pool: PicturePool,
) -> None:
    """Pages stand together, in their order."""
    tray = Tray(max_count=4)
    _put(tray, pool, _file("1.jpg"), 1)
    _put(tray, pool, _pdf(6), 2)
    pages = [picture.attachment.receipt.source_page for picture in tray.pictures]
    item = tray.items[1]
    choose_pages(tray, pool, item, (1, 5), person="", take=_take)

    assert pages == [None, 1, 2, 3]
    chosen = [picture.attachment.receipt.source_page for picture in tray.pictures]
    assert chosen == [None, 2, 6]
    assert tray.items[1].pdf is not None
    assert tray.items[1].pdf.page_count == 6


def test_what_is_taken_is_what_was_named_or_nothing(pool: PicturePool) -> None:
    """A picture that is gone keeps the others; what is broken goes with a question."""
    tray = Tray(max_count=10)
    for file in (1, 2, 3):
        _put(tray, pool, _file(f"{file}.jpg", (60 + file, 40)), file)
    _put(tray, pool, PictureSource("broken.jpg", b"no picture"), 4)
    first, second, third, _ = tray.items

    assert tray.take([first.id, "gone"]) is None
    assert len(tray.items) == 4
    taken = tray.take([third.id, first.id])
    assert taken is not None
    assert [picture.attachment.width_px for picture in taken] == [61, 63]
    assert [item.id for item in tray.items] == [second.id]


def test_turned_and_prepared_anew_it_stays_in_its_place(pool: PicturePool) -> None:
    """Each time as another item with the same file, from the original."""
    tray = Tray(max_count=10)
    for file in (1, 2):
        _put(tray, pool, _file(f"{file}.jpg", (1600, 800)), file)
    turn(tray, pool, tray.items[0], person="")
    prepare_anew(tray, pool, PictureOptions(longest_side_px=400), person="")
    sizes = [(each.attachment.width_px, each.attachment.height_px) for each in tray.pictures]

    assert [item.name for item in tray.items] == ["1.jpg", "2.jpg"]
    assert sizes == [(200, 400), (400, 200)]


def test_another_tab_has_the_same_pictures_and_both_are_free(pool: PicturePool) -> None:
    """After a reload: what is ready comes over, twice is once; taking it leaves it here."""
    old, new = Tray(max_count=10), Tray(max_count=10)
    _put(old, pool, _pdf(2), 1)
    old.begin(2, "on-its-way.jpg")
    new.adopt(old)
    new.adopt(old)

    assert [item.name for item in new.items] == ["contract.pdf", "contract.pdf"]
    assert new.take([item.id for item in new.items]) is not None
    assert len(old.pictures) == 2

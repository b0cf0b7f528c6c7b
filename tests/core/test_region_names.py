"""What a request says about marked regions, and what the reader makes of it."""

from __future__ import annotations

from augenblick.core.messages import Attachment, Provenance, TileOf
from augenblick.core.region_names import is_about_regions, name_regions, read_region_names


def _picture(name: str, number: int | None = None, count: int = 2) -> Attachment:
    tile = None if number is None else TileOf(number, count, 0, 0, 40, 30, is_region=True)
    return Attachment(
        "0" * 64, "image/jpeg", 40, 30, 9, Provenance(name, "JPEG", 9, 80, 60, tile=tile)
    )


def test_each_region_is_named_by_its_place_among_the_pictures() -> None:
    """Counted as a model counts them, with the picture that shows where it is."""
    pictures = [_picture("a"), _picture("b", 0), _picture("b", 1), _picture("b", 2), _picture("c")]
    said = name_regions(pictures)

    assert said == (
        "The pictures of this message: Picture 2 has 2 numbered regions outlined. "
        "Picture 3 is region 1 of picture 2 at full resolution. "
        "Picture 4 is region 2 of picture 2 at full resolution."
    )
    assert is_about_regions(said)
    assert read_region_names(["What does 2 say?", said]) == {2: 0, 3: 1, 4: 2}


def test_a_region_is_not_said_to_be_of_another_picture() -> None:
    """The person may have taken the picture out and left its region in."""
    said = name_regions([_picture("a", 0), _picture("a", 1), _picture("b", 2)])

    assert said.endswith("Picture 3 is region 2 of a picture at full resolution.")
    assert read_region_names([said]) == {1: 0, 2: 1, 3: 2}


def test_without_regions_nothing_is_said() -> None:
    """Parts of a large picture that nobody marked are none."""
    part = _picture("a")
    part = Attachment(
        part.sha256, "image/jpeg", 40, 30, 9,
        Provenance("a", "JPEG", 9, 80, 60, tile=TileOf(1, 2, 0, 0, 40, 30)),
    )  # fmt: skip

    assert name_regions([]) == ""
    assert name_regions([_picture("a"), part]) == ""
    assert read_region_names(["Picture 1 is region 2 of picture 1"]) == {}

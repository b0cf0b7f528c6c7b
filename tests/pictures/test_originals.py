"""What a picture was made from is there for a while, and then surely gone."""

from __future__ import annotations

import threading
import time

from augenblick.pictures import PictureOptions
from augenblick.pictures.originals import Originals

SHARP = PictureOptions(longest_side_px=4096)


def put(originals: Originals, number: int, *, size: int = 10, options: PictureOptions) -> None:
    """Picture `number`, made from a file of so many bytes."""
    content, source_sha256 = bytes([number]) * size, bytes([number])
    originals.put(name(number, options), content, options, source_sha256=source_sha256)


def name(number: int, options: PictureOptions) -> str:
    """What stands for the SHA-256 of a prepared picture."""
    return f"picture {number} {options}"


def test_the_file_comes_back_with_how_it_was_prepared() -> None:
    """Two pictures of one file know their own options."""
    originals = Originals()
    for options in (PictureOptions(), SHARP):
        put(originals, 1, options=options)
    for options in (PictureOptions(), SHARP):
        found = originals.get(name(1, options))
        assert found == (b"\1" * 10, options)
    assert originals.get("never seen") is None


def test_the_oldest_go_when_there_are_too_many_bytes() -> None:
    """A file used again is young again and counts once; one larger than all is not kept."""
    originals = Originals(max_bytes=30)
    for number in (1, 2, 3, 1):
        put(originals, number, options=SHARP)
    put(originals, 4, options=SHARP)
    there = [number for number in range(5) if originals.get(name(number, SHARP))]
    assert there == [1, 3, 4]
    put(originals, 0, size=31, options=SHARP)
    assert originals.get(name(0, SHARP)) is None
    assert originals.get(name(1, SHARP)) is not None


def test_nothing_is_kept_beyond_its_time_although_nobody_asks() -> None:
    """A thread of its own lets go of the bytes."""
    originals = Originals(max_age_seconds=0.05)
    put(originals, 1, options=SHARP)
    deadline = time.monotonic() + 90
    while originals._files.byte_count and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    assert not originals._files.byte_count
    assert originals.get(name(1, SHARP)) is None


def test_a_file_can_be_forgotten_at_once() -> None:
    """With everything that was made from it; the others stay."""
    originals = Originals()
    for number in (1, 2):
        for options in (PictureOptions(), SHARP):
            put(originals, number, options=options)
    originals.forget(name(1, SHARP))
    originals.forget("never seen")
    assert originals.get(name(1, PictureOptions())) is None
    assert originals.get(name(2, PictureOptions())) is not None
    originals.clear()
    assert originals.get(name(2, PictureOptions())) is None


def test_a_prepared_picture_is_no_original_of_itself() -> None:
    """A picture prepared again to the same bytes keeps the file it first came from."""
    originals = Originals()
    originals.put(b"same".hex(), b"bytes", SHARP, source_sha256=b"same")
    assert originals.get(b"same".hex()) is None

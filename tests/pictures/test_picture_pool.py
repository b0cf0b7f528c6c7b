"""Pictures are prepared in processes that may die, hang or run full without anybody noticing."""

from __future__ import annotations

import io
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from PIL import Image
from pydantic import TypeAdapter

from augenblick.core.errors import ImageError, ImageTooLarge, UnreadableImage
from augenblick.core.messages import PreparedPicture, Provenance, TileOf
from augenblick.pictures import (
    PictureFacts,
    PictureLimits,
    PictureOptions,
    PicturePool,
    PictureSource,
    plan_tiles,
    prepare_image,
    sharper,
)
from augenblick.pictures.fair_queue import Turns
from augenblick.pictures.processes import _answer
from augenblick.pictures.samples import SAMPLES
from augenblick.pictures.worker_protocol import read_message
from tests.pictures import corpus, mutations
from tests.raising import raises

ROOT = Path(__file__).resolve().parents[2]
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture(scope="module")
def pool() -> Iterator[PicturePool]:
    """A pool with its real limits, but with time for machines that are busy with other tests."""
    with PicturePool(time_limit_seconds=120) as shared:
        yield shared


def pids(pool: PicturePool) -> list[int]:
    """The processes of the workers that have been started."""
    return [worker._process.pid for worker in pool._workers if worker._process]


def photograph(seed: int = 0, size: tuple[int, int] = (320, 240)) -> bytes:
    """A JPEG that differs with its seed."""
    return corpus.encoded(corpus.scene(size), "JPEG", comment=str(seed).encode())


def slow_picture() -> bytes:
    """A PNG within the limits that takes some tenths of a second."""
    return corpus.empty_png(8_000, 7_900)


def is_alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_worker_gives_what_the_function_gives(pool: PicturePool) -> None:
    """All good pictures, byte by byte, with their receipts, although workers can open nothing.

    A look tells format, upright size and number of pages beforehand.
    """
    samples = list(corpus.samples())
    sources = [PictureSource(sample.name, sample.content) for sample in samples]
    for start in range(0, len(sources), 10):
        some = sources[start : start + 10]
        for source, outcome in zip(some, pool.prepare_many(some), strict=True):
            expected = prepare_image(source.content, name=source.name)
            assert outcome == expected, source.name
            assert pool.look(source) == _facts(expected.attachment.receipt), source.name


def _facts(receipt: Provenance) -> PictureFacts:
    """What a look has to tell about the file of this receipt."""
    width_px, height_px = receipt.source_width_px, receipt.source_height_px
    if receipt.rotation_degrees % 180:
        width_px, height_px = height_px, width_px
    pages = receipt.source_page_count or 1
    return PictureFacts(receipt.source_format, width_px, height_px, pages)


def test_a_worker_refuses_what_the_function_refuses(pool: PicturePool) -> None:
    """Every hostile file gets its error, from workers that live on."""
    pool.start()
    before = pids(pool)
    for case in corpus.refused():
        with pytest.raises(ImageError) as refusal:
            pool.prepare(case.content, name=case.name)
        assert refusal.value.code == case.code, case.name
        assert refusal.value.params["name"] == case.name
    assert pids(pool) == before


def test_many_pictures_keep_their_order_and_the_bad_ones_their_reasons(pool: PicturePool) -> None:
    """One outcome per file, in order; a refused one does not stop the others."""
    sources = [PictureSource(f"{n}.jpg", photograph(n, (300 + n, 200))) for n in range(6)]
    sources[2] = PictureSource("text.jpg", b"no picture")
    sources[4] = PictureSource("cut.jpg", photograph(4)[:500])
    outcomes = pool.prepare_many(sources)
    codes = [o.code if isinstance(o, ImageError) else o.attachment.width_px for o in outcomes]
    assert codes == [300, 301, "image_unsupported", 303, "image_unreadable", 305]
    assert [o.params["name"] for o in outcomes if isinstance(o, ImageError)] == [
        "text.jpg",
        "cut.jpg",
    ]


def test_pictures_beyond_the_limit_are_named(pool: PicturePool) -> None:
    """The first ten go on, each further one is refused with its name and the limit."""
    outcomes = pool.prepare_many([PictureSource(f"{n}.jpg", photograph()) for n in range(12)])
    assert all(isinstance(outcome, PreparedPicture) for outcome in outcomes[:10])
    too_many = [outcome for outcome in outcomes[10:] if isinstance(outcome, ImageError)]
    assert {error.code for error in too_many} == {"image_too_many"}
    assert [error.params for error in too_many] == [
        {"name": "10.jpg", "limit": 10},
        {"name": "11.jpg", "limit": 10},
    ]


def test_a_word_in_a_font_nobody_brought_is_still_drawn(pool: PicturePool) -> None:
    """PDFium's own letters stand in, for a worker can open no font."""
    picture = pool.prepare(corpus.drawn_pdf(word="Word"), name="x")
    middle = Image.open(io.BytesIO(picture.content)).convert("L").crop((440, 380, 800, 460))
    assert cast("tuple[int, int]", middle.getextrema())[0] < 60


def test_each_file_may_have_its_own_options(pool: PicturePool) -> None:
    """Two pages of one PDF and a turned photograph, in one go."""
    pages = corpus.encoded(
        corpus.scene((480, 320)), "PDF", save_all=True, append_images=[corpus.scene((320, 480))]
    )
    sources = [
        PictureSource("a.pdf", pages),
        PictureSource("a.pdf", pages, PictureOptions(page=1)),
        PictureSource("b.jpg", photograph(), PictureOptions(rotate_degrees=90)),
    ]
    upright = [
        outcome.attachment.height_px > outcome.attachment.width_px
        for outcome in pool.prepare_many(sources)
        if isinstance(outcome, PreparedPicture)
    ]
    assert upright == [False, True, True]


def test_a_large_picture_in_parts(pool: PicturePool) -> None:
    """Overview and parts, each known by its number; made again, nothing is prepared twice."""
    content = corpus.encoded(corpus.scene((600, 2400)), "PNG", exif=corpus.exif(6))
    options = PictureOptions(longest_side_px=900, rotate_degrees=90)
    source = PictureSource("long.png", content, options)
    pictures = pool.prepare_tiles(source)
    tiles = [picture.attachment.receipt.tile for picture in pictures]
    assert tiles == list(plan_tiles(600, 2400, longest_side_px=900))
    assert [picture.attachment.height_px for picture in pictures] == [900, 858, 858, 858]
    assert {picture.attachment.receipt.source_name for picture in pictures} == {"long.png"}
    again = pool.prepare_tiles(source)
    assert [picture.content for picture in again] == [picture.content for picture in pictures]
    assert all(new.content is old.content for new, old in zip(again, pictures, strict=True))
    (whole,) = pool.prepare_tiles(PictureSource("small.jpg", photograph()))
    assert whole.attachment.receipt.tile is None


def test_a_look_refuses_what_the_header_gives_away(pool: PicturePool) -> None:
    """With the name and the reason that preparing would give."""
    with raises("image_unsupported") as refusal:
        pool.look(PictureSource("note.txt", b"no picture"))
    assert refusal.value.params == {"name": "note.txt"}
    with raises("image_too_many_pixels"):
        pool.look(PictureSource("x", corpus.empty_png(20_000, 20_000)))


def test_pages_are_shown_before_one_is_chosen(pool: PicturePool) -> None:
    """Up to fifty small pictures at once, from any page on."""
    source = PictureSource("a.pdf", corpus.paper(60))
    pages = pool.pdf_pages(source)
    assert pages.page_count == 60
    assert [small.page for small in pages.thumbnails] == list(range(50))
    last = pool.pdf_pages(source, first=55).thumbnails
    assert [small.page for small in last] == [55, 56, 57, 58, 59]
    image = Image.open(io.BytesIO(last[0].content))
    assert (image.format, image.size) == ("JPEG", (last[0].width_px, last[0].height_px))
    assert max(image.size) == 320
    assert pool.pdf_pages(source, first=70).thumbnails == ()
    with raises("image_unsupported"):
        pool.pdf_pages(PictureSource("x", photograph()))


def test_the_original_is_there_to_be_sent_sharper(pool: PicturePool) -> None:
    """From the prepared picture's hash to a sharper one, until it is forgotten."""
    content = corpus.encoded(corpus.scene((3000, 1000)), "JPEG")
    picture = pool.prepare(content, name="wide.jpg").attachment
    found = pool.original(picture)
    assert found == PictureSource("wide.jpg", content, PictureOptions())
    wish = sharper(found.options, picture.receipt)
    assert wish is not None
    better = pool.prepare(found.content, name=found.name, options=wish).attachment
    assert (picture.width_px, better.width_px) == (2048, 3000)
    assert sharper(wish, better.receipt) is None
    pool.forget(better.sha256)
    assert pool.original(picture) is None


def test_a_forgotten_picture_is_prepared_anew(pool: PicturePool) -> None:
    """What is kept of it in memory goes, under every name; others stay."""
    mine, other = photograph(), corpus.encoded(corpus.scene(), "JPEG")
    first, kept = pool.prepare(mine, name="a.jpg"), pool.prepare(other, name="b.jpg")
    assert pool.prepare(mine, name="c.jpg").content is first.content

    pool.forget(first.attachment.sha256)

    assert pool.original(first.attachment) is None
    again = pool.prepare(mine, name="a.jpg")
    assert again.content == first.content
    assert again.content is not first.content
    assert pool.prepare(other, name="b.jpg").content is kept.content


def test_an_original_has_the_name_of_whoever_asks(pool: PicturePool) -> None:
    """Two people hand in the same file; neither sees what the other calls it."""
    content = photograph()
    mine, theirs = (pool.prepare(content, name=name).attachment for name in ("my.jpg", "x.jpg"))
    assert mine.sha256 == theirs.sha256
    assert pool.original(mine) == PictureSource("my.jpg", content)


def _label() -> PictureSource:
    path = next(sample.path for sample in SAMPLES if sample.name == "label")
    return PictureSource("label.jpg", path.read_bytes())


def test_codes_are_read_where_they_stand(pool: PicturePool) -> None:
    """From top to bottom, with the place of each; in a part only those of the part."""
    source = _label()
    facts = pool.look(source)
    width, height = facts.width_px, facts.height_px
    lower = PictureOptions(tile=TileOf(1, 1, 0, height // 2, width, height // 2))

    found = pool.read_codes(source)

    assert [(code.kind, code.text) for code in found] == [
        ("QR Code", "https://example.org/p/4711"),
        ("EAN-13", "4711081520269"),
    ]
    assert (round(found[0].x, 1), round(found[0].y, 1)) == (0.7, 0.4)
    (below,) = pool.read_codes(replace(source, options=lower))
    assert below.text == "4711081520269"
    assert below.y == pytest.approx((found[1].y - 0.5) * 2, abs=0.02)


def test_codes_of_a_bad_file_are_refused_as_the_file_is(pool: PicturePool) -> None:
    """With its name, by a worker that lives on."""
    pids_before = pids(pool)

    with pytest.raises(UnreadableImage) as caught:
        pool.read_codes(PictureSource("half.jpg", photograph()[:200]))

    assert caught.value.params["name"] == "half.jpg"
    assert pool.read_codes(PictureSource("plain.jpg", photograph())) == ()
    assert set(pids_before) <= set(pids(pool))


def test_nothing_to_do_is_nothing_done(pool: PicturePool) -> None:
    """No pictures give no outcomes."""
    assert pool.prepare_many([]) == []


def test_no_picture_is_prepared_twice(pool: PicturePool) -> None:
    """The same bytes come back under any name; other options make another picture."""
    content = photograph(77)
    first = pool.prepare(content, name="first.jpg")
    second = pool.prepare(content, name="second.jpg")
    turned = pool.prepare(content, name="first.jpg", options=PictureOptions(rotate_degrees=90))
    assert second.content is first.content
    assert second.attachment.receipt.source_name == "second.jpg"
    assert turned.attachment.sha256 != first.attachment.sha256


def test_whoever_asks_for_the_same_picture_meanwhile_waits_for_it(pool: PicturePool) -> None:
    """Eight threads, one preparation, each with the name it came with."""
    content = photograph(78, (3000, 2000))
    with ThreadPoolExecutor(8) as threads:
        pictures = list(threads.map(lambda n: pool.prepare(content, name=f"{n}.jpg"), range(8)))
    assert len({id(picture.content) for picture in pictures}) == 1
    names = [picture.attachment.receipt.source_name for picture in pictures]
    assert names == [f"{n}.jpg" for n in range(8)]


def test_a_shared_refusal_has_each_ones_own_name(pool: PicturePool) -> None:
    """Errors of one preparation are not passed around between those who waited."""
    content = corpus.encoded(corpus.noise((1500, 1500)), "PNG")[:-20_000]
    with ThreadPoolExecutor(4) as threads:
        sources = [[PictureSource(f"{n}.png", content)] for n in range(4)]
        outcomes = [outcome for (outcome,) in threads.map(pool.prepare_many, sources)]
    assert [o.params["name"] for o in outcomes if isinstance(o, UnreadableImage)] == [
        f"{n}.png" for n in range(4)
    ]


def test_the_cache_stays_within_its_bytes() -> None:
    """What was used least recently goes first; a picture above the limit is not kept."""
    content = [photograph(n) for n in range(3)]
    weight = sum(len(part) for part in (prepare_image(content[0], name="").content,) * 2)
    with PicturePool(workers=1, cache_bytes=2 * weight) as pool:
        first = pool.prepare(content[0], name="")
        pool.prepare(content[1], name="")
        assert pool.prepare(content[0], name="").content is first.content
        pool.prepare(content[2], name="")
        assert pool.prepare(content[0], name="").content is first.content
        assert len(pool._cache.items()) == 2
    with PicturePool(workers=1, cache_bytes=10) as pool:
        first = pool.prepare(content[0], name="")
        assert pool.prepare(content[0], name="").content == first.content
        assert not pool._cache.items()


@ON_LINUX
def test_a_worker_killed_while_idle_is_replaced() -> None:
    """The next picture does not notice."""
    with PicturePool(workers=1) as pool:
        pool.prepare(photograph(1), name="x")
        (before,) = pids(pool)
        os.kill(before, signal.SIGKILL)
        assert pool.prepare(photograph(2), name="x").attachment.width_px == 320
        assert pids(pool) != [before]


@ON_LINUX
def test_a_worker_killed_at_work_is_replaced() -> None:
    """The picture it had is prepared by the next one."""
    with PicturePool(workers=1) as pool:
        pool.start()
        (before,) = pids(pool)
        os.kill(before, signal.SIGSTOP)  # so that the picture is surely under way
        with ThreadPoolExecutor(1) as threads:
            picture = threads.submit(pool.prepare, photograph(3), name="x")
            time.sleep(0.2)
            os.kill(before, signal.SIGKILL)
            assert picture.result(timeout=60).attachment.width_px == 320


@ON_LINUX
def test_a_picture_that_kills_every_worker_is_unreadable() -> None:
    """Two processes are spent on it, then it is refused; the pool goes on."""
    with PicturePool(workers=1) as pool, ThreadPoolExecutor(1) as threads:
        stop = threading.Event()
        threads.submit(_kill_on_sight, pool, stop)
        try:
            with pytest.raises(UnreadableImage, match="died"):
                pool.prepare(slow_picture(), name="x")
        finally:
            stop.set()
        assert pool.prepare(photograph(4), name="x").attachment.width_px == 320


def _kill_on_sight(pool: PicturePool, stop: threading.Event) -> None:
    """Kill each worker a moment after it became ready."""
    killed: set[int] = set()
    while not stop.wait(0.01):
        for pid in set(pids(pool)) - killed:
            time.sleep(0.05)
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)


def test_a_picture_that_takes_too_long_is_given_up() -> None:
    """The worker is killed, the error says how many seconds, and the next picture is served."""
    with PicturePool(workers=1, time_limit_seconds=0.05) as pool:
        pool.start()
        with raises("image_too_slow") as refusal:
            pool.prepare(slow_picture(), name="slow.png")
        assert refusal.value.params == {"name": "slow.png", "limit": 0.05}
    with PicturePool(workers=1, time_limit_seconds=120) as pool:
        assert pool.prepare(slow_picture(), name="slow.png").attachment.width_px == 2000


@ON_LINUX
def test_a_picture_that_needs_too_much_memory_is_refused_by_a_worker_that_lives_on() -> None:
    """The address space is limited; the server itself grows by no more than the file."""
    with PicturePool(workers=1, memory_limit_bytes=300 * 1024 * 1024) as pool:
        pool.start()
        before, resident = pids(pool), _resident_bytes()
        content = corpus.encoded(Image.new("RGBA", (7_900, 7_900)), "PNG", compress_level=1)
        resident = _resident_bytes()
        with pytest.raises(ImageTooLarge):
            pool.prepare(content, name="x")
        assert pool.prepare(photograph(5), name="x").attachment.width_px == 320
        assert pids(pool) == before
        assert _resident_bytes() - resident < 10_000_000


@ON_LINUX
def test_a_page_without_an_end_costs_one_worker_and_is_refused() -> None:
    """PDFium ends itself when memory runs out; the next picture gets a new worker."""
    with PicturePool(workers=1, memory_limit_bytes=160 * 1024 * 1024) as pool:
        with raises("image_too_demanding"):
            pool.prepare(corpus.bottomless_pdf(), name="x")
        assert pool.prepare(photograph(5), name="x").attachment.width_px == 320


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@ON_LINUX
def test_the_largest_pictures_allowed_fit_into_the_memory_limit(pool: PicturePool) -> None:
    """What the pixel limits let through is not refused for lack of memory."""
    giant = corpus.encoded(Image.new("RGB", (16_320, 12_240), (30, 90, 150)), "JPEG")
    assert pool.prepare(giant, name="x").attachment.width_px == 2040
    woven = corpus.encoded(
        Image.new("RGB", (12_000, 9_000)), "JPEG", progressive=True, subsampling=0
    )
    assert pool.prepare(woven, name="x").attachment.width_px == 2048
    for mode in ("RGB", "RGBA", "P", "L", "LA"):
        content = corpus.encoded(Image.new(mode, (8_000, 7_990)), "PNG", compress_level=1)
        assert pool.prepare(content, name=mode).attachment.width_px == 2000
    web = corpus.encoded(Image.new("RGB", (9_230, 6_930)), "WEBP", method=0)
    assert pool.prepare(web, name="x").attachment.width_px == 2048
    for kind in ("HEIF", "TIFF", "BMP"):
        content = corpus.encoded(Image.new("RGB", (2_000, 1_500)), kind)
        assert pool.prepare(content, name=kind).attachment.width_px == 2000


@ON_LINUX
@pytest.mark.parametrize(
    "message",
    [
        b"7",
        b'{"answer": {"source_format": "PNG"}}',
        b'{"answer": {"bytes": 3}}',
        b'{"failure": {"code": "import_damaged", "detail": "", "params": {}}}',
        b'{"failure": "image"}',
        b"no JSON",
    ],
)
def test_an_answer_of_another_kind_counts_as_none(message: bytes) -> None:
    """A decoder that was taken over may say anything."""
    stream = io.BytesIO(struct.pack("!QQ", 0, len(message)) + message)
    with pytest.raises((ValueError, LookupError)):
        _answer(read_message(stream), TypeAdapter(PictureFacts).validate_python)


def test_a_worker_does_not_pay_for_what_it_does_not_need() -> None:
    """Only the server checks answers; the library for it would cost each worker 6 MB."""
    code = "import sys, augenblick.pictures.worker_process; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_workers_know_no_secret_and_hold_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither variables nor open files of the server reach them, and they can open none."""
    monkeypatch.setenv("OPENAI_API_KEY", "CANARY-key")
    with PicturePool(workers=1) as pool:
        pool.prepare(photograph(6), name="x")
        (pid,) = pids(pool)
        assert b"CANARY" not in Path(f"/proc/{pid}/environ").read_bytes()
        files = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]
        assert all(file.startswith("pipe:") or file == "/dev/null" for file in files)
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert "Max open files            0                    0 " in limits
        assert f"Max address space         {1152 * 1024 * 1024} " in limits


@ON_LINUX
def test_workers_end_with_the_server() -> None:
    """Even a server that was killed leaves no worker behind."""
    script = (
        "import os, sys\n"
        "from augenblick.pictures import PicturePool\n"
        "pool = PicturePool()\n"
        "pool.start()\n"
        "print(*[worker._process.pid for worker in pool._workers], flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    workers = [int(pid) for pid in ended.stdout.split()]
    assert len(workers) == 3
    deadline = time.monotonic() + 90
    while any(map(is_alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_alive, workers))


@ON_LINUX
def test_closing_ends_the_workers_and_whoever_waits() -> None:
    """After close no process is left and every call is an ImageError."""
    pool = PicturePool(workers=1)
    pool.start()
    (pid,) = pids(pool)
    with ThreadPoolExecutor(1) as threads:
        os.kill(pid, signal.SIGSTOP)
        waiting = threads.submit(pool.prepare, photograph(8), name="x")
        time.sleep(0.2)
        pool.close()
        with pytest.raises(ImageError):
            waiting.result(timeout=60)
    assert not is_alive(pid)
    with pytest.raises(ImageError, match="closed"):
        pool.prepare(photograph(9), name="x")


def test_workers_start_with_the_first_picture_that_needs_one() -> None:
    """What is refused at sight costs no process."""
    with PicturePool(limits=PictureLimits(max_bytes=1000)) as pool:
        for content in (b"", b"no picture", bytes(2000)):
            with pytest.raises(ImageError):
                pool.prepare(content, name="x")
        assert pids(pool) == []


def test_a_server_without_a_working_python_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker to be had is an ImageError, not a hang."""
    with PicturePool() as pool:
        for program in ("/nonexistent/python", "/bin/false"):
            monkeypatch.setattr(sys, "executable", program)
            with pytest.raises(ImageError, match="worker"):
                pool.prepare(photograph(10), name="x")


def test_damaged_files_kill_no_worker(pool: PicturePool) -> None:
    """Mutations of good files become a picture or an error with a code, never a dead worker."""
    pool.start()
    before = pids(pool)
    sources = [
        PictureSource(name, content) for name, content in mutations.mutated(seed=11, count=400)
    ]
    outcomes = [pool.prepare_many([source])[0] for source in sources]
    refused = [outcome for outcome in outcomes if isinstance(outcome, ImageError)]
    assert all(outcome.code not in {ImageError.code, "unexpected"} for outcome in refused)
    assert any(isinstance(outcome, PreparedPicture) for outcome in outcomes)
    assert pids(pool) == before


def wait_until(is_so: Callable[[], bool]) -> None:
    """Give other threads the time they need."""
    until = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize("task", ["prepare", "pdf_pages"])
def test_whoever_comes_meanwhile_does_not_wait_for_slow_pdfs_of_another(task: str) -> None:
    """One person has four PDFs that take minutes; photographs of two others are through at once."""
    papers = [PictureSource(f"{n}.pdf", corpus.slow_pdf(n)) for n in range(4)]
    with PicturePool(time_limit_seconds=120) as pool, ThreadPoolExecutor(4) as threads:
        call = getattr(pool, task)
        for paper in papers:
            if task == "prepare":
                threads.submit(call, paper.content, name=paper.name, person="slow")
            else:
                threads.submit(call, paper, person="slow")
        wait_until(lambda: pool._turns._busy["slow"] == 2)
        for number, person in enumerate(("first", "second", "first")):
            picture = pool.prepare(photograph(number), name="x", person=person)
            assert picture.attachment.width_px == 320
        assert pool._turns._busy["slow"] == 2
        pool.close()


def test_a_picture_that_another_person_waits_for_is_not_waited_for() -> None:
    """The same file stands behind two slow ones of somebody else; ours is there at once."""
    shared = photograph(5)
    theirs = [PictureSource(f"{n}.pdf", corpus.slow_pdf(n)) for n in range(2)]
    theirs.append(PictureSource("shared.jpg", shared))
    with PicturePool(time_limit_seconds=120) as pool, ThreadPoolExecutor(4) as threads:
        for source in theirs:
            threads.submit(pool.prepare, source.content, name=source.name, person="slow")
            wait_until(lambda: bool(pool._turns._busy["slow"]))
        wait_until(lambda: len(pool._turns._waiting.get("slow", ())) == 1)
        assert pool.prepare(shared, name="x", person="other").attachment.width_px == 320
        assert len(pool._turns._waiting["slow"]) == 1
        pool.close()


def test_one_person_alone_has_two_pictures_prepared_at_a_time() -> None:
    """The third worker stays free for whoever comes, and is not even started."""
    with PicturePool(time_limit_seconds=120) as pool:
        sources = [PictureSource(f"{n}.jpg", photograph(n)) for n in range(10)]
        outcomes = pool.prepare_many(sources, person="alone")
        assert all(isinstance(outcome, PreparedPicture) for outcome in outcomes)
        assert len(pids(pool)) == 2


def test_turns_go_round_the_people() -> None:
    """With one worker and five who wait, each person gets one before anybody gets a second."""
    turns = Turns(["worker"])
    order: list[str] = []

    def take(person: str) -> None:
        with turns.worker(person):
            order.append(person)

    with ThreadPoolExecutor(5) as threads, turns.worker("somebody"):
        for count, person in enumerate("aaabc", start=1):
            threads.submit(take, person)
            wait_until(lambda: sum(map(len, turns._waiting.values())) == count)  # noqa: B023
    assert "".join(order) == "abcaa"

"""`PicturePool`: pictures of strangers are decoded in processes that can be lost.

A worker is a plain child process with two pipes: no fork of a program full of threads, nothing of
the server's main module imported again, and neither its sockets nor its environment inherited. So
it works the same in a script, in a thread and under `streamlit run`.
"""

from __future__ import annotations

import hashlib
import os
import queue
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Self, cast

from augenblick.errors import (
    ImageError,
    ImageTooDemanding,
    ImageTooSlow,
    TooManyImages,
    UnreadableImage,
    UnsupportedImage,
)
from augenblick.images import wire
from augenblick.images.cache import PreparedPictures, Recipe
from augenblick.images.decode import check_weight
from augenblick.images.facts import PageThumbnail, PdfPages, PictureCode, PictureFacts
from augenblick.images.formats import picture_format
from augenblick.images.limits import PictureLimits, PictureOptions
from augenblick.images.originals import Originals, PictureSource
from augenblick.images.prepare import DEFAULT_LIMITS, DEFAULT_OPTIONS
from augenblick.images.sizes import MAX_PARTS, plan_tiles
from augenblick.messages import Attachment, PreparedPicture

_PACKAGE_ROOT = Path(__file__).resolve().parents[2]
_KEPT_VARIABLES = ("LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "PYTHONPATH", "SYSTEMROOT", "TEMP")
_ALLOCATION = {  # of glibc; others ignore it
    "MALLOC_ARENA_MAX": "2",  # each further arena would cost 64 MB of addresses
    "MALLOC_MMAP_THRESHOLD_": str(32 * 1024 * 1024),  # with the next: 5 % faster photographs,
    "MALLOC_TRIM_THRESHOLD_": str(64 * 1024 * 1024),  # whose pages serve the next one too
}
MAX_PAGE_THUMBNAILS = 50
_MOST_FACTS = 1_000
_OUT_OF_MEMORY = -6  # SIGABRT, which is what PDFium ends itself with; Pillow raises MemoryError
_START_SECONDS = 60.0  # importing Pillow takes 0.2 s; a machine that is swapping takes longer


class PicturePool:
    """Prepares pictures in `workers` processes, each picture once. Any thread may call.

    Workers start when they are first needed and are replaced when they die. One is killed when a
    picture takes longer than `time_limit_seconds`; where the system can limit it, none gets more
    than `memory_limit_bytes` of address space, Python and libraries (80 MB) included. What the
    limits let through needs at most (measured, in MB): 64 megapixels as WebP 1060, a progressive
    JPEG of 108 megapixels 420 to 730, 48 megapixels as HEIC or AVIF 510, as PNG 370.
    """

    def __init__(
        self,
        *,
        workers: int = 2,
        limits: PictureLimits = DEFAULT_LIMITS,
        time_limit_seconds: float = 20.0,
        memory_limit_bytes: int = 1152 * 1024 * 1024,
        cache_bytes: int = 64_000_000,
        originals_bytes: int = 256_000_000,
    ) -> None:
        self.limits = limits
        self._workers = [_Worker(time_limit_seconds, memory_limit_bytes) for _ in range(workers)]
        self._idle: queue.LifoQueue[_Worker] = queue.LifoQueue()  # the warm one first
        for worker in self._workers:
            self._idle.put(worker)
        self._cache = PreparedPictures(max_bytes=cache_bytes)
        self._originals = Originals(max_bytes=originals_bytes)
        self._facts: OrderedDict[tuple[bytes, int], PictureFacts] = OrderedDict()
        self._pending: dict[Recipe, Future[PreparedPicture]] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def prepare(
        self, content: bytes, *, name: str, options: PictureOptions = DEFAULT_OPTIONS
    ) -> PreparedPicture:
        """What `prepare_image` does, with the same errors, at no risk.

        A picture that kills its worker twice is UnreadableImage, one that takes too long
        ImageTooSlow, one that takes too much memory ImageTooDemanding. A plain ImageError says that
        no worker could be started.
        """
        (picture,) = self._prepare_each(PictureSource(name, content), (options,))
        return picture

    def prepare_many(
        self,
        sources: Sequence[PictureSource],
        *,
        options: PictureOptions = DEFAULT_OPTIONS,
        already: int = 0,
        on_done: Callable[[], None] | None = None,
    ) -> list[PreparedPicture | ImageError]:
        """Each picture or the reason why there is none, in the order of the sources.

        A source's own options win. Together with `already` others they may be `limits.max_count`:
        those beyond become TooManyImages; the others go on. `on_done` is called after each, in any
        thread.
        """

        def prepared(source: PictureSource) -> PreparedPicture | ImageError:
            outcome = self._outcome(source, options)
            if on_done is not None:
                on_done()
            return outcome

        room = max(0, self.limits.max_count - already)
        with ThreadPoolExecutor(max_workers=len(self._workers)) as threads:
            outcomes = threads.map(prepared, sources[:room])
            return [*outcomes, *map(self._one_too_many, sources[room:])]

    def prepare_tiles(
        self,
        source: PictureSource,
        *,
        options: PictureOptions = DEFAULT_OPTIONS,
        max_parts: int = MAX_PARTS,
    ) -> tuple[PreparedPicture, ...]:
        """The overview and the parts of a large picture (`plan_tiles`), from decoding once.

        A picture that needs no parts is prepared as a whole, alone. Raises what `prepare` raises.
        """
        options = source.options or options
        facts = self.look(source, page=options.page or 0)
        width_px, height_px = facts.width_px, facts.height_px
        if options.rotate_degrees % 180:
            width_px, height_px = height_px, width_px
        side_px = options.longest_side_px
        tiles = plan_tiles(width_px, height_px, longest_side_px=side_px, max_parts=max_parts)
        wishes = [replace(options, tile=tile) for tile in tiles or (None,)]
        return tuple(self._prepare_each(source, wishes))

    def look(self, source: PictureSource, *, page: int = 0) -> PictureFacts:
        """Format, upright size and number of pages, without preparing anything.

        `page` is that of a PDF. Raises what `prepare` raises, as far as the header tells.
        """
        with _named(source.name):
            self._refuse_at_sight(source.content)
            return self._facts_of(source.content, page)

    def pdf_pages(
        self, source: PictureSource, *, first: int = 0, count: int = MAX_PAGE_THUMBNAILS
    ) -> PdfPages:
        """Small pictures of up to `count` pages of a PDF, from page `first` on (0-based).

        Never more than MAX_PAGE_THUMBNAILS at once. Raises UnsupportedImage for another file, else
        what `prepare` raises.
        """
        with _named(source.name):
            self._refuse_at_sight(source.content)
            if picture_format(source.content) != "PDF":
                raise UnsupportedImage
            return self._thumbnails(source.content, first, min(count, MAX_PAGE_THUMBNAILS))

    def read_codes(
        self, source: PictureSource, *, options: PictureOptions = DEFAULT_OPTIONS
    ) -> tuple[PictureCode, ...]:
        """The QR and bar codes in a picture as it would be prepared, from top to bottom.

        Positions are those in what `options` show of it. Raises what `prepare` raises.
        """
        with _named(source.name):
            self._refuse_at_sight(source.content)
            order = wire.codes_order(source.options or options, self.limits)
            header, _ = self._ask(order, source.content)
            return wire.codes_from(header)

    def original(self, picture: Attachment) -> tuple[PictureSource, PictureOptions] | None:
        """The file a picture was made from, and how; None when it is no longer kept."""
        found = self._originals.get(picture.sha256)
        if found is None:
            return None
        content, options = found
        return PictureSource(picture.receipt.source_name, content), options

    def forget(self, sha256: str) -> None:
        """Drop a prepared picture and the file it was made from, now and not after some hours."""
        self._originals.forget(sha256)
        self._cache.forget(sha256)

    def start(self) -> None:
        """Start the workers now rather than with the first picture. Raises ImageError."""
        for worker in self._workers:
            worker.start()

    def close(self) -> None:
        """End the workers, busy ones too; whoever still waits gets an ImageError."""
        for worker in self._workers:
            worker.close()
        self._cache.clear()
        self._originals.clear()

    def _outcome(
        self, source: PictureSource, options: PictureOptions
    ) -> PreparedPicture | ImageError:
        try:
            return self._prepare_each(source, (source.options or options,))[0]
        except ImageError as error:
            return error

    def _one_too_many(self, source: PictureSource) -> TooManyImages:
        limit = self.limits.max_count
        return TooManyImages(f"limit: {limit}", name=source.name, limit=limit)

    def _refuse_at_sight(self, content: bytes) -> None:
        """What needs no decoder to be refused does not cost a trip to a worker."""
        check_weight(content, self.limits)
        if picture_format(content) is None:
            raise UnsupportedImage

    def _prepare_each(
        self, source: PictureSource, wishes: Sequence[PictureOptions]
    ) -> list[PreparedPicture]:
        """One picture for each wish, under the name of the source."""
        with _named(source.name):
            self._refuse_at_sight(source.content)
            digest = hashlib.sha256(source.content).digest()
            recipes = [Recipe(digest, wish) for wish in wishes]
            pictures = self._prepared(recipes, source.content)
        for recipe, picture in zip(recipes, pictures, strict=True):
            made = picture.attachment.sha256
            self._originals.put(made, source.content, recipe.options, source_sha256=digest)
        return [_renamed(picture, source.name) for picture in pictures]

    def _prepared(self, recipes: Sequence[Recipe], content: bytes) -> list[PreparedPicture]:
        """From the cache, from whoever prepares the same picture just now, or from a worker."""
        ours: dict[Recipe, Future[PreparedPicture]] = {}
        with self._lock:
            found = [self._found(recipe, ours) for recipe in recipes]
        if ours:
            self._fulfil(ours, content)
        return [future.result() for future in found]

    def _found(
        self, recipe: Recipe, ours: dict[Recipe, Future[PreparedPicture]]
    ) -> Future[PreparedPicture]:
        """What is there or on its way; else a promise, which goes to `ours`. Call with the lock."""
        cached = self._cache.get(recipe)
        if cached is not None:
            done: Future[PreparedPicture] = Future()
            done.set_result(cached)
            return done
        if recipe not in self._pending:
            self._pending[recipe] = ours[recipe] = Future()
        return self._pending[recipe]

    def _fulfil(self, ours: dict[Recipe, Future[PreparedPicture]], content: bytes) -> None:
        try:
            order = wire.prepare_order([recipe.options for recipe in ours], self.limits)
            pictures = wire.pictures_from(*self._ask(order, content))
        except BaseException as error:  # noqa: BLE001 - whoever waits must wake; result() raises it
            for future in ours.values():
                future.set_exception(error)
        else:
            for (recipe, future), picture in zip(ours.items(), pictures, strict=True):
                self._cache.put(recipe, picture)
                future.set_result(picture)
        finally:
            with self._lock:
                for recipe in ours:
                    del self._pending[recipe]

    def _facts_of(self, content: bytes, page: int) -> PictureFacts:
        key = hashlib.sha256(content).digest(), page
        with self._lock:
            known = self._facts.get(key)
        if known is not None:
            return known
        header, _ = self._ask(wire.look_order(page, self.limits), content)
        facts = wire.facts_from(header)
        with self._lock:
            self._facts[key] = facts
            while len(self._facts) > _MOST_FACTS:
                self._facts.popitem(last=False)
        return facts

    def _thumbnails(self, content: bytes, first: int, count: int) -> PdfPages:
        """In several trips, so that a document that is slow to draw is not one slow picture."""
        thumbnails: list[PageThumbnail] = []
        at = first
        while True:
            order = wire.thumbnails_order(range(at, first + count), self.limits)
            pages, tried = wire.thumbnails_from(*self._ask(order, content))
            thumbnails += pages.thumbnails
            at += tried
            if not tried or at >= min(first + count, pages.page_count):
                return PdfPages(pages.page_count, tuple(thumbnails))

    def _ask(self, order: wire.Header, content: bytes) -> tuple[wire.Header, list[bytes]]:
        worker = self._idle.get()
        try:
            return worker.ask(order, content)
        finally:
            self._idle.put(worker)


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Raise an error anew under this name; it may be shared with others who wait for it too."""
    try:
        yield
    except ImageError as error:
        raise type(error)(error.detail, **{**error.params, "name": name}) from None


def _renamed(picture: PreparedPicture, name: str) -> PreparedPicture:
    receipt = replace(picture.attachment.receipt, source_name=name)
    return replace(picture, attachment=replace(picture.attachment, receipt=receipt))


class _WorkerDied(Exception):
    """The process ended before it answered."""


class _Worker:
    """One process and its pipes. `ask` is called by one thread at a time, the rest by any."""

    def __init__(self, time_limit_seconds: float, memory_limit_bytes: int) -> None:
        self._time_limit_seconds = time_limit_seconds
        self._memory_limit_bytes = memory_limit_bytes
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._closed = False

    def ask(self, header: wire.Header, content: bytes) -> tuple[wire.Header, list[bytes]]:
        """The answer, from a second process if the first one dies of whatever reason."""
        try:
            return self._ask_once(header, content)
        except _WorkerDied:
            pass
        try:
            return self._ask_once(header, content)
        except _WorkerDied:
            raise UnreadableImage("the decoder died") from None

    def start(self) -> subprocess.Popen[bytes]:
        """The running process. Raises ImageError when it can't be started or has been closed."""
        with self._lock:
            if self._closed:
                raise ImageError("the pool is closed")
            if self._process is None or self._process.poll() is not None:
                self._end()
                self._process = self._spawn()
            return self._process

    def close(self) -> None:
        """End the process for good."""
        with self._lock:
            self._closed = True
            self._end()

    def _ask_once(self, header: wire.Header, content: bytes) -> tuple[wire.Header, list[bytes]]:
        process = self.start()
        with _Deadline(process, self._time_limit_seconds) as deadline:
            try:
                wire.write_message(_pipe(process.stdin), header, content)
                return wire.read_message(_pipe(process.stdout))
            except (OSError, EOFError, ValueError):  # ValueError: closed meanwhile, or no JSON
                self._replace(process)
                if deadline.has_passed:
                    raise ImageTooSlow(limit=self._time_limit_seconds) from None
                if process.returncode == _OUT_OF_MEMORY:
                    raise ImageTooDemanding from None
                raise _WorkerDied from None

    def _spawn(self) -> subprocess.Popen[bytes]:
        alarm_seconds = int(self._time_limit_seconds) + 2  # only counts when nobody is left to kill
        command = [sys.executable, "-m", "augenblick.images.worker"]
        try:
            process = subprocess.Popen(  # noqa: S603 - our own module with two numbers
                [*command, str(self._memory_limit_bytes), str(alarm_seconds)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=_PACKAGE_ROOT,
                env=_environment(),
            )
        except OSError as error:
            raise ImageError(f"no picture worker: {type(error).__name__}") from error
        with _Deadline(process, _START_SECONDS):
            try:
                wire.read_message(_pipe(process.stdout))  # it says when it is ready
            except (OSError, EOFError, ValueError):
                _bury(process)
                raise ImageError("the picture worker did not start") from None
        return process

    def _replace(self, process: subprocess.Popen[bytes]) -> None:
        """Have the next `start` start another one; a killed process may still look alive."""
        with self._lock:
            if self._process is process:
                self._end()

    def _end(self) -> None:
        if self._process is not None:
            _bury(self._process)
            self._process = None


class _Deadline:
    """Kills a process when the block takes too long."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self.has_passed = False
        self._process = process
        self._timer = threading.Timer(seconds, self._pass)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _pass(self) -> None:
        self.has_passed = True
        self._process.kill()


def _environment() -> dict[str, str]:
    """What a worker needs of ours. No key, no proxy, no address is among it."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return kept | _ALLOCATION


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    return cast("IO[bytes]", stream)  # both were asked for


def _bury(process: subprocess.Popen[bytes]) -> None:
    """End a process if it still runs, and leave neither a zombie nor an open pipe."""
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        try:
            _pipe(stream).close()
        except OSError:  # what was still to be written to the dead
            continue

"""`PicturePool`: pictures of strangers are decoded in processes that can be lost."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from typing import Any, NamedTuple, Self, TypeVar, cast

from augenblick.core.byte_lru import ByteLru
from augenblick.core.errors import ImageError
from augenblick.core.messages import Attachment, PreparedPicture
from augenblick.pictures.decode import checked_format
from augenblick.pictures.facts import PageThumbnail, PdfPages, PictureCode, PictureFacts
from augenblick.pictures.fair_queue import Turns
from augenblick.pictures.limits import PictureLimits, PictureOptions
from augenblick.pictures.originals import Originals, PictureSource
from augenblick.pictures.prepare import DEFAULT_LIMITS, DEFAULT_OPTIONS
from augenblick.pictures.processes import Worker
from augenblick.pictures.regions import Region, region_tiles
from augenblick.pictures.sizes import (
    MAX_PARTS,
    SHARP_QUALITY,
    SHARPEST_SIDE_PX,
    Size,
    plan_tiles,
)

MAX_PAGE_THUMBNAILS = 50
_FACTS_BYTES = 500  # of one file, about
_MOST_FACTS_BYTES = 500_000
_THUMBNAIL_SECONDS = 4.0  # of pages at once; then the others get the worker in between

T = TypeVar("T")


class _Recipe(NamedTuple):
    """What decides how a prepared picture looks, byte for byte."""

    source_sha256: bytes
    options: PictureOptions


class PicturePool:
    """Prepares pictures in `workers` processes, each picture once. Any thread may call.

    `person` says whose picture it is: turns go round the people, and one of them has at most all
    workers but one. So with three workers a single person keeps two cores busy, and whoever comes
    meanwhile has the third at once. Callers that name nobody count as one person.

    Workers start when they are first needed and are replaced when they die. One is killed when a
    picture takes longer than `time_limit_seconds`; where the system can limit it, none gets more
    than `memory_limit_bytes` of address space, Python and libraries (80 MB) included. What the
    limits let through needs at most (measured, in MB): 64 megapixels as WebP 1060, 200 megapixels
    as HEIC 1045, a progressive JPEG of 108 megapixels 420 to 730, 48 megapixels as HEIC or AVIF
    510, as PNG 370.
    """

    def __init__(
        self,
        *,
        workers: int = 3,
        limits: PictureLimits = DEFAULT_LIMITS,
        time_limit_seconds: float = 20.0,
        memory_limit_bytes: int = 1152 * 1024 * 1024,
        cache_bytes: int = 64_000_000,
        originals_bytes: int = 256_000_000,
    ) -> None:
        self.limits = limits
        worker = partial(
            Worker, time_limit_seconds=time_limit_seconds, memory_limit_bytes=memory_limit_bytes
        )
        self._workers = [worker("augenblick.pictures.worker_process") for _ in range(workers)]
        self._turns = Turns(self._workers)
        self._face_worker = worker("augenblick.pictures.faces")
        self._face_turns = Turns([self._face_worker])
        self._cache = ByteLru[_Recipe, PreparedPicture](
            cache_bytes, size=lambda picture: len(picture.content) + len(picture.thumbnail)
        )
        self._originals = Originals(max_bytes=originals_bytes)
        self._facts = ByteLru[tuple[bytes, int], PictureFacts](
            _MOST_FACTS_BYTES, size=lambda _: _FACTS_BYTES
        )
        self._pending: dict[tuple[str, _Recipe], Future[PreparedPicture]] = {}  # by person too
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def prepare(
        self,
        content: bytes,
        *,
        name: str,
        options: PictureOptions = DEFAULT_OPTIONS,
        person: str = "",
    ) -> PreparedPicture:
        """What `prepare_image` does, with the same errors, at no risk.

        A picture that kills its worker twice is UnreadableImage, one that takes too long or too
        much memory ImageTooLarge. A plain ImageError says that no worker could be started.
        """
        (picture,) = self._prepare_each(PictureSource(name, content), (options,), person)
        return picture

    def prepare_many(
        self,
        sources: Sequence[PictureSource],
        *,
        already: int = 0,
        on_done: Callable[[], None] | None = None,
        person: str = "",
    ) -> list[PreparedPicture | ImageError]:
        """Each picture or the reason why there is none, in the order of the sources.

        Together with `already` others they may be `limits.max_count`: those beyond become
        image_too_many; the others go on. `on_done` is called after each, in any thread.
        """

        def prepared(source: PictureSource) -> PreparedPicture | ImageError:
            outcome: PreparedPicture | ImageError
            try:
                (outcome,) = self._prepare_each(source, (source.options,), person)
            except ImageError as error:
                outcome = error
            if on_done is not None:
                on_done()
            return outcome

        limit = self.limits.max_count
        room = max(0, limit - already)
        too_many = (
            ImageError(f"limit: {limit}", code="image_too_many", name=source.name, limit=limit)
            for source in sources[room:]
        )
        with ThreadPoolExecutor(max_workers=self._turns.most_per_person) as threads:
            return [*threads.map(prepared, sources[:room]), *too_many]

    def prepare_tiles(
        self,
        source: PictureSource,
        *,
        max_parts: int = MAX_PARTS,
        person: str = "",
    ) -> tuple[PreparedPicture, ...]:
        """The overview and the parts of a large picture (`plan_tiles`), from decoding once.

        A picture that needs no parts is prepared as a whole, alone. Raises what `prepare` raises.
        """
        longest_px = source.options.longest_side_px
        size = self._turned_size(source, person)
        tiles = plan_tiles(*size, longest_side_px=longest_px, max_parts=max_parts)
        wishes = [replace(source.options, tile=tile) for tile in tiles or (None,)]
        return tuple(self._prepare_each(source, wishes, person))

    def prepare_regions(
        self, source: PictureSource, regions: Sequence[Region], *, person: str = ""
    ) -> tuple[PreparedPicture, ...]:
        """The picture with the regions drawn in, then each region as sharp as the file has it.

        Regions are those of the picture as turned by its options; no side of one comes out longer
        than SHARPEST_SIDE_PX. Raises what `prepare` raises.
        """
        options = source.options
        overview, *parts = region_tiles(regions, *self._turned_size(source, person))
        quality = max(options.quality, SHARP_QUALITY)
        sharp = replace(options, longest_side_px=SHARPEST_SIDE_PX, quality=quality, marks=())
        wishes = [
            replace(options, tile=overview, marks=tuple(parts)),
            *(replace(sharp, tile=part) for part in parts),
        ]
        return tuple(self._prepare_each(source, wishes, person))

    def look(self, source: PictureSource, *, person: str = "") -> PictureFacts:
        """Format, upright size and number of pages, without preparing anything.

        The size is that of the page and of all of it, not turned. Raises what `prepare` raises, as
        far as the header tells.
        """
        page = source.options.page or 0
        with self._examined(source):
            key = hashlib.sha256(source.content).digest(), page
            facts = self._facts.get(key)
            if facts is None:
                facts = self._ask(PictureFacts, "look", source.content, person, page=page)
                self._facts.put(key, facts)
            return facts

    def pdf_pages(
        self,
        source: PictureSource,
        *,
        first: int = 0,
        count: int = MAX_PAGE_THUMBNAILS,
        person: str = "",
    ) -> PdfPages:
        """Small pictures of up to `count` pages of a PDF, from page `first` on (0-based).

        Never more than MAX_PAGE_THUMBNAILS at once. Raises ImageError for another file, else
        what `prepare` raises.
        """
        with self._examined(source) as kind:
            if kind != "PDF":
                raise ImageError(code="image_unsupported")
            thumbnails: list[PageThumbnail] = []
            stop = first + min(count, MAX_PAGE_THUMBNAILS)
            while True:  # in several trips, so that a slow document is not one slow picture
                chosen = {"pages": [first, stop], "seconds": _THUMBNAIL_SECONDS}
                pages, tried = self._ask(
                    tuple[PdfPages, int], "thumbnails", source.content, person, **chosen
                )
                thumbnails += pages.thumbnails
                first += tried
                if not tried or first >= min(stop, pages.page_count):
                    return PdfPages(pages.page_count, tuple(thumbnails))

    def read_codes(self, source: PictureSource, *, person: str = "") -> tuple[PictureCode, ...]:
        """The QR and bar codes in a picture as it would be prepared, from top to bottom.

        Positions are those in what its options show of it. Raises what `prepare` raises.
        """
        with self._examined(source):
            return self._ask(
                tuple[PictureCode, ...], "codes", source.content, person, options=source.options
            )

    def pixelate(
        self, source: PictureSource, regions: Sequence[Region], *, person: str = ""
    ) -> PictureSource:
        """The file anew, upright as its options show it and whole, with these regions pixelated.

        They count in what the options show without their tile. Raises what `prepare` raises.
        """
        wanted = {"options": source.options, "regions": list(regions)}
        with self._examined(source):
            content = self._ask(bytes, "pixelate", source.content, person, **wanted)
            return PictureSource(source.name, content)

    def find_faces(self, picture: PreparedPicture, *, person: str = "") -> tuple[Region, ...]:
        """Faces in a prepared picture, to be looked at by a person: never sure to be all of them.

        Starts a process of its own and ends it: 0.5 s more, and nobody has to keep its 120 MB.
        Raises ImageError, also where what finds faces is not installed.
        """
        with self._face_turns.worker(person) as worker:
            try:
                return worker.ask(
                    {"task": "faces", "content": picture.content},
                    partial(_checked, tuple[Region, ...]),
                )
            finally:
                worker.rest()

    def original(self, picture: Attachment) -> PictureSource | None:
        """The file a picture was made from, and how; None when it is no longer kept."""
        found = self._originals.get(picture.sha256)
        return None if found is None else PictureSource(picture.receipt.source_name, *found)

    def forget(self, sha256: str) -> None:
        """Drop a prepared picture and the file it was made from, now and not after some hours."""
        self._originals.forget(sha256)
        for recipe, picture in self._cache.items():
            if picture.attachment.sha256 == sha256:
                self._cache.forget(recipe)

    def forget_file(self, content: bytes) -> None:
        """Drop a file that pictures were made from, and every picture made from it, now."""
        digest = hashlib.sha256(content).digest()
        self._originals.forget_source(digest)
        for recipe, picture in self._cache.items():
            if recipe.source_sha256 == digest or picture.attachment.sha256 == digest.hex():
                self._cache.forget(recipe)

    def start(self) -> None:
        """Start the workers now rather than with the first picture. Raises ImageError."""
        for worker in self._workers:
            worker.start()

    def close(self) -> None:
        """End the workers, busy ones too; whoever still waits gets an ImageError."""
        for worker in (*self._workers, self._face_worker):
            worker.close()
        self._cache.clear()
        self._originals.clear()

    def _turned_size(self, source: PictureSource, person: str) -> Size:
        facts = self.look(source, person=person)
        size = facts.width_px, facts.height_px
        return size[::-1] if source.options.rotate_degrees % 180 else size

    @contextmanager
    def _examined(self, source: PictureSource) -> Iterator[str]:
        """The format of a file. What needs no decoder to be refused costs no trip to a worker.

        Errors are raised anew under the name of the source: others may wait for the same one.
        """
        try:
            yield checked_format(source.content, self.limits)
        except ImageError as error:
            params = error.params | {"name": source.name}
            raise ImageError.of(error.code, error.detail, **params) from None

    def _prepare_each(
        self, source: PictureSource, wishes: Sequence[PictureOptions], person: str
    ) -> list[PreparedPicture]:
        """One picture for each wish, under the name of the source."""
        with self._examined(source):
            digest = hashlib.sha256(source.content).digest()
            recipes = [_Recipe(digest, wish) for wish in wishes]
            pictures = self._prepared(recipes, source.content, person)
        for recipe, picture in zip(recipes, pictures, strict=True):
            made = picture.attachment.sha256
            self._originals.put(made, source.content, recipe.options, source_sha256=digest)
        return [_renamed(picture, source.name) for picture in pictures]

    def _prepared(
        self, recipes: Sequence[_Recipe], content: bytes, person: str
    ) -> list[PreparedPicture]:
        """From the cache, from whatever prepares it for the same person just now, or from a worker.

        Not from what another person waits for: that may stand behind many others of theirs.
        """
        ours: dict[_Recipe, Future[PreparedPicture]] = {}
        with self._lock:
            found = [self._found(recipe, person, ours) for recipe in recipes]
        if ours:
            self._fulfil(ours, content, person)
        return [future.result() for future in found]

    def _found(
        self, recipe: _Recipe, person: str, ours: dict[_Recipe, Future[PreparedPicture]]
    ) -> Future[PreparedPicture]:
        """What is there or on its way; else a promise, which goes to `ours`. Call with the lock."""
        cached = self._cache.get(recipe)
        if cached is not None:
            done: Future[PreparedPicture] = Future()
            done.set_result(cached)
            return done
        if (person, recipe) not in self._pending:
            self._pending[person, recipe] = ours[recipe] = Future()
        return self._pending[person, recipe]

    def _fulfil(
        self, ours: dict[_Recipe, Future[PreparedPicture]], content: bytes, person: str
    ) -> None:
        try:
            options = [recipe.options for recipe in ours]
            pictures = self._ask(list[PreparedPicture], "prepare", content, person, options=options)
            made = list(zip(ours.items(), pictures, strict=True))
        except BaseException as error:  # noqa: BLE001 - whoever waits must wake; result() raises it
            for future in ours.values():
                future.set_exception(error)
        else:
            for (recipe, future), picture in made:
                self._cache.put(recipe, picture)
                future.set_result(picture)
        finally:
            with self._lock:
                for recipe in ours:
                    del self._pending[person, recipe]

    def _ask(self, kind: type[T], task: str, content: bytes, person: str, **arguments: object) -> T:
        """What a function of `worker_process` returns for these arguments, of this type."""
        order = {"task": task, "content": content, "limits": self.limits, **arguments}
        with self._turns.worker(person) as worker:
            return worker.ask(order, partial(_checked, kind))


def _checked(kind: type[T], value: object) -> T:
    """What a worker answered as a value of this type. Raises ValueError for anything else."""
    adapter = _adapter(kind)  # type: ignore[arg-type]  # a type has a hash
    return cast("T", adapter.validate_python(value))


@cache
def _adapter(kind: Any) -> Any:  # noqa: ANN401 - of any type
    from pydantic import TypeAdapter  # noqa: PLC0415 - not for workers, which import this file too

    return TypeAdapter(kind)


def _renamed(picture: PreparedPicture, name: str) -> PreparedPicture:
    receipt = replace(picture.attachment.receipt, source_name=name)
    return replace(picture, attachment=replace(picture.attachment, receipt=receipt))

"""The tray: pictures that wait for their question, each prepared the moment it is chosen.

A file is known by its number, which says where it stands; a PDF of several pages becomes several
pictures. Nothing here knows of a page or a network; any thread may call.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count

from augenblick.core.errors import Failure, ImageError
from augenblick.core.messages import PreparedPicture
from augenblick.pictures.formats import picture_format
from augenblick.pictures.limits import PictureOptions
from augenblick.pictures.originals import PictureSource
from augenblick.pictures.pool import PicturePool
from augenblick.pictures.regions import MAX_REGIONS, Region

_QUARTER_DEGREES = 90

Take = Callable[[Sequence[bytes], Callable[[], None]], None]
"""Counts bytes and then calls what keeps them, as `UploadMemory.take`; what it raises is left to
the caller."""


@dataclass(frozen=True, slots=True)
class PdfFile:
    """A PDF of several pages, kept so that others of them can be chosen."""

    source: PictureSource
    page_count: int


@dataclass(frozen=True, slots=True)
class TrayItem:
    """A picture that is ready, a file that can't be used, or (with neither) one being prepared."""

    id: str
    file: int  # the number of its file
    name: str
    picture: PreparedPicture | None = None
    failure: Failure | None = None
    pdf: PdfFile | None = None
    regions: tuple[Region, ...] = ()  # that are marked on the picture
    marked: tuple[PreparedPicture, ...] = ()  # what is sent for them in place of the picture

    @property
    def sent(self) -> tuple[PreparedPicture, ...]:
        """What a question gets of it, if it is ready: the picture, or all for its regions."""
        return self.marked or (() if self.picture is None else (self.picture,))


class Tray:
    """Holds at most `max_count` pictures, in the order of their files' numbers.

    `options` is how the next files are prepared. `version` grows with every change.
    """

    def __init__(self, *, max_count: int) -> None:
        self.max_count = max_count
        self.options = PictureOptions()
        self.version = 0
        self._files: dict[int, tuple[TrayItem, ...]] = {}
        self._ids = count()
        self._lock = threading.Lock()

    @property
    def items(self) -> tuple[TrayItem, ...]:
        """Everything in it, in order."""
        with self._lock:
            return self._held()

    @property
    def pictures(self) -> tuple[PreparedPicture, ...]:
        """What is ready to be sent."""
        return tuple(picture for item in self.items for picture in item.sent)

    def item(self, item_id: str) -> TrayItem | None:
        """The item of this id, while it is there."""
        return next((item for item in self.items if item.id == item_id), None)

    def room(self, *, besides: int | None = None) -> int:
        """How many more pictures it can hold, where those of the file `besides` do not count."""
        held = (item for item in self.items if item.failure is None and item.file != besides)
        return self.max_count - sum(max(1, len(item.sent)) for item in held)

    def begin(self, file: int, name: str) -> None:
        """Keep a place for a file that comes. Raises ImageError, image_too_many, without one."""
        self._check_room(name, besides=file)
        with self._lock:
            self._set(file, (self._item(file, name),))

    def begin_new(self, name: str, *, number: int) -> int:
        """Keep a place as `begin`, under this number or the next free one; returns the number."""
        self._check_room(name)
        with self._lock:
            file = next(each for each in count(number) if each not in self._files)
            self._set(file, (self._item(file, name),))
        return file

    def finish(
        self,
        file: int,
        name: str,
        outcomes: Iterable[PreparedPicture | Failure],
        pdf: PdfFile | None = None,
    ) -> None:
        """Put what became of a file in its place; nothing happens if it was taken out meanwhile."""
        with self._lock:
            if file in self._files:
                made = [self._made(file, name, each, pdf) for each in outcomes]
                self._set(file, [self._with_regions(each) for each in made])

    def refuse(self, file: int, name: str, failure: Failure) -> None:
        """Say why a file that had no place can't be used."""
        with self._lock:
            self._set(file, (self._made(file, name, failure, None),))

    def put(self, pictures: Sequence[PreparedPicture], *, file: int) -> None:
        """Add pictures that are ready, the first under this number, each as a file of its own.

        They may be more than `max_count`: what was taken out before is not refused. A picture with
        regions stays together with these, as it is.
        """
        with self._lock:
            for place, (picture, *parts) in enumerate(_with_their_regions(pictures)):
                name = picture.attachment.receipt.source_name
                free = next(at for at in count(file + place) if at not in self._files)
                made = self._made(free, name, picture, None)
                self._set(free, (replace(made, marked=(picture, *parts)) if parts else made,))

    def replace(self, item_id: str, pictures: Iterable[PreparedPicture]) -> None:
        """Have these stand where an item stood; nothing happens if it is gone."""
        with self._lock:
            for item in self._held():
                if item.id == item_id:
                    made = [self._made(item.file, item.name, each, item.pdf) for each in pictures]
                    self._put_in_place({item_id: made})

    def exchange(
        self,
        item: TrayItem,
        picture: PreparedPicture,
        regions: tuple[Region, ...] = (),
        marked: tuple[PreparedPicture, ...] = (),
    ) -> None:
        """Have another picture and regions in an item; nothing happens if it is gone or changed."""
        with self._lock:
            if item in self._held():
                made = replace(
                    item,
                    id=self._id(item.file),
                    picture=picture,
                    regions=regions,
                    marked=marked,
                )
                self._put_in_place({item.id: (made,)})

    def renew(self, made: Mapping[str, Sequence[PreparedPicture]]) -> bool:
        """Have these stand where the items of these ids stood, and keep no PDF of their files.

        Each has the picture itself and then what is sent for its regions. False, and nothing is
        changed, where one of them is gone.
        """
        with self._lock:
            items = {item.id: item for item in self._held()}
            if not made.keys() <= items.keys():
                return False
            touched = {items[item_id].file for item_id in made}
            anew: dict[str, tuple[TrayItem]] = {}
            for item in items.values():
                if item.file in touched:
                    own = replace(item, pdf=None)
                    if shown := made.get(item.id):
                        picture, *marked = shown
                        new_id = self._id(item.file)
                        own = replace(own, id=new_id, picture=picture, marked=tuple(marked))
                    anew[item.id] = (own,)
            self._put_in_place(anew)
        return True

    def remove(self, item_id: str) -> None:
        """Take an item out."""
        self.replace(item_id, ())

    def take(self, item_ids: Iterable[str]) -> tuple[PreparedPicture, ...] | None:
        """Take the pictures of a question out, with all that can't be used.

        None, and nothing is changed, where one of them is no longer there.
        """
        wanted = set(item_ids)
        with self._lock:
            items = self._held()
            taken = [item for item in items if item.id in wanted and item.picture is not None]
            if len(taken) != len(wanted):
                return None
            self._put_in_place(
                {item.id: () for item in items if item in taken or item.failure is not None}
            )
        return tuple(picture for item in taken for picture in item.sent)

    def adopt(self, other: Tray) -> None:
        """Have all that is ready in another tray here too."""
        ready = [item for item in other.items if item.picture is not None]
        with self._lock:
            for file in {item.file for item in ready} - self._files.keys():
                items = [item for item in ready if item.file == file]
                self._set(file, [replace(item, id=self._id(file)) for item in items])

    def clear(self) -> None:
        """Take everything out."""
        with self._lock:
            self._files.clear()
            self.version += 1

    def held(self) -> Iterable[bytes]:
        """Every file that it keeps; the same object may come several times."""
        for item in self.items:
            for picture in (item.picture, *item.marked):
                if picture is not None:
                    yield picture.content
                    yield picture.thumbnail
            if item.pdf is not None:
                yield item.pdf.source.content

    def _check_room(self, name: str, *, besides: int | None = None) -> None:
        if self.room(besides=besides) < 1:
            raise ImageError(code="image_too_many", name=name, limit=self.max_count)

    def _held(self) -> tuple[TrayItem, ...]:
        """Everything, in order. Call with the lock, as all below."""
        return tuple(item for file in sorted(self._files) for item in self._files[file])

    def _put_in_place(self, made: Mapping[str, Sequence[TrayItem]]) -> None:
        """Have these stand where the items of these ids stand."""
        for file, items in list(self._files.items()):
            if any(item.id in made for item in items):
                self._set(file, [each for item in items for each in made.get(item.id, (item,))])

    def _made(
        self, file: int, name: str, outcome: PreparedPicture | Failure, pdf: PdfFile | None
    ) -> TrayItem:
        item = self._item(file, name)
        if isinstance(outcome, PreparedPicture):
            return replace(item, picture=outcome, pdf=pdf)
        return replace(item, failure=outcome)

    def _with_regions(self, made: TrayItem) -> TrayItem:
        """With the regions that its picture has already."""
        for there in self._files[made.file]:
            if made.picture is not None and _is_same(made.picture, there.picture):
                return replace(made, regions=there.regions, marked=there.marked)
        return made

    def _item(self, file: int, name: str) -> TrayItem:
        return TrayItem(self._id(file), file, name)

    def _id(self, file: int) -> str:
        return f"{file}-{next(self._ids)}"

    def _set(self, file: int, items: Sequence[TrayItem]) -> None:
        self._files[file] = tuple(items)
        if not items:
            del self._files[file]
        self.version += 1


def _is_same(one: PreparedPicture, other: PreparedPicture | None) -> bool:
    return other is not None and one.attachment.sha256 == other.attachment.sha256


def _with_their_regions(pictures: Iterable[PreparedPicture]) -> list[list[PreparedPicture]]:
    """Each picture with the regions of it that follow."""
    found: list[list[PreparedPicture]] = []
    for picture in pictures:
        tile = picture.attachment.receipt.tile
        if tile is not None and tile.is_region and tile.index and found and _is_marked(found[-1]):
            found[-1].append(picture)
        else:
            found.append([picture])
    return found


def _is_marked(pictures: Sequence[PreparedPicture]) -> bool:
    tile = pictures[0].attachment.receipt.tile
    return tile is not None and tile.is_region and not tile.index


def prepare_file(
    tray: Tray,
    pool: PicturePool,
    source: PictureSource,
    *,
    file: int,
    person: str,
    take: Take,
) -> None:
    """Prepare a file that has its place, with as many pages of a PDF as there is room for."""
    pages = page_count(source, pool, person=person)
    room = min(pages, tray.room(besides=file))
    pdf = PdfFile(source, pages) if pages > 1 else None
    _keep(tray, pool, source, range(room), file=file, person=person, pdf=pdf, take=take)


def choose_pages(
    tray: Tray,
    pool: PicturePool,
    item: TrayItem,
    pages: Iterable[int],
    *,
    person: str,
    take: Take,
) -> None:
    """Have other pages of an item's PDF, which count from 0, in place of those that are there."""
    if item.pdf is None:
        return
    source, file = item.pdf.source, item.file
    _keep(tray, pool, source, pages, file=file, person=person, pdf=item.pdf, take=take)


def _keep(
    tray: Tray,
    pool: PicturePool,
    source: PictureSource,
    pages: Iterable[int],
    *,
    file: int,
    person: str,
    pdf: PdfFile | None,
    take: Take,
) -> None:
    chosen = replace(source, options=tray.options)
    sources = [chosen] if pdf is None else pages_of(chosen, pages)
    outcomes = pool.prepare_many(sources, person=person)
    made = [each.failure if isinstance(each, ImageError) else each for each in outcomes]
    ready = [each for each in made if isinstance(each, PreparedPicture)]
    held = [content for each in ready for content in (each.content, each.thumbnail)]
    if pdf is not None:
        held.append(source.content)
    said = {each.code: each for each in made if isinstance(each, Failure)}  # once for all pages
    take(held, lambda: tray.finish(file, source.name, [*ready, *said.values()], pdf))


def page_count(source: PictureSource, pool: PicturePool, *, person: str) -> int:
    """How many pictures a file can become; 1 for one that can't be opened, which preparing says."""
    if source.options.page is not None or picture_format(source.content) != "PDF":
        return 1
    try:
        return pool.look(source, person=person).page_count
    except ImageError:
        return 1


def pages_of(source: PictureSource, pages: Iterable[int]) -> list[PictureSource]:
    """Pages of a PDF, which count from 0, as files of their own."""
    return [replace(source, options=replace(source.options, page=page)) for page in pages]


def turn(tray: Tray, pool: PicturePool, item: TrayItem, *, person: str) -> None:
    """Turn a picture to the right by a quarter. Raises ImageError."""
    if item.picture is None:
        return
    source = origin(item.picture, pool, tray.options)
    degrees = (source.options.rotate_degrees + _QUARTER_DEGREES) % 360
    turned = replace(source, options=replace(source.options, rotate_degrees=degrees))
    regions = tuple(region.turned() for region in item.regions)
    _change(tray, pool, item, turned, regions, person=person)


def mark(
    tray: Tray,
    pool: PicturePool,
    item: TrayItem,
    regions: Sequence[Region],
    *,
    person: str,
    take: Take,
) -> None:
    """Have these regions of a picture marked and sent along; none takes all marks away.

    Raises ImageError, image_too_many where there is no room for so many.
    """
    if item.picture is None:
        return
    before = len(item.regions)
    if len(regions) > max(before, min(MAX_REGIONS, tray.room() + before)):
        raise ImageError(code="image_too_many", name=item.name, limit=tray.max_count)
    source = origin(item.picture, pool, tray.options)
    marked = _marked(pool, source, regions, person=person)
    held = [content for each in marked for content in (each.content, each.thumbnail)]
    picture = item.picture
    take(held, lambda: tray.exchange(item, picture, tuple(regions), marked))


def _change(
    tray: Tray,
    pool: PicturePool,
    item: TrayItem,
    source: PictureSource,
    regions: tuple[Region, ...],
    *,
    person: str,
) -> None:
    """Prepare an item's picture, and what is sent for regions of it."""
    picture = pool.prepare(source.content, name=source.name, options=source.options, person=person)
    marked = _marked(pool, source, regions, person=person)
    tray.exchange(item, picture, regions, marked)


def _marked(
    pool: PicturePool, source: PictureSource, regions: Sequence[Region], *, person: str
) -> tuple[PreparedPicture, ...]:
    return pool.prepare_regions(source, regions, person=person) if regions else ()


def prepare_anew(
    tray: Tray,
    pool: PicturePool,
    options: PictureOptions,
    *,
    person: str,
) -> None:
    """Prepare everything in another size and quality; what can't be stays as it is."""
    tray.options = options
    for item in tray.items:
        is_as_sent = bool(item.marked) and not item.regions
        if item.picture is None or is_as_sent:
            continue
        source = origin(item.picture, pool, tray.options)
        wanted = replace(
            source.options, longest_side_px=options.longest_side_px, quality=options.quality
        )
        if wanted == source.options:
            continue
        with suppress(ImageError):
            chosen = replace(source, options=wanted)
            _change(tray, pool, item, chosen, item.regions, person=person)


def origin(picture: PreparedPicture, pool: PicturePool, options: PictureOptions) -> PictureSource:
    """The file of a picture and how it was prepared; itself where the file is no longer kept."""
    receipt = picture.attachment.receipt
    itself = replace(options, history=receipt)
    return pool.original(picture.attachment) or PictureSource(
        receipt.source_name, picture.content, itself
    )

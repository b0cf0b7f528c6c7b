"""Regions of a picture that waits are made unrecognisable before it is stored or sent.

The picture is prepared from a file and can be prepared again from it: turned, in another size, in
parts, sharper for a tool. So it is the file that is made anew, and every picture of it that waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import truediv

from augenblick.core.messages import PreparedPicture, Provenance, TileOf
from augenblick.pictures.limits import PictureOptions
from augenblick.pictures.originals import PictureSource
from augenblick.pictures.pool import PicturePool
from augenblick.pictures.regions import Region, within
from augenblick.pictures.tray import Tray, TrayItem, origin


def pixelate(
    tray: Tray, pool: PicturePool, item: TrayItem, regions: Sequence[Region], *, person: str
) -> bool:
    """Make regions of what an item shows unrecognisable for good. Raises ImageError.

    The other pages that wait of a PDF are taken out of it and the PDF is let go of, so that no
    others can be chosen. False, and nothing is changed, where an item is no longer there.
    """
    waiting = {each.item.id: each for each in _waiting(tray, pool)}
    start = waiting.pop(item.id, None)
    if start is None:
        return False
    others = [each for each in waiting.values() if each.source.content == start.source.content]
    files: dict[int | None, _NewFile] = {}
    made: dict[str, list[PreparedPicture]] = {}
    for each in (start, *others):
        page = each.options.page
        if page not in files:  # this page first, and each of the others by what waits of it first
            files[page] = _NewFile.of(each, () if files else regions, pool, person)
        made[each.item.id] = files[page].prepare(each, pool, person)
    if not tray.renew(made):
        return False
    pool.forget_file(start.source.content)
    left = _names(made.values())  # a page may look as it did before
    for sha256 in _names((each.picture, *each.item.marked) for each in (start, *others)) - left:
        pool.forget(sha256)
    return True


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A picture in the tray, and from what file and how it was prepared."""

    item: TrayItem
    picture: PreparedPicture
    source: PictureSource

    @property
    def options(self) -> PictureOptions:
        return self.source.options

    @property
    def receipt(self) -> Provenance:
        return self.picture.attachment.receipt


def _waiting(tray: Tray, pool: PicturePool) -> Iterator[_Waiting]:
    for item in tray.items:
        if item.picture is not None:
            yield _Waiting(item, item.picture, origin(item.picture, pool, tray.options))


@dataclass(frozen=True, slots=True)
class _NewFile:
    """The file, or a page of it, made anew; `first` is what was known of the old one."""

    first: _Waiting
    source: PictureSource
    regions: int
    share: float  # of the old file's sides that the new one's have

    @classmethod
    def of(
        cls, first: _Waiting, regions: Sequence[Region], pool: PicturePool, person: str
    ) -> _NewFile:
        size, tile = _upright(first.receipt), first.options.tile
        if tile is not None:
            shown = (tile.left_px, tile.top_px, tile.width_px, tile.height_px)
            regions = within(regions, Region(*map(truediv, shown, 2 * size)))
        source = pool.pixelate(first.source, regions, person=person)
        width_px = pool.look(source, person=person).width_px
        return cls(first, source, len(regions), width_px / size[0])

    def prepare(self, waiting: _Waiting, pool: PicturePool, person: str) -> list[PreparedPicture]:
        """What waits of the old file, and what is sent for its regions, of this one."""
        source = replace(self.source, options=self._options(waiting.options))
        if waiting.item.regions:
            regions = pool.prepare_regions(source, waiting.item.regions, person=person)
            return [self._prepared(waiting.options, pool, person), *regions]
        marked = [origin(each, pool, waiting.options).options for each in waiting.item.marked]
        return [self._prepared(options, pool, person) for options in (waiting.options, *marked)]

    def _prepared(self, options: PictureOptions, pool: PicturePool, person: str) -> PreparedPicture:
        content, name = self.source.content, self.source.name
        return pool.prepare(content, name=name, options=self._options(options), person=person)

    def _options(self, options: PictureOptions) -> PictureOptions:
        receipt, turned = self.first.receipt, self.first.options.rotate_degrees
        history = replace(receipt, pixelated=receipt.pixelated + self.regions)
        if self.first.options.tile is not None:
            history = replace(history, tile=None)
        return replace(
            options,
            page=None,
            rotate_degrees=(options.rotate_degrees - turned) % 360,
            tile=None if options.tile is None else _scaled(options.tile, self.share),
            marks=tuple(_scaled(mark, self.share) for mark in options.marks),
            history=history,
        )


def _names(pictures: Iterable[Iterable[PreparedPicture]]) -> set[str]:
    return {picture.attachment.sha256 for some in pictures for picture in some}


def _upright(receipt: Provenance) -> tuple[int, int]:
    size = receipt.source_width_px, receipt.source_height_px
    return size[::-1] if receipt.rotation_degrees % 180 else size


def _scaled(tile: TileOf, share: float) -> TileOf:
    return replace(
        tile,
        left_px=round(tile.left_px * share),
        top_px=round(tile.top_px * share),
        width_px=max(1, round(tile.width_px * share)),
        height_px=max(1, round(tile.height_px * share)),
    )

"""Prepared pictures by what they were made from, so that no picture is prepared twice."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import NamedTuple

from augenblick.images.limits import PictureOptions
from augenblick.messages import PreparedPicture


class Recipe(NamedTuple):
    """What decides how a prepared picture looks, byte for byte."""

    source_sha256: bytes
    options: PictureOptions


class PreparedPictures:
    """The most recently used pictures, `max_bytes` of them at most. Safe in threads."""

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._pictures: OrderedDict[Recipe, PreparedPicture] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, recipe: Recipe) -> PreparedPicture | None:
        """The picture, if it is still there."""
        with self._lock:
            if recipe in self._pictures:
                self._pictures.move_to_end(recipe)
            return self._pictures.get(recipe)

    def put(self, recipe: Recipe, picture: PreparedPicture) -> None:
        """Keep the picture and let go of the least recently used ones beyond the limit."""
        with self._lock:
            if recipe in self._pictures:
                return
            self._pictures[recipe] = picture
            self._bytes += _weight(picture)
            while self._bytes > self._max_bytes:
                self._bytes -= _weight(self._pictures.popitem(last=False)[1])

    def forget(self, sha256: str) -> None:
        """Let go of this picture, whatever it was made from."""
        with self._lock:
            made = [
                recipe
                for recipe, picture in self._pictures.items()
                if picture.attachment.sha256 == sha256
            ]
            for recipe in made:
                self._bytes -= _weight(self._pictures.pop(recipe))

    def clear(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._pictures.clear()
            self._bytes = 0


def _weight(picture: PreparedPicture) -> int:
    return len(picture.content) + len(picture.thumbnail)

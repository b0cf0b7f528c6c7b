"""Pictures as an endpoint wants them: data URIs of the stored ones, smaller or as JPEG on request.

A picture made to fit is not stored. It is known by the stored picture and the options it came from,
so that it can be made to fit further, and be made again when its data URI is no longer kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from augenblick.core.byte_lru import ByteLru
from augenblick.core.messages import Attachment, PreparedPicture
from augenblick.endpoint.payload import DataUris
from augenblick.pictures import PictureOptions

_ORIGIN_BYTES = 1_000  # of one of them, about
_MOST_ORIGINS_BYTES = 10_000_000


class Prepare(Protocol):
    """`PicturePool.prepare` or `prepare_image`."""

    def __call__(self, content: bytes, *, name: str, options: PictureOptions) -> PreparedPicture:
        """Prepare one picture. Raises ImageError."""
        ...


@dataclass(frozen=True, slots=True)
class _Origin:
    """The stored picture that one was made from, and how."""

    stored: Attachment
    options: PictureOptions


class PictureVariants:
    """Makes pictures fit; safe in threads. `load_content` reads a stored picture by its SHA-256."""

    def __init__(self, *, load_content: Callable[[str], bytes], prepare: Prepare) -> None:
        self._load_content = load_content
        self._prepare = prepare
        self._origins: ByteLru[str, _Origin] = ByteLru(
            _MOST_ORIGINS_BYTES, size=lambda _: _ORIGIN_BYTES
        )
        self.data_uri = DataUris(self._content)

    def shrink(self, attachment: Attachment, longest_side_px: int) -> Attachment:
        """Return the picture with no side longer than this. Raises ImageError."""
        origin = self._origin(attachment)
        options = replace(origin.options, longest_side_px=longest_side_px)
        return self._fitted(replace(origin, options=options))

    def to_jpeg(self, attachment: Attachment) -> Attachment:
        """Return the picture as JPEG. Raises ImageError."""
        origin = self._origin(attachment)
        return self._fitted(replace(origin, options=replace(origin.options, always_jpeg=True)))

    def forget(self, sha256: str) -> tuple[str, ...]:
        """Drop the data URIs of a stored picture and of all made from it; returns which those are.

        Whoever is just sending one of them has it made again.
        """
        made = [
            fitted for fitted, origin in self._origins.items() if origin.stored.sha256 == sha256
        ]
        for each in (sha256, *made):
            self.data_uri.forget(each)
        return (sha256, *made)

    def _origin(self, attachment: Attachment) -> _Origin:
        return self._origins.get(attachment.sha256) or _Origin(attachment, PictureOptions())

    def _fitted(self, origin: _Origin) -> Attachment:
        prepared = self._made(origin)
        fitted = replace(prepared.attachment, receipt=origin.stored.receipt)
        if fitted.sha256 != origin.stored.sha256:
            self._origins.put(fitted.sha256, origin)
        self.data_uri.add(fitted, prepared.content)
        return fitted

    def _content(self, sha256: str) -> bytes:
        origin = self._origins.get(sha256)
        return self._load_content(sha256) if origin is None else self._made(origin).content

    def _made(self, origin: _Origin) -> PreparedPicture:
        content = self._load_content(origin.stored.sha256)
        name = origin.stored.receipt.source_name
        return self._prepare(content, name=name, options=origin.options)

"""Tabs with a tray, and how the file of a request comes into one."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar
from urllib.parse import unquote

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request

from augenblick.core.errors import Failure, ImageTooLarge
from augenblick.core.language import Language
from augenblick.pictures import PicturePool, PictureSource
from augenblick.pictures.tray import Tray, prepare_file
from augenblick.web.upload_memory import UploadTab

T = TypeVar("T")

NAME_HEADER = "x-file-name"
UNKEPT = {"Cache-Control": "private, no-store"}
PHONE_SECONDS = 3600.0
_REPLICA_LENGTH = 8
_MEGABYTE = 1024 * 1024
_LONGEST_NAME = 200
_WAITING_THREADS = 64  # each waits for a picture worker, of which there are few


@dataclass(slots=True)
class PhoneCamera:
    """A phone that may send photos to a tab, for an hour at most: whoever has the token is it."""

    token: str
    ends_at: float = field(default_factory=lambda: time.monotonic() + PHONE_SECONDS)
    files: dict[int, int] = field(default_factory=dict)  # the tray's numbers, by the phone's own
    arrived: set[int] = field(default_factory=set)  # the phone's numbers of what could be used

    @property
    def is_open(self) -> bool:
        """Whether it may still send."""
        return time.monotonic() < self.ends_at


def new_phone(browser: str) -> PhoneCamera:
    """A phone for a tab of this browser.

    Its token begins like the browser's id, by which several replicas are told apart
    (deploy/nginx.conf); what follows can't be guessed.
    """
    return PhoneCamera(f"{browser[:_REPLICA_LENGTH]}{secrets.token_urlsafe(24)}")


class TrayTab(UploadTab, Protocol):
    """A tab with a tray."""

    tray: Tray
    phone: PhoneCamera | None  # that may send photos
    browser: str  # whose cookie it was drawn for; empty for a browser without one
    language: Language

    def questions(self) -> Mapping[str, object]:
        """What became of the questions that were sent from it, as JSON."""
        ...


Take = Callable[[UploadTab, Sequence[bytes], Callable[[], None]], None]


class Intake:
    """Brings the file of a request to its place in a tray.

    `take` counts what is kept (`UploadMemory.take`).
    """

    def __init__(self, take: Take, pool: Callable[[], PicturePool]) -> None:
        self._take = take
        self._pool = pool
        self._threads = CapacityLimiter(_WAITING_THREADS)

    async def bring(self, request: Request, tab: TrayTab, *, file: int, name: str) -> None:
        """Read and prepare a file that has its place; the place is free again where that fails.

        Raises AugenblickError and ClientDisconnect. A file that can't be used, for what is in it,
        stands in its place with the reason.
        """
        try:
            source = await self._read(request, name)
            take = partial(self._take, tab)
            work = partial(prepare_file, file=file, person=tab.person, take=take)
            await self.in_thread(work, tab.tray, self._pool(), source)
        except BaseException:
            tab.tray.finish(file, name, ())
            raise

    async def in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        """Do work that waits for a picture worker."""
        return await to_thread.run_sync(partial(work, *arguments), limiter=self._threads)

    async def _read(self, request: Request, name: str) -> PictureSource:
        """Read the file. One that is too heavy is read to its end and not kept."""
        limit = self._pool().limits.max_bytes
        content, total = bytearray(), 0
        async for piece in request.stream():
            total += len(piece)
            if total <= limit:
                content += piece
        if total > limit:
            has, most = round(total / _MEGABYTE, 1), limit // _MEGABYTE
            raise ImageTooLarge(code="image_too_heavy", name=name, has=has, limit=most)
        return PictureSource(name, bytes(content))


def file_name(request: Request) -> str:
    """The name of the file that a request brings, without its folder."""
    name = unquote(request.headers.get(NAME_HEADER, "")).replace("\\", "/").rpartition("/")[2]
    return "".join(sign for sign in name if sign.isprintable())[:_LONGEST_NAME] or "file"


def reason(failure: Failure, language: Language) -> str:
    """Why a file can't be used and what to do, in a sentence or two."""
    key = f"error.{failure.code}"
    if not language.has(f"{key}.what"):
        key = "error.image"
    return f"{language.text(f'{key}.what', **failure.params)} {language.text(f'{key}.do')}"

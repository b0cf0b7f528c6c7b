"""How many bytes may come in: by request, by session and in all.

Streamlit holds every upload in memory and counts neither a session's nor the server's total
(measured: ten uploads of 50 MB cost 500 MB until some session disconnects). A budget counts what
is really held, so there is no window to wait for: what is read or removed is free again.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sized
from dataclasses import dataclass
from typing import Protocol

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UPLOAD_PATH = re.compile(r"/_stcore/upload_file/([^/]+)/[^/]+$")
_TRAY_PATH = re.compile(r"/(?:tray|camera)/([^/]+)/\d+$")  # `tray_routes` and `phone_camera`
# What an input takes, as server.maxUploadSize. That is more than a picture may have, for the pool
# says no in the person's language and Streamlit in English.
INPUT_FILE_MEGABYTES = 100
BYTES_PER_FILE = 1024  # an empty file costs memory too


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """Bytes that uploads may hold in memory at once."""

    per_upload_bytes: int = 101 * 1024 * 1024  # server.maxUploadSize and the form around the file
    per_session_bytes: int = 200 * 1024 * 1024
    total_bytes: int = 1024 * 1024 * 1024


class HeldFile(Protocol):
    """A file in memory."""

    @property
    def data(self) -> Sized:
        """Its bytes."""
        ...


HeldFiles = Callable[[], Mapping[str, Mapping[str, HeldFile]]]


class BodyLimit:
    """Refuse a request body of more than `max_bytes` with 413; uploads are `UploadBudget`'s."""

    def __init__(self, app: ASGIApp, *, max_bytes: int = 1024 * 1024) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request whose body is small enough."""
        if scope["type"] != "http" or _upload_of(scope["path"]):
            await self._app(scope, receive, send)
            return
        if _declared_bytes(scope) > self._max_bytes:
            await _too_large()(scope, receive, send)
            return
        await self._app(scope, _counting(receive, lambda total, _: total <= self._max_bytes), send)


class UploadBudget:
    """Refuse uploads with 413 once a session or the server holds as much as it may.

    `held` looks up the files in memory by session. Bytes on their way count as they arrive, so a
    client that announces much and sends nothing takes nothing from others.
    """

    def __init__(
        self, app: ASGIApp, *, held: HeldFiles, limits: UploadLimits | None = None
    ) -> None:
        self._app = app
        self._held = held
        self._limits = limits or UploadLimits()
        self._arriving: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; an upload only while there is room."""
        match = _upload_of(scope["path"]) if scope["type"] == "http" else None
        if match is None or scope["method"] != "PUT":
            await self._app(scope, receive, send)
            return
        session = match[1]
        if not self._has_room(session, _declared_bytes(scope)):
            await _too_large()(scope, receive, send)
            return
        await self._take(session, scope, receive, send)

    async def _take(self, session: str, scope: Scope, receive: Receive, send: Send) -> None:
        arrived = 0

        def is_allowed(total: int, added: int) -> bool:
            nonlocal arrived
            is_fitting = total <= self._limits.per_upload_bytes and self._has_room(session, added)
            self._arriving[session] += added
            arrived += added
            return is_fitting

        try:
            await self._app(scope, _counting(receive, is_allowed), send)
        finally:
            self._arriving[session] -= arrived
            if not self._arriving[session]:
                del self._arriving[session]

    def _has_room(self, session: str, more_bytes: int) -> bool:
        held = held_bytes(self._held())
        in_session = held.get(session, 0) + self._arriving[session] + more_bytes
        in_all = sum(held.values()) + self._arriving.total() + more_bytes
        limits = self._limits
        return in_session <= limits.per_session_bytes and in_all <= limits.total_bytes


def _upload_of(path: str) -> re.Match[str] | None:
    """Whose upload goes to this path: of a session, of a tab to its tray, of a tab's phone."""
    return UPLOAD_PATH.search(path) or _TRAY_PATH.search(path)


def held_bytes(files: Mapping[str, Mapping[str, HeldFile]]) -> dict[str, int]:
    """Bytes held by session. Other threads may add and remove files meanwhile."""
    return {
        session: sum(len(file.data) + BYTES_PER_FILE for file in list(by_id.values()))
        for session, by_id in list(files.items())
    }


async def forget_left_uploads(
    sessions: Callable[[], Iterable[str]],
    *,
    is_active: Callable[[str], bool],
    forget: Callable[[str], None],
    every_seconds: float,
) -> None:
    """Drop the uploads of sessions that were away at two checks in a row, until cancelled.

    Streamlit itself checks only when another session disconnects.
    """
    away: set[str] = set()
    while True:
        await asyncio.sleep(every_seconds)
        now_away = {session for session in list(sessions()) if not is_active(session)}
        for session in now_away & away:
            forget(session)
        away = now_away - away


def _counting(receive: Receive, is_allowed: Callable[[int, int], bool]) -> Receive:
    """Receive, asking with the bytes so far and the new ones whether to go on."""
    total = 0

    async def counted() -> Message:
        nonlocal total
        message = await receive()
        if message["type"] == "http.request":
            added = len(message.get("body", b""))
            total += added
            if added and not is_allowed(total, added):
                raise HTTPException(413)
        return message

    return counted


def _declared_bytes(scope: Scope) -> int:
    declared = Headers(scope=scope).get("content-length", "")
    return int(declared[:20]) if declared.isascii() and declared.isdigit() else 0


def _too_large() -> PlainTextResponse:
    return PlainTextResponse("Content Too Large", status_code=413)

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
    """Bytes of one request, and bytes that uploads may hold in memory at once."""

    per_body_bytes: int = 1024 * 1024  # of any request that is no upload
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


class BodyLimits:
    """Refuse a request with 413 whose body is too large, or has no room beside what is held.

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
        """Answer a request whose body is small enough."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        session = _uploading(scope)
        arrived = 0

        async def counted() -> Message:
            nonlocal arrived
            message = await receive()
            added = len(message.get("body", b""))
            if added:
                has_room = self._has_room(session, arrived, added)
                arrived += added
                if session is not None:
                    self._arriving[session] += added
                if not has_room:
                    raise HTTPException(413)
            return message

        if not self._has_room(session, 0, _declared_bytes(scope)):
            await PlainTextResponse("Content Too Large", status_code=413)(scope, receive, send)
            return
        try:
            await self._app(scope, counted, send)
        finally:
            if session is not None:
                self._arriving[session] -= arrived
                if not self._arriving[session]:
                    del self._arriving[session]

    def _has_room(self, session: str | None, arrived: int, more: int) -> bool:
        """Whether a request that brought so much, for a session if it is an upload, may go on."""
        limits = self._limits
        if session is None:
            return arrived + more <= limits.per_body_bytes
        held = held_bytes(self._held())
        in_session = held.get(session, 0) + self._arriving[session] + more
        in_all = sum(held.values()) + self._arriving.total() + more
        return (
            arrived + more <= limits.per_upload_bytes
            and in_session <= limits.per_session_bytes
            and in_all <= limits.total_bytes
        )


def _uploading(scope: Scope) -> str | None:
    """Whose upload this is: of a session, of a tab to its tray, of a tab's phone; else None."""
    path = scope["path"] if scope["method"] == "PUT" else ""
    match = UPLOAD_PATH.search(path) or _TRAY_PATH.search(path)
    return match[1] if match else None


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

    A session takes its uploads along when it ends; one on its way then would stay for ever.
    """
    away: set[str] = set()
    while True:
        await asyncio.sleep(every_seconds)
        now_away = {session for session in list(sessions()) if not is_active(session)}
        for session in now_away & away:
            forget(session)
        away = now_away - away


def _declared_bytes(scope: Scope) -> int:
    declared = Headers(scope=scope).get("content-length", "")
    return int(declared[:20]) if declared.isascii() and declared.isdigit() else 0

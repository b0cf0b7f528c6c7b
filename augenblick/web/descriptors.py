"""File descriptors: as many as the system gives, and no more tabs than there are some left for.

A tab takes one for its WebSocket, three for Streamlit's event loop and one for each answer; when
there is none left, the server can accept nobody, and save nothing.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from augenblick.web.browser_cookie import is_page
from augenblick.web.standalone_pages import failure_page, preferred_language

if sys.platform != "win32":  # where sockets have no such limit
    import fcntl
    import resource

# Kept free by refusing pages; half of it for the WebSockets of those that were let in.
KEPT_FREE = 128
_MOST_WANTED = 65_536
_FULL = ("full.title", "full.what", "full.do")
_RETRY_SECONDS = 60


def raise_descriptor_limit(most: int = _MOST_WANTED) -> None:
    """Let this process open up to `most` files and sockets, or as many as the system allows."""
    if sys.platform == "win32":
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):  # macOS has a lower bound of its own
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def has_descriptors(count: int) -> bool:
    """Whether so many more files and sockets can be opened."""
    if sys.platform == "win32":
        return True
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit == resource.RLIM_INFINITY:
        return True
    if _is_top_untouched(limit - count):
        return True
    try:
        return limit - len(list(Path("/dev/fd").iterdir())) > count
    except OSError:  # there is not even one left to count them with
        return False


def _is_top_untouched(first: int) -> bool:
    """Whether no descriptor from `first` on is open.

    The system gives the lowest free number, so this nearly always says yes, at no cost; counting
    20,000 takes a quarter of a second.
    """
    try:
        probe = os.open(os.devnull, os.O_RDONLY)
    except OSError:
        return False
    try:
        found = fcntl.fcntl(probe, fcntl.F_DUPFD_CLOEXEC, first)
    except (OSError, ValueError):
        return False
    finally:
        os.close(probe)
    os.close(found)
    return found == first


class TabRoom:
    """Answer pages with one that says the server is full, before descriptors run out.

    Tabs that are open stay so; their WebSockets are let in again for longer than new pages are.
    """

    def __init__(
        self, app: ASGIApp, *, has_room: Callable[[int], bool] = has_descriptors, home: str = "/"
    ) -> None:
        self._app = app
        self._has_room = has_room
        self._home = home

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request; a page, and a tab, only while there is room."""
        if scope["type"] == "websocket" and not self._has_room(KEPT_FREE // 2):
            await send({"type": "websocket.close", "code": 1013})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_refused = False

        async def send_if_room(message: Message) -> None:
            nonlocal is_refused
            is_start = message["type"] == "http.response.start"
            if is_start and is_page(scope, message) and not self._has_room(KEPT_FREE):
                is_refused = True
                await self._full(scope, receive, send)
            if not is_refused:
                await send(message)

        await self._app(scope, receive, send_if_room)

    async def _full(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = failure_page(
            _FULL,
            preferred_language(Request(scope)),
            status=HTTPStatus.SERVICE_UNAVAILABLE,
            home=self._home,
        )
        page.headers["Retry-After"] = str(_RETRY_SECONDS)
        await page(scope, receive, send)

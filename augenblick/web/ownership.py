"""What belongs to one browser: its tabs, what it uploads into them, the pictures it was shown.

Streamlit asks for no more than an id: whoever knows one may reconnect to a tab or upload into it,
and a picture goes to whoever has its address. Here our cookie counts too. A browser without a
cookie can do both only in tabs that have none either, and is given no picture.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable
from contextvars import ContextVar
from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from augenblick.web.browser_cookie import asking_browser
from augenblick.web.upload_limits import UPLOAD_PATH

# Streamlit is told to take a session's identity from this header, which comes from us alone, and
# lets nobody reconnect to a session who is not the same.
BROWSER_HEADER = "x-augenblick-browser"
# The browser whose WebSocket is being served, for what Streamlit makes outside a script's run.
ASKING_BROWSER: ContextVar[str] = ContextVar("asking_browser", default="")
_MEDIA_PATH = "/media/"
_READING = {"GET", "HEAD"}


class ShownMedia:
    """Which browsers each file in Streamlit's memory was drawn for. Any thread may call."""

    def __init__(self) -> None:
        self._browsers: defaultdict[str, set[str]] = defaultdict(set)

    def note(self, file_id: str, browser: str) -> None:
        """A page of this browser shows the file."""
        self._browsers[file_id].add(browser)

    def forget(self, file_id: str) -> None:
        """The file is gone."""
        self._browsers.pop(file_id, None)

    def is_shown(self, file_id: str, browser: str) -> bool:
        """Whether this browser may read it."""
        return bool(browser) and browser in self._browsers.get(file_id, ())


class Ownership:
    """Keep a browser to what is its own: 403 for uploads elsewhere, 404 for others' pictures.

    `browser_of` says whose a session is ("" for a browser without a cookie), None for an unknown
    one. `prefix` stands before all our paths.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        media: ShownMedia,
        browser_of: Callable[[str], str | None],
        prefix: str = "",
    ) -> None:
        self._app = app
        self._media = media
        self._browser_of = browser_of
        self._media_path = re.compile(re.escape(prefix + _MEDIA_PATH) + "(.*)", re.DOTALL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve what is the asking browser's own."""
        if scope["type"] == "websocket":
            browser = asking_browser(scope)
            ASKING_BROWSER.set(browser)
            MutableHeaders(scope=scope)[BROWSER_HEADER] = browser  # in place of any that came
        elif scope["type"] == "http":
            refusal = self._refusal(scope)
            if refusal is not None:
                await refusal(scope, receive, send)
                return
            if self._media_path.fullmatch(scope["path"]):
                send = _unkept(send)
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        browser = asking_browser(scope)
        upload = UPLOAD_PATH.search(scope["path"])
        if upload and scope["method"] != "OPTIONS" and self._browser_of(upload[1]) != browser:
            return PlainTextResponse("Forbidden", status_code=HTTPStatus.FORBIDDEN)
        media = self._media_path.fullmatch(scope["path"])
        if media and scope["method"] in _READING:
            file_id = os.path.splitext(media[1])[0]  # noqa: PTH122 - as Streamlit does, for any text
            if not self._media.is_shown(file_id, browser):
                return PlainTextResponse("Not Found", status_code=HTTPStatus.NOT_FOUND)
        return None


def _unkept(send: Send) -> Send:
    """Have no cache keep what is sent: neither a proxy's nor, once it is deleted, the browser's."""

    async def send_unkept(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["Cache-Control"] = "private, no-store"
        await send(message)

    return send_unkept

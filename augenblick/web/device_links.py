"""`/device/{token}`: going on at another device as the same person.

A conversation belongs to the browser that began it. The link carries that browser's id, signed and
valid for ten minutes; the page behind it asks first, for programs that look at links in advance
must not use them up, and the button gives the device the same cookie.

The button works only where the page was opened: it needs a cookie that no other site can have the
browser send, so nobody can be made somebody else behind his back.
"""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass
from urllib.parse import quote

from itsdangerous import BadSignature, URLSafeSerializer
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from augenblick.exchange.pages import notice_page
from augenblick.web.browser_cookie import PurposeSigner, browser_cookie, signed_browser_id
from augenblick.web.standalone_pages import failure_page, preferred_language, standalone_page

DEVICE_PATH = "/device/"
VALID_SECONDS = 600
_ASKED_COOKIE = "augenblick_device"
_PURPOSE = "augenblick device link"
_LONGEST_TOKEN = 1000
_EXPIRED = ("device.expired.title", "device.expired.what", "device.expired.do")
_UNKNOWN = ("device.unknown.title", "device.unknown.what", "device.unknown.do")


@dataclass(frozen=True, slots=True)
class DevicePass:
    """What a link says."""

    browser_id: str
    conversation_id: str | None
    until: float  # seconds since 1970
    nonce: str  # by which a used link is known again


def device_link(
    browser_id: str,
    key: bytes,
    conversation_id: str | None = None,
    *,
    valid_seconds: float = VALID_SECONDS,
) -> str:
    """The path of a link with which another device becomes this browser; `key` signs cookies too.

    Without a conversation it leads to the start page.
    """
    until = round(time.time() + valid_seconds)
    content = [browser_id, conversation_id, until, secrets.token_hex(8)]
    return DEVICE_PATH + str(_serializer(key).dumps(content))


def read_device_token(token: str, key: bytes) -> DevicePass | None:
    """What a link says, expired or not; None for one that we did not sign."""
    if len(token) > _LONGEST_TOKEN:
        return None
    try:
        return DevicePass(*_serializer(key).loads(token))
    except BadSignature:
        return None


def device_routes(key: bytes, *, home: str = "/") -> list[Route]:
    """The page that asks, and the act behind its button; `home` is where the start page is."""
    pages = _DevicePages(key, home)
    path = f"{DEVICE_PATH}{{token}}"
    return [
        Route(path, pages.ask, methods=["GET"]),
        Route(path, pages.accept, methods=["POST"]),
    ]


class _DevicePages:
    """The two answers; remembers which links were used, as long as they would be valid."""

    def __init__(self, key: bytes, home: str) -> None:
        self._key = key
        self._asked = PurposeSigner(key, salt=_ASKED_COOKIE)
        self._home = home
        self._used: dict[str, float] = {}  # until when, by nonce
        self._lock = threading.Lock()

    async def ask(self, request: Request) -> Response:
        """Say what the link does, with a button to do it."""
        token = request.path_params["token"]
        refusal = self._refusal(request, token)
        if refusal is not None:
            return refusal
        spoken = preferred_language(request)
        page = standalone_page(
            notice_page(
                spoken.text("device.ask.title"),
                spoken.text("device.ask.what"),
                spoken.text("device.ask.loses"),
                language=spoken,
                button=spoken.text("device.ask.button"),
            )
        )
        page.headers["Referrer-Policy"] = "same-origin"  # so that the button's POST names us
        page.set_cookie(
            _ASKED_COOKIE,
            self._asked.get_signature(token).decode(),
            max_age=VALID_SECONDS,
            path=request.url.path,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return page

    async def accept(self, request: Request) -> Response:
        """Give this device the cookie, once."""
        token = request.path_params["token"]
        refusal = self._refusal(request, token)
        if refusal is not None:
            return refusal
        asked = request.cookies.get(_ASKED_COOKIE, "")
        if not self._asked.verify_signature(token, asked):
            return RedirectResponse(request.url.path, status_code=303)  # asks, and tries again
        found = read_device_token(token, self._key)
        if found is None or not self._use(found):
            return self._failure(_EXPIRED, request, status=410)
        return self._entered(request, found)

    def _entered(self, request: Request, found: DevicePass) -> Response:
        place = f"?c={quote(found.conversation_id)}" if found.conversation_id else ""
        answer = RedirectResponse(
            self._home + place, status_code=303, headers={"Cache-Control": "no-store"}
        )
        value = signed_browser_id(found.browser_id, key=self._key)
        answer.headers.append(
            "Set-Cookie", browser_cookie(value, is_secure=request.url.scheme == "https")
        )
        answer.delete_cookie(_ASKED_COOKIE, path=request.url.path)
        return answer

    def _refusal(self, request: Request, token: str) -> Response | None:
        found = read_device_token(token, self._key)
        if found is None:
            return self._failure(_UNKNOWN, request, status=404)
        if found.until < time.time() or found.nonce in self._used:
            return self._failure(_EXPIRED, request, status=410)
        return None

    def _failure(self, keys: tuple[str, ...], request: Request, *, status: int) -> Response:
        """Say why not; from there the start page can be reached."""
        spoken = preferred_language(request)
        return failure_page(keys, spoken, status=status, home=self._home)

    def _use(self, found: DevicePass) -> bool:
        """Use a link up; False when somebody was quicker."""
        now = time.time()
        with self._lock:
            if found.nonce in self._used:
                return False
            self._used = {nonce: until for nonce, until in self._used.items() if until >= now}
            self._used[found.nonce] = found.until
            return True


def _serializer(key: bytes) -> URLSafeSerializer:
    return URLSafeSerializer(key, salt=_PURPOSE, signer=PurposeSigner)

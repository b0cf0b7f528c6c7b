"""Which browser is asking: a signed cookie with a random id.

It is no login. It says whose list a conversation stands in; an id has 128 random bits and is worth
nothing without our signature. A conversation opens for the browser that began it, and for a device
that was given the same id (`device_links`).
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

from itsdangerous import BadSignature, Signer
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE_NAME = "augenblick_browser"
_ASKING = "augenblick.browser"  # in the scope of a request
KEY_FILE = "browser-cookie.key"
_KEY_BYTES = 32
_KEY_OF_THIS_PROCESS = secrets.token_bytes(_KEY_BYTES)
_MAX_AGE_SECONDS = 400 * 24 * 3600  # browsers keep no cookie longer

logger = logging.getLogger(__name__)


class PurposeSigner(Signer):
    """Signs for the purpose that `salt` names; a signature is worth nothing for another."""

    default_digest_method = staticmethod(hashlib.sha256)
    default_key_derivation = "hmac"


def cookie_key(environ: Mapping[str, str], *, folder: Path) -> bytes:
    """The signing key: from AUGENBLICK_COOKIE_SECRET, else kept in `folder`, made when missing.

    Several servers behind one name need the same secret. Where the folder can't be written the key
    lives as long as the process.
    """
    secret = environ.get("AUGENBLICK_COOKIE_SECRET", "").strip()
    if secret:
        return hashlib.sha256(secret.encode()).digest()
    try:
        return _kept_key(folder / KEY_FILE)
    except OSError as error:
        logger.warning("The cookie key can't be kept (%s); it ends with this process.", error.errno)
        return _KEY_OF_THIS_PROCESS


def signed_browser_id(browser_id: str, *, key: bytes) -> str:
    """The cookie's value: the id, a dot and its signature."""
    return PurposeSigner(key, salt=COOKIE_NAME).sign(browser_id).decode()


def browser_id(cookies: Mapping[str, str], *, key: bytes) -> str | None:
    """The id of the browser that sent these cookies; None without one that we signed."""
    value = cookies.get(COOKIE_NAME, "")
    try:
        return PurposeSigner(key, salt=COOKIE_NAME).unsign(value).decode()
    except BadSignature:
        return _signed_before_0_4(value, key=key)


def _signed_before_0_4(value: str, *, key: bytes) -> str | None:
    """The id of a cookie as versions up to 0.3 signed it; the next page renews it."""
    name, _, signature = value.partition(".")
    expected = hmac.new(key, f"{COOKIE_NAME}:{name}".encode(), hashlib.sha256).hexdigest()
    is_ours = hmac.compare_digest(signature.encode(), expected.encode())
    return name if name and is_ours else None


def asking_browser(scope: Scope) -> str:
    """The id of the browser that a request or WebSocket comes from; empty without one of ours.

    Raises KeyError where no `BrowserCookie` has looked: nobody is served as somebody by mistake.
    """
    found: str = scope[_ASKING]
    return found


def browser_cookie(value: str, *, is_secure: bool) -> str:
    """The Set-Cookie header that gives a browser this signed id."""
    secure = "; Secure" if is_secure else ""
    return (
        f"{COOKIE_NAME}={value}; Path=/; Max-Age={_MAX_AGE_SECONDS}; HttpOnly; SameSite=Lax{secure}"
    )


class BrowserCookie:
    """Find out which browser asks; give it its cookie with the page, and renew it at each visit.

    Stands before all that calls `asking_browser`.
    """

    def __init__(self, app: ASGIApp, *, key: bytes) -> None:
        self._app = app
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; a page carries the cookie."""
        if scope["type"] in {"http", "websocket"}:
            cookies = HTTPConnection(scope).cookies
            scope[_ASKING] = browser_id(cookies, key=self._key) or ""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start" and is_page(scope, message):
                headers = MutableHeaders(scope=message)
                headers.append("Set-Cookie", self._cookie(scope))
                headers["Cache-Control"] = "private, no-cache"  # no proxy hands it to another
            await send(message)

        await self._app(scope, receive, send_with_cookie)

    def _cookie(self, scope: Scope) -> str:
        browser = asking_browser(scope) or secrets.token_hex(16)
        value = signed_browser_id(browser, key=self._key)
        return browser_cookie(value, is_secure=scope.get("scheme") == "https")


def is_page(scope: Scope, start: Message) -> bool:
    """Whether this response is the page, or says that the browser's copy of it is still good.

    A page that no browser may keep is one for reading only, and stays free of the cookie.
    """
    if start["status"] == HTTPStatus.NOT_MODIFIED:
        return "text/html" in Headers(scope=scope).get("accept", "")
    headers = Headers(raw=start["headers"])
    is_html = headers.get("content-type", "").startswith("text/html")
    return is_html and "no-store" not in headers.get("cache-control", "")


def _kept_key(path: Path) -> bytes:
    """Read the key, making it first where there is none; two processes agree on one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
        try:
            os.link(fresh, path)  # never shows half a key; fails where another process was first
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    path.chmod(0o600)
    return path.read_bytes()

"""Response headers under which the page can load nothing from elsewhere.

The policy knows the one inline script of Streamlit's index.html by its hash, computed from the
installed file, so an upgrade of Streamlit needs no change here.
"""

from __future__ import annotations

import base64
import hashlib
import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_INLINE_SCRIPT = re.compile(r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)
_HTML_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_PLAIN_HOST = re.compile(r"[A-Za-z0-9.:\[\]_-]+")

_FIXED_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": (
        "camera=(self), clipboard-write=(self), fullscreen=(self), microphone=(), geolocation=(), "
        "display-capture=(), payment=(), usb=(), serial=(), hid=(), midi=(), "
        "accelerometer=(), gyroscope=(), magnetometer=(), browsing-topics=()"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_REFERRER_POLICY = "no-referrer"
_ONE_YEAR_OF_HTTPS = "max-age=31536000"


def inline_script_hashes(index_html: str) -> tuple[str, ...]:
    """The CSP sources (`'sha256-…'`) of every inline script of a page, in order."""
    bodies = _INLINE_SCRIPT.findall(_HTML_COMMENT.sub("", index_html))
    digests = (hashlib.sha256(body.encode()).digest() for body in bodies)
    return tuple(f"'sha256-{base64.b64encode(digest).decode('ascii')}'" for digest in digests)


def content_security_policy(script_hashes: tuple[str, ...], *, host: str) -> str:
    """The policy for a page served as `host` (with port).

    The host is named for WebSockets because Safari before 15.4 does not count them as 'self'.
    """
    sockets = f" ws://{host} wss://{host}" if _PLAIN_HOST.fullmatch(host) else ""
    return "; ".join(
        (
            "default-src 'self'",
            # blob: is how Streamlit starts the script of a component (the copy button); only a
            # script that already runs can make one
            " ".join(("script-src 'self' blob:", *script_hashes)),
            "style-src 'self' 'unsafe-inline'",  # the styling library of the front end needs it
            "img-src 'self' data: blob:",
            "media-src 'self' data: blob:",
            "font-src 'self' data:",
            f"connect-src 'self' data: blob:{sockets}",  # the camera fetches its photo from data:
            "worker-src 'self' blob:",
            "frame-src 'self'",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


class SecurityHeaders:
    """Put the headers on every HTTP response, also on refusals and on crashes of the inside.

    Belongs outermost. WebSockets pass untouched.
    """

    def __init__(self, app: ASGIApp, *, script_hashes: tuple[str, ...]) -> None:
        self._app = app
        self._script_hashes = script_hashes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request with the headers on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host = Headers(scope=scope).get("host", "")
        policy = content_security_policy(self._script_hashes, host=host)
        is_started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal is_started
            if message["type"] == "http.response.start":
                is_started = True
                headers = MutableHeaders(scope=message)
                headers.update(_FIXED_HEADERS)
                headers.setdefault("Content-Security-Policy", policy)  # a page may be stricter
                # a page with a form may name itself to us, or its POST would say `Origin: null`
                headers.setdefault("Referrer-Policy", _REFERRER_POLICY)
                if scope.get("scheme") == "https":
                    headers["Strict-Transport-Security"] = _ONE_YEAR_OF_HTTPS
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:  # the framework outside would answer without our headers; raised again
            if not is_started:
                response = PlainTextResponse("Internal Server Error", status_code=500)
                await response(scope, receive, send_with_headers)
            raise

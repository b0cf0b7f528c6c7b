"""Only our own pages may open a WebSocket here or change anything.

A cookie goes to every port of a host, and Streamlit compares host names only: without this a page
of another program on the same machine reads and acts as the visitor. Browsers name the page's
origin with every WebSocket and with every request that may change something, so one without is
refused too.

What counts as our origin is the scheme of the connection with the Host header. Behind a proxy the
scheme is what X-Forwarded-Proto says, which uvicorn takes from the addresses in FORWARDED_ALLOW_IPS
alone, and the proxy has to pass Host on. `Forwarded` and X-Forwarded-Host count for nothing.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_ORIGIN = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?")
_SCHEMES = {"http": "http", "ws": "http", "https": "https", "wss": "https"}
_DEFAULT_PORTS = {"http": 80, "https": 443}
_MOST_LOGGED = 20

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port of a page, in lower case; IPv6 in brackets."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        """The origin as it is written, with its port."""
        return f"{self.scheme}://{self.host}:{self.port}"


def read_origin(text: str) -> Origin | None:
    """The origin that a header names; None for `null`, several, or anything else."""
    match = _ORIGIN.fullmatch(text.lower())
    if match is None:
        return None
    scheme, host, port = match.groups()
    return Origin(scheme, host, int(port) if port else _DEFAULT_PORTS[scheme])


class OwnOrigin:
    """Answer 403 to WebSockets, and to methods that change something, of any other origin.

    `also` names origins that are ours too, for a proxy that passes on neither host nor scheme.
    """

    def __init__(self, app: ASGIApp, *, also: Iterable[str] = ()) -> None:
        self._app = app
        self._also = {read_origin(text.rstrip("/")) for text in also} - {None}
        self._logged: set[tuple[Origin, Origin | None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve what one of our own pages asks for."""
        if not _can_change_something(scope) or self._is_ours(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # before it is accepted: 403
        else:
            await PlainTextResponse("Forbidden", status_code=403)(scope, receive, send)

    def _is_ours(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        host, origin = _only(headers.getlist("host")), _only(headers.getlist("origin"))
        asking = read_origin(origin)
        here = read_origin(f"{_SCHEMES.get(scope['scheme'], '')}://{host}")
        if asking is not None and (asking == here or asking in self._also):
            return True
        if asking is not None:
            self._log(asking, here)
        return False

    def _log(self, asking: Origin, here: Origin | None) -> None:
        if len(self._logged) < _MOST_LOGGED and (asking, here) not in self._logged:
            self._logged.add((asking, here))
            logger.warning(
                "Refused a page of %s: this server is %s. If they are the same, see "
                "'Behind a proxy' in deploy/README.md.",
                asking,
                here,
            )


def _can_change_something(scope: Scope) -> bool:
    is_http = scope["type"] == "http"
    return scope["type"] == "websocket" or (is_http and scope["method"] not in _SAFE_METHODS)


def _only(values: list[str]) -> str:
    return values[0] if len(values) == 1 else ""

"""Routes of the framework that are nobody's business, answered as if they did not exist.

Streamlit serves its metrics to everyone, and the description of its agent API even while that is
off; both say more about the server than a visitor needs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

Network = IPv4Network | IPv6Network

# Matched anywhere in the path: with server.baseUrlPath set, a prefix stands before it.
_DIAGNOSTICS = re.compile(r"/_stcore/(metrics|script-health-check|agent)(/|$)")


def read_networks(text: str) -> tuple[Network, ...]:
    """Addresses and networks from a list like `127.0.0.1, 10.0.0.0/8`.

    Raises ValueError for what is neither.
    """
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


class ClosedRoutes:
    """Answer 404 for diagnostics, except to clients inside `open_to`."""

    def __init__(self, app: ASGIApp, *, open_to: Sequence[Network] = ()) -> None:
        self._app = app
        self._open_to = open_to

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or deny that the route exists."""
        is_diagnosis = scope["type"] == "http" and _DIAGNOSTICS.search(scope["path"])
        if is_diagnosis and not self._is_open_to(scope):
            await PlainTextResponse("Not Found", status_code=404)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_open_to(self, scope: Scope) -> bool:
        client = scope.get("client")
        if not self._open_to or not client:
            return False
        try:
            address = ip_address(client[0])
        except ValueError:  # a name or the path of a socket
            return False
        return any(address in network for network in self._open_to)

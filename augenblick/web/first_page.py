"""What a browser gets before Streamlit draws: the page with our head, style, icon and manifest.

Streamlit's own page calls itself by that name and has no icon for a phone's home screen. A style
that came with the first run would move what had been drawn before it.
"""

from __future__ import annotations

import hashlib
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

PAGES = ("", "history", "my-data", "endpoints")
"""What the addresses of the pages end in; the chat page is the start page."""

_NAME = "Augenblick"
_HEAD = """
    <link rel="stylesheet" href="./app.css?{version}" />
    <link rel="manifest" href="./app.webmanifest" />
    <link rel="apple-touch-icon" href="./app-icon.png" />
    <meta name="theme-color" media="(prefers-color-scheme: light)" content="#ffffff" />
    <meta name="theme-color" media="(prefers-color-scheme: dark)" content="#141a19" />
  </head>"""
_MANIFEST = {
    "name": _NAME,
    "short_name": _NAME,
    "id": "./",
    "start_url": "./",
    "display": "standalone",
    "background_color": "#ffffff",
    "theme_color": "#0f5f5a",
    "icons": [{"src": "./app-icon.png", "sizes": "192x192", "type": "image/png"}],
}
_REVALIDATED = {"Cache-Control": "no-cache"}
_KEPT = {"Cache-Control": "public, max-age=31536000, immutable"}


def first_page_routes(index_html: str, style: str, icon: bytes) -> list[Route]:
    """The routes of the pages, and of what their head names.

    Parameters
    ----------
    index_html : Streamlit's page.
    style : a sheet for all pages.
    icon : a PNG of 192 by 192 pixels.

    """
    html = with_our_head(index_html, version=_fingerprint(style))
    headers = {**_REVALIDATED, "ETag": f'"{_fingerprint(html)}"'}

    async def page(request: Request) -> Response:
        if headers["ETag"] in request.headers.get("If-None-Match", ""):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return HTMLResponse(html, headers=headers)

    async def manifest(_request: Request) -> Response:
        return JSONResponse(_MANIFEST, headers=_REVALIDATED, media_type="application/manifest+json")

    async def sheet(_request: Request) -> Response:
        return Response(style, media_type="text/css", headers=_KEPT)

    async def picture(_request: Request) -> Response:
        return Response(icon, media_type="image/png", headers=_REVALIDATED)

    return [
        *(Route(f"/{name}", page) for name in PAGES),
        Route("/app.webmanifest", manifest),
        Route("/app.css", sheet),
        Route("/app-icon.png", picture),
    ]


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def with_our_head(index_html: str, *, version: str) -> str:
    """Streamlit's page with our name, style, icon and manifest; `version` is of the style."""
    named = index_html.replace("<title>Streamlit</title>", f"<title>{_NAME}</title>")
    head = _HEAD.strip().format(version=version)
    return named.replace("./favicon.png", "./app-icon.png").replace("</head>", head, 1)

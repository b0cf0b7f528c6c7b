"""`GET /picture/{conversation}/{sha256}`: a stored picture, for the browser that it belongs to.

With `/small` behind it, the small one. Everybody else gets 404, as for one that does not exist.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from augenblick.core.errors import StoreUnavailable
from augenblick.store import Store
from augenblick.store.databases import TEMPORARY
from augenblick.web.browser_cookie import browser_id

_PICTURE_PATH = "/picture/"
_SMALL = "/small"
_PNG_START = b"\x89PNG"
_FRESH_SECONDS = 600  # after that the browser asks again: as long as a deletion can be undone


def picture_path(conversation_id: str, sha256: str, *, is_small: bool = False) -> str:
    """The path of a picture, to stand behind the prefix of all our paths."""
    return f"{_PICTURE_PATH}{conversation_id}/{sha256}{_SMALL if is_small else ''}"


def picture_routes(store: Callable[[], Store], key: bytes, *, prefix: str = "") -> list[BaseRoute]:
    """The routes of the pictures; `key` signs the cookie that says who asks."""

    def picture(request: Request) -> Response:
        owner = browser_id(request.cookies, key=key)
        conversation_id, sha256 = (
            request.path_params[name] for name in ("conversation_id", "sha256")
        )
        is_small = request.url.path.endswith(_SMALL)
        headers = _headers(conversation_id, etag=f'"{sha256}{_SMALL if is_small else ""}"')
        try:
            known = store().list_pictures(owner, conversation_id=conversation_id) if owner else ()
            if sha256 not in known:
                return _not_found()
            if request.headers.get("if-none-match") == headers["ETag"]:
                return Response(status_code=304, headers=headers)
            load = store().load_thumbnail if is_small else store().load_content
            content = load(sha256)
        except KeyError:  # deleted meanwhile
            return _not_found()
        except StoreUnavailable:
            return PlainTextResponse("Service Unavailable", status_code=503)
        return Response(content, media_type=media_type(content), headers=headers)

    path = f"{prefix}{_PICTURE_PATH}{{conversation_id}}/{{sha256}}"
    return [Route(path + ending, picture, methods=["GET"]) for ending in ("", _SMALL)]


def media_type(content: bytes) -> str:
    """The media type of a prepared or a small picture, by its first bytes."""
    return "image/png" if content.startswith(_PNG_START) else "image/jpeg"


def _headers(conversation_id: str, *, etag: str) -> dict[str, str]:
    """How long a browser keeps it: of a temporary conversation no byte goes to a disk."""
    is_temporary = conversation_id.startswith(TEMPORARY)
    kept = "no-store" if is_temporary else f"max-age={_FRESH_SECONDS}, immutable"
    return {
        "Cache-Control": f"private, {kept}",
        "Vary": "Cookie",
        "ETag": etag,
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
    }


def _not_found() -> Response:
    return PlainTextResponse("Not Found", status_code=404, headers={"Cache-Control": "no-store"})

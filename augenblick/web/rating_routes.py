"""`PUT /rating/{reply}/{rating}`: what a person thinks of an answer; `none` takes it back.

No run of the page's script is needed for it.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from augenblick.core.errors import ConversationNotFound, StoreError
from augenblick.core.messages import Rating
from augenblick.store import Store
from augenblick.web.browser_cookie import browser_id

_RATINGS = {**{each.value: each for each in Rating}, "none": None}


def rating_path(reply_id: str) -> str:
    """Where an answer is rated, below wherever the pages stand; the rating follows a slash."""
    return f"rating/{reply_id}"


def rating_routes(store: Callable[[], Store], key: bytes, *, prefix: str = "") -> list[BaseRoute]:
    """The route; `key` signs the cookie that says whose the answer must be.

    Somebody else's answer is like one that does not exist: 404. 503 while the store is away.
    """

    def rate(request: Request) -> Response:
        owner = browser_id(request.cookies, key=key)
        reply_id, rating = request.path_params["reply_id"], request.path_params["rating"]
        if not owner or rating not in _RATINGS:
            return Response(status_code=404)
        try:
            store().rate(reply_id, _RATINGS[rating], owner=owner)
        except ConversationNotFound:
            return Response(status_code=404)
        except StoreError:
            return Response(status_code=503)
        return Response(status_code=204)

    return [Route(f"{prefix}/rating/{{reply_id}}/{{rating}}", rate, methods=["PUT"])]

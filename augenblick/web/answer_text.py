"""`GET /answer/{conversation}/{reply}/{choice}`: an answer as the model wrote it, for copying.

A page fetches it when somebody copies, so that no answer goes to the browser twice.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from augenblick.core.errors import ConversationNotFound, StoreUnavailable
from augenblick.store import Store
from augenblick.web.browser_cookie import browser_id

_PATH = "/answer/{conversation_id}/{reply_id}/{choice:int}"
_HEADERS = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}


def answer_path(conversation_id: str, reply_id: str, choice_index: int) -> str:
    """Where the text of an answer is, below wherever the pages stand."""
    return f"answer/{conversation_id}/{reply_id}/{choice_index}"


def answer_routes(store: Callable[[], Store], key: bytes, *, prefix: str = "") -> list[BaseRoute]:
    """The route of the texts; `key` signs the cookie that says whose they must be.

    Somebody else's answer is like one that does not exist: 404. 503 while the store is away.
    """

    def answer(request: Request) -> Response:
        owner = browser_id(request.cookies, key=key)
        conversation_id, reply_id, choice = (
            request.path_params[name] for name in ("conversation_id", "reply_id", "choice")
        )
        if owner is None:  # which would be the server itself
            return Response(status_code=404, headers=_HEADERS)
        try:
            conversation = store().load_conversation(conversation_id, owner=owner)
        except ConversationNotFound:
            return Response(status_code=404, headers=_HEADERS)
        except StoreUnavailable:
            return Response(status_code=503, headers=_HEADERS)
        for node in conversation.nodes:
            if node.id == reply_id and node.reply is not None and choice < len(node.reply.choices):
                return PlainTextResponse(node.reply.choices[choice].text, headers=_HEADERS)
        return Response(status_code=404, headers=_HEADERS)

    return [Route(f"{prefix}{_PATH}", answer, methods=["GET"])]

"""`GET /share/{token}`: one path of a conversation for whoever has the link, to read only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from augenblick.chat.checking import StoredValues
from augenblick.core.errors import ConversationNotFound, ShareExpired, StoreUnavailable
from augenblick.core.language import Language
from augenblick.exchange.pages import share_page
from augenblick.store import Store
from augenblick.web.standalone_pages import (
    error_keys,
    failure_page,
    preferred_language,
    standalone_page,
)

SHARE_PATH = "/share/"
_AT_ONCE = 2  # pages being made; each holds its pictures in memory
_LONGEST_TOKEN = 200
_NOT_FOUND = ("share.not_found.title", "share.not_found.what", "share.not_found.do")


def share_routes(store: Callable[[], Store], *, is_checked: bool = True) -> list[Route]:
    """The route of shared links; `store` is asked for at each request.

    With `is_checked` values of answers are marked that stand in what was read of the pictures.
    410 for a link that has expired or was taken back, 404 for one that never was.
    """
    room = asyncio.Semaphore(_AT_ONCE)

    async def share(request: Request) -> Response:
        async with room:
            return await run_in_threadpool(answer, request)

    def answer(request: Request) -> Response:
        token, spoken = request.path_params["token"], preferred_language(request)
        try:
            return standalone_page(_shared(store(), token, spoken, is_checked=is_checked))
        except ShareExpired as error:
            return failure_page(error_keys(error), spoken, status=410)
        except ConversationNotFound:
            return failure_page(_NOT_FOUND, spoken, status=404)
        except StoreUnavailable as error:
            return failure_page(error_keys(error), spoken, status=503)

    return [Route(f"{SHARE_PATH}{{token}}", share, methods=["GET"])]


def _shared(store: Store, token: str, spoken: Language, *, is_checked: bool) -> str:
    if len(token) > _LONGEST_TOKEN:
        raise ConversationNotFound
    share = store.find_share(token)
    conversation = store.load_conversation(share.conversation_id)
    if not conversation.path(share.leaf_id):
        raise ConversationNotFound
    return share_page(
        conversation,
        leaf_id=share.leaf_id,
        language=spoken,
        load_content=store.load_content,
        load_thumbnail=store.load_thumbnail,
        values_of=StoredValues(store) if is_checked else None,
    )

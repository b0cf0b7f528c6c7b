"""`GET /download/everything.zip`: all conversations of the browser that asks, to take along."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from typing import IO

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from augenblick.core.conversations import Conversation
from augenblick.core.errors import ConversationNotFound, StoreUnavailable
from augenblick.core.language import Language
from augenblick.exchange.exporting import write_everything
from augenblick.store import Store
from augenblick.web.browser_cookie import asking_browser
from augenblick.web.standalone_pages import error_keys, failure_page, preferred_language

EVERYTHING_PATH = "/download/everything.zip"
_FILE_NAME = "augenblick.zip"
_AT_ONCE = 2  # files being written
_LISTED_AT_ONCE = 100
_IN_MEMORY_BYTES = 4 * 1024 * 1024  # larger ones are written to a file that nobody else can open
_PIECE_BYTES = 256 * 1024
_HEADERS = {
    "Content-Disposition": f'attachment; filename="{_FILE_NAME}"',
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}


def everything_routes(store: Callable[[], Store]) -> list[Route]:
    """The route of the file, which holds the conversations of the browser that asks.

    A browser without a cookie gets an empty archive: nothing is stored about it.
    """
    room = asyncio.Semaphore(_AT_ONCE)

    async def everything(request: Request) -> Response:
        spoken = preferred_language(request)
        owner = asking_browser(request.scope)
        try:
            async with room:
                file = await run_in_threadpool(_written, store, owner, spoken)
        except StoreUnavailable as error:
            return failure_page(error_keys(error), spoken, status=503)
        return StreamingResponse(_pieces(file), media_type="application/zip", headers=_HEADERS)

    return [Route(EVERYTHING_PATH, everything, methods=["GET"])]


def _written(store: Callable[[], Store], owner: str, spoken: Language) -> IO[bytes]:
    file = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115 - closed by its reader
    try:
        found = _conversations(store(), owner) if owner else iter(())
        write_everything(found, file, language=spoken, load_content=store().load_content)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def _conversations(store: Store, owner: str) -> Iterator[Conversation]:
    for offset in count(0, _LISTED_AT_ONCE):
        listed = store.list_conversations(owner, limit=_LISTED_AT_ONCE, offset=offset)
        for summary in listed:
            try:
                yield store.load_conversation(summary.id, owner=owner)
            except ConversationNotFound:  # deleted meanwhile
                continue
        if len(listed) < _LISTED_AT_ONCE:
            return


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE_BYTES):
            yield piece

"""Bodies of requests within their limits, and clients that leave before they are answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

from starlette.requests import ClientDisconnect, Request

from augenblick.reader.wire import ApiError, Body

MAX_BODY_BYTES = 64 * 1024 * 1024


async def read_body(request: Request) -> bytes:
    """The bytes of a JSON request; raises `ApiError` for another type or too many of them."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise ApiError(
            "Unsupported content type. This API takes 'Content-Type: application/json'.",
            code="unsupported_content_type",
            status=415,
        )
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ApiError(
            "Compressed bodies are not supported.", code="unsupported_encoding", status=415
        )
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
        _refuse_size()
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY_BYTES:
            _refuse_size()
        parts.append(part)
    return b"".join(parts)


def _refuse_size() -> NoReturn:
    limit = MAX_BODY_BYTES // 1024 // 1024
    raise ApiError(
        f"The request is too large: at most {limit} MB.", code="request_too_large", status=413
    )


async def while_connected(request: Request, work: Callable[[], Awaitable[Body]]) -> Body:
    """The result of the work, given up as soon as the client closes its connection."""
    working = asyncio.ensure_future(work())
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientDisconnect
    finally:
        working.cancel()
        leaving.cancel()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass

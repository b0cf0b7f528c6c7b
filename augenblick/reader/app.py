"""The HTTP side: routes, bodies and their limits, the stream.

`create_app` shows the whole application. Everything that can't be served is answered with the
API's error object.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from augenblick.reader import MODEL_ID, wire
from augenblick.reader.bodies import read_body, while_connected
from augenblick.reader.wire import ApiError, Body

if TYPE_CHECKING:
    from augenblick.reader.eyes import Eyes

DEFAULT_PACE_SECONDS = 0.008

_PARSED_AT_ONCE = 2  # a decoded picture of 64 megapixels takes 192 MB
_CLIENT_GONE = 499  # nobody reads it; nginx's number for a log


def create_app(*, pace_seconds: float = DEFAULT_PACE_SECONDS) -> Starlette:
    """The endpoint. `pace_seconds` is the pause between two words of a stream."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.started = int(time.time())
        app.state.pace_seconds = pace_seconds
        app.state.eyes = None
        app.state.parsing = asyncio.Semaphore(_PARSED_AT_ONCE)
        app.state.eyes_lock = asyncio.Lock()
        warming = asyncio.create_task(_open_eyes(app))
        yield
        warming.cancel()
        if app.state.eyes is not None:
            app.state.eyes.close()

    return Starlette(
        routes=[
            Route("/v1/chat/completions", chat_completions, methods=["POST"]),
            Route("/v1/models", list_models, methods=["GET"]),
            Route("/v1/models/{name}", get_model, methods=["GET"]),
            Route("/health", health, methods=["GET"]),
        ],
        middleware=[Middleware(RequestId)],
        exception_handlers={
            ApiError: _api_error,
            HTTPException: _http_error,
            ClientDisconnect: _client_gone,
            Exception: _server_error,
        },
        lifespan=lifespan,
    )


async def _open_eyes(app: Starlette) -> Eyes:
    """The eyes, opened once. Importing numpy and the rest takes a second, so not at the start."""
    async with app.state.eyes_lock:
        if app.state.eyes is None:
            app.state.eyes = await asyncio.to_thread(_eyes)
            app.state.eyes.warm_up()
    eyes: Eyes = app.state.eyes
    return eyes


def _eyes() -> Eyes:
    from augenblick.reader.eyes import Eyes  # noqa: PLC0415 - see _open_eyes

    return Eyes()


class RequestId:
    """Gives every response an `x-request-id`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        name = f"req_{uuid.uuid4().hex}".encode()

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), (b"x-request-id", name)]
            await send(message)

        await self._app(scope, receive, send_named if scope["type"] == "http" else send)


async def health(request: Request) -> Response:
    """Whether the model is loaded, how many pictures wait, how many were looked at."""
    eyes = request.app.state.eyes
    return _json(
        {
            "status": "ok",
            "model": MODEL_ID,
            "warm": bool(eyes and eyes.is_warm),
            "waiting": eyes.waiting if eyes else 0,
            "looks": eyes.looks if eyes else 0,
        }
    )


async def list_models(request: Request) -> Response:
    """The one model, as a list."""
    return _json(wire.models(request.app.state.started))


async def get_model(request: Request) -> Response:
    """The one model."""
    if request.path_params["name"] != MODEL_ID:
        raise ApiError(
            "The model does not exist.", param="model", code="model_not_found", status=404
        )
    return _json(wire.model(request.app.state.started))


async def chat_completions(request: Request) -> Response:
    """An answer, whole or as a stream of events."""
    body = await read_body(request)
    eyes = await _open_eyes(request.app)
    from augenblick.reader import asking, replying  # noqa: PLC0415 - see _open_eyes

    accepted = request.headers.get("accept-language", "")
    async with request.app.state.parsing:
        parsed, ask = await asyncio.to_thread(asking.parse, body, eyes=eyes, accepted=accepted)
    reply = replying.Reply(parsed, ask, eyes.look)
    if not parsed.stream:
        return _json(await while_connected(request, reply.whole))
    events = reply.events(pace_seconds=request.app.state.pace_seconds)
    return StreamingResponse(
        events,
        headers={
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-cache",
            "x-accel-buffering": "no",
        },
    )


def _json(body: Body, *, status: int = 200) -> Response:
    return Response(wire.encode(body), status_code=status, media_type="application/json")


async def _api_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101 - tells the type checker what Starlette promises
    return _json(error.body, status=error.status)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    message, code = error.detail, None
    if error.status_code == 404:  # noqa: PLR2004 - not found
        message, code = f"Invalid URL ({request.method} {request.url.path})", "unknown_url"
    elif error.status_code == 405:  # noqa: PLR2004 - method not allowed
        message = f"Not allowed to {request.method} on {request.url.path}"
        code = "method_not_supported"
    body = ApiError(message, code=code, status=error.status_code).body
    return Response(
        wire.encode(body),
        status_code=error.status_code,
        headers=dict(error.headers or {}),
        media_type="application/json",
    )


async def _client_gone(_request: Request, _error: Exception) -> Response:
    return Response(status_code=_CLIENT_GONE)


async def _server_error(_request: Request, _error: Exception) -> Response:
    message = "The server had an error while processing your request."
    return _json(ApiError(message, code="internal_error", status=500).body, status=500)

"""The HTTP side: routes, bodies and their limits, the stream.

`create_app` shows the whole application. Everything that can't be served is answered with the
API's error object.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from augenblick.reader import MODEL_ID, wire
from augenblick.reader.request_body import read_body, while_connected
from augenblick.reader.wire import ApiError, Body

if TYPE_CHECKING:
    from augenblick.reader.vision_worker import VisionWorker

DEFAULT_PACE_SECONDS = 0.008

_PARSED_AT_ONCE = 2  # a decoded picture of 64 megapixels takes 192 MB
_CLIENT_GONE = 499  # nobody reads it; nginx's number for a log


def create_app(*, pace_seconds: float = DEFAULT_PACE_SECONDS) -> Starlette:
    """The endpoint. `pace_seconds` is the pause between two words of a stream."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.started = int(time.time())
        app.state.pace_seconds = pace_seconds
        app.state.worker = None
        app.state.parsing = asyncio.Semaphore(_PARSED_AT_ONCE)
        app.state.worker_lock = asyncio.Lock()
        warming = asyncio.create_task(_open_worker(app))
        yield
        warming.cancel()
        if app.state.worker is not None:
            app.state.worker.close()

    return Starlette(
        routes=[
            Route("/v1/chat/completions", chat_completions, methods=["POST"]),
            Route("/v1/lines", read_lines, methods=["POST"]),
            Route("/v1/models", list_models, methods=["GET"]),
            Route("/v1/models/{name}", get_model, methods=["GET"]),
            Route("/health", health, methods=["GET"]),
        ],
        exception_handlers={
            ApiError: _api_error,
            HTTPException: _http_error,
            ClientDisconnect: _client_gone,
            Exception: _server_error,
        },
        lifespan=lifespan,
    )


async def _open_worker(app: Starlette) -> VisionWorker:
    """The worker, made once. Importing numpy and the rest takes a second, so not at the start."""

    def opened() -> VisionWorker:
        from augenblick.reader.vision_worker import VisionWorker  # noqa: PLC0415 - as said

        worker = VisionWorker()
        worker.warm_up()
        return worker

    async with app.state.worker_lock:
        if app.state.worker is None:
            app.state.worker = await asyncio.to_thread(opened)
    worker: VisionWorker = app.state.worker
    return worker


async def health(request: Request) -> Response:
    """Whether the model is loaded, how many pictures wait, how many were analysed."""
    worker = request.app.state.worker
    return _json(
        {
            "status": "ok",
            "model": MODEL_ID,
            "warm": bool(worker and worker.is_warm),
            "waiting": worker.waiting if worker else 0,
            "analyzed": worker.analyzed if worker else 0,
        }
    )


async def list_models(request: Request) -> Response:
    """The one model, as a list."""
    return _json({"object": "list", "data": [_model(request)]})


async def get_model(request: Request) -> Response:
    """The one model."""
    if request.path_params["name"] != MODEL_ID:
        raise ApiError(
            "The model does not exist.", param="model", code="model_not_found", status=404
        )
    return _json(_model(request))


def _model(request: Request) -> Body:
    created = request.app.state.started
    return {"id": MODEL_ID, "object": "model", "created": created, "owned_by": "augenblick"}


async def chat_completions(request: Request) -> Response:
    """An answer, whole or as a stream of events."""
    body = await read_body(request)
    worker = await _open_worker(request.app)
    from augenblick.reader import completion, prompt  # noqa: PLC0415 - see _open_worker

    accepted = request.headers.get("accept-language", "")
    async with request.app.state.parsing:
        parsed, asked = await asyncio.to_thread(
            prompt.parse_prompt, body, is_known=worker.knows, accepted=accepted
        )
    reply = completion.Completion(parsed, asked, worker)
    if not parsed.stream:
        return _json(await while_connected(request, reply.whole))
    events = reply.events(pace_seconds=request.app.state.pace_seconds)
    return StreamingResponse(
        events,
        headers={
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-cache",
            "x-accel-buffering": "no",
            **_request_id(),
        },
    )


async def read_lines(request: Request) -> Response:
    """The text of a picture with its places; waits for answers, whatever that takes."""
    body = await read_body(request)
    worker = await _open_worker(request.app)
    from augenblick.reader import picture_lines  # noqa: PLC0415 - see _open_worker

    async with request.app.state.parsing:
        asked = await asyncio.to_thread(picture_lines.parse_lines, body, is_known=worker.knows)
    return _json(await while_connected(request, partial(picture_lines.lines_of, *asked, worker)))


def _json(body: Body, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        wire.encode(body),
        status_code=status,
        headers={**_request_id(), **(headers or {})},
        media_type="application/json",
    )


def _request_id() -> dict[str, str]:
    return {"x-request-id": f"req_{uuid.uuid4().hex}"}


async def _api_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101 - tells the type checker what Starlette promises
    return _json(error.body, status=error.status)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    message = f"{error.detail}: {request.method} {request.url.path}"
    code = {404: "unknown_url", 405: "method_not_supported"}.get(error.status_code)
    body = ApiError(message, code=code, status=error.status_code).body
    return _json(body, status=error.status_code, headers=error.headers)


async def _client_gone(_request: Request, _error: Exception) -> Response:
    return Response(status_code=_CLIENT_GONE)


async def _server_error(_request: Request, _error: Exception) -> Response:
    message = "The server had an error while processing your request."
    return _json(ApiError(message, code="internal_error", status=500).body, status=500)

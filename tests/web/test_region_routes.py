"""Regions come to the tray as JSON: nothing that a page can send harms what waits there."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from augenblick.pictures import PicturePool
from augenblick.ui.tab_state import Tab
from augenblick.web.browser_cookie import COOKIE_NAME, BrowserCookie, signed_browser_id
from augenblick.web.own_origin import OwnOrigin
from augenblick.web.tray_routes import tray_path, tray_routes, tray_state
from augenblick.web.upload_memory import UploadMemory, UploadMemoryLimits

_KEY = b"k" * 32
_ORIGIN = {"Origin": "http://testserver"}
_MEGABYTE = 1024 * 1024
_HALF = [0.5, 0, 0.5, 1]


@pytest.fixture(scope="module")
def pool() -> Iterator[PicturePool]:
    """One real worker."""
    with PicturePool(workers=1) as opened:
        yield opened


@dataclass
class Desk:
    """A tab with one picture in its tray."""

    tab: Tab
    client: TestClient

    @property
    def item(self) -> str:
        """The id of the picture."""
        return self.tab.tray.items[0].id

    def path(self, end: str, item: str = "") -> str:
        """Where something of the picture is."""
        return f"{tray_path(self.tab.own_id)}/{item or self.item}/{end}"

    def mark(self, body: Any, item: str = "") -> int:
        """Send regions as the page does; returns the status."""
        content = body if isinstance(body, bytes | str) else json.dumps(body)
        answer = self.client.post(self.path("regions", item), content=content, headers=_ORIGIN)
        return answer.status_code


@pytest.fixture
def desk(pool: PicturePool) -> Iterator[Desk]:
    """Of the browser "b…", whose cookie is sent."""
    memory = UploadMemory[Tab](UploadMemoryLimits(per_person_bytes=_MEGABYTE))
    browser = "b" * 32
    tab = Tab(browser=browser, person=browser)
    memory.watch(tab)

    server = Starlette(
        routes=tray_routes(memory.find, memory.take, lambda: pool),
        middleware=[Middleware(OwnOrigin), Middleware(BrowserCookie, key=_KEY)],
    )
    cookies = {COOKIE_NAME: signed_browser_id(browser, key=_KEY)}
    with TestClient(server, cookies=cookies) as client:
        desk = Desk(tab, client)
        picture = io.BytesIO()
        Image.new("RGB", (800, 400), "#204060").save(picture, "JPEG")
        path = f"{tray_path(tab.own_id)}/1"
        client.put(path, content=picture.getvalue(), headers={**_ORIGIN, "X-File-Name": "a.jpg"})
        yield desk


def _items(desk: Desk) -> Any:
    return tray_state(desk.tab)["items"]


def test_marked_regions_come_back_with_the_picture_as_it_is_sent(desk: Desk) -> None:
    """The small picture has the marks, the large one not; so they can be drawn anew over it."""
    before = desk.client.get(desk.path("picture")).content
    assert desk.mark([_HALF, [0, 0, 0.25, 0.25]]) == 200

    (item,) = _items(desk)
    assert item["regions"] == [(0.5, 0, 0.5, 1), (0, 0, 0.25, 0.25)]
    assert (item["count"], item["size"], item["isPart"]) == (3, [800, 400], False)
    assert desk.client.get(desk.path("picture")).content != before
    large = desk.client.get(desk.path("large"))
    image = Image.open(io.BytesIO(large.content)).convert("RGB")
    assert large.headers["content-type"] == "image/jpeg"
    assert large.headers["cache-control"] == "private, no-store"
    assert np.ptp(np.asarray(image), axis=(0, 1)).max() < 8  # no line

    assert desk.mark([]) == 200
    assert desk.client.get(desk.path("picture")).content == before


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\xff\xfe", "{}", "null", "[", "[[]]", "[1]", "[[0,0,1]]", "[[0,0,1,1,1]]",
        '[["0",0,1,1]]', "[[true,0,1,1]]", "[[NaN,0,1,1]]", "[[Infinity,0,1,1]]",
        "[[1e999,0,1,1]]", f"[[{'9' * 400},0,1,1]]", f"[[{'9' * 5000},0,1,1]]", "[" * 2000,
        [[0, 0, 1, 1]] * 10, "[[0,0,1,1]]" + " " * 5000, '{"regions": [[0,0,1,1]]}',
        "[[0,0,1,{}]]", "[null]",
    ],
)  # fmt: skip
def test_what_is_no_list_of_regions_is_refused_and_changes_nothing(desk: Desk, body: Any) -> None:
    """The picture waits as it did, with the regions that it had."""
    desk.mark([_HALF])
    before = _items(desk)

    assert desk.mark(body) == 400
    assert _items(desk) == before


@pytest.mark.parametrize("region", [[-5, -5, 1, 1], [1, 1, 0, 0], [0.5, 0.5, -9, 1e-9]])
def test_regions_outside_the_picture_are_brought_into_it(desk: Desk, region: list[float]) -> None:
    """A page that counts wrongly has a small region at the edge rather than an error."""
    assert desk.mark([region]) == 200
    region_sent = desk.tab.tray.pictures[1].attachment

    assert min(region_sent.width_px, region_sent.height_px) >= 32


def test_a_picture_that_is_gone_is_not_found(desk: Desk) -> None:
    """Taken out in another tab, or turned so that it is another one: the page hears of it."""
    gone = desk.item
    desk.client.post(desk.path("turn"), headers=_ORIGIN)
    assert desk.mark([_HALF], gone) == 404
    assert desk.mark([_HALF], "no-such") == 404
    assert desk.client.get(desk.path("large", gone)).status_code == 404
    assert [item["count"] for item in _items(desk)] == [1]


def test_nobody_else_marks_or_sees_the_picture(desk: Desk) -> None:
    """Another browser, and a page of another origin, get what a tab that is not there gets."""
    answer = desk.client.post(
        desk.path("regions"), content="[]", headers={"Origin": "http://elsewhere"}
    )
    assert answer.status_code == 403
    desk.client.cookies.clear()
    assert desk.mark([_HALF]) == 404
    assert desk.client.get(desk.path("large")).status_code == 404
    assert [item["count"] for item in _items(desk)] == [1]


def test_regions_count_as_what_a_page_keeps(desk: Desk) -> None:
    """With no room left for a person's pictures, they are refused and the picture stays."""
    noise = io.BytesIO()
    Image.effect_noise((1000, 900), 90).convert("RGB").save(noise, "JPEG", quality=80)
    desk.client.put(
        f"{tray_path(desk.tab.own_id)}/2",
        content=noise.getvalue(),
        headers={**_ORIGIN, "X-File-Name": "b.jpg"},
    )
    second = desk.tab.tray.items[1].id

    assert desk.mark([[0, 0, 1, 1]], second) == 400
    assert [item["count"] for item in _items(desk)] == [1, 1]

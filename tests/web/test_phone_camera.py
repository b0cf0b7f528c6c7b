"""A phone sends photos to a tab: with its token alone, as long as that is open, and no further."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from augenblick.pictures import PicturePool
from augenblick.ui.tab_state import Tab
from augenblick.web.browser_cookie import COOKIE_NAME, BrowserCookie, signed_browser_id
from augenblick.web.headers import SecurityHeaders
from augenblick.web.own_origin import OwnOrigin
from augenblick.web.phone_camera import camera_path, camera_routes
from augenblick.web.tray_routes import tray_path, tray_routes, tray_state
from augenblick.web.tray_tabs import PhoneCamera, new_phone
from augenblick.web.upload_limits import BodyLimits, UploadLimits
from augenblick.web.upload_memory import UploadMemory, UploadMemoryLimits

_KEY = b"k" * 32
_ORIGIN = {"Origin": "http://testserver"}
_MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def pool() -> Iterator[PicturePool]:
    """One real worker."""
    with PicturePool(workers=1) as opened:
        yield opened


@dataclass
class Desk:
    """A tab with an open phone, behind the wall of the real server."""

    tab: Tab
    phone: PhoneCamera
    memory: UploadMemory[Tab]
    client: TestClient

    def send(
        self, content: bytes, number: int = 1, *, name: str = "a.jpg", spoken: str = "en"
    ) -> dict[str, str]:
        """Send a photo as the phone does; returns the answer."""
        answer = self.client.put(
            f"{camera_path(self.phone.token)}/{number}",
            content=content,
            headers={**_ORIGIN, "X-File-Name": name, "Accept-Language": spoken},
        )
        assert answer.status_code == 200, answer.text
        said: dict[str, str] = answer.json()
        return said


@pytest.fixture
def desk(pool: PicturePool) -> Iterator[Desk]:
    """A tab of the browser "b…" and a phone without a cookie."""
    memory = UploadMemory[Tab](UploadMemoryLimits(per_person_bytes=_MEGABYTE))
    tab = Tab(browser="b" * 32, person="b" * 32)
    tab.phone = new_phone(tab.browser)
    memory.watch(tab)
    with TestClient(_server(memory, pool)) as client:
        yield Desk(tab, tab.phone, memory, client)


def _server(memory: UploadMemory[Tab], pool: PicturePool) -> Starlette:
    return Starlette(
        routes=[
            *camera_routes(memory.tabs, memory.take, lambda: pool),
            *tray_routes(memory.find, memory.take, lambda: pool),
        ],
        middleware=[
            Middleware(SecurityHeaders, script_hashes=()),
            Middleware(OwnOrigin),
            Middleware(
                BodyLimits,
                held=dict,
                limits=UploadLimits(per_body_bytes=1000, per_upload_bytes=_MEGABYTE),
            ),
            Middleware(BrowserCookie, key=_KEY),
        ],
    )


def _photo(shade: int = 100, *, kind: str = "JPEG", side: int = 300) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), (shade, 40, 200)).save(buffer, kind)
    return buffer.getvalue()


def test_a_photo_is_in_the_tray_when_the_phone_reads_that_it_arrived(desk: Desk) -> None:
    """Prepared like any other, in the order of sending; the page of the tab learns of it."""
    assert tray_state(desk.tab)["phone"] == "No photo has arrived yet"

    said = [desk.send(_photo(number), number, name=f"{number}.jpg") for number in (1, 2)]

    assert [set(each) for each in said] == [{"picture"}, {"picture"}]
    assert said[0]["picture"].startswith("data:image/jpeg;base64,")
    names = [each.attachment.receipt.source_name for each in desk.tab.tray.pictures]
    assert names == ["1.jpg", "2.jpg"]
    assert tray_state(desk.tab)["phone"] == "2 photos have arrived"


def test_a_photo_that_is_sent_again_takes_the_place_of_the_first(desk: Desk) -> None:
    """As when the answer got lost on its way."""
    for _ in range(2):
        desk.send(_photo(), 7)

    assert len(desk.tab.tray.pictures) == 1
    assert len(desk.phone.arrived) == 1


def test_a_phone_replaces_nothing_of_the_page(desk: Desk) -> None:
    """A number that the page gave a file of its own is another one for the phone."""
    desk.tab.tray.begin(5, "own.jpg")
    desk.send(_photo(), 5, name="phone.jpg")

    assert [each.name for each in desk.tab.tray.items] == ["own.jpg", "phone.jpg"]


@pytest.mark.parametrize(
    ("spoken", "words"), [("de-DE", "ist kein Bild"), ("en", "isn't a picture")]
)
def test_what_is_no_picture_is_said_to_the_phone_alone(desk: Desk, spoken: str, words: str) -> None:
    """In its language; nothing stays in the tray, and a good one still comes."""
    said = desk.send(b"nothing", name="notes.jpg", spoken=spoken)

    assert words in said["reason"]
    assert desk.tab.tray.items == ()
    assert "picture" in desk.send(_photo(), 2)


def test_a_pixel_bomb_is_refused(desk: Desk) -> None:
    """As from the page itself."""
    bomb = _photo(kind="PNG", side=1)
    size = bomb.index(b"IHDR") + 4
    bomb = bomb[:size] + (60_000).to_bytes(4, "big") * 2 + bomb[size + 8 :]

    assert "reason" in desk.send(bomb)
    assert desk.tab.tray.items == ()


def test_a_phone_sends_no_more_than_fits(desk: Desk) -> None:
    """Neither more pictures than a question takes, nor more bytes than a person may keep."""
    most = desk.tab.tray.max_count
    for number in range(most):
        assert "picture" in desk.send(_photo(number), number)
    assert f"up to {most} pictures" in desk.send(_photo(), most)["reason"]
    assert len(desk.tab.tray.items) == most

    desk.tab.tray.clear()
    desk.memory.limits = UploadMemoryLimits(per_person_bytes=2000)
    assert "reason" in desk.send(_photo(), 99)
    assert desk.tab.tray.items == ()


def test_a_body_beyond_all_limits_is_not_read(desk: Desk) -> None:
    """Refused by its length, with nothing left in the tray."""
    path = f"{camera_path(desk.phone.token)}/1"
    answer = desk.client.put(path, content=b"x" * (_MEGABYTE + 1), headers=_ORIGIN)

    assert answer.status_code == 413
    assert desk.tab.tray.items == ()


def test_the_page_may_run_its_own_script_and_nothing_else(desk: Desk) -> None:
    """Kept nowhere, found nowhere, named to nobody, and without a cookie."""
    answer = desk.client.get(camera_path(desk.phone.token), headers={"Accept-Language": "de"})

    assert answer.status_code == 200
    assert "Fotografieren" in answer.text
    policy = answer.headers["content-security-policy"]
    assert re.search(
        r"default-src 'none';.* script-src 'sha256-[^ ]+'; connect-src 'self'$", policy
    )
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "noindex" in answer.headers["x-robots-tag"]
    assert "set-cookie" not in answer.headers
    assert desk.phone.token not in answer.text


def _end(desk: Desk) -> None:
    desk.tab.phone = None


def _expire(desk: Desk) -> None:
    desk.phone.ends_at = time.monotonic()


def _leave(desk: Desk) -> None:
    desk.tab.session_id = "left"
    desk.memory.forget("left")


@pytest.mark.parametrize("end", [_end, _expire, _leave])
def test_an_ended_connection_says_so_and_takes_nothing(
    desk: Desk, end: Callable[[Desk], None]
) -> None:
    """Ended by the person, after its time, with its tab."""
    end(desk)
    path = camera_path(desk.phone.token)

    page = desk.client.get(path)
    assert page.status_code == 404
    assert "The connection has ended" in page.text
    assert desk.client.put(f"{path}/1", content=_photo(), headers=_ORIGIN).status_code == 404
    assert desk.tab.tray.items == ()
    assert tray_state(desk.tab)["phone"] == ""


@pytest.mark.parametrize("token", ["unknown", "ü", "None", "b" * 8])
def test_a_token_of_nobody_opens_nothing(desk: Desk, token: str) -> None:
    """Neither does the name of the tab, or what is known of its browser."""
    for each in (token, desk.tab.own_id):
        path = camera_path(each)
        assert desk.client.get(path).status_code == 404
        assert desk.client.put(f"{path}/1", content=_photo(), headers=_ORIGIN).status_code == 404


def test_a_foreign_page_sends_nothing(desk: Desk) -> None:
    """Another site that learnt the token can't use it from somebody's browser."""
    path = f"{camera_path(desk.phone.token)}/1"
    for headers in ({"Origin": "http://elsewhere"}, {}):
        assert desk.client.put(path, content=_photo(), headers=headers).status_code == 403


def test_a_phone_reaches_its_own_tab_only(desk: Desk) -> None:
    """Its token reads no tray, and its photos come to no other tab of the browser."""
    other = Tab(browser=desk.tab.browser, person=desk.tab.person)
    desk.memory.watch(other)
    desk.send(_photo())

    assert other.tray.items == ()
    assert desk.client.get(tray_path(desk.phone.token)).status_code == 404
    assert desk.client.get(tray_path(desk.tab.own_id)).status_code == 404


def test_a_page_that_is_loaded_anew_keeps_its_phone(desk: Desk) -> None:
    """Its tray moves, and what comes later comes to the new one."""
    new = Tab(browser=desk.tab.browser, person=desk.tab.person)
    desk.memory.watch(new)
    desk.send(_photo(1), 1)
    path = f"{tray_path(new.own_id)}/from/{desk.tab.own_id}"
    cookies = {COOKIE_NAME: signed_browser_id(desk.tab.browser, key=_KEY)}
    desk.client.cookies.update(cookies)
    assert desk.client.post(path, headers=_ORIGIN).status_code == 200
    desk.client.cookies.clear()

    desk.send(_photo(2), 2)

    assert len(new.tray.pictures) == 2
    assert len(desk.tab.tray.pictures) == 1

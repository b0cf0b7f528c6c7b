"""Going on at another device as the same person: once, soon, and never by accident."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from augenblick.web.browser_cookie import (
    COOKIE_NAME,
    BrowserCookie,
    browser_id,
    signed_browser_id,
)
from augenblick.web.device_links import DEVICE_PATH, device_link, device_routes
from augenblick.web.headers import SecurityHeaders

_KEY = b"k" * 32
_WHO = "a" * 32


async def _page(_request: Request) -> Response:
    return HTMLResponse("the page")


def _device() -> TestClient:
    """Another device in front of its own server process."""
    wall = [
        Middleware(SecurityHeaders, script_hashes=("'sha256-x'",)),
        Middleware(BrowserCookie, key=_KEY),
    ]
    routes = [*device_routes(_KEY), Route("/", _page)]
    return TestClient(Starlette(routes=routes, middleware=wall), follow_redirects=False)


@pytest.fixture
def device() -> Iterator[TestClient]:
    """A phone."""
    with _device() as found:
        yield found


def _who(device: TestClient) -> str | None:
    return browser_id(dict(device.cookies), key=_KEY)


def test_the_button_makes_the_device_the_same_person(device: TestClient) -> None:
    """Looking asks, pressing gives the cookie and leads to the conversation."""
    link = device_link(_WHO, _KEY, "conv-1_x")

    asked = device.get(link, headers={"Accept-Language": "de"})
    assert asked.status_code == 200
    assert "Hier weitermachen" in asked.text
    assert _who(device) is None

    entered = device.post(link)
    assert entered.status_code == 303
    assert entered.headers["location"] == "/?c=conv-1_x"
    assert "HttpOnly" in entered.headers["set-cookie"]
    assert _who(device) == _WHO
    assert device.get("/").status_code == 200
    assert _who(device) == _WHO


def test_a_link_works_once(device: TestClient) -> None:
    """Whoever comes second reads that it was used."""
    link = device_link(_WHO, _KEY, None)
    device.get(link)
    assert device.post(link).headers["location"] == "/"

    assert device.get(link).status_code == 410
    assert device.post(link).status_code == 410


def test_looking_uses_nothing_up(device: TestClient) -> None:
    """Programs that look at links in advance leave it good."""
    link = device_link(_WHO, _KEY, None)

    for _ in range(5):
        assert device.get(link).status_code == 200
        assert device.head(link).status_code == 200

    assert device.post(link).status_code == 303
    assert _who(device) == _WHO


def test_an_old_link_says_so(device: TestClient) -> None:
    """After ten minutes it gives nothing, with a kind page."""
    link = device_link(_WHO, _KEY, None, valid_seconds=-2)

    answer = device.get(link, headers={"Accept-Language": "de"})

    assert answer.status_code == 410
    assert "Dieser Link gilt nicht mehr" in answer.text
    assert '<a href="/">Zur Startseite</a>' in answer.text
    assert device.post(link).status_code == 410
    assert _who(device) is None


def test_another_site_cannot_press_the_button(device: TestClient) -> None:
    """A form of somebody else's page, sent before ours was opened, only leads to the question."""
    mine = signed_browser_id("b" * 32, key=_KEY)
    device.cookies.set(COOKIE_NAME, mine)
    link = device_link(_WHO, _KEY, None)

    answer = device.post(link)

    assert answer.status_code == 303
    assert answer.headers["location"] == link
    assert _who(device) == "b" * 32
    asked = device.get(link).headers["set-cookie"]
    assert "SameSite=strict" in asked
    assert "HttpOnly" in asked


def test_a_strange_cookie_is_no_failure(device: TestClient) -> None:
    """Whatever a browser sends in place of our cookie only leads to the question."""
    link = device_link(_WHO, _KEY, None)

    answer = device.post(link, headers={b"Cookie": b"augenblick_device=\xfc"})

    assert answer.status_code == 303
    assert answer.headers["location"] == link


@pytest.mark.parametrize("change", ["x", "", "cut", "other key", "cookie", "long"])
def test_forged_links_are_unknown(device: TestClient, change: str) -> None:
    """A changed link, one of another key, a cookie in its place: 404, and nobody changes."""
    link = device_link(_WHO, _KEY, None)
    forged = {
        "x": link[:-20] + ("a" if link[-20] != "a" else "b") + link[-19:],
        "": DEVICE_PATH + "x",
        "cut": link[:-10],
        "other key": device_link(_WHO, b"o" * 32, None),
        "cookie": DEVICE_PATH + signed_browser_id(_WHO, key=_KEY),
        "long": DEVICE_PATH + "a" * 5000,
    }[change]

    assert device.get(forged).status_code == 404
    assert device.post(forged).status_code == 404
    assert _who(device) is None


def test_a_link_is_no_cookie() -> None:
    """The signature of a link is worth nothing as the signature of a cookie."""
    token = device_link(_WHO, _KEY, None).removeprefix(DEVICE_PATH)

    assert browser_id({COOKIE_NAME: token}, key=_KEY) is None
    assert browser_id({COOKIE_NAME: f"{_WHO}.{token.rpartition('.')[2]}"}, key=_KEY) is None


def test_pages_are_as_closed_as_shared_ones(device: TestClient) -> None:
    """Nothing is stored, listed, framed, loaded or run; the question alone gives no identity.

    The address goes to our own server alone, whose name the button's POST has to carry.
    """
    answer = device.get(device_link(_WHO, _KEY, None))

    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "noindex" in answer.headers["x-robots-tag"]
    assert answer.headers["referrer-policy"] == "same-origin"
    assert '<meta name="referrer" content="same-origin">' in answer.text
    assert device.get(DEVICE_PATH + "x").headers["referrer-policy"] == "no-referrer"
    assert COOKIE_NAME not in answer.headers["set-cookie"]

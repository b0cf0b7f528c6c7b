"""Stored pictures: the bytes that were sent, for the browser they belong to and nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.testclient import TestClient

from augenblick.chat.checking import Checking
from augenblick.core.messages import PreparedPicture
from augenblick.store import Store
from augenblick.web.addresses import base_path
from augenblick.web.browser_cookie import COOKIE_NAME, BrowserCookie, signed_browser_id
from augenblick.web.headers import SecurityHeaders
from augenblick.web.own_routes import own_routes, picture_path
from tests.exchange.values import prepared
from tests.store.values import a_question

_KEY = b"k" * 32
_PREFIX = base_path("/team/photos/")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An open, empty store."""
    opened = Store(f"sqlite:///{tmp_path}/store.db")
    yield opened
    opened.close()


def _no_checks() -> Checking:
    raise AssertionError("a picture needs none")


@pytest.fixture
def browser(store: Store) -> Iterator[TestClient]:
    """The browser "me" in front of the route, below a path, behind the headers of the server."""
    app = Starlette(
        routes=[Mount(_PREFIX, routes=own_routes(lambda: store, _no_checks))],
        middleware=[
            Middleware(SecurityHeaders, script_hashes=()),
            Middleware(BrowserCookie, key=_KEY),
        ],
    )
    cookies = {COOKIE_NAME: signed_browser_id("me", key=_KEY)}
    with TestClient(app, cookies=cookies) as found:
        yield found


def _stored(store: Store, picture: PreparedPicture, *, is_temporary: bool = False) -> str:
    """The path of a picture in a conversation of "me"."""
    question = a_question("What?", pictures=(picture,), is_temporary=is_temporary)
    conversation_id = store.save_question(question).conversation_id
    return _PREFIX + picture_path(conversation_id, picture.attachment.sha256)


@pytest.mark.parametrize(
    ("kind", "media_type", "place", "kept"),
    [
        ("photo", "image/jpeg", "disk", "max-age=600, immutable"),
        ("drawing", "image/png", "disk", "max-age=600, immutable"),
        ("photo", "image/jpeg", "memory", "no-store"),
    ],
)
def test_the_owner_gets_the_bytes_that_were_sent(
    store: Store, browser: TestClient, kind: str, media_type: str, place: str, kept: str
) -> None:
    """In full and small, with their type; a temporary one is kept on no disk."""
    picture = prepared(kind)
    path = _stored(store, picture, is_temporary=place == "memory")

    answer, small = browser.get(path), browser.get(f"{path}/small")

    assert (answer.status_code, small.status_code) == (200, 200)
    assert (answer.content, small.content) == (picture.content, picture.thumbnail)
    assert answer.headers["content-type"] == media_type
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == f"private, {kept}"
    assert answer.headers["vary"] == "Cookie"


def test_everybody_else_gets_404(store: Store, browser: TestClient) -> None:
    """Another browser, none, a forged cookie; another conversation; once it is deleted."""
    picture = prepared("photo")
    path = _stored(store, picture)
    other = _stored(store, prepared("drawing"))
    in_other = other.rpartition("/")[0] + f"/{picture.attachment.sha256}"
    signed = signed_browser_id("me", key=_KEY)
    strangers = [signed_browser_id("you", key=_KEY), "", "me", f"me.{'x' * 43}", f"{signed}x"]

    for cookie in strangers:
        browser.cookies.set(COOKIE_NAME, cookie)
        assert [browser.get(path + end).status_code for end in ("", "/small")] == [404, 404]
    browser.cookies.clear()
    assert browser.get(path).status_code == 404
    browser.cookies.set(COOKIE_NAME, signed)
    assert browser.get(in_other).status_code == 404
    assert browser.get(_PREFIX + picture_path("nothing", "%00")).status_code == 404
    assert browser.get(path.removeprefix(_PREFIX)).status_code == 404
    assert browser.get(path).status_code == 200
    store.delete_conversation(path.split("/")[-2], owner="me")
    assert browser.get(path).status_code == 404


def test_a_picture_that_is_there_is_not_sent_again(store: Store, browser: TestClient) -> None:
    """304 for the copy a browser has; a stranger with the same copy still gets 404."""
    path = _stored(store, prepared("photo"))
    copy = {"If-None-Match": browser.get(path).headers["etag"]}

    assert browser.get(path, headers=copy).status_code == 304
    assert browser.head(path).status_code == 200
    assert browser.get(f"{path}/small", headers=copy).status_code == 200
    browser.cookies.set(COOKIE_NAME, signed_browser_id("you", key=_KEY))
    assert browser.get(path, headers=copy).status_code == 404

"""The page behind a shared link: what it shows, to whom, and for how long."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from augenblick.core.picture_text import PictureText, TextCell
from augenblick.store import Store
from augenblick.web.browser_cookie import BrowserCookie
from augenblick.web.headers import SecurityHeaders
from augenblick.web.shares import share_routes
from tests.exchange.values import a_saved_conversation, prepared


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An open, empty store."""
    opened = Store(f"sqlite:///{tmp_path}/store.db")
    yield opened
    opened.close()


@pytest.fixture
def client(store: Store) -> Iterator[TestClient]:
    """A browser in front of the route, behind the wall of the real server."""
    wall = [
        Middleware(SecurityHeaders, script_hashes=("'sha256-x'",)),
        Middleware(BrowserCookie, key=b"k" * 32),
    ]
    with TestClient(Starlette(routes=share_routes(lambda: store), middleware=wall)) as found:
        yield found


def _token(store: Store, *, valid_for: timedelta | None = None) -> tuple[str, str]:
    """A conversation and the token of a link to it."""
    conversation_id = a_saved_conversation(store)
    leaf_id = store.load_conversation(conversation_id).leaf_id or ""
    until = datetime.now(UTC) + valid_for if valid_for is not None else None
    share = store.create_share(conversation_id, owner="me", leaf_id=leaf_id, expires_at=until)
    return conversation_id, share.token


@pytest.mark.parametrize(
    ("wish", "word"), [("de-AT,de;q=0.9", "Frage"), ("fr,en;q=0.5", "Question")]
)
def test_anybody_with_the_link_reads_it(
    store: Store, client: TestClient, wish: str, word: str
) -> None:
    """Without cookie or script, in the reader's language; no cookie is given."""
    _, token = _token(store, valid_for=timedelta(days=1))

    answer = client.get(f"/share/{token}", headers={"Accept-Language": wish, "Accept": "text/html"})

    assert answer.status_code == 200
    assert f"<h2>{word}</h2>" in answer.text
    assert answer.text.count('<img src="data:image/') == 3
    assert "set-cookie" not in answer.headers


def test_the_page_is_kept_and_found_by_nobody(store: Store, client: TestClient) -> None:
    """Not stored, not listed, not named to others, and it may load and run nothing."""
    _, token = _token(store)

    for path in (f"/share/{token}", "/share/nobody"):
        headers = client.get(path).headers
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert "noindex" in headers["x-robots-tag"]
        assert headers["x-frame-options"] == "DENY"
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")
        assert "script-src" not in policy


def test_an_expired_link_says_so(store: Store, client: TestClient) -> None:
    """410 with a kind page, in the reader's language."""
    _, token = _token(store, valid_for=timedelta(seconds=-1))

    answer = client.get(f"/share/{token}", headers={"Accept-Language": "de"})

    assert answer.status_code == 410
    assert "Dieser Link gilt nicht mehr" in answer.text


def test_a_link_that_was_taken_back_says_so(store: Store, client: TestClient) -> None:
    """From the moment of its revocation it leads nowhere."""
    _, token = _token(store)
    assert client.get(f"/share/{token}").status_code == 200

    store.revoke_share(token, owner="me")

    assert client.get(f"/share/{token}").status_code == 410


def test_unknown_links_and_deleted_conversations_are_alike(
    store: Store, client: TestClient
) -> None:
    """404, whatever was typed."""
    conversation_id, token = _token(store)
    store.delete_conversation(conversation_id, owner="me")

    for path in (token, "nothing", "x" * 5000, "%00", "%ff", "..%2f..%2fetc"):
        answer = client.get(f"/share/{path}", headers={"Accept-Language": "en"})
        assert answer.status_code == 404
    assert "This link doesn&#39;t exist" in client.get("/share/x").text
    assert client.post(f"/share/{token}").status_code == 405


def test_a_link_shows_its_path_only(store: Store, client: TestClient) -> None:
    """Later questions and other answers stay hidden."""
    conversation_id = a_saved_conversation(store)
    first = store.load_conversation(conversation_id).path()[1]
    share = store.create_share(conversation_id, owner="me", leaf_id=first.id, expires_at=None)

    page = client.get(f"/share/{share.token}").text

    assert "12,40" in page
    assert "Zweite Zeile" not in page
    assert "Eine andere Antwort" not in page


@pytest.mark.parametrize("is_checked", [True, False])
def test_values_found_in_the_pictures_are_marked(store: Store, is_checked: bool) -> None:  # noqa: FBT001 - pytest passes by name
    """By what was read before; unless that is switched off for all answers."""
    _, token = _token(store)
    text = PictureText(1, ((TextCell("Summe 12,40", 0, 0, 110, 10),),))
    nothing = PictureText(0, ())
    store.save_text(prepared("photo").attachment.sha256, text)
    store.save_text(prepared("drawing").attachment.sha256, nothing)
    routes = share_routes(lambda: store, is_checked=is_checked)

    with TestClient(Starlette(routes=routes)) as client:
        answer = client.get(f"/share/{token}", headers={"Accept-Language": "de"})

    assert answer.status_code == 200
    assert ("1 von 1 Angabe im Bild gefunden" in answer.text) is is_checked
    assert (">12,40</a> €" in answer.text) is is_checked

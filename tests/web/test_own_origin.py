"""No page but our own opens a WebSocket here or changes anything."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from augenblick.web.own_origin import Origin, read_origin
from tests.serving import AppServer, serve_app
from tests.streamlit_client import open_page, visit

_HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


def _connect(server: AppServer, origin: str | None, **headers: str) -> int:
    """The status of a WebSocket's handshake; `{port}` is that of the server."""
    port = str(urlsplit(server.url).port)
    named = {} if origin is None else {"Origin": origin.replace("{port}", port)}
    more = {name.replace("_", "-"): text.replace("{port}", port) for name, text in headers.items()}
    return server.request("/_stcore/stream", headers=_HANDSHAKE | named | more).status


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://127.0.0.1:{port}", "127.0.0.1:{port}"),
        ("http://localhost:{port}", "localhost:{port}"),
        ("HTTP://LocalHost:{port}", "LOCALHOST:{port}"),
        ("http://[::1]:{port}", "[::1]:{port}"),
        ("http://localhost", "localhost"),
        ("http://localhost:80", "localhost"),
        ("http://localhost", "localhost:80"),
    ],
)
def test_own_pages_open_a_websocket(app_server: AppServer, origin: str, host: str) -> None:
    """Under every name the server has, and with the usual port said or not."""
    assert _connect(app_server, origin, Host=host) == 101


@pytest.mark.parametrize(
    "origin",
    [
        "http://127.0.0.1:1",  # another program on the same machine
        "http://127.0.0.1",
        "https://127.0.0.1:{port}",
        "http://localhost:{port}",  # a name of ours, but another one than the page was opened by
        "http://evil.example:{port}",
        "http://127.0.0.1.evil.example:{port}",
        "http://127.0.0.1:{port}@evil.example",
        "http://evil.example#http://127.0.0.1:{port}",
        "http://127.0.0.1:{port}/",
        "http://127.0.0.1:{port}, http://evil.example",
        "http://127.0.0.1:{port} http://evil.example",
        "ws://127.0.0.1:{port}",
        "file://",
        "null",
        "",
        None,  # browsers always name one
    ],
)
def test_other_pages_open_none(app_server: AppServer, origin: str | None) -> None:
    """Another port, scheme or host, a sandboxed page, several at once or none: 403."""
    assert _connect(app_server, origin, Host="127.0.0.1:{port}") == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "PROPFIND"])
@pytest.mark.parametrize("path", ["/_stcore/upload_file/a/b", "/device/x", "/", "/anything"])
def test_other_pages_change_nothing(app_server: AppServer, method: str, path: str) -> None:
    """Whatever the route, and whether it exists or not."""
    for origin in ("http://127.0.0.1:1", "null", ""):
        answer = app_server.request(path, method=method, headers={"Origin": origin})
        assert answer.status == 403
    own = app_server.request(path, method=method, headers={"Origin": app_server.url})
    assert own.status != 403 or "upload_file" in path  # whose session "a" is not


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_reading_needs_no_origin(app_server: AppServer, method: str) -> None:
    """An address can be typed, and a link on any page leads here."""
    for headers in ({}, {"Origin": "http://elsewhere.example"}):
        assert app_server.request("/_stcore/health", method=method, headers=headers).status < 300


def test_a_trusted_proxy_says_the_scheme(app_server: AppServer) -> None:
    """Https outside and http inside are one page, where the proxy says so and passes Host on."""
    behind = {"Host": "localhost", "X_Forwarded_For": "10.1.2.3"}

    assert _connect(app_server, "https://localhost", X_Forwarded_Proto="https", **behind) == 101
    assert _connect(app_server, "http://localhost", X_Forwarded_Proto="https", **behind) == 403
    assert _connect(app_server, "https://localhost", X_Forwarded_Proto="http", **behind) == 403
    assert _connect(app_server, "https://localhost", **behind) == 403


@pytest.mark.parametrize(
    "claim",
    [
        {"X_Forwarded_Host": "evil.example"},
        {"X_Forwarded_Server": "evil.example"},
        {"Forwarded": "host=evil.example;proto=http"},
        {"X_Original_Host": "evil.example"},
    ],
)
def test_no_other_header_names_our_host(app_server: AppServer, claim: dict[str, str]) -> None:
    """What a client may add on its way through a proxy makes no other origin ours."""
    assert _connect(app_server, "http://evil.example", Host="localhost", **claim) == 403
    assert _connect(app_server, "http://localhost", Host="localhost", **claim) == 101


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """A server that trusts a proxy elsewhere only, and knows another of its own addresses."""
    env = {
        "FORWARDED_ALLOW_IPS": "10.0.0.1",
        "STREAMLIT_SERVER_CORS_ALLOWED_ORIGINS": "https://bilder.example.org",
    }
    with serve_app(tmp_path_factory.mktemp("guarded"), env=env) as server:
        yield server


def test_an_untrusted_proxy_says_nothing(guarded: AppServer) -> None:
    """The scheme is that of the connection; the log says why, and once."""
    for _ in range(3):
        status = _connect(guarded, "https://localhost", Host="localhost", X_Forwarded_Proto="https")
        assert status == 403
    assert _connect(guarded, "http://localhost", Host="localhost", X_Forwarded_Proto="https") == 101
    assert guarded.output.count("Refused a page of https://localhost:443") == 1


def test_an_address_that_was_named_is_ours(guarded: AppServer) -> None:
    """Behind a proxy that passes on neither host nor scheme; with its port and scheme only."""
    assert _connect(guarded, "https://bilder.example.org", Host="127.0.0.1:{port}") == 101
    for other in ("http://bilder.example.org", "https://bilder.example.org:8443"):
        assert _connect(guarded, other, Host="127.0.0.1:{port}") == 403


def test_a_page_works_as_before(app_server: AppServer) -> None:
    """A tab that names its origin is served."""

    async def draw() -> None:
        async with open_page(app_server.url, cookies=visit(app_server.url)) as page:
            await page.wait_for(lambda: page.composer is not None)

    asyncio.run(draw())


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("http://a", Origin("http", "a", 80)),
        ("https://A.Example", Origin("https", "a.example", 443)),
        ("https://[2001:DB8::1]:8443", Origin("https", "[2001:db8::1]", 8443)),
        ("http://a_b-c.example:08501", Origin("http", "a_b-c.example", 8501)),
        ("http://", None),
        ("://a", None),
        ("http://a:", None),
        ("http://a:x", None),
        ("http://a:\u0662", None),
        ("http://a b", None),
        ("http://a\n", None),
        ("http://münchen.example", None),
    ],
)
def test_an_origin_is_read_whole_or_not_at_all(text: str, origin: Origin | None) -> None:
    """A default port is filled in; nothing is guessed."""
    assert read_origin(text) == origin

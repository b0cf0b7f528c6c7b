"""The cookie by which a browser finds its conversations again."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from augenblick.web.browser_cookie import (
    COOKIE_NAME,
    KEY_FILE,
    BrowserCookie,
    asking_browser,
    browser_id,
    cookie_key,
    signed_browser_id,
)
from tests.serving import AppServer

_KEY = b"k" * 32


def _sent_cookie(server: AppServer, cookie: str = "", path: str = "/") -> tuple[str, str]:
    """The value and the attributes of the cookie in the answer, empty where there is none."""
    headers = {"Accept": "text/html", **({"Cookie": cookie} if cookie else {})}
    lines = server.request(path, headers=headers).headers.get("set-cookie", "").splitlines()
    for line in lines:
        if line.startswith(f"{COOKIE_NAME}="):
            value, _, attributes = line.partition("=")[2].partition(";")
            return value, attributes
    return "", ""


def test_page_sets_a_signed_cookie_that_scripts_cannot_read(app_server: AppServer) -> None:
    """A new browser gets 128 random bits, signed with the key in the data folder."""
    value, attributes = _sent_cookie(app_server)
    key = (app_server.data_dir / KEY_FILE).read_bytes()

    assert re.fullmatch(r"[0-9a-f]{32}", browser_id({COOKIE_NAME: value}, key=key) or "")
    assert "HttpOnly" in attributes
    assert "SameSite=Lax" in attributes
    assert "Path=/" in attributes


def test_known_browser_keeps_its_id(app_server: AppServer) -> None:
    """A valid cookie is renewed with the same value."""
    value, _ = _sent_cookie(app_server)

    assert _sent_cookie(app_server, f"other=1; {COOKIE_NAME}={value}") == _sent_cookie(
        app_server, f"{COOKIE_NAME}={value}"
    )
    assert _sent_cookie(app_server, f"{COOKIE_NAME}={value}")[0] == value


def test_tampered_cookie_is_replaced(app_server: AppServer) -> None:
    """Nobody can choose an id: a wrong signature brings a new one."""
    value, _ = _sent_cookie(app_server)
    forged = "0" * 32 + value[32:]

    assert _sent_cookie(app_server, f"{COOKIE_NAME}={forged}")[0] not in {forged, value, ""}


def test_only_pages_carry_the_cookie(app_server: AppServer) -> None:
    """Files, health and pictures stay free of it, so that nothing shared hands it on."""
    for path in ("/_stcore/health", "/_stcore/host-config", "/favicon.png"):
        assert _sent_cookie(app_server, path=path) == ("", "")
    page = app_server.request("/", headers={"Accept": "text/html"})
    assert page.headers["cache-control"] == "private, no-cache"


def test_unchanged_page_renews_the_cookie(app_server: AppServer) -> None:
    """A browser that still has the page but lost the cookie gets one with the 304."""
    etag = app_server.request("/").headers["etag"]
    answer = app_server.request("/", headers={"Accept": "text/html", "If-None-Match": etag})

    assert answer.status == 304
    assert COOKIE_NAME in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    "value",
    ["", ".", "abc", "abc.def", "ä.ö", "a.b.c", ".".join(("a" * 32, "0" * 64)), "a" * 32 + "."],
)
def test_what_we_did_not_sign_is_nobody(value: str) -> None:
    """Any other value is no id, and no error."""
    assert browser_id({COOKIE_NAME: value}, key=_KEY) is None
    assert browser_id({}, key=_KEY) is None


@pytest.mark.parametrize("other", ['theme={"dark": true}', "a b=c", "name=Zoë", "=", "half"])
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_a_cookie_of_another_program_on_this_host_hides_nothing(other: str, kind: str) -> None:
    """Cookies go to every port of a host, and not all who set some keep to the letters allowed."""
    cookies = f"{other}; {COOKIE_NAME}={signed_browser_id('a' * 32, key=_KEY)}"
    scope = {"type": kind, "method": "GET", "headers": [(b"cookie", cookies.encode("latin-1"))]}
    asking: list[str] = []

    async def inside(scope: Scope, _receive: Receive, _send: Send) -> None:
        asking.append(asking_browser(scope))

    asyncio.run(BrowserCookie(inside, key=_KEY)(scope, _nothing, _nothing))
    assert asking == ["a" * 32]
    with pytest.raises(KeyError):
        asking_browser({"type": kind, "headers": []})


async def _nothing(*_: object) -> Any:
    raise AssertionError("neither asked nor answered")


def test_signature_belongs_to_one_key_and_one_id() -> None:
    """A signature of another key, or of another id, is worth nothing."""
    value = signed_browser_id("a" * 32, key=_KEY)

    assert browser_id({COOKIE_NAME: value}, key=_KEY) == "a" * 32
    assert browser_id({COOKIE_NAME: value}, key=b"x" * 32) is None
    assert browser_id({COOKIE_NAME: value.replace("a", "b", 1)}, key=_KEY) is None


_FROM_0_3 = (
    "0123456789abcdef0123456789abcdef"
    ".beb2274ac7a21d03e15b3bc2e6ab0b0f948996e2a510f8210025ce0992b4624f"
)  # made by version 0.3.0 with _KEY


def test_a_cookie_of_an_earlier_version_is_good_and_renewed(app_server: AppServer) -> None:
    """Whoever comes back after an update finds the conversations, and has the new cookie then."""
    assert browser_id({COOKIE_NAME: _FROM_0_3}, key=_KEY) == "0123456789abcdef" * 2
    assert browser_id({COOKIE_NAME: _FROM_0_3}, key=b"x" * 32) is None
    assert browser_id({COOKIE_NAME: f"a{_FROM_0_3[1:]}"}, key=_KEY) is None
    assert browser_id({COOKIE_NAME: _FROM_0_3[:-1]}, key=_KEY) is None

    key = (app_server.data_dir / KEY_FILE).read_bytes()
    name = "c" * 32
    signature = hmac.new(key, f"augenblick_browser:{name}".encode(), hashlib.sha256).hexdigest()
    renewed, _ = _sent_cookie(app_server, f"{COOKIE_NAME}={name}.{signature}")
    assert renewed == signed_browser_id(name, key=key)
    assert browser_id({COOKIE_NAME: renewed}, key=key) == name


def test_key_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    """Many starts at once agree on one key of 32 bytes with mode 0600, and leave nothing else."""
    folder = tmp_path / "data"
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(cookie_key({}, folder=folder)))
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(found)) == 1
    assert len(found[0]) == 32
    assert stat.S_IMODE((folder / KEY_FILE).stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == [KEY_FILE]


def test_several_servers_share_a_key_by_configuration(tmp_path: Path) -> None:
    """With AUGENBLICK_COOKIE_SECRET nothing is written, and equal secrets give equal keys."""
    secret = {"AUGENBLICK_COOKIE_SECRET": "one for all"}

    assert cookie_key(secret, folder=tmp_path / "a") == cookie_key(secret, folder=tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


def test_unwritable_folder_does_not_keep_the_page_from_starting(tmp_path: Path) -> None:
    """Without a place for it the key lives with the process."""
    (tmp_path / "file").write_text("in the way")

    assert len(cookie_key({}, folder=tmp_path / "file" / "data")) == 32

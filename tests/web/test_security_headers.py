"""What every answer of the server carries, and what it refuses."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
import streamlit
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from augenblick.web.headers import (
    SecurityHeaders,
    content_security_policy,
    inline_script_hashes,
)
from tests.serving import WITHOUT_READER, AppServer, serve_app

_ROUTES = (
    "/",
    "/endpoints",
    "/_stcore/health",
    "/_stcore/host-config",
    "/_stcore/metrics",
    "/media/unknown.png",
    "/static/unknown.js",
    "/favicon.png",
)


@pytest.mark.parametrize("path", _ROUTES)
def test_every_route_carries_the_headers(app_server: AppServer, path: str) -> None:
    """Pages, files, diagnostics and misses alike are guarded."""
    headers = app_server.request(path).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "microphone=()" in headers["permissions-policy"]
    assert headers["cross-origin-opener-policy"] == "same-origin"
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "*" not in policy


def test_https_is_remembered_by_browsers(app_server: AppServer) -> None:
    """Behind a proxy that speaks https, on every answer; over http never."""
    behind = {"X-Forwarded-Proto": "https"}
    for path in _ROUTES:
        secure = app_server.request(path, headers=behind).headers
        assert secure["strict-transport-security"] == "max-age=31536000"
        assert "strict-transport-security" not in app_server.request(path).headers


def test_policy_knows_the_inline_script_of_the_served_page(app_server: AppServer) -> None:
    """The hash in the policy is that of the script which the page really has."""
    answer = app_server.request("/")
    body = answer.body.decode()
    script = body.split("<script>", 1)[1].split("</script>", 1)[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()

    assert f"'sha256-{digest}'" in answer.headers["content-security-policy"]
    assert len(inline_script_hashes(body)) == 1


def test_only_inline_scripts_are_hashed() -> None:
    """Scripts with an address and scripts inside comments give no hash."""
    page = "<!-- <script>a</script> --><script src='x.js'></script><script>b\n</script>"
    digest = base64.b64encode(hashlib.sha256(b"b\n").digest()).decode()

    assert inline_script_hashes(page) == (f"'sha256-{digest}'",)


def test_host_cannot_write_into_the_policy() -> None:
    """A Host header with anything but a host in it adds nothing."""
    policy = content_security_policy((), host="x; script-src *")

    assert "connect-src 'self' data: blob:;" in policy
    assert "*" not in policy


def test_crash_inside_still_answers_with_headers() -> None:
    """A route that fails answers 500 with the headers and without the reason."""

    async def fail(_: Request) -> Response:
        raise RuntimeError("sk-canary")

    wall = Middleware(SecurityHeaders, script_hashes=())
    app = Starlette(routes=[Route("/", fail)], middleware=[wall])
    answer = TestClient(app, raise_server_exceptions=False).get("/")

    assert answer.status_code == 500
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sk-canary" not in answer.text


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost@evil"])
def test_foreign_host_is_refused(app_server: AppServer, host: str) -> None:
    """A name that the server was not given (DNS rebinding) gets no page and no socket."""
    socket_headers = {
        "Host": host,
        "Origin": f"http://{host}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }

    assert app_server.request("/", headers={"Host": host}).status == 400
    assert app_server.request("/_stcore/stream", headers=socket_headers).status in {400, 403}


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8501", "127.0.0.1", "[::1]:8501"])
def test_own_names_are_served(app_server: AppServer, host: str) -> None:
    """Every loopback name works, with and without port."""
    assert app_server.request("/", headers={"Host": host}).status == 200


@pytest.mark.parametrize(
    "path", ["/_stcore/metrics", "/_stcore/agent/openapi.json", "/_stcore/script-health-check"]
)
def test_diagnostics_do_not_exist_for_visitors(app_server: AppServer, path: str) -> None:
    """Metrics and the agent API answer 404."""
    assert app_server.request(path).status == 404


def test_agent_api_cannot_be_driven(app_server: AppServer) -> None:
    """No program can drive the page past the browser."""
    answer = app_server.request("/_stcore/agent/interact", method="POST", body=b"{}")

    assert answer.status == 404


def test_metrics_open_to_a_named_place(tmp_path: Path) -> None:
    """The person who runs the server may name from where metrics are read."""
    env = {**WITHOUT_READER, "AUGENBLICK_METRICS_FROM": "127.0.0.0/8, 10.0.0.1"}
    with serve_app(tmp_path, env=env) as server:
        assert server.request("/_stcore/metrics").status == 200


def test_large_body_is_refused(app_server: AppServer) -> None:
    """No route but the upload takes more than a megabyte."""
    own = {"Origin": app_server.url}
    body = b"x" * 1_100_000
    answer = app_server.request("/_stcore/health", method="POST", headers=own, body=body)

    assert answer.status == 413


def test_page_is_found_where_streamlit_keeps_it() -> None:
    """The installed page has the one inline script that the policy is made for."""
    page = Path(streamlit.__file__).parent / "static" / "index.html"

    assert len(inline_script_hashes(page.read_text(encoding="utf-8"))) == 1

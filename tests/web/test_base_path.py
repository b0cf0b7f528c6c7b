"""Below a path of a shared host everything of ours stands there, and nothing beside it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from augenblick.core.paths import PROJECT_DIR
from tests.serving import WITHOUT_READER, AppServer, serve_command

_BELOW = "/team/photos"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """The app with Streamlit's `server.baseUrlPath`."""
    with serve_command(
        [sys.executable, "-m", "augenblick.launch", "--port", "0"],
        tmp_path_factory.mktemp("below"),
        cwd=PROJECT_DIR,
        env={**WITHOUT_READER, "STREAMLIT_SERVER_BASE_URL_PATH": _BELOW},
        health=f"{_BELOW}/_stcore/health",
    ) as found:
        yield found


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/app.css", 200),
        ("/app-icon.png", 200),
        ("/samples/receipt.jpg", 200),
        ("/download/everything.zip", 200),
        ("/answer/a/b/0", 404),
        ("/picture/a/b", 404),
        ("/tray/unknown", 404),
        ("/share/unknown", 404),
        ("/camera/unknown", 404),
        ("/device/unknown", 404),
    ],
)
def test_our_routes_stand_below_the_path(server: AppServer, path: str, status: int) -> None:
    """Where Streamlit knows none of them, it would answer 200 with its page."""
    assert server.request(f"{_BELOW}{path}").status == status


def test_nothing_stands_beside_the_path(server: AppServer) -> None:
    """Another program may be there."""
    assert server.request("/app.css").status == 404


def test_a_page_that_stands_alone_leads_back_below_the_path(server: AppServer) -> None:
    """To the start page, not to that of the host."""
    assert f'href="{_BELOW}/"'.encode() in server.request(f"{_BELOW}/device/unknown").body

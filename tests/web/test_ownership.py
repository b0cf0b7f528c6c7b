"""A tab, its uploads and its pictures belong to the browser that opened it."""

from __future__ import annotations

import asyncio
import io
import secrets
from collections.abc import Iterator, Mapping

import pytest
from PIL import Image
from websockets.asyncio.client import connect

from tests.serving import AppServer, ask, serve_script
from tests.streamlit_client import Page, open_page, visit

_PAGE = """
import io
import time

import streamlit as st
from PIL import Image

if "slow" in st.query_params:
    time.sleep(1)
picture = io.BytesIO()
colour = tuple(int(st.query_params.get("colour", "336699")[at : at + 2], 16) for at in (0, 2, 4))
Image.new("RGB", (40, 30), colour).save(picture, "PNG")
st.session_state.setdefault("secret", st.query_params.get("secret", "nothing"))
st.markdown(f"secret: {st.session_state['secret']}")
st.image(picture.getvalue())
st.download_button("Save", b"a,b", "table.csv")
st.download_button("Save the page", b"<p>a</p>", "page.html", "text/html")  # no page of ours
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """A page with a picture, a download, an upload and a memory."""
    with serve_script(tmp_path_factory.mktemp("server"), _PAGE) as found:
        yield found


def _cookie(cookies: Mapping[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def _media_urls(page: Page) -> list[str]:
    pictures = [element.imgs.imgs[0].url for element in page.elements("imgs")]
    files = [element.download_button.url for element in page.elements("download_button")]
    return [*pictures, *files]


def _read(server: AppServer, path: str, cookies: Mapping[str, str]) -> tuple[int, str]:
    answer = server.request(path, headers={"Cookie": _cookie(cookies)})
    return answer.status, answer.headers.get("cache-control", "")


def test_a_picture_is_for_the_browser_that_was_shown_it(server: AppServer) -> None:
    """Nobody else has it from its address: no other visitor, no one without a cookie, no cache."""

    async def read() -> None:
        mine, others = visit(server.url), visit(server.url)
        async with (
            open_page(server.url, cookies=mine) as page,
            open_page(server.url, cookies=others, query="colour=ff0000") as other,
        ):
            await page.wait_for(lambda: page.is_idle)
            await other.wait_for(lambda: other.is_idle)
            urls = _media_urls(page)
            assert len(urls) == 3
            for url in urls:
                assert _read(server, url, mine) == (200, "private, no-store")
            picture = urls[0]
            assert picture not in _media_urls(other)
            forged = f"{'0' * 32}.{mine['augenblick_browser'].partition('.')[2]}"
            for cookies in (others, {}, {"augenblick_browser": forged}):
                assert _read(server, picture, cookies)[0] == 404
            name = picture.rpartition(".")[0]
            for path in (name, f"{name}.html", f"{name}.a.png", f"{picture}?a=1", f"/{picture}"):
                assert _read(server, path, others)[0] in {400, 404}
            unknown = "/media/" + "0" * 56 + ".png"
            assert (
                server.request(picture, headers={"Cookie": _cookie(others)}).body
                == server.request(unknown, headers={"Cookie": _cookie(others)}).body
            )

    asyncio.run(read())


def test_who_is_shown_the_same_picture_may_read_it_too(server: AppServer) -> None:
    """Two people have one file of the same bytes, and a second tab has it as well."""

    async def read() -> None:
        mine, others = visit(server.url), visit(server.url)
        query = f"colour={secrets.token_hex(3)}"
        async with open_page(server.url, cookies=mine, query=query) as page:
            await page.wait_for(lambda: page.is_idle)
            picture = _media_urls(page)[0]
            assert _read(server, picture, others)[0] == 404
            async with open_page(server.url, cookies=others, query=query) as other:
                await other.wait_for(lambda: other.is_idle)
                assert _media_urls(other)[0] == picture
                assert _read(server, picture, others)[0] == 200
            assert _read(server, picture, mine)[0] == 200

    asyncio.run(read())


def test_a_picture_can_be_read_while_the_page_is_drawn_anew(server: AppServer) -> None:
    """Between the start of a run and the place where it is drawn, it still belongs to the page."""

    async def read() -> None:
        mine = visit(server.url)
        query = f"colour={secrets.token_hex(3)}"
        async with open_page(server.url, cookies=mine, query=query) as page:
            await page.wait_for(lambda: page.is_idle)
            picture = _media_urls(page)[0]
            page.query = f"{query}&slow"
            runs = page.runs
            await page.rerun()
            await page.wait_for(lambda: page.runs > runs)
            assert (await asyncio.to_thread(_read, server, picture, mine))[0] == 200
            await page.wait_for(lambda: page.is_idle)

    asyncio.run(read())


def test_what_a_page_no_longer_shows_is_gone(server: AppServer) -> None:
    """With the tab's next picture the address of the last one is worth nothing."""

    async def read() -> None:
        mine = visit(server.url)
        async with open_page(server.url, cookies=mine, query="colour=123456") as page:
            await page.wait_for(lambda: page.is_idle)
            picture = _media_urls(page)[0]
            page.query = "colour=654321"
            await page.rerun()
            await page.wait_for(lambda: page.is_idle)
            assert _read(server, picture, mine)[0] == 404
            assert _read(server, _media_urls(page)[0], mine)[0] == 200

    asyncio.run(read())


def _put(server: AppServer, path: str, cookies: Mapping[str, str], method: str = "PUT") -> int:
    form = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="evil.png"\r\n\r\n'
        + _picture()
        + b"\r\n--x--\r\n"
    )
    headers = {
        "Content-Type": "multipart/form-data; boundary=x",
        "Cookie": _cookie(cookies),
        "Origin": server.url,
        "X-Xsrftoken": cookies.get("_streamlit_xsrf", ""),
    }
    return ask(server.url, path, method=method, headers=headers, body=form).status


def _picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "PNG")
    return file.getvalue()


def test_nobody_uploads_into_or_removes_from_another_s_tab(server: AppServer) -> None:
    """Though its id is known, with a cookie of their own or none; one's own second tab may."""

    async def try_it() -> None:
        mine, others = visit(server.url), visit(server.url)
        no_browser = {name: value for name, value in others.items() if "browser" not in name}
        async with open_page(server.url, cookies=mine) as page:
            await page.wait_for(lambda: page.is_idle)
            path = f"/_stcore/upload_file/{page.session_id}/known-file"
            for method in ("PUT", "DELETE"):
                for cookies in (others, no_browser):
                    assert _put(server, path, cookies, method) == 403
                assert _put(server, path, mine, method) == 204
            assert _put(server, "/_stcore/upload_file/unknown/known-file", mine) == 403

    asyncio.run(try_it())


def _text(page: Page) -> str:
    return " ".join(element.markdown.body for element in page.elements("markdown"))


async def _session_after_reconnecting(
    server: AppServer, session_id: str, cookies: Mapping[str, str], **headers: str
) -> tuple[str, str]:
    """The session that a tab is given that says it was this one, and the first it is shown."""
    async with connect(
        f"{server.url.replace('http', 'ws', 1)}/_stcore/stream",
        origin=server.url,  # type: ignore[arg-type]
        subprotocols=["streamlit", "PLACEHOLDER", session_id],  # type: ignore[list-item]
        additional_headers={"Cookie": _cookie(cookies), **headers},
        compression=None,
        max_size=None,
        proxy=None,
    ) as connection:
        page = Page(connection, server.url, cookies, "")
        reading = asyncio.create_task(page.read())
        await page.rerun()
        await page.wait_for(lambda: page.is_idle)
        reading.cancel()
        return page.session_id, _text(page)


def test_nobody_takes_over_another_s_tab(server: AppServer) -> None:
    """Open or away, its id alone opens a new page; the browser's own finds it again."""

    async def try_it() -> None:
        mine, others = visit(server.url), visit(server.url)
        async with open_page(server.url, cookies=mine, query="secret=Rosenkohl") as page:
            await page.wait_for(lambda: page.is_idle)
            session = page.session_id
            claim = {"X-Augenblick-Browser": mine["augenblick_browser"].partition(".")[0]}
            for cookies, headers in ((others, {}), ({}, {}), (others, claim), ({}, claim)):
                found, text = await _session_after_reconnecting(server, session, cookies, **headers)
                assert found != session
                assert "Rosenkohl" not in text
            assert page.is_connected
        for cookies in (others, {}):
            found, text = await _session_after_reconnecting(server, session, cookies)
            assert found != session
            assert "Rosenkohl" not in text
        found, text = await _session_after_reconnecting(server, session, mine)
        assert (found, "Rosenkohl" in text) == (session, True)

    asyncio.run(try_it())

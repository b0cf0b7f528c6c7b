"""Two browsers on one server: neither sees, finds or changes what is the other's."""

from __future__ import annotations

import asyncio
import io
import sqlite3
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

import pytest
from streamlit.proto.Common_pb2 import StringTriggerValue
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.MenuButton_pb2 import MenuButton
from streamlit.proto.WidgetStates_pb2 import WidgetState

from augenblick.core.paths import PROJECT_DIR
from tests.browser.playing import Script
from tests.crash.playing import a_picture
from tests.faults.server import FaultServer
from tests.serving import AppServer, ask, serve_app
from tests.streamlit_client import Page, open_page, visit

SECRET = "Walrossgeheimnis"
COOKIE = "augenblick_browser"
EVERY_PAGE = [  # as they stand in the address
    "" if script.stem == "chat" else script.stem.replace("_", "-")
    for script in sorted((PROJECT_DIR / "pages").glob("*.py"))
]
Cookies = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Owned:
    """A conversation with a picture and a link, and the browser it belongs to."""

    server: AppServer
    cookies: Cookies
    query: str  # of the conversation's address


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Owned]:
    """A server on which one browser has asked."""
    script = Script(words=(f"{SECRET} in der Antwort",))
    with FaultServer(script) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url}
        with serve_app(tmp_path_factory.mktemp("two"), env=env) as server:
            cookies = visit(server.url)
            yield Owned(server, cookies, asyncio.run(_ask(server, cookies)))


async def _ask(server: AppServer, cookies: Cookies) -> str:
    async with open_page(server.url, cookies=cookies) as page:
        await page.submit(f"{SECRET} in der Frage", {"photo.png": a_picture()})
        await page.wait_for(lambda: page.is_idle and "Ask again" in str(page.elements("button")))
        return page.query


async def _drawn(
    owned: Owned, cookies: Cookies, page_name: str, query: str = "", *used: WidgetState
) -> list[Element]:
    """Everything a page sends to a browser, until it is at rest."""
    found: list[Element] = []
    async with open_page(
        owned.server.url, cookies=cookies, query=query, page_name=page_name
    ) as page:
        page.on_element = found.append
        await page.wait_for(lambda: page.is_idle)
        if used:
            await page.rerun(*used)
            await page.wait_for(lambda: page.is_idle)
        return [*found, *_standing(page)]


def _standing(page: Page) -> list[Element]:
    return [element for kind in _KINDS for element in page.elements(kind)]


_KINDS = [field.name for field in Element.DESCRIPTOR.fields]


@pytest.mark.parametrize("page_name", EVERY_PAGE)
def test_no_page_shows_what_is_anothers(owned: Owned, page_name: str) -> None:
    """Whatever the address, nothing of a foreign conversation is sent to the browser."""
    stranger = visit(owned.server.url)
    name = owned.query.removeprefix("c=")
    queries = ("", owned.query, f"{owned.query}&lang=Deutsch", f"c=%20{name}", f"c={name}%00")

    for query in queries:
        drawn = asyncio.run(_drawn(owned, stranger, page_name, query))

        assert drawn
        assert SECRET.encode() not in b"".join(element.SerializeToString() for element in drawn)


@pytest.mark.parametrize("page_name", ["", "history"])
def test_the_owner_sees_it(owned: Owned, page_name: str) -> None:
    """The other tests look at the right thing: the browser that asked is shown its own."""
    drawn = asyncio.run(_drawn(owned, owned.cookies, page_name))

    assert SECRET.encode() in b"".join(element.SerializeToString() for element in drawn)


def test_a_search_finds_only_ones_own(owned: Owned) -> None:
    """The words of another browser are not found, those of the own are."""
    for cookies, is_found in ((visit(owned.server.url), False), (owned.cookies, True)):
        opened = asyncio.run(_drawn(owned, cookies, "history"))
        fields = {e.text_input.id for e in opened if e.WhichOneof("type") == "text_input"}
        (field,) = (each for each in fields if "search_beside" not in each)

        words = WidgetState(id=field, string_value=SECRET[:8])
        drawn = asyncio.run(_drawn(owned, cookies, "history", "", words))

        titles = [e.button.label for e in drawn if "show_" in e.button.id]
        assert any(SECRET in title for title in titles) is is_found


@pytest.mark.parametrize("page_name", EVERY_PAGE)
def test_the_widgets_of_another_do_nothing(owned: Owned, page_name: str) -> None:
    """Whoever sends what the other browser's buttons, menus and fields send changes nothing."""
    before = _stored(owned)
    shown = asyncio.run(_drawn(owned, owned.cookies, page_name, owned.query))
    used = [state for element in shown if (state := _used(element)) is not None]
    stranger = visit(owned.server.url)

    for state in {state.id: state for state in used}.values():
        drawn = asyncio.run(_drawn(owned, stranger, page_name, owned.query, state))
        assert SECRET.encode() not in b"".join(element.SerializeToString() for element in drawn)

    assert used
    assert _stored(owned) == before


def _used(element: Element) -> WidgetState | None:
    """What the browser sends when a person uses this widget."""
    kind = element.WhichOneof("type")
    if kind == "button":
        return WidgetState(id=element.button.id, trigger_value=True)
    if kind == "menu_button":
        return _chosen(element.menu_button, -1)  # deletes, in all our menus
    if kind == "checkbox":
        return WidgetState(id=element.checkbox.id, bool_value=True)
    return None


def _chosen(menu: MenuButton, index: int) -> WidgetState:
    chosen = StringTriggerValue(data=menu.options[index])
    return WidgetState(id=menu.id, string_trigger_value=chosen)


def test_the_owners_own_click_does_something(owned: Owned) -> None:
    """What changes nothing from elsewhere is the very thing that works from here."""
    before = _stored(owned)
    shown = asyncio.run(_drawn(owned, owned.cookies, "history"))
    menu = next(e.menu_button for e in shown if e.WhichOneof("type") == "menu_button")

    asyncio.run(_drawn(owned, owned.cookies, "history", "", _chosen(menu, 0)))

    assert _stored(owned) != before


def _stored(owned: Owned) -> list[list[tuple[object, ...]]]:
    """The rows of what a conversation is made of."""
    path = f"file:{owned.server.data_dir}/augenblick.db?mode=ro"
    with closing(sqlite3.connect(path, uri=True, timeout=30)) as connection:
        return [
            connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - our own names
            for table in ("conversation", "node", "part", "picture", "reply", "share")
        ]


def test_the_file_with_everything_holds_ones_own(owned: Owned) -> None:
    """Another browser, one without a cookie and one with a forged cookie get an empty archive."""
    stranger = visit(owned.server.url)
    name, _, _ = owned.cookies[COOKIE].partition(".")
    _, _, signature = stranger[COOKIE].partition(".")

    held = {
        who: _taken(owned, cookie)
        for who, cookie in {
            "owner": owned.cookies[COOKIE],
            "stranger": stranger[COOKIE],
            "forged": f"{name}.{signature}",
            "unsigned": name,
            "none": "",
        }.items()
    }

    assert any(SECRET.encode() in content for content in held.pop("owner"))
    assert set(map(tuple, held.values())) == {()}


def _taken(owned: Owned, cookie: str) -> list[bytes]:
    headers = {"Cookie": f"{COOKIE}={cookie}"} if cookie else {}
    answer = ask(owned.server.url, "/download/everything.zip", headers=headers)
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        return [archive.read(name) for name in archive.namelist()]


def test_every_page_is_looked_at() -> None:
    """A new page is part of these tests without being named."""
    assert {"", "history", "my-data"} <= set(EVERY_PAGE)

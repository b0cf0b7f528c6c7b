"""A shared page in a real browser: found values lead to their places, without a script."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import FloatRect, Locator, expect

from augenblick.core.messages import Role
from augenblick.core.picture_text import PictureText, TextCell
from augenblick.store import Store
from tests.browser.conftest import OpenPage
from tests.browser.playing import Script, ask, click_until, expect_rest, expect_whole
from tests.exchange.values import a_node, prepared
from tests.faults.server import FaultServer
from tests.serving import WITHOUT_READER, serve_app
from tests.store.values import import_conversation

_PHOTO = prepared("large")


def _share(folder: Path) -> str:
    """A conversation about a photo whose text was read, shared; returns the link's secret."""
    width, height = _PHOTO.attachment.width_px, _PHOTO.attachment.height_px
    cell = TextCell("Total 22,24", width // 2, height // 4, width // 4, height // 50)
    nodes = [
        a_node(1, Role.USER, "How much?", pictures=[_PHOTO]),
        a_node(2, Role.ASSISTANT, "It is 22,24 €, not 23,24 €.\n\n" * 30, parent=1),
    ]
    with closing(Store(f"sqlite:///{folder}/data/augenblick.db")) as store:
        found = import_conversation(store, owner="me", title="", nodes=nodes, pictures=[_PHOTO])
        store.save_text(_PHOTO.attachment.sha256, PictureText(1, ((cell,),)))
        leaf_id = store.load_conversation(found).leaf_id or ""
        return store.create_share(found, owner="me", leaf_id=leaf_id, expires_at=None).token


def _box(locator: Locator) -> FloatRect:
    box = locator.bounding_box()
    assert box is not None
    return box


def test_a_found_value_leads_to_its_place_in_the_picture(
    open_page: OpenPage, tmp_path: Path
) -> None:
    """With the keyboard too, from wherever it stands; back leads back to it."""
    token = _share(tmp_path)
    with serve_app(tmp_path, env=WITHOUT_READER) as server:
        page, _ = open_page(server.url, f"/share/{token}", java_script_enabled=False)
        expect(page.get_by_text("1 of 2 values found in the picture")).to_be_visible()
        outline = page.locator("g rect")
        expect(page.locator("g")).to_have_css("opacity", "0")
        link = page.get_by_role("link", name="22,24").last

        link.focus()
        page.keyboard.press("Enter")

        expect(page.locator("g:target")).to_have_css("opacity", "1")
        expect(outline).to_be_in_viewport()
        picture, place = _box(page.locator("main img")), _box(outline)
        assert picture["width"] / 2 - 2 < place["x"] - picture["x"]
        assert place["x"] + place["width"] - picture["x"] < picture["width"] * 3 / 4 + 2
        assert abs(place["y"] - picture["y"] - picture["height"] / 4) < 3
        page.go_back()
        expect(link).to_be_in_viewport()
        expect(page.locator("g")).to_have_css("opacity", "0")
        expect(page.get_by_text("23,24").first).to_have_attribute(
            "title", "Not found in the picture"
        )


def test_a_link_opens_a_page_of_its_own(open_page: OpenPage, tmp_path: Path) -> None:
    """In the preview, whose frame stays what it is, and on the page that others read."""
    away = "https://example.org/menu"
    answer = f"See [the menu]({away}), ![a photo]({away}) and [here](#here)."
    with FaultServer(Script(words=(answer,))) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url, "OPENAI_MODEL": "m"}
        with serve_app(tmp_path, env=env) as server:
            page, watch = open_page(server.url, viewport={"width": 390, "height": 844})
            watch.expect("foreign host: example.org")
            page.context.route(away, lambda route: route.fulfill(body="The menu"))
            ask(page, "Where?")
            expect_whole(page, "See the menu")
            expect_rest(page)
            item = page.get_by_role("menuitem", name="Share a read-only link")
            click_until(page.locator(".st-key-conversation_menu button"), item)
            item.click()
            dialog = page.get_by_role("dialog")
            click_until(dialog.get_by_text("Preview"), dialog.locator("iframe"))
            preview = page.frame_locator("iframe").get_by_role("main")
            expect(preview.get_by_role("link")).to_have_count(3)

            for link in preview.get_by_role("link").all():
                with page.expect_popup() as opened:
                    link.click()
                assert opened.value.evaluate("opener") is None
                opened.value.close()

            expect(preview).to_contain_text("See the menu")
            assert page.url.startswith(server.url)
            dialog.get_by_role("button", name="Create link").click()
            address = dialog.get_by_text(re.compile("/share/")).first.inner_text().strip()
            page.goto(address)
            with page.expect_popup() as opened:
                page.get_by_role("link", name="the menu").click()
            expect(opened.value.get_by_text("The menu")).to_be_visible()
            assert page.url == address


def test_axe_finds_nothing_on_it(open_page: OpenPage, tmp_path: Path) -> None:
    """Light and dark, on a phone as well."""
    token = _share(tmp_path)
    with serve_app(tmp_path, env=WITHOUT_READER) as server:
        for scheme in ("light", "dark"):
            page, _ = open_page(
                server.url,
                f"/share/{token}",
                color_scheme=scheme,
                viewport={"width": 390, "height": 844},
                bypass_csp=True,
            )
            expect(page.get_by_text("1 of 2 values found in the picture")).to_be_visible()
            found = Axe().run(page, options={"resultTypes": ["violations"]})
            assert [each["id"] for each in found.response["violations"]] == []
            assert page.evaluate("document.documentElement.scrollWidth") <= 390

"""What axe-core finds on every page, in the states a person brings it to.

A test walks through the states of one screen and looks at each in both colour schemes; all that axe
found is said at the end, with the state it was found in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.playing import (
    Script,
    area,
    ask,
    choose,
    click_until,
    expect_rest,
    expect_whole,
    messages,
    open_menu_item,
    open_phone_dialog,
    open_settings,
    photo,
    problems,
    scan,
    send,
    set_sidebar,
    stop,
)
from tests.faults.server import FaultServer
from tests.serving import AppServer, serve_app

DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 860}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
}
_AXE = Axe()
# What Streamlit's own markup breaks and nothing of ours can change: rule, where, reason.
_EXCEPTED = (
    ("region", 'role="menu"', "an open menu is a child of body; focus is in it until it closes"),
    ("presentation-role-conflict", "stFileUploaderDropzone", "named, though without a role"),
    ("svg-img-alt", "role-mark", "Vega's empty group of marks in a chart that has a name"),
)
# Of what can be hit, what is smaller than that many pixels; what is drawn after it may make it
# larger. Left out: links within text, and Streamlit's own arrows beside tabs and signs above
# tables, which swiping and the keyboard do without.
_SMALL = """(least) => {
  const KINDS = "button, a[href], input, select, textarea, summary, label:has(input), " +
    "[role=tab], [role=menuitem], [role=radio]";
  const OTHERS = "p a, li a, [data-testid^=stTabsScroll], [data-testid=stElementToolbar] *";
  const size = (it) => {
    const own = getComputedStyle(it), after = getComputedStyle(it, "::after");
    const isGrown = after.content !== "none" && after.position === "absolute";
    const base = isGrown && own.position === "static" ? it.offsetParent : it;
    let { left, top, right, bottom } = base.getBoundingClientRect();
    if (isGrown) {
      const [up, side] = [parseFloat(after.top), parseFloat(after.left)];
      [left, top, right, bottom] = [left + side, top + up, right - side, bottom - up];
    }
    const whole = base.closest("dialog, body");
    for (let around = base.parentElement; around !== whole; around = around.parentElement) {
      const edge = around.getBoundingClientRect();
      if (getComputedStyle(around).overflowY !== "hidden") continue;
      [top, bottom] = [Math.max(top, edge.top), Math.min(bottom, edge.bottom)];
    }
    return Math.min(right - left, bottom - top);
  };
  return [...document.querySelectorAll(KINDS)].filter((it) => {
    const { left, top, width, height } = it.getBoundingClientRect();
    const hit = document.elementFromPoint(left + width / 2, top + height / 2)?.closest(KINDS);
    return hit === it && !it.closest(OTHERS) && size(it) < least - 1;
  }).map((it) => `${size(it)} ${it.outerHTML}`);
}"""
_FINGER_PX, _POINTER_PX = 44, 24
_SETTLING_MS = 600
_SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
_WORDS = (
    "# A sign\n\nIt says **no parking**, see [the rules](https://example.org/).\n\n",
    "| place | price |\n|---|---:|\n| here | 4 € |\n\n> quoted\n\n",
    f"```python\nprint('{'long ' * 60}')  # a comment\nreturn 42\n```\n\nand $x^2$, `code`.\n\n",
    "## Below\n\n" + "More. " * 60,
)


@dataclass
class Walk:
    """A page on its way through its states, and what axe found in each of them."""

    page: Page
    script: Script
    folder: Path
    url: str
    least_px: int  # of a target
    found: list[str] = field(default_factory=list)

    def look(self, state: str) -> None:
        """Have axe look at the page as it stands; once more where something may be on its way."""
        for scheme in _SCHEMES:
            self.page.emulate_media(color_scheme=scheme)
            app = self.page.locator(".stApp")  # a phone's own page is none
            if app.count():
                expect(app).to_have_css("color-scheme", scheme)
            found = self._look()
            if found:
                self.page.wait_for_timeout(_SETTLING_MS)
                found = self._look()
            self.found += [f"{state}, {scheme}: {each}" for each in found]

    def _look(self) -> list[str]:
        result = _AXE.run(self.page, options={"resultTypes": ["violations"]})
        found = [
            f"{violation['id']}: {node['html'][:200]}"
            for violation in result.response["violations"]
            for node in violation["nodes"]
            if not any(
                violation["id"] == rule and place in node["html"] for rule, place, _ in _EXCEPTED
            )
        ]
        small = self.page.evaluate(_SMALL, self.least_px)
        return found + [f"below {self.least_px} px: {each[:200]}" for each in small]

    def rest(self, state: str) -> None:
        """Have axe look once nothing runs or moves any more."""
        expect_rest(self.page)
        self.look(state)

    def button(self, name: str | re.Pattern[str]) -> Locator:
        """The last button of that name."""
        return self.page.get_by_role("button", name=name).last


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AppServer, Script]]:
    """A server with an endpoint that says what a test wants."""
    script = Script()
    with FaultServer(script) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url}
        shared = ["--share", "--host", "desk.test"]  # a phone can come
        with serve_app(tmp_path_factory.mktemp("axe"), env=env, arguments=shared) as server:
            yield server, script


def _empty_page(walk: Walk) -> None:
    expect(area(walk.page)).to_be_visible()
    walk.rest("empty page")


def _composer(walk: Walk) -> None:
    bad = walk.folder / "notes.docx"
    bad.write_bytes(b"PK not a picture")
    choose(walk.page, photo(walk.folder, "one.jpg"), photo(walk.folder, "two.jpg", text="7"), bad)
    expect(problems(walk.page)).to_have_count(1)
    walk.rest("pictures in the tray")
    walk.page.locator(".composer-add").click()
    walk.look("menu of the composer")
    walk.page.keyboard.press("Escape")


def _pixelating(walk: Walk) -> None:
    walk.page.locator(".composer-mark").first.click()
    walk.page.get_by_role("button", name="Pixelate …").click()
    dialog = walk.page.get_by_role("dialog", name="Pixelate areas")
    walk.look("dialog in which a picture is pixelated")
    walk.button("Find faces").click()
    expect(dialog.get_by_role("status")).to_contain_text("No face found")
    walk.button("Add area").click()
    walk.look("area to be pixelated")
    walk.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def _answer(walk: Walk) -> None:
    walk.script.words, walk.script.waits_before = _WORDS, _WORDS[-1]
    area(walk.page).fill("What does the sign say?")
    send(walk.page)
    expect(messages(walk.page).last).to_contain_text("no parking")
    walk.look("answer being written")
    walk.script.waits_before = ""
    expect_whole(walk.page, "More.")
    walk.rest("finished answer")
    walk.button(re.compile("^More options for the answer")).click()
    expect(walk.page.get_by_role("menuitem").first).to_be_visible()
    walk.rest("menu of an answer")
    walk.page.keyboard.press("Escape")
    walk.page.locator('[class*="st-key-receipt_"] summary').first.click()
    walk.rest("receipt")


def _earlier(walk: Walk) -> None:
    open_menu_item(walk.page, "Use an earlier picture")
    walk.button(re.compile("^Add picture 1 from")).click()
    expect(walk.button(re.compile("^Remove picture 1 from"))).to_be_visible()
    walk.rest("earlier pictures")
    walk.button(re.compile("^Remove picture 1 from")).click()
    expect(walk.button(re.compile("^Add picture 1 from"))).to_be_visible()
    walk.button("Done").click()
    expect(walk.page.get_by_role("dialog")).to_have_count(0)


def _viewer(walk: Walk) -> None:
    walk.page.locator("a[data-picture]").first.click()
    if walk.page.viewport_size and walk.page.viewport_size["width"] > 1000:
        walk.look("viewer beside the conversation")
        walk.page.locator('.viewer-head [data-act="whole"]').click()
    expect(walk.page.locator(".viewer-dialog")).to_be_visible()
    walk.look("viewer over the whole page")
    walk.page.locator('.viewer-head [data-act="close"]').click()


def _editing(walk: Walk) -> None:
    walk.page.locator('[class*="st-key-pencil_"] button').last.click()
    expect(walk.page.locator('[class*="st-key-edit_"] textarea')).to_be_focused()
    walk.rest("question being edited")
    walk.button("Cancel").click()
    expect(walk.page.locator('[class*="st-key-edit_"] textarea')).to_have_count(0)


def _menu_of_the_conversation(walk: Walk) -> None:
    for name, seen in {
        "Rename": "textbox",
        "Share a read-only link": "button",
        "Download": "button",
        "Continue on another device": "button",
    }.items():
        walk.page.locator(".st-key-conversation_menu button").click()
        if name == "Rename":
            expect(walk.page.get_by_role("menuitem").first).to_be_visible()
            walk.rest("menu of the conversation")
        walk.page.get_by_role("menuitem", name=name).click()
        dialog = walk.page.get_by_role("dialog")
        expect(dialog.get_by_role(seen).first).to_be_visible()  # type: ignore[arg-type]
        walk.rest(f"dialog: {name}")
        if name.startswith("Share"):
            dialog.get_by_role("button", name="Create link").click()
            expect(dialog.get_by_role("button", name="Revoke")).to_be_visible()
            walk.rest("a link that was made")
        walk.page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)


def _deleting(walk: Walk) -> None:
    walk.button(re.compile("^More options for the answer")).click()
    walk.page.get_by_role("menuitem", name=re.compile("^Delete|Delete answer")).click()
    undo = walk.page.locator(".st-key-undo")
    expect(undo).to_be_visible()
    walk.rest("a deleted answer")
    undo.get_by_role("button").click()
    expect(undo).to_have_count(0)


def _failure(walk: Walk) -> None:
    walk.script.refusal = ("401 Unauthorized", "invalid_api_key")
    ask(walk.page, "And now?")
    expect(walk.page.get_by_test_id("stAlert").last).to_be_visible()
    walk.rest("failure")
    walk.script.refusal = None


def _beside(walk: Walk) -> None:
    sidebar = set_sidebar(walk.page)
    walk.rest("sidebar")
    sidebar.get_by_role("searchbox").fill("sign")
    expect(sidebar.locator(".excerpt").first).to_be_visible()
    walk.rest("found beside the page")
    sidebar.get_by_role("searchbox").fill("")
    set_sidebar(walk.page, is_open=False)


def _other_pages(walk: Walk) -> None:
    for path in ("/history", "/my-data", "/endpoints"):
        walk.page.goto(walk.url + path)
        expect(walk.page.get_by_role("heading", level=1)).to_be_visible()
        walk.rest(path)
        if path == "/history":
            walk.page.get_by_role("searchbox").last.fill("sign")
            expect(walk.page.locator(".st-key-history .excerpt").first).to_be_visible()
            walk.rest("found conversations")
            walk.page.get_by_role("searchbox").last.fill("")
        elif path == "/endpoints":
            walk.page.get_by_text("Connect a model").click()
            walk.rest("how to connect")
            walk.page.get_by_role("button", name="Check this model").click()
            expect(walk.page.locator(".model-card")).to_be_visible(timeout=120_000)
            walk.rest("card of a model")


def _experts(walk: Walk) -> None:
    walk.page.goto(walk.url + "/?expert=true&n=3")
    expect(area(walk.page)).to_be_visible()
    ask(walk.page, "Which one?")
    expect(walk.page.get_by_role("button", name="Continue with answer")).to_have_count(2)
    walk.rest("several answers")
    panel = open_settings(walk.page, section="Sampling")
    for tab in panel.get_by_role("tab").all():
        tab.click()
        walk.rest(f"settings of experts, {tab.inner_text()}")
    walk.page.keyboard.press("Escape")  # where it covers the page, as on a phone
    request_log = walk.page.get_by_role("menuitem").first
    click_until(walk.button(re.compile("^More options for the answer")), request_log)
    request_log.click()
    dialog = walk.page.get_by_role("dialog")
    expect(dialog.get_by_role("tab").first).to_be_visible()
    for tab in dialog.get_by_role("tab").all():
        tab.click()
        walk.rest(f"X-ray, {tab.inner_text()}")
    walk.page.keyboard.press("Escape")


_STATES: tuple[Callable[[Walk], None], ...] = (
    _empty_page,
    _composer,
    _pixelating,
    _answer,
    _earlier,
    _viewer,
    _editing,
    _menu_of_the_conversation,
    _deleting,
    _failure,
    _beside,
    _other_pages,
    _experts,
)


@pytest.mark.parametrize("screen", [DESK, PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing(
    connected: tuple[AppServer, Script],
    open_page: OpenPage,
    tmp_path: Path,
    screen: dict[str, Any],
) -> None:
    """In none of the states, on none of the pages."""
    server, script = connected
    page, _ = open_page(server.url, reduced_motion="reduce", **screen)
    least_px = _FINGER_PX if screen is PHONE else _POINTER_PX
    walk = Walk(page, script, tmp_path, server.url, least_px)
    for go in _STATES:
        go(walk)
    assert not walk.found, "\n".join(walk.found)


def test_axe_finds_nothing_where_a_phone_is_the_camera(
    connected: tuple[AppServer, Script], open_page: OpenPage, tmp_path: Path
) -> None:
    """Neither in the dialog with the code, nor on the phone's page until it has ended."""
    server, script = connected
    page, _ = open_page(server.url, reduced_motion="reduce", **DESK)
    desk = Walk(page, script, tmp_path, server.url, _POINTER_PX)
    dialog = open_phone_dialog(page)
    path = urlsplit(scan(dialog)).path
    desk.rest("dialog with the code")

    phone, watch = open_page(server.url, path, **PHONE)
    walk = Walk(phone, script, tmp_path, server.url, _FINGER_PX)
    walk.look("no photo yet")
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"broken")
    files = [str(photo(tmp_path, "good.jpg")), str(bad)]
    phone.get_by_label("Choose photos").set_input_files(files)
    expect(phone.get_by_text("bad.jpg isn't a picture")).to_be_visible()
    walk.look("photos")
    watch.expect("ERR_FAILED")
    phone.route("**/camera/*/*", lambda route: route.abort())
    phone.get_by_label("Take a photo").set_input_files(files[0])
    expect(phone.get_by_role("button", name="Send again")).to_be_visible()
    walk.look("photo that was cut off")

    dialog.get_by_role("button", name="Disconnect").click()
    expect(dialog).to_have_count(0)
    watch.expect("status of 404")
    phone.reload()
    expect(phone.get_by_role("heading", name="The connection has ended")).to_be_visible()
    walk.look("ended")
    assert not desk.found + walk.found, "\n".join(desk.found + walk.found)


def _headings(page: Page) -> list[str]:
    """The headings of the page as a screen reader lists them."""
    found: list[str] = page.get_by_role("heading").evaluate_all(
        "list => list.map((it) => `${it.ariaLevel ?? it.tagName[1]} ${it.textContent.trim()}`)"
    )
    return found


def _expect_focus(page: Page) -> None:
    """Wait until the focus is on something that is there."""
    page.wait_for_function(
        "() => document.activeElement !== document.body && document.activeElement.isConnected"
    )


@pytest.fixture
def script(connected: tuple[AppServer, Script]) -> Script:
    """What the endpoint says, as at the beginning."""
    for name, value in vars(Script()).items():
        setattr(connected[1], name, value)
    return connected[1]


def test_a_question_is_asked_without_a_mouse(
    connected: tuple[AppServer, Script], script: Script, open_page: OpenPage
) -> None:
    """From the first moment on; pictures are one step away."""
    page, _ = open_page(connected[0].url, **DESK)
    expect(area(page)).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("button", name="Add photos and options")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Choose photos or a PDF")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    page.keyboard.type("Who is that?")
    page.keyboard.press("Enter")
    expect_whole(page, script.text)
    expect(area(page)).to_be_focused()


def test_every_question_is_a_heading_and_answers_stand_below_it(
    connected: tuple[AppServer, Script], script: Script, open_page: OpenPage
) -> None:
    """Whatever levels a model gives its headings, while it writes and afterwards."""
    page, _ = open_page(connected[0].url, **DESK)
    script.words = ("# One\n\n", "a\n\n### Two\n\n", "b\n\n## Three\n\n" + "c " * 200)
    ask(page, "First?")
    expect_whole(page, "c c")
    script.words = ("Under\n=====\n\n", "text")
    ask(page, "Second?")
    expect_whole(page, "text")
    wanted = ["1 First?", "2 First?", "3 One", "4 Two", "4 Three", "2 Second?", "3 Under"]
    assert _headings(page) == wanted
    page.reload()
    expect_whole(page, "text")
    expect(page.locator("[role=heading]")).to_have_count(6)  # the frame's script is there
    assert _headings(page) == wanted


def test_the_focus_never_gets_lost(
    connected: tuple[AppServer, Script], script: Script, open_page: OpenPage
) -> None:
    """Whatever goes away under it: a button, a question's field, a message, a dialog."""
    page, _ = open_page(connected[0].url, **DESK)
    area(page).fill("Tell me")
    script.words, script.waits_before = [*["word "] * 9, "end"], "end"
    send(page)
    expect(messages(page).last).to_contain_text("word word")
    _expect_focus(page)
    stop(page)
    expect(page.get_by_role("button", name="Continue")).to_be_visible()
    expect_rest(page)
    _expect_focus(page)

    pencil = page.get_by_role("button", name="Edit question: Tell me")
    pencil.click()
    expect(messages(page).first.get_by_role("textbox")).to_be_focused()
    page.get_by_role("button", name="Cancel").click()
    expect(pencil).to_be_focused()

    page.get_by_role("button", name="Menu for “Tell me”").click()
    page.get_by_role("menuitem", name="Rename").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    _expect_focus(page)

    for is_final in (False, True):
        page.get_by_role("button", name="More options for the answer to “Tell me”").click()
        page.get_by_role("menuitem", name="Delete answer").click()
        expect(messages(page)).to_have_count(1)
        expect_rest(page)
        _expect_focus(page)
        if not is_final:
            page.get_by_role("button", name="Undo").click()
            expect(messages(page)).to_have_count(2)
            expect_rest(page)
            _expect_focus(page)

    page.get_by_role("button", name="Menu for “Tell me”").click()
    page.get_by_role("menuitem", name="Delete conversation").click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    _expect_focus(page)
    page.get_by_role("button", name="Undo").click()
    expect(messages(page)).to_have_count(1)
    _expect_focus(page)


@pytest.mark.parametrize("size", [(320, 256), (320, 700)])
def test_a_small_or_enlarged_page_can_be_used(
    connected: tuple[AppServer, Script],
    script: Script,
    open_page: OpenPage,
    tmp_path: Path,
    size: tuple[int, int],
) -> None:
    """A page of 1280 by 1024 pixels enlarged to 400 % is 320 by 256: nothing covers the answer."""
    width, height = size
    script.words = _WORDS
    page, _ = open_page(connected[0].url, viewport={"width": width, "height": height})
    ask(page, "What does the sign say?", [photo(tmp_path, "sign.jpg")])
    expect_whole(page, "More.")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    answer = messages(page).last.get_by_text("It says")
    answer.scroll_into_view_if_needed()
    free = page.evaluate(_FREE)
    assert free >= height / 2
    area(page).fill("And now?")
    page.keyboard.press("Enter")
    expect(messages(page)).to_have_count(4)


# How many pixels of the page's middle line show the conversation, and not what lies over it.
_FREE = """() => [...Array(innerHeight).keys()].filter((y) =>
  document.elementFromPoint(innerWidth / 2, y)?.closest('[data-testid="stChatMessage"]')).length"""

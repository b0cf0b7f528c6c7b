"""What stands around every page: bar, sidebar, keyboard, what is said of an answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.playing import (
    Script,
    area,
    ask,
    expect_rest,
    expect_whole,
    messages,
    new_conversation,
    set_sidebar,
)
from tests.faults.server import FaultServer
from tests.serving import AppServer, serve_app

Endpoint = tuple[AppServer, Script]
DESK = {"viewport": {"width": 1280, "height": 860}}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
both = pytest.mark.parametrize("screen", [DESK, PHONE], ids=["desk", "phone"])
_BAR_PX = 56
_FINGER_PX = 44
LONG = [f"Absatz {number}\n\n" for number in range(60)]
# Of what is on the screen, text and controls whose contrast with what is behind them is too low.
_FAINT = """() => {
  const parse = (color) => {
    const context = Object.assign(document.createElement("canvas"), { width: 1, height: 1 })
      .getContext("2d");
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
    return { rgb: [r, g, b], alpha: a / 255 };
  };
  const over = (front, back, alpha) => front.map((it, at) => it * alpha + back[at] * (1 - alpha));
  const light = (rgb) => {
    const [r, g, b] = rgb.map((it) => it / 255)
      .map((it) => it <= 0.03928 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [low, high] = [light(a), light(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const behind = (element) => {
    const layers = [];
    for (let it = element; it; it = it.parentElement) {
      const { rgb, alpha } = parse(getComputedStyle(it).backgroundColor);
      if (alpha > 0) layers.push([rgb, alpha]);
      if (alpha === 1) break;
    }
    return layers.reverse().reduce((back, [rgb, alpha]) => over(rgb, back, alpha), [255, 255, 255]);
  };
  const opacity = (element) => {
    let all = 1;
    for (let it = element; it; it = it.parentElement) all *= Number(getComputedStyle(it).opacity);
    return all;
  };
  const found = [];
  for (const element of document.querySelectorAll(".stApp *")) {
    if (!element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    if (element.closest(":disabled, [aria-disabled=true], pre, img")) continue;
    const hasWords = [...element.childNodes].some((it) => it.nodeType === 3 && it.data.trim());
    if (!hasWords || !element.getClientRects().length) continue;
    const back = behind(element), { rgb, alpha } = parse(getComputedStyle(element).color);
    const ratio = contrast(over(rgb, back, alpha * opacity(element)), back);
    if (ratio < 4.5) found.push(`${ratio.toFixed(2)} ${element.textContent.trim().slice(0, 40)}`);
  }
  const controls = [
    ".stCheckbox label > div:first-of-type",
    ".stRadio label > div > div:first-child",
    '[data-testid="stTextInputRootElement"]',
    '.stSelectbox [role="group"]',
  ].join(",");
  for (const element of document.querySelectorAll(controls)) {
    if (!element.checkVisibility({ visibilityProperty: true })) continue;
    const style = getComputedStyle(element), back = behind(element.parentElement);
    const best = Math.max(...[style.borderTopColor, style.backgroundColor].map((color) => {
      const { rgb, alpha } = parse(color);
      return contrast(over(rgb, back, alpha), back);
    }));
    if (best < 3) found.push(`${best.toFixed(2)} ${element.outerHTML.slice(0, 80)}`);
  }
  return found;
}"""
_SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    const ours = entry.sources.filter(({ node }) => {
      const element = node?.nodeType === 1 ? node : node?.parentElement;
      return !element?.closest('[data-testid="stMainBlockContainer"], [data-testid="stBottom"]');
    });
    if (entry.hadRecentInput || ours.length < entry.sources.length) continue;
    window.shifted += entry.value;
  }
}).observe({ type: "layout-shift", buffered: true });
"""

_ALL_SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A server with an endpoint that says what a test wants."""
    script = Script()
    with FaultServer(script) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url}
        with serve_app(tmp_path_factory.mktemp("frame"), env=env) as server:
            yield server, script


@pytest.fixture(autouse=True)
def _fresh_script(connected: Endpoint) -> None:
    for name, value in vars(Script()).items():
        setattr(connected[1], name, value)


def _headings(page: Page) -> list[int]:
    tags = page.get_by_role("heading").evaluate_all(
        "list => list.map(it => Number(it.ariaLevel ?? it.tagName[1]))"
    )
    return [int(tag) for tag in tags]


@both
def test_the_bar_stays_in_view_with_title_menu_and_a_new_conversation(
    connected: Endpoint, open_page: OpenPage, screen: dict[str, object]
) -> None:
    """At the end of a long answer too; the title is the page's only h1, and opens the menu."""
    server, script = connected
    script.words = LONG
    page, _ = open_page(server.url, locale="de-DE", **screen)
    ask(page, "Was ist das für ein Schild?")
    expect_whole(page, "Absatz 59")
    expect(messages(page).first).not_to_be_in_viewport()

    bar = page.locator(".st-key-top_bar").bounding_box()
    title = page.get_by_role("heading", level=1)
    expect(title).to_have_text("Was ist das für ein Schild?")
    assert bar is not None
    assert (bar["x"], bar["y"], bar["height"]) == (0, 0, _BAR_PX)
    title.click(force=True)  # what lies over it is the button of the menu
    names = page.get_by_role("menuitem").all_inner_texts()
    assert [name.split("\n")[-1] for name in names] == [
        "Umbenennen",
        "Oben anheften",
        "Link zum Lesen teilen",
        "Herunterladen",
        "Auf anderem Gerät weitermachen",
        "Gespräch löschen",
    ]
    page.keyboard.press("Escape")
    new_conversation(page)

    expect(page.get_by_role("heading", name="Was möchten Sie wissen?")).to_be_visible()
    expect(messages(page)).to_have_count(0)


@both
def test_the_menu_button_opens_and_closes_the_sidebar(
    connected: Endpoint, open_page: OpenPage, screen: dict[str, object]
) -> None:
    """By click and keyboard; closed, it holds nothing that a Tab would lead to."""
    server, _ = connected
    page, _ = open_page(server.url, locale="de-DE", **screen)
    menu = page.locator(".st-key-frame .menu")
    sidebar = set_sidebar(page, is_open=True)
    expect(menu).to_have_accessible_name("Seitenleiste schließen")
    expect(menu).to_have_attribute("aria-expanded", "true")

    menu.click()
    expect(sidebar).to_be_hidden()
    expect(menu).to_have_accessible_name("Seitenleiste öffnen")
    menu.press("Enter")
    expect(sidebar.get_by_role("button", name="Neues Gespräch")).to_be_in_viewport()
    if screen is PHONE:  # where it lies over the page, the focus goes into it and Escape back
        expect(sidebar.get_by_role("button", name="Neues Gespräch")).to_be_focused()
        page.keyboard.press("Escape")
        expect(sidebar).to_be_hidden()
        expect(menu).to_be_focused()


@both
def test_a_conversation_that_is_not_saved_says_so_wherever_it_is_read(
    connected: Endpoint, open_page: OpenPage, screen: dict[str, object]
) -> None:
    """From the choice on, and at the end of a long answer."""
    server, script = connected
    script.words = LONG
    page, _ = open_page(server.url, **screen)
    page.locator(".composer-add").click()
    page.get_by_role("menuitemcheckbox", name="Don't save").click()
    badge = page.locator(".st-key-top_bar").get_by_text("Not saved")
    expect(badge).to_be_in_viewport()

    ask(page, "A secret?")
    expect_whole(page, "Absatz 59")

    expect(badge).to_be_in_viewport()
    page.reload()
    expect(badge).to_be_in_viewport()


@both
def test_nothing_of_the_frame_moves_while_a_page_comes(
    connected: Endpoint, open_page: OpenPage, screen: dict[str, object]
) -> None:
    """On the first visit and on the next; what stands in the page and at its foot is not meant."""
    server, script = connected
    page, _ = open_page(server.url, **screen)
    ask(page, "Who is that?")
    expect_whole(page, script.text)
    for path in ("/", "/history"):
        fresh = page.context.new_page()
        fresh.add_init_script(_SHIFTS)
        fresh.goto(server.url + path)
        expect(fresh.get_by_role("heading", level=1)).to_be_visible()
        expect_rest(fresh)
        assert fresh.evaluate("shifted") < 0.02


@pytest.mark.parametrize(("path", "most"), [("/", 0.005), ("/?expert=true", 0.02)])
@both
def test_an_empty_page_stands_still_while_it_comes(
    connected: Endpoint, open_page: OpenPage, screen: dict[str, object], path: str, most: float
) -> None:
    """Whoever aims at a button hits it: what was drawn keeps its place, at the foot too."""
    server, _ = connected
    page, _ = open_page(server.url, "/app-icon.png", **screen)
    page.add_init_script(_ALL_SHIFTS)
    page.goto(server.url + path)
    expect(page.locator(".composer textarea")).to_be_visible()
    expect(page.locator(".samples img")).to_have_count(3)
    expect_rest(page)
    assert page.evaluate("shifted") < most


@pytest.mark.parametrize("scheme", ["light", "dark"])
@both
def test_everything_can_be_read(
    connected: Endpoint, open_page: OpenPage, screen: dict[str, object], scheme: str
) -> None:
    """Text has 4.5:1 and what is chosen or typed into 3:1, on every page; headings are in order."""
    server, script = connected
    page, _ = open_page(server.url, color_scheme=scheme, locale="de-DE", **screen)
    ask(page, "Was ist das?")
    expect_whole(page, script.text)
    set_sidebar(page)
    for path in ("", "/history", "/my-data", "/endpoints", "/?expert=true"):
        if path:
            page.goto(server.url + path)
            expect(page.get_by_role("heading", level=1).first).to_be_visible()
            set_sidebar(page)
        expect_rest(page)
        assert page.evaluate(_FAINT) == []
        levels = _headings(page)
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))


def test_what_is_tapped_is_as_large_as_a_finger(connected: Endpoint, open_page: OpenPage) -> None:
    """Bar and sidebar on a phone."""
    server, script = connected
    page, _ = open_page(server.url, **PHONE)
    ask(page, "Who is that?")
    expect_whole(page, script.text)
    sidebar = set_sidebar(page)
    for place in (page.locator(".st-key-top_bar"), sidebar):
        fields = '[data-testid="stTextInputRootElement"]'
        for target in place.locator(f"button:visible, a:visible, {fields}").all():
            if target.evaluate("it => Boolean(it.closest('.stTooltipIcon'))"):
                continue  # the sign for help grows beyond its looks
            box = target.bounding_box()
            assert box is not None
            assert box["height"] >= _FINGER_PX, target.evaluate("it => it.outerHTML")


@both
def test_a_search_beside_the_page_leads_to_the_conversation_and_to_all_that_was_found(
    connected: Endpoint, open_page: OpenPage, screen: dict[str, object]
) -> None:
    """As somebody types; excerpts show no signs of Markdown."""
    server, script = connected
    page, _ = open_page(server.url, **screen)
    for number in range(10):
        script.words = (f"## Animals\n\nThe **walrus** is\n\n```text\nnumber {number}\n```",)
        ask(page, f"Who is number {number}?")
        expect_whole(page, f"number {number}")
        new_conversation(page)
        expect(messages(page)).to_have_count(0)
    sidebar = set_sidebar(page)
    search = sidebar.get_by_role("searchbox")
    search.press_sequentially("walrus number 7")
    expect(sidebar.locator(".st-key-recent button")).to_have_count(1)
    expect(sidebar.locator(".excerpt")).to_contain_text("Animals The walrus is number 7")
    search.fill("walrus")
    sidebar.get_by_role("button", name="Show more").click()
    expect(page.locator("[class*='st-key-line_']")).to_have_count(10)
    expect(page.locator("[class*='st-key-line_']").first).to_contain_text("1 question")

    set_sidebar(page).locator(".st-key-recent button").first.click()
    expect(messages(page).last).to_contain_text("walrus")


@both
def test_a_button_leads_to_the_newest_message(
    connected: Endpoint, open_page: OpenPage, screen: dict[str, object]
) -> None:
    """It is there while somebody has scrolled up, during an answer and after it."""
    server, script = connected
    script.words, script.pause_seconds, script.waits_before = LONG, 0.05, LONG[40]
    page, _ = open_page(server.url, **screen)
    ask(page, "Tell me")
    jump = page.get_by_role("button", name="Jump to the end")
    expect(messages(page).last).to_contain_text("Absatz 25")
    expect(jump).to_be_hidden()
    page.locator("#stMain").hover()
    page.mouse.wheel(0, -5000)
    expect(jump).to_be_visible()
    script.waits_before = ""
    expect_whole(page, "Absatz 59")
    box, foot = jump.bounding_box(), page.get_by_test_id("stBottom").bounding_box()
    assert box is not None
    assert foot is not None
    assert min(box["width"], box["height"]) >= _FINGER_PX
    assert box["y"] + box["height"] <= foot["y"]

    jump.click()

    expect(messages(page).last.get_by_text("Absatz 59")).to_be_in_viewport()
    expect(jump).to_be_hidden()


def test_an_answer_that_ends_elsewhere_is_told_and_offered_to_be(
    connected: Endpoint, open_page: OpenPage
) -> None:
    """By the title of the tab, and by a notification once somebody wanted one; asked for once."""
    server, script = connected
    script.waits_before = script.words[-1]
    page, _ = open_page(server.url)
    page.add_init_script(_NOTIFIED)
    page.reload()
    expect(page).to_have_title("Augenblick")
    offer = page.get_by_text("Should the browser notify you")
    ask(page, "Who is that?")
    expect(messages(page)).to_have_count(2)
    page.evaluate("hide(true)")
    script.waits_before = ""
    expect(page).to_have_title("✓ Who is that? · Augenblick")
    assert page.evaluate("notes") == []

    page.evaluate("hide(false)")
    expect(page).to_have_title("Who is that? · Augenblick")
    page.get_by_role("button", name="Yes, please").click()
    expect(offer).to_be_hidden()
    expect_rest(page)
    script.waits_before = script.words[-1]
    ask(page, "And that?")
    expect(messages(page)).to_have_count(4)
    page.evaluate("hide(true)")
    script.waits_before = ""

    page.wait_for_function("() => notes.length === 1")
    assert page.evaluate("notes") == [f"The answer is ready: {script.text}"]
    page.evaluate("hide(false)")
    expect(offer).to_be_hidden()


_NOTIFIED = """
window.notes = [];
window.Notification = class {
  static permission = "default";
  static requestPermission() { this.permission = "granted"; return Promise.resolve("granted"); }
  constructor(title, { body }) { notes.push(body); }
};
window.hide = (isHidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, value: isHidden });
  document.dispatchEvent(new Event("visibilitychange"));
};
"""


def test_the_keyboard_does_what_its_list_says(connected: Endpoint, open_page: OpenPage) -> None:
    """A question mark lists it, but not where somebody is typing."""
    server, script = connected
    page, _ = open_page(server.url, permissions=["clipboard-read", "clipboard-write"])
    ask(page, "Who is that?")
    expect_whole(page, script.text)
    page.get_by_role("heading", level=1).focus()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    listed = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(listed.get_by_role("row")).to_have_count(6)
    page.keyboard.press("Escape")
    expect(listed).to_be_hidden()

    page.keyboard.press("Control+Shift+c")
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == script.text
    page.keyboard.press("Control+k")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("Shift+Escape")
    expect(area(page)).to_be_focused()
    page.keyboard.type("?")
    expect(area(page)).to_have_value("?")
    expect(listed).to_be_hidden()
    page.keyboard.press("Control+Shift+o")
    expect(messages(page)).to_have_count(0)


def test_escape_stops_an_answer(connected: Endpoint, open_page: OpenPage) -> None:
    """And says so to who listens."""
    server, script = connected
    script.words, script.waits_before = LONG, LONG[20]
    page, _ = open_page(server.url)
    ask(page, "Tell me")
    expect(messages(page).last).to_contain_text("Absatz 3")
    page.keyboard.press("Escape")

    status = page.locator("#augenblick-status[role=status]")
    expect(status).to_contain_text("Absatz 0 Absatz 1")
    expect(messages(page).last).not_to_contain_text("Absatz 30")


def test_a_phone_can_put_the_page_on_its_home_screen(
    connected: Endpoint, open_page: OpenPage
) -> None:
    """Name, icon and start stand in a manifest that the page's policy lets it have."""
    server, _ = connected
    page, _ = open_page(server.url, "/history")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    address = page.locator("link[rel=manifest]").evaluate("it => it.href")
    manifest = json.loads(page.request.get(address).body())

    assert (manifest["name"], manifest["display"]) == ("Augenblick", "standalone")
    icon = page.request.get(f"{server.url}/{manifest['icons'][0]['src']}")
    assert icon.headers["content-type"] == "image/png"
    expect(page).to_have_title("All conversations · Augenblick")
    shown = page.context.new_cdp_session(page).send("Page.getAppManifest")
    assert shown["errors"] == []


def test_an_unknown_address_has_the_frame_too(connected: Endpoint, open_page: OpenPage) -> None:
    """It is answered by Streamlit's own page."""
    server, _ = connected
    page, watch = open_page(server.url, "/nowhere")
    watch.expect("404|does not seem to exist")
    page.keyboard.press("Escape")
    expect(page.locator(".st-key-top_bar")).to_have_css("position", "fixed")

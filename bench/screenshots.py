"""Take pictures of every state of the pages into `docs/`: `make screenshots` runs it.

The real server, once with the built-in reader and nothing configured, as on a fresh machine, and
once with an endpoint that plays answers, seen by Chromium on a phone and at a desk, in German and
in English, light and dark. Those of the README are PNG of 256 colours, all others WebP.
"""

from __future__ import annotations

import io
import itertools
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from augenblick.core.language import language
from augenblick.pictures.samples import SAMPLES
from tests.browser.chromium import find_chromium
from tests.browser.playing import (
    Script,
    area,
    ask,
    choose,
    expect_rest,
    open_menu_item,
    scan,
    set_sidebar,
    tray,
)
from tests.faults.server import FaultServer
from tests.serving import AppServer, serve_app

_DOCS = Path(__file__).resolve().parent.parent / "docs"
_FOLDER = _DOCS / "screenshots"
_HEIGHTS = {1280: 860, 390: 844}
_QUALITY = 70
_SHARED = ("--share", "--host", "augenblick.example")  # a phone can come
_SETTLED_MS = 1200  # pictures, fonts and what opens
_ENDPOINT = """
[providers.demo]
label = "Demo"
base_url = "{url}"
models = ["gpt-4o", "qwen2.5vl:7b"]
"""
_ANSWERS = {
    "de": (
        "Am Samstag ist die Bäckerei von **7:00 bis 13:00** Uhr geöffnet.\n\n",
        "| Tag | Zeit |\n|---|---|\n| Montag - Freitag | 6:30 - 18:30 |\n",
        "| Samstag | 7:00 - 13:00 |\n| Sonntag | geschlossen |\n\n",
        *re.findall(r"\S+ ?", "Die Zeiten stehen auf dem Schild, auf Deutsch und auf Englisch."),
    ),
    "en": (
        "On Saturday the bakery is open from **7:00 to 13:00**.\n\n",
        "| day | hours |\n|---|---|\n| Monday - Friday | 6:30 - 18:30 |\n",
        "| Saturday | 7:00 - 13:00 |\n| Sunday | closed |\n\n",
        *re.findall(r"\S+ ?", "The hours stand on the sign, in German and in English."),
    ),
}


@dataclass(frozen=True, slots=True)
class Look:
    """How a page is looked at."""

    code: str
    scheme: str
    width: int

    @property
    def name(self) -> str:
        """The end of the pictures' names."""
        return f"{self.code}-{self.scheme}-{self.width}"

    @property
    def is_phone(self) -> bool:
        """Whether it is held in a hand."""
        return self.width == min(_HEIGHTS)

    @property
    def context(self) -> dict[str, Any]:
        """The profile of the browser, as Playwright takes it."""
        return {
            "locale": {"de": "de-DE", "en": "en-US"}[self.code],
            "color_scheme": self.scheme,
            "viewport": {"width": self.width, "height": _HEIGHTS[self.width]},
            "is_mobile": self.is_phone,
            "has_touch": self.is_phone,
        }

    def text(self, key: str) -> str:
        """A text of the page."""
        return language(self.code).text(key)


_LOOKS = [
    Look(code, scheme, width)
    for width, code, scheme in itertools.product(_HEIGHTS, ("en", "de"), ("light", "dark"))
]
_STATES = {
    "start": "The empty page",
    "chosen": "Photos chosen and a question typed",
    "regions": "A region of a photo, for a question about it",
    "pixelate": "Areas that nobody should recognise",
    "menu": "What else can be sent",
    "streaming": "An answer while it is being written",
    "chat": "An answer, its values looked up in the picture, and marked as good",
    "several": "Several answers to one question, side by side",
    "error": "An endpoint that refuses",
    "viewer": "The picture over the whole page",
    "sidebar": "The sidebar on a phone",
    "phone": "Photos taken with a phone: the code on the desk, the page on the phone",
    "share": "A link for reading",
    "shared": "What the link shows",
    "history": "All conversations",
    "my-data": "What is kept",
    "endpoints": "Models and connections",
    "experts": "Settings for people who prototype",
}
README = {"start-de-light-1280", "chat-en-light-1280", "chat-de-dark-390"}


@dataclass(frozen=True, slots=True)
class Visit:
    """A page that is looked at."""

    page: Page
    look: Look
    url: str

    def take(self, name: str) -> None:
        """Take a picture of the page as it stands."""
        self.page.mouse.move(0, 0)
        self.page.wait_for_timeout(_SETTLED_MS)
        image = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        name = f"{name}-{self.look.name}"
        _FOLDER.mkdir(parents=True, exist_ok=True)
        image.save(_FOLDER / f"{name}.webp", quality=_QUALITY, method=6)
        if name in README:
            image.quantize(256, dither=Image.Dither.NONE).save(_DOCS / f"{name}.png", optimize=True)

    def go(self, path: str) -> None:
        """Open another address."""
        self.page.goto(self.url + path)
        expect_rest(self.page)

    def button(self, key: str) -> Locator:
        """The button that says a text."""
        return self.page.get_by_role("button", name=self.look.text(key), exact=True)


def main() -> None:
    """Take every picture once."""
    shutil.rmtree(_FOLDER, ignore_errors=True)
    script = Script()
    with ExitStack() as stack:
        plain, connected = (Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in "ab")
        endpoint = stack.enter_context(FaultServer(script))
        (connected / ".streamlit").mkdir()
        secrets = _ENDPOINT.format(url=endpoint.base_url)
        (connected / ".streamlit" / "secrets.toml").write_text(secrets)
        reader = stack.enter_context(serve_app(plain, arguments=_SHARED))
        played = stack.enter_context(serve_app(connected))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        for look in _LOOKS:
            with _visit(browser, reader, look) as visit:
                _everybodys(visit)
            with _visit(browser, played, look) as visit:
                _with_an_endpoint(visit, script)
        browser.close()
    _write_page()


def _write_page() -> None:
    """List all of them in `docs/screenshots.md`."""
    lines = [
        "# Screenshots",
        "",
        "Drawn by `make screenshots`; nothing in them is arranged by hand.",
    ]
    for name, caption in _STATES.items():
        lines += ["", f"## {caption}", ""]
        for look in _LOOKS:
            file = f"{name}-{look.name}.webp"
            if (_FOLDER / file).exists():
                width = 180 if look.is_phone else 400
                lines.append(f'<img src="screenshots/{file}" width="{width}" alt="{caption}">')
    (_DOCS / "screenshots.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


@contextmanager
def _visit(browser: Browser, server: AppServer, look: Look) -> Iterator[Visit]:
    context = browser.new_context(**look.context)
    page = context.new_page()
    page.set_default_timeout(60_000)
    expect.set_options(timeout=60_000)
    page.goto(server.url)
    expect(area(page)).to_be_visible()
    expect_rest(page)
    yield Visit(page, look, server.url)
    context.close()


def _everybodys(visit: Visit) -> None:
    page, look = visit.page, visit.look
    visit.take("start")
    choose(page, *(sample.path for sample in SAMPLES[:2]))
    expect(tray(page)).to_have_count(2)
    area(page).fill(look.text("composer.chip.difference"))
    visit.take("chosen")
    _regions(visit)
    for _ in range(2):
        page.locator(".composer-remove").first.click()
    area(page).fill("")
    for sample in SAMPLES[1:], SAMPLES[:1]:
        visit.go("/")
        page.get_by_role("button", name=look.text(sample[0].question_key)).click()
        expect(visit.button("answer.ask_again")).to_be_visible()
        expect(page.locator(".evidence-found").first).to_be_visible()
    page.locator('[data-rating="up"]').click()
    visit.take("chat")
    _details(visit)
    for path in ("history", "my-data"):
        visit.go(f"/{path}")
        visit.take(path)


def _regions(visit: Visit) -> None:
    """The dialogs in which parts of a photo are marked."""
    page, look = visit.page, visit.look
    page.locator(".composer-mark").first.click()
    dialog = page.locator("dialog.regions[open]")
    dialog.get_by_role("button", name=look.text("composer.region.add")).click()
    visit.take("regions")
    dialog.get_by_role("button", name=look.text("composer.pixelate")).click()
    expect(dialog.get_by_role("button", name=look.text("composer.pixelate.find"))).to_be_visible()
    visit.take("pixelate")
    dialog.get_by_role("button", name=look.text("composer.pixelate.close")).click()
    expect(dialog).to_have_count(0)


def _details(visit: Visit) -> None:
    """What opens over a conversation, and its shared page."""
    page, look = visit.page, visit.look
    page.locator("a[data-picture]").first.click()
    if not look.is_phone:
        page.locator('.viewer-head [data-act="whole"]').click()
    visit.take("viewer")
    page.locator('.viewer-dialog .viewer-head [data-act="close"]').click()
    if look.is_phone:
        set_sidebar(page)
        visit.take("sidebar")
        set_sidebar(page, is_open=False)
    page.locator(".composer-add").click()
    visit.take("menu")
    page.keyboard.press("Escape")
    if not look.is_phone:
        _phone_as_camera(visit)
    page.locator(".st-key-conversation_menu button").click()
    page.get_by_role("menuitem", name=look.text("menu.share")).click()
    visit.button("share.create").click()
    address = page.get_by_role("dialog").get_by_text("/share/").first
    expect(address).to_be_visible()
    visit.take("share")
    page.goto(visit.url + urlsplit(address.inner_text().strip()).path)
    visit.take("shared")


def _phone_as_camera(visit: Visit) -> None:
    """The dialog with the code, and the page that it opens on a phone."""
    dialog = open_menu_item(visit.page, visit.look.text("composer.phone"))
    address = scan(dialog)
    visit.take("phone")
    browser = visit.page.context.browser
    if browser is not None:
        look = replace(visit.look, width=min(_HEIGHTS))
        context = browser.new_context(**look.context)
        page = context.new_page()
        page.goto(visit.url + urlsplit(address).path)
        Visit(page, look, visit.url).take("phone")
        context.close()
    visit.page.keyboard.press("Escape")


def _with_an_endpoint(visit: Visit, script: Script) -> None:
    page, look = visit.page, visit.look
    question, sign = look.text("sample.sign.question"), SAMPLES[1].path
    script.words = _ANSWERS[look.code]
    script.pause_seconds = 0.7
    ask(page, question, [sign])
    expect(page.get_by_test_id("stChatMessage").last).to_contain_text("18:30")
    visit.take("streaming")
    script.pause_seconds = 0.0
    page.locator('[data-rating="up"]').click()
    visit.go("/?expert=true&n=3")
    ask(page, question, [sign])
    expect(page.get_by_test_id("stChatMessage").last.get_by_role("table")).to_have_count(3)
    expect_rest(page)
    if not look.is_phone:
        set_sidebar(page, is_open=False)
        page.locator(".panel-toggle").click()
    answers = page.get_by_test_id("stChatMessage").last
    page.mouse.move(look.width / 2, 300)
    page.mouse.wheel(0, -200)  # the page follows the end of an answer until somebody scrolls
    answers.evaluate("it => it.scrollIntoView()")
    page.get_by_test_id("stMain").evaluate("it => it.scrollBy(0, -72)")  # below the strip
    visit.take("several")
    visit.go("/?expert=true&temperature=0.2&seed=7")
    expect_rest(page)
    if look.is_phone:
        page.locator(".panel-toggle").click()
    page.locator(".st-key-expert_panel summary").first.click()
    visit.take("experts")
    visit.go("/?expert=false")
    script.refusal = ("401 Unauthorized", "invalid_api_key")
    ask(page, question, [sign])
    expect(page.get_by_test_id("stAlert").last).to_be_visible()
    expect_rest(page)
    visit.take("error")
    script.refusal = None
    visit.go("/endpoints")
    check = page.locator('[class*="st-key-check_model_"] button').first
    check.click()
    expect(page.locator(".model-card").first).to_be_visible()
    expect_rest(page)
    visit.take("endpoints")


if __name__ == "__main__":
    main()

"""Take pictures of every page: those of the README into `docs/`, all others into `test-results/`.

The real server with the built-in reader and nothing configured, as on a fresh machine, seen by
Chromium at the width of a desk and of a phone. `make screenshots` runs it.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from augenblick.core.language import language
from tests.serving import serve_app

ROOT = Path(__file__).resolve().parent.parent
README = {"start-de-light-1280", "chat-en-light-1280", "chat-de-dark-390"}
WIDTHS = {1280: 860, 390: 844}


def main() -> None:
    """Take every picture once."""
    with (
        tempfile.TemporaryDirectory() as folder,
        serve_app(Path(folder)) as server,
        sync_playwright() as playwright,
    ):
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for locale, scheme, width in itertools.product(
            ("de-DE", "en-US"), ("light", "dark"), WIDTHS
        ):
            _take(browser, server.url, locale, scheme, width)
        browser.close()


def _take(browser: Browser, url: str, locale: str, scheme: str, width: int) -> None:
    page = _open(browser, url, locale, scheme, width)
    name = f"{locale[:2]}-{scheme}-{width}"
    page.screenshot(path=_path(f"start-{name}"))
    _ask(page, locale)
    page.screenshot(path=_path(f"chat-{name}"))
    for other in ("history", "my-data", "endpoints"):
        _visit(page, url, other)
        page.screenshot(path=_path(f"{other}-{name}"))
    page.context.close()


def _path(name: str) -> Path:
    folder = ROOT / ("docs" if name in README else "test-results")
    folder.mkdir(exist_ok=True)
    return folder / f"{name}.png"


def _open(browser: Browser, url: str, locale: str, scheme: str, width: int) -> Page:
    context = browser.new_context(
        locale=locale,
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": WIDTHS[width]},
    )
    page = context.new_page()
    page.goto(url)
    expect(page.locator(".composer textarea")).to_be_visible(timeout=30_000)
    page.wait_for_timeout(1500)  # pictures and fonts
    return page


def _ask(page: Page, locale: str) -> None:
    question = language(locale[:2]).text("sample.receipt.question")
    page.get_by_role("button", name=question).click()
    again = language(locale[:2]).text("answer.ask_again")
    expect(page.get_by_role("button", name=again)).to_be_visible(timeout=60_000)
    page.mouse.move(0, 0)
    page.wait_for_timeout(1000)


def _visit(page: Page, url: str, name: str) -> None:
    page.goto(f"{url}/{name}")
    expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=30_000)
    page.wait_for_timeout(1000)


if __name__ == "__main__":
    main()

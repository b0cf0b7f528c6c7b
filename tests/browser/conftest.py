"""A real Chromium in front of the real server.

Every page is watched: an error in its console, a breach of the content security policy or a
request to any other host fails the test, unless the test said that it expects it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Request,
    WebSocket,
    expect,
    sync_playwright,
)

from tests.browser.chromium import find_chromium

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
# Opened by a deep link, Streamlit's front end first looks for its server below that link.
_LOOKING_FOR_HOME = re.compile(r"status of 404 .*/_stcore/(health|host-config)\)$")
# A page that is still open when its server ends goes on asking until the test has closed it. What
# another host refuses is told as a foreign host.
_SERVER_IS_GONE = re.compile("ERR_CONNECTION_REFUSED")


@dataclass
class Watch:
    """What a page did that it should not; `expect` names what a test provokes."""

    home: str = ""
    problems: list[str] = field(default_factory=list)
    _requested: list[str] = field(default_factory=list)
    _expected: list[re.Pattern[str]] = field(default_factory=list)

    def expect(self, pattern: str) -> None:
        """Do not fail for problems that match."""
        self._expected.append(re.compile(pattern))

    def attend(self, page: Page) -> None:
        """Write down what this page does from now on."""
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.problems.append(f"page error: {error}"))
        page.on("request", self._see)
        page.on("requestfailed", self._forget_blocked)
        page.on("websocket", self._see)

    @property
    def requested_hosts(self) -> set[str]:
        """The hosts (with port) that were asked for anything."""
        return {urlsplit(url).netloc for url in self._requested}

    def check(self) -> None:
        """Fail when there was a problem that nobody expected."""
        foreign = self.requested_hosts - {urlsplit(self.home).netloc}
        problems = [*self.problems, *(f"foreign host: {host}" for host in foreign)]
        expected = [*self._expected, _LOOKING_FOR_HOME, _SERVER_IS_GONE]
        found = [p for p in problems if not any(e.search(p) for e in expected)]
        assert not found, "\n".join(found)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error" or "Content Security Policy" in message.text:
            self.problems.append(f"console: {message.text} ({message.location['url']})")

    def _see(self, seen: Request | WebSocket) -> None:
        parts = urlsplit(seen.url)
        if parts.scheme not in {"data", "blob", "about"}:
            self._requested.append(seen.url)

    def _forget_blocked(self, request: Request) -> None:
        """The browser reports a request that the policy stopped; it was never sent."""
        if request.failure == "csp":
            self._requested.remove(request.url)


OpenPage = Callable[..., tuple[Page, Watch]]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of this process."""
    found = find_chromium()
    expect.set_options(timeout=90_000)  # the first page of a fresh server on a busy machine
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Open an address in a fresh, watched browser profile.

    `open_page(url, path="/", locale="de-DE", **context)` gives the page and its watch; further
    arguments are those of Playwright's `new_context`.
    """
    opened: list[tuple[Any, Watch]] = []

    def open_it(
        url: str, path: str = "/", *, locale: str = "en-US", **context: Any
    ) -> tuple[Page, Watch]:
        profile = browser.new_context(locale=locale, **context)
        watch = Watch(home=url)
        opened.append((profile, watch))
        profile.on("page", watch.attend)
        page = profile.new_page()
        page.set_default_timeout(90_000)
        page.goto(url + path, wait_until="load")
        return page, watch

    yield open_it
    for profile, _ in opened:
        profile.close()
    for _, watch in opened:
        watch.check()

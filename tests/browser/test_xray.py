"""The X-ray in a real browser: on a desk and a phone, with nothing loaded from elsewhere."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.playing import Script, ask, expect_ready, expect_whole, messages, photo
from tests.faults.server import FaultServer
from tests.serving import AppServer, serve_app

Endpoint = tuple[AppServer, Script]
KEY = "sk-canary-4711-abcdef"
SLOW = tuple(f"Wort{number} " for number in range(1, 41))


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """The server with an endpoint; tests change the script."""
    script = Script()
    with FaultServer(script) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url, "OPENAI_API_KEY": KEY}
        with serve_app(tmp_path_factory.mktemp("xray"), env=env) as server:
            yield server, script


@pytest.fixture(autouse=True)
def _fresh_script(connected: Endpoint) -> None:
    script = connected[1]
    for name, value in vars(Script(words=SLOW, prompt_tokens=900)).items():
        setattr(script, name, value)


def _open_xray(page: Page, name: str = "Request log") -> Locator:
    page.locator('[class*="st-key-ways_"] button').last.click()
    page.get_by_role("menuitem", name=name).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("tab").first).to_be_visible()
    return dialog


@pytest.mark.parametrize("width", [390, 1280])
def test_every_part_is_there_and_fits(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path, width: int
) -> None:
    """Request with its picture, response, events, numbers with a chart, code, replay; no key."""
    server, script = connected
    script.pause_seconds = 0.01
    window: dict[str, Any] = {
        "viewport": {"width": width, "height": 844},
        "has_touch": width == 390,
    }
    page, _ = open_page(server.url, "/?expert=true", **window)
    ask(page, "Was steht da?", [photo(tmp_path, "schild.jpg")])
    expect_whole(page, script.text)
    expect(messages(page).last).to_contain_text("900 input, 5 output tokens")
    expect(page.get_by_test_id("stBottom")).to_contain_text("input tokens · ≈ ")

    dialog = _open_xray(page)
    is_cut = "all => all.some(it => it.scrollWidth > it.clientWidth)"
    assert not dialog.get_by_role("tab").evaluate_all(is_cut)

    def part(name: str) -> Locator:
        dialog.get_by_role("tab", name=name, exact=True).click()
        return dialog.get_by_role("tabpanel", name=name, exact=True)

    request = part("Request")
    expect(request).to_contain_text("POST http://127.0.0.1")
    expect(request).to_contain_text("Picture 1: schild.jpg · 640")
    expect(request.get_by_role("img", name="schild.jpg")).to_be_visible()
    expect(part("Response")).to_contain_text("HTTP 200")
    expect(part("Events").get_by_test_id("stDataFrame")).to_be_visible()
    numbers = part("Numbers")
    expect(numbers).to_contain_text("completion_tokens")
    chart = numbers.get_by_test_id("stVegaLiteChart")
    expect(chart).to_have_count(1)
    expect(chart.locator("canvas, svg").first).to_be_visible()
    expect(part("Code")).to_contain_text("data:image/jpeg;base64,(")
    expect(part("Replay").get_by_role("button", name="Send again")).to_be_visible()
    assert page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )
    assert KEY not in page.content()


def test_the_copied_code_runs_and_sends_the_same_bytes(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path
) -> None:
    """From the clipboard into a shell, picture and all."""
    server, script = connected
    page, _ = open_page(
        server.url, "/?expert=true", permissions=["clipboard-read", "clipboard-write"]
    )
    ask(page, 'Größe "$5"?', [photo(tmp_path, "schild.jpg")])
    expect_whole(page, script.text)
    dialog = _open_xray(page)
    dialog.get_by_role("tab", name="Code", exact=True).click()

    dialog.get_by_role("button", name="Copy", exact=True).click()
    expect(dialog.get_by_role("button", name="Copied")).to_be_visible()
    code = str(page.evaluate("navigator.clipboard.readText()"))

    environ = {"PATH": os.environ["PATH"], "OPENAI_API_KEY": KEY}
    done = subprocess.run(
        ["bash", "-c", code], env=environ, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    first, again = script.asked
    assert again.body == first.body
    assert again.headers["authorization"] == first.headers["authorization"]
    assert KEY not in code
    assert "Wort40" in done.stdout


def test_an_open_xray_does_not_disturb_a_live_answer(
    connected: Endpoint, open_page: OpenPage
) -> None:
    """Opened while the next answer is written, it shows its parts, and neither ends the other."""
    server, script = connected
    page, _ = open_page(server.url, "/?expert=true", locale="de-DE")
    ask(page, "Eins?")
    expect_whole(page, script.text)
    script.waits_before = "Wort20 "
    ask(page, "Zwei?")
    expect(messages(page)).to_have_count(4)
    expect(messages(page).last).to_contain_text("Wort3 ")

    page.get_by_role("button", name="Mehr zur Antwort auf „Eins?“").click()
    page.get_by_role("menuitem", name="Protokoll").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("tab", name="Zahlen", exact=True).click()
    expect(dialog.get_by_role("tabpanel", name="Zahlen")).to_contain_text("finish_reason")
    script.waits_before = ""

    expect(page.get_by_test_id("stChatMessage").last).to_contain_text("Wort40")
    expect(page.get_by_test_id("stChatMessage").last).to_contain_text("900 Eingabe-, 5 Ausgabe")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect_ready(page)
    assert len(script.asked) == 2


def test_nobody_else_sees_a_button(connected: Endpoint, open_page: OpenPage) -> None:
    """Without the switch there is no X-ray and no estimate."""
    server, script = connected
    page, _ = open_page(server.url)

    ask(page, "Eins?")
    expect_whole(page, script.text)

    expect(page.get_by_role("button", name="Ask again")).to_be_visible()
    page.get_by_role("button", name="More options for the answer").click()
    expect(page.get_by_role("menuitem", name="Delete answer")).to_be_visible()
    expect(page.get_by_role("menuitem", name="Request log")).to_have_count(0)
    expect(page.get_by_test_id("stBottom")).not_to_contain_text("≈")

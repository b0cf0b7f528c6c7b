"""A model is checked on the page of models, and the page goes by what was found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.playing import (
    ask,
    expect_ready,
    expect_rest,
    messages,
    open_settings,
    set_sidebar,
)
from tests.faults.endpoint import Endpoint, Gaps
from tests.faults.server import FaultServer, Received, Step, answered_json
from tests.serving import AppServer, serve_app

_PRICES = "[providers.deaf.prices.m]\ninput = 100.0\noutput = 400.0\n"
_CHECK_MS = 120_000


@dataclass
class Played:
    """An endpoint with gaps, which can be taken away."""

    gaps: Gaps
    is_away: bool = False
    asked: list[Received] = field(default_factory=list)

    def __call__(self, received: Received) -> Iterable[Step]:
        """Answer one request."""
        if self.is_away:
            return answered_json({"error": {"message": "in repair"}}, status="503 Later")
        if received.path.endswith("completions"):
            self.asked.append(received)
        return Endpoint(self.gaps)(received)


@dataclass
class Connected:
    """The server of a test, and its two endpoints."""

    server: AppServer
    deaf: Played
    blind: Played


@pytest.fixture
def connected(tmp_path: Path) -> Iterator[Connected]:
    """One endpoint ignores a field and refuses another one, the other leaves pictures out."""
    deaf = Played(Gaps(ignored_fields=frozenset({"stop"}), refused_fields=frozenset({"seed"})))
    blind = Played(Gaps(sees=False))
    with FaultServer(deaf) as first, FaultServer(blind) as second:
        (tmp_path / ".streamlit").mkdir()
        (tmp_path / ".streamlit" / "secrets.toml").write_text(
            f'[providers.deaf]\nbase_url = "{first.base_url}"\nlabel = "Deaf"\nmodels = ["m"]\n'
            f'{_PRICES}[providers.blind]\nbase_url = "{second.base_url}"\nlabel = "Blind"\n'
            'models = ["m"]\n'
        )
        with serve_app(tmp_path) as server:
            yield Connected(server, deaf, blind)


def _check(page: Page, name: str) -> Locator:
    """Click the button of an endpoint; returns what its card will be."""
    button = page.locator(f".st-key-check_model_{name} button")
    expect(button).to_be_enabled()
    expect_rest(page)
    button.click()
    expect(page.locator(f".st-key-provider_{name}")).to_contain_text("m is being checked")
    expect(button).to_be_enabled(timeout=_CHECK_MS)
    return page.locator(f".st-key-provider_{name} .model-card")


def _stop_field(page: Page) -> Locator:
    return page.locator(".st-key-stop textarea")


def test_a_checked_model_shows_what_it_can_and_greys_what_it_ignores(
    connected: Connected, open_page: OpenPage
) -> None:
    """What is set in a greyed field stays, is sent, and can be changed at another model."""
    page, _ = open_page(connected.server.url, "/endpoints")
    block = page.locator(".st-key-provider_deaf")
    expect(block).to_contain_text("about 30 short requests to the endpoint (about $1.30)")
    assert not connected.deaf.asked

    card = _check(page, "deaf")

    for said in ("Sees picturesYes", "StreamsYes", "Stops when askedYes"):
        expect(card).to_contain_text(said)
    expect(card).to_contain_text("Ignoresstop")
    expect(card).to_contain_text("Refusesseed")
    expect(card).to_contain_text("tokens/s")
    expect(card).to_contain_text(f"with {len(connected.deaf.asked)} requests, about")
    page.reload()
    expect(card).to_be_visible()

    page.goto(f"{connected.server.url}/?expert=true&stop=END&model=deaf%2Fm")
    set_sidebar(page)
    open_settings(page, section="Length")
    expect(_stop_field(page)).to_be_disabled()
    expect(_stop_field(page)).to_have_value("END")
    expect(page.locator(".st-key-max_tokens input")).to_be_enabled()
    page.locator(".st-key-stop").get_by_test_id("stTooltipIcon").hover()
    expect(page.get_by_text("m at Deaf ignored this when it was checked on")).to_be_visible()
    ask(page, "Hi")
    expect_ready(page)
    expect(messages(page)).to_have_count(2)
    assert json.loads(connected.deaf.asked[-1].body)["stop"] == ["END"]

    expect_rest(page)
    page.get_by_role("combobox", name="Model").click()
    page.get_by_role("option", name="m · Blind").click()
    expect(_stop_field(page)).to_be_enabled()
    expect(_stop_field(page)).to_have_value("END")


def test_a_model_that_is_found_blind_is_marked_in_the_picker(
    connected: Connected, open_page: OpenPage
) -> None:
    """Although nobody has asked it about a picture yet."""
    page, _ = open_page(connected.server.url, "/endpoints")

    expect(_check(page, "blind")).to_contain_text("Sees picturesNo")

    page.get_by_role("link", name="Augenblick").click()
    set_sidebar(page)
    page.get_by_role("combobox", name="Model").click()
    expect(page.get_by_role("option", name="m · Blind (sees no pictures)")).to_be_visible()
    expect(page.get_by_role("option", name="m · Deaf", exact=True)).to_be_visible()


def test_a_check_that_fails_is_said_and_keeps_the_card(
    connected: Connected, open_page: OpenPage
) -> None:
    """In a sentence for everybody, until a check works again."""
    page, _ = open_page(connected.server.url, "/endpoints", locale="de-DE")
    button = page.locator(".st-key-check_model_deaf button")
    expect_rest(page)
    button.click()
    block = page.locator(".st-key-provider_deaf")
    card = block.locator(".model-card")
    expect(card).to_be_visible(timeout=_CHECK_MS)
    before = card.inner_text()

    connected.deaf.is_away = True
    expect_rest(page)
    button.click()
    alert = block.get_by_test_id("stAlert")
    expect(alert).to_contain_text("m konnte nicht geprüft werden", timeout=_CHECK_MS)
    expect(alert).to_contain_text("Was früher herausgefunden wurde, steht weiterhin unten.")
    assert card.inner_text() == before

    connected.deaf.is_away = False
    expect_rest(page)
    button.click()
    expect(alert).to_have_count(0)
    expect(button).to_be_enabled(timeout=_CHECK_MS)
    expect(alert).to_have_count(0)


def test_where_checks_are_switched_off_there_is_no_button(
    open_page: OpenPage, tmp_path: Path
) -> None:
    """The connection can be looked at all the same."""
    with FaultServer(Endpoint()) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url, "AUGENBLICK_MODEL_CHECK": "off"}
        with serve_app(tmp_path, env=env) as server:
            page, _ = open_page(server.url, "/endpoints")
            expect(page.get_by_role("button", name="Check the connection")).to_be_visible()
            expect_rest(page)
            expect(page.get_by_role("button", name="Check this model")).to_have_count(0)
            page.close()

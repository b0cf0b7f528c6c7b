"""The models of an endpoint, without a page waiting for them."""

from __future__ import annotations

import threading
import time

from augenblick.core.errors import CannotConnect
from augenblick.core.providers import Provider
from augenblick.endpoint.client import ChatClient
from augenblick.ui.admin.model_lists import FIRST_WAIT_SECONDS, ModelLists
from tests.browser.playing import Script
from tests.faults.server import FaultServer


def test_configured_names_are_taken_as_they_are() -> None:
    """Nobody is asked then."""
    lists = ModelLists(lambda _: ("other",))

    assert lists.of(Provider("a", "A", "http://x/v1", models=("m",))) == ("m",)


def test_an_endpoint_is_asked_once_for_many_pages() -> None:
    """The list is kept for a while."""
    script = Script(models=("one", "two"))
    with FaultServer(script) as server:
        provider = Provider("a", "A", server.base_url)
        with ChatClient(provider) as client:
            lists = ModelLists(lambda _: client.list_models())
            found = [lists.of(provider) for _ in range(5)]

    assert set(found) == {("one", "two")}
    assert len(server.received) == 1


def test_a_silent_endpoint_holds_no_page_up() -> None:
    """The page goes on without a list, and has it once it came."""
    may_answer = threading.Event()
    provider = Provider("a", "A", "http://x/v1")

    def ask(_: Provider) -> tuple[str, ...]:
        may_answer.wait(60)
        return ("late",)

    lists = ModelLists(ask)
    started = time.monotonic()

    assert lists.of(provider) == ()
    assert time.monotonic() - started < FIRST_WAIT_SECONDS + 30
    may_answer.set()
    while not lists.of(provider):
        assert time.monotonic() - started < 90
    assert lists.of(provider) == ("late",)


def test_an_endpoint_that_refuses_has_no_list_and_is_not_asked_at_every_run() -> None:
    """A refusal is remembered for a moment."""
    asked = []
    provider = Provider("a", "A", "http://x/v1")

    def ask(_: Provider) -> tuple[str, ...]:
        asked.append(1)
        raise CannotConnect(code="connection_refused")

    lists = ModelLists(ask)

    assert [lists.of(provider) for _ in range(5)] == [()] * 5
    assert len(asked) == 1

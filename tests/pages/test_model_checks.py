"""Checks of models: what they find where the truth is known, and what a failed one leaves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from augenblick.chat.known_models import KnownModels
from augenblick.chat.sight import SightChecks
from augenblick.core.model_cards import ModelCard, NoEffect
from augenblick.core.providers import ApiKey, Provider
from augenblick.endpoint.client import ChatClient
from augenblick.ops.doctor import examine
from augenblick.pictures.number_picture import draw_number
from augenblick.store import Store
from augenblick.ui.admin.model_checks import ModelChecks
from tests.faults.endpoint import Endpoint, Gaps
from tests.faults.server import FaultServer, Received, Step, answered_json, refusing_port

_KEY = "sk-canary-77aa"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with closing(Store(f"sqlite:///{tmp_path}/store.db")) as opened:
        yield opened


def _checks(store: Store) -> tuple[ModelChecks, KnownModels]:
    known = KnownModels(store)
    sight = SightChecks(known, open_client=ChatClient, draw_number=draw_number)
    return ModelChecks(known, examine=partial(examine), sees=sight.sees), known


def _provider(base_url: str) -> Provider:
    return Provider("test", "Test", base_url, ApiKey(_KEY))


def _check(checks: ModelChecks, base_url: str) -> None:
    checks.begin(_provider(base_url), "m")
    ends = time.monotonic() + 60
    while checks.running and time.monotonic() < ends:
        time.sleep(0.02)
    assert not checks.running


def _found(store: Store, gaps: Gaps) -> ModelCard:
    checks, known = _checks(store)
    with FaultServer(Endpoint(gaps)) as server:
        _check(checks, server.base_url)
        assert checks.failed(_provider(server.base_url)) is None
        asked = sum(each.path.endswith("completions") for each in server.received)
    card = known.of("test", "m")
    spent = card.finding("spent")
    assert spent is not None
    assert 0 <= asked - int(spent.params["requests"]) <= 2  # the test picture of the alarm
    assert _KEY not in repr(card)
    return card


def test_a_field_that_is_ignored_and_one_that_is_refused_are_told_apart(store: Store) -> None:
    """And nothing else is said to do nothing."""
    card = _found(
        store, Gaps(ignored_fields=frozenset({"stop"}), refused_fields=frozenset({"seed"}))
    )
    assert card.sees is True
    assert card.without_effect() == {"stop": NoEffect.IGNORED, "seed": NoEffect.REFUSED}


@pytest.mark.parametrize("gaps", [Gaps(sees=False), Gaps(takes_pictures=False)])
def test_a_model_that_drops_or_refuses_pictures_sees_none(store: Store, gaps: Gaps) -> None:
    """The rest of its card is as good as that of another."""
    card = _found(store, gaps)
    assert card.sees is False
    assert card.without_effect() == {}


def test_a_slow_one_is_measured(store: Store) -> None:
    """The first word and the pace, within what a busy machine adds."""
    card = _found(store, Gaps(thinks_seconds=0.5, pause_seconds=0.02))
    first, speed = card.finding("first_token"), card.finding("speed")
    assert first is not None
    assert 0.5 <= float(first.params["seconds"]) < 5
    assert speed is not None
    assert 5 < float(speed.params["tokens"]) <= 50


def _failed(checks: ModelChecks, base_url: str) -> str:
    _check(checks, base_url)
    failed = checks.failed(_provider(base_url))
    assert failed is not None
    assert failed.failure is not None
    return failed.failure.code


def test_a_check_that_finds_nobody_leaves_the_card(store: Store) -> None:
    """It says why; the next one that works takes the reason away."""
    before = _found(store, Gaps(ignored_fields=frozenset({"stop"})))
    checks, known = _checks(store)
    with refusing_port() as base_url:
        assert _failed(checks, base_url) == "connection_refused"
    assert known.of("test", "m") == before

    with FaultServer(Endpoint()) as server:
        _check(checks, server.base_url)
        assert checks.failed(_provider(server.base_url)) is None
    assert known.of("test", "m").without_effect() == {}


@pytest.mark.parametrize(
    ("goes", "code"),
    [
        (answered_json({"error": {"message": "boom"}}, status="500 Oops"), "server_failed"),
        (answered_json({"error": {"message": "slow"}}, status="429 Wait"), "rate_limited"),
    ],
)
def test_an_endpoint_that_goes_away_meanwhile_leaves_the_card(
    store: Store, goes: list[Step], code: str
) -> None:
    """What it did not answer is not taken for what it can't do."""
    before = _found(store, Gaps(ignored_fields=frozenset({"stop"})))
    checks, known = _checks(store)
    endpoint = Endpoint()
    answered: list[Received] = []

    def leaves(received: Received) -> list[Step]:
        if received.path.endswith("completions"):
            answered.append(received)
        return endpoint(received) if len(answered) <= 2 else goes

    with FaultServer(leaves) as server:
        assert _failed(checks, server.base_url) == code
    assert known.of("test", "m") == before

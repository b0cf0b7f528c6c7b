"""Whether a model sees pictures: caught where it does not, and never accused where it does."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from augenblick.chat.known_models import KnownModels
from augenblick.chat.sight import Sight, SightChecks
from augenblick.core.providers import ApiKey, Provider
from augenblick.endpoint.client import ChatClient
from augenblick.pictures.number_picture import draw_number
from augenblick.store import Store
from tests.browser.playing import Script
from tests.faults.server import FaultServer, Received, Step


class Seeing(Script):
    """An endpoint that sees: it says the number of the picture it was sent."""

    def __init__(self, way: str = "It is {}.") -> None:
        super().__init__()
        self.way = way
        self.drawn: dict[bytes, str] = {}

    def draw(self, number: str) -> bytes:
        """Draw a number and know it again."""
        picture = draw_number(number)
        self.drawn[picture] = number
        return picture

    def __call__(self, received: Received) -> Iterable[Step]:
        """Answer with the number."""
        picture, _ = json.loads(received.body)["messages"][0]["content"]
        encoded = picture["image_url"]["url"].removeprefix("data:image/png;base64,")
        number = self.drawn[base64.b64decode(encoded)]
        self.words = (self.way.format(number, spelled="-".join(number)),)
        return super().__call__(received)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with closing(Store(f"sqlite:///{tmp_path}/store.db")) as opened:
        yield opened


def _checks(store: Store, *, draw: Callable[[str], bytes] = draw_number) -> SightChecks:
    return SightChecks(KnownModels(store), open_client=ChatClient, draw_number=draw)


def _found(checks: SightChecks, provider: Provider) -> Sight:
    assert checks.of(provider, "m") is Sight.CHECKING
    ends = time.monotonic() + 90
    while (known := checks.of(provider, "m")) is Sight.CHECKING and time.monotonic() < ends:
        time.sleep(0.01)
    return known


@pytest.mark.parametrize(
    "words",
    [
        ("A lovely dog on a beach.",),
        ("I cannot see any picture.",),
        ("The number is 42.",),
        ("It could be 1 or 20, 4 07.",),
    ],
)
def test_a_model_that_sees_nothing_is_caught(store: Store, words: tuple[str, ...]) -> None:
    """Whatever it makes up; the store knows it from then on, and can be told better."""
    script = Script(words=words)
    with FaultServer(script) as server:
        provider = Provider("test", "Test", server.base_url, ApiKey("k"))
        checks = _checks(store)
        assert _found(checks, provider) is Sight.BLIND
        assert len(script.asked) == 2
        anew = _checks(store)
        assert anew.of(provider, "m") is Sight.BLIND
        assert anew.is_blind("test", "m")
        assert anew.of(provider, "other") is Sight.CHECKING
    seeing = Seeing()
    with FaultServer(seeing) as server:
        mended = Provider("test", "Test", server.base_url, ApiKey("k"))
        again = _checks(store, draw=seeing.draw)
        assert again.of(mended, "m") is Sight.BLIND
        again.again(mended, "m")
        while again.of(mended, "m") is not Sight.SEES:
            time.sleep(0.01)


@pytest.mark.parametrize("way", ["It is {}.", "{spelled}", "The number {}, on yellow (1 line)"])
def test_a_model_that_sees_is_asked_once(store: Store, way: str) -> None:
    """With one picture, as a picture that can be opened; however it says the number."""
    seeing = Seeing(way)
    with FaultServer(seeing) as server:
        provider = Provider("test", "Test", server.base_url, ApiKey("k"))
        assert _found(_checks(store, draw=seeing.draw), provider) is Sight.SEES
        assert _checks(store).of(provider, "m") is Sight.SEES
    assert len(seeing.asked) == 1
    (picture,) = seeing.drawn
    assert Image.open(io.BytesIO(picture)).format == "PNG"


def test_a_check_that_fails_takes_nothing_back(store: Store) -> None:
    """Who was found to be blind stays so while its server is away."""
    store.save_model_card("test", "m", sees=False)
    with FaultServer(Script()) as gone:
        provider = Provider("test", "Test", gone.base_url, ApiKey("k"))
    checks = _checks(store)
    assert checks.of(provider, "m") is Sight.BLIND
    checks.again(provider, "m")
    while checks.of(provider, "m") is Sight.CHECKING:
        time.sleep(0.01)
    assert checks.of(provider, "m") is Sight.BLIND


@pytest.mark.parametrize(
    "script",
    [
        Script(words=()),
        Script(refusal=("400 Bad Request", "invalid_request_error")),
        Script(refusal=("401 Unauthorized", "invalid_api_key")),
    ],
    ids=["silent", "refused", "no key"],
)
def test_where_a_check_fails_nobody_is_accused(store: Store, script: Script) -> None:
    """And it is not tried again at once."""
    with FaultServer(script) as server:
        provider = Provider("test", "Test", server.base_url, ApiKey("k"))
        checks = _checks(store)
        assert _found(checks, provider) is Sight.UNKNOWN
        count = len(script.asked)
        assert checks.of(provider, "m") is Sight.UNKNOWN
        assert len(script.asked) == count
    assert not checks.is_blind("test", "m")
    assert store.load_model_cards() == {}


def test_where_it_is_switched_off_nothing_is_asked(store: Store) -> None:
    """Nor ever of the built-in reader."""
    provider = Provider("test", "Test", "http://127.0.0.1:9/v1", ApiKey("k"))
    off = SightChecks(
        KnownModels(store), open_client=ChatClient, draw_number=draw_number, is_on=False
    )
    assert off.of(provider, "m") is Sight.UNKNOWN
    assert not off._checking

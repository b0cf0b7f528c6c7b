"""Cards in memory: as new as the store, whoever wrote them, and read once for all pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from augenblick.chat.known_models import KnownModels
from augenblick.core.errors import StoreUnavailable
from augenblick.core.model_cards import Finding, Mark, ModelCard
from augenblick.store import Store

_FOUND = (Finding("answer", Mark.OK, "complete"),)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with closing(Store(f"sqlite:///{tmp_path}/store.db")) as opened:
        yield opened


def test_what_is_saved_is_known_at_once(store: Store) -> None:
    """Of this model at this endpoint, and to whoever opens the store later."""
    known = KnownModels(store)
    assert known.of("a", "m") == ModelCard()

    known.save("a", "m", findings=_FOUND)
    known.save("a", "m", sees=False)

    assert (known.of("a", "m").findings, known.of("a", "m").sees) == (_FOUND, False)
    assert known.of("b", "m") == known.of("a", "n") == ModelCard()
    assert KnownModels(store).of("a", "m") == known.of("a", "m")


def test_what_another_process_found_is_known_after_a_while(store: Store) -> None:
    """Not at once, for every page asks."""
    there, patient, eager = (
        KnownModels(store),
        KnownModels(store),
        KnownModels(store, fresh_seconds=0),
    )
    assert patient.of("a", "m").sees is eager.of("a", "m").sees is None

    there.save("a", "m", sees=True)

    assert patient.of("a", "m").sees is None
    assert eager.of("a", "m").sees is True


class AwayStore(Store):
    """A store whose cards can't be read while `is_away`."""

    is_away = True
    asked_count = 0

    def load_model_cards(self) -> Mapping[tuple[str, str], ModelCard]:
        """Fail, or not."""
        self.asked_count += 1
        if self.is_away:
            raise StoreUnavailable
        return super().load_model_cards()


def test_a_store_that_is_away_is_not_asked_for_every_model(tmp_path: Path) -> None:
    """The first look fails for all; what is known stays known."""
    with closing(AwayStore(f"sqlite:///{tmp_path}/store.db")) as store:
        known = KnownModels(store)
        for model in "abc":
            with pytest.raises(StoreUnavailable):
                known.of("p", model)
        assert store.asked_count == 1

        store.is_away = False
        eager = KnownModels(store, fresh_seconds=0)
        eager.save("p", "a", sees=False)
        assert eager.of("p", "a").sees is False
        store.is_away = True
        asked_before = store.asked_count
        assert [eager.of("p", "a").sees for _ in range(3)] == [False] * 3
        assert store.asked_count == asked_before + 1


def test_the_newest_card_of_an_endpoint_comes_first(store: Store) -> None:
    """Those of other endpoints are not among them."""
    known = KnownModels(store)
    for provider, model in (("a", "first"), ("b", "x"), ("a", "second")):
        known.save(provider, model, findings=_FOUND)
    assert list(known.at("a")) == ["second", "first"]

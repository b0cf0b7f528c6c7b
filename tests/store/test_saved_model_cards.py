"""Cards of models: each thing found out is kept until something newer is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from augenblick.core.model_cards import Finding, Mark, ModelCard
from augenblick.store import Store
from tests.store.postgres import PostgresServer
from tests.store.test_old_databases import copy_to_postgres, unpack

_FOUND = (
    Finding("answer", Mark.OK, "complete", {"seconds": 1.25}),
    Finding("field.seed", Mark.GAP, "refused", {"status": 400}),
)
_OLD_SIGHT = "INSERT INTO lesson VALUES ('a', 'm', 'sees_test_picture', 'blind')"


def test_what_is_found_is_there_again(store: Store) -> None:
    """Values, kinds of numbers and moments; other models have cards of their own."""
    before = datetime.now(UTC)
    store.save_model_card("a", "m", sees=True, findings=_FOUND)
    store.save_model_card("a", "other", sees=False)

    cards = store.load_model_cards()

    card = cards["a", "m"]
    assert (card.sees, card.findings) == (True, _FOUND)
    assert card.checked_at is not None
    assert timedelta(0) <= card.checked_at - before < timedelta(minutes=1)
    assert card.sees_at == card.checked_at
    assert (cards["a", "other"].sees, cards["a", "other"].checked_at) == (False, None)


def test_one_thing_leaves_the_other_as_it_was(store: Store) -> None:
    """The alarm says nothing about fields, a check that could not tell nothing about pictures."""
    store.save_model_card("a", "m", sees=True)
    store.save_model_card("a", "m", findings=_FOUND)
    found = store.load_model_cards()["a", "m"]
    assert (found.sees, found.findings) == (True, _FOUND)

    store.save_model_card("a", "m", sees=False)
    store.save_model_card("a", "m")
    newest = store.load_model_cards()["a", "m"]
    assert (newest.sees, newest.findings) == (False, _FOUND)
    assert newest.checked_at == found.checked_at


@pytest.fixture(params=["sqlite", "postgresql"])
def old_url(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The URL of an old database that knows, as 0.5.0 wrote it down, that a model sees nothing."""
    file = unpack("0.1.0", tmp_path)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(_OLD_SIGHT)
    if request.param == "sqlite":
        return f"sqlite:///{file}"
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.new_database()
    copy_to_postgres(file, url)
    return url


def test_what_an_earlier_version_knew_stands_on_the_card(old_url: str) -> None:
    """Whether a model sees was a quirk; the other quirks stay where they are."""
    with closing(Store(old_url)) as store:
        assert store.load_model_cards() == {("a", "m"): ModelCard(sees=False)}
        assert store.load_quirks("a", "m") == {}
        assert store.load_quirks("reader", "look") == {"seed": "no"}

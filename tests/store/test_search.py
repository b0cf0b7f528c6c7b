"""Finding conversations by their words; every test runs on both databases with the same result."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from augenblick.store import Store
from augenblick.store import tables as t
from augenblick.store.search_words import excerpt_of, terms_of, words_of
from augenblick.store.store_values import OpenedReply
from tests.growth import assert_linear
from tests.store.values import a_picture, a_question, a_record, words


def talk(store: Store, question: str, answer: str, *, owner: str = "me") -> OpenedReply:
    """A question with its answer."""
    opened = store.save_question(a_question(question, owner=owner))
    store.finish_reply(opened.reply_id, a_record(answer))
    return opened


def titles(store: Store, search: str, *, owner: str = "me") -> list[str]:
    """The titles of what is found."""
    return [hit.conversation.title for hit in store.search(owner, search)]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def library(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """Three conversations, the last one the newest; only read."""
    url = f"sqlite:///{tmp_path_factory.mktemp('library')}/store.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").new_database()
    store = Store(url)
    talk(store, "Quittung", "Beim Bäcker Müller in der Hauptstraße 7: zwei Brote, 22,24 €.")
    talk(store, "Schild", "The sign says: Mind the gap. Nobody baked anything.")
    talk(store, "Was steht auf dem Etikett?", "Zutaten: Mehl, Zucker, Ei. Preis 24,22 €.")
    yield store
    store.close()


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("hauptstrasse", ["Quittung"]),
        ("HAUPTSTRAẞE", ["Quittung"]),
        ("muller", ["Quittung"]),
        ("Müller", ["Quittung"]),
        ("mu\u0308ll", ["Quittung"]),
        ("baeck", []),
        ("back", ["Quittung"]),
        ("bak", ["Schild"]),
        ("22,24", ["Quittung"]),
        ("22,2", ["Quittung"]),
        ("24 22", ["Was steht auf dem Etikett?", "Quittung"]),
        ('"22"', ["Was steht auf dem Etikett?", "Quittung"]),
        ('"22 24"', ["Quittung"]),
        ('"mind the gap"', ["Schild"]),
        ("„mind the gap“", ["Schild"]),
        ('"mind the ga"', []),
        ('"the mind gap"', []),
        ("gap the mind", ["Schild"]),
        ("schild gap", ["Schild"]),
        ("quittung gap", []),
        ("etik zuck", ["Was steht auf dem Etikett?"]),
        ("€", []),
        ("", []),
        ("   ", []),
    ],
)
def test_words_are_found(library: Store, search: str, found: list[str]) -> None:
    """Beginnings, cases, accents, numbers and phrases find what a person means, on any database."""
    assert titles(library, search) == found


@pytest.mark.parametrize(
    "search",
    ['"', '""', "'", "';--", "* OR", "(", ")", "a:b", "-", "NOT", "AND gap", "gap AND", "NEAR(a b)",
     "^gap", "{x}", "\\", "%", "_", "&|!<->", ":*", "gap:*", "\x00", "\ud800", "§", "🐈",
     "x" * 5000, "a " * 5000, '"' * 99, f'"{"gap " * 9000}"', "gap-" * 9000],
)  # fmt: skip
def test_any_typing_is_harmless(library: Store, search: str) -> None:
    """Signs that mean something to a database mean nothing here, and never an error."""
    assert set(titles(library, search)) <= {"Schild", "Quittung", "Was steht auf dem Etikett?"}


def test_words_are_found_across_a_conversation(store: Store) -> None:
    """One word in the question and one in a later answer find it; the better place is shown."""
    first = talk(store, "Rechnung vom Mai", "Ein Betrag.")
    later = store.save_question(
        a_question("Und hier?", conversation_id=first.conversation_id, parent_id=first.reply_id)
    )
    store.finish_reply(later.reply_id, a_record("Rechnung über 12 Stühle."))
    assert [hit.node_id for hit in store.search("me", "mai stühle")] == [first.question_id]
    assert [hit.node_id for hit in store.search("me", "rechnung stühle")] == [later.reply_id]
    assert not store.search("me", "rechnung tische")


def test_titles_come_first_and_then_the_newest(store: Store) -> None:
    """A conversation called so stands above newer ones that only mention it."""
    called = talk(store, "Ein Schild am Haus", "Ja.")
    older, newer = talk(store, "Was ist das?", "Ein Schild."), talk(store, "Und das?", "Schilder.")
    found = [hit.conversation.id for hit in store.search("me", "schild")]
    assert found == [opened.conversation_id for opened in (called, newer, older)]
    assert [hit.conversation.id for hit in store.search("me", "schild", limit=1)] == found[:1]


def test_the_place_is_shown_with_its_words(store: Store) -> None:
    """The excerpt alternates plain and matched text of the place, and a title has no node."""
    opened = talk(
        store, "Frage", "Lorem ipsum. " * 30 + "Die Straße heißt Am See. " + "Amen. " * 90
    )
    (hit,) = store.search("me", "strasse see")
    assert hit.node_id == opened.reply_id
    assert hit.excerpt[1::2] == ("Straße", "See")
    assert hit.excerpt[2] == " heißt Am "
    assert hit.excerpt[0].startswith("…")
    assert hit.excerpt[-1].endswith("…")
    assert len("".join(hit.excerpt)) < 250
    store.rename(opened.conversation_id, "Der Tümpel", owner="me")
    (hit,) = store.search("me", "tumpel")
    assert (hit.node_id, hit.excerpt) == (None, ("Der ", "Tümpel", ""))


def test_the_index_follows_every_change(store: Store) -> None:
    """What is renamed, deleted, restored, still written or only another choice counts at once."""
    opened = store.save_question(a_question("Anfang", pictures=(a_picture(),)))
    store.append([words(opened.reply_id, "unfertig")])
    assert not titles(store, "unfertig")
    store.finish_reply(opened.reply_id, a_record("Fertiges"))
    assert titles(store, "fertiges") == ["Anfang"]
    store.rename(opened.conversation_id, "Neu", owner="me")
    assert titles(store, "neu") == titles(store, "anfang") == ["Neu"]
    store.delete_message(opened.conversation_id, opened.reply_id, owner="me")
    assert not titles(store, "fertiges")
    store.delete_conversation(opened.conversation_id, owner="me")
    assert not titles(store, "neu")
    store.restore_conversation(opened.conversation_id, owner="me")
    assert titles(store, "neu") == ["Neu"]
    store.delete_everything("me")
    assert not titles(store, "neu")
    with store._databases.kept.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(t.search_text)) == 0


def test_only_the_own_is_found(store: Store) -> None:
    """Nobody finds what somebody else wrote."""
    talk(store, "Geheimnis", "Geheim.", owner="you")
    assert not store.search("me", "geheim")
    assert titles(store, "geheim", owner="you") == ["Geheimnis"]


def test_a_very_long_answer_is_found_by_its_beginning(store: Store) -> None:
    """Neither database chokes on megabytes of words, and each keeps the first 16,000."""
    text = " ".join(f"wort{number}" for number in range(30_000)) + " x" * 3_000 + "y" * 300_000
    talk(store, "Lang", text)
    talk(store, "Breit", "\U00010400" * 100_000 + " ende")
    assert titles(store, '"wort15000 wort15001"') == ["Lang"]
    assert titles(store, "wort29999") == []
    assert titles(store, "ende") == ["Breit"]


def test_words_and_terms() -> None:
    """What is kept of a text, and what a search is taken apart into."""
    assert words_of("E-Mail: ½ ﬁx_foo İstanbul") == (
        "e",
        "mail",
        "1",
        "2",
        "fix",
        "foo",
        "istanbul",
    )
    assert [(term.words, term.is_prefix) for term in terms_of('a "b c" 22,24 a "" „d“')] == [
        (("a",), True),
        (("b", "c"), False),
        (("22", "24"), True),
        (("d",), False),
    ]
    assert excerpt_of("u\u0308ber\n\ndie  Straße", terms_of("uber strass")) == (
        "",
        "u\u0308ber",
        " die ",
        "Straße",
        "",
    )
    assert excerpt_of("nichts", terms_of("etwas")) == ("nichts",)


@pytest.mark.parametrize(
    "piece", ["a", "a ", " ", "_", "a_", "\u0308", "\ufdfa", "ä ", "\u00a8", '"']
)
def test_words_cost_in_proportion(piece: str) -> None:
    """One long word, many short ones, none at all, and characters that fold to many or to none."""
    phrase = terms_of('"' + "a " * 400 + 'b" a')

    assert_linear(words_of, lambda size: piece * size)
    assert_linear(lambda text: excerpt_of(text, phrase), lambda size: piece * size)
    assert_linear(terms_of, lambda size: '"' + piece * size)


def test_a_phrase_is_found_where_its_words_stand_in_a_row() -> None:
    """The whole phrase is marked, whatever stands between its words; a part of it is not."""
    pieces = excerpt_of("rote Tür, dann die rote, *alte* Tür und rot", terms_of('"rote alte Tür"'))

    assert pieces == ("rote Tür, dann die ", "rote, *alte* Tür", " und rot")


def test_a_very_long_word_is_marked_as_a_whole() -> None:
    """It counts as far as its first 40 letters."""
    word = "a" * 60

    assert excerpt_of(f"x {word} y", terms_of(f'"{word[:50]}"')) == ("x ", word, " y")

"""Texts in every language."""

import ast
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeGuard

import pytest

from augenblick.core.errors import ERRORS
from augenblick.core.language import LANGUAGES, choose_language, language, read_catalogue
from augenblick.core.messages import ReplyEnd
from augenblick.pictures.samples import SAMPLES, Sample

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [ROOT / "app.py", *(ROOT / "pages").glob("*.py"), *(ROOT / "augenblick").rglob("*.py")]
FAMILIES = (
    "detail.",
    "quality.",
    "error.",
    "setting.help.",
    "adjustment.",
    "composer.",
    "delete.",
    "end.",
    "form.cell.",
    "form.example.",
    "form.format.",
    "form.kind.",
    "form.problem.",
    "form.schema.",
    "places.",
    "receipt.remarks.",
    "receipt.removed.",
    "sample.",
    "tools.mistake.",
    "viewer.",
)  # put together at run time


def _keys(code: str) -> set[str]:
    return {_key(message.id) for message in read_catalogue(code) if message.id}


def _key(identifier: object) -> str:
    return str(identifier[0] if isinstance(identifier, tuple | list) else identifier)


def _said_in_code() -> set[str]:
    """Every string constant that looks like a key."""
    found = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_language_holds_the_same_keys(code: str) -> None:
    """A text that exists in one language exists in the others."""
    missing, left_over = _keys("en") - _keys(code), _keys(code) - _keys("en")

    assert (sorted(missing), sorted(left_over)) == ([], [])


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_entry_has_its_texts_with_the_same_places(code: str) -> None:
    """No entry is empty, plural entries have all forms, and translations fill the same places."""
    catalogue = read_catalogue(code)
    for english in read_catalogue("en"):
        entry = catalogue.get(english.id)
        if not english.id or entry is None:
            continue
        forms = _forms(entry.string)

        assert all(forms), english.id
        assert len(forms) == (catalogue.num_plurals if entry.pluralizable else 1), english.id
        assert _places(forms) == _places(english.string), english.id


def test_every_language_says_its_own_name() -> None:
    """By which it is chosen, so no two have the same."""
    names = {code: language(code).text("language.name") for code in LANGUAGES}

    assert (names["en"], names["de"]) == ("English", "Deutsch")
    assert len(set(names.values())) == len(names)


@pytest.mark.parametrize("domain", ["augenblick", "reader"])
def test_french_marks_stay_beside_their_words(domain: str) -> None:
    """A narrow space that does not break stands before ; : ! ? and inside quotation marks."""
    wrong = re.compile(r"[^\u202f][;!?»]| :|«[^\u202f]|\w'\w")
    entries = [each for each in read_catalogue("fr", domain) if each.id]

    assert [_key(each.id) for each in entries if any(map(wrong.search, _forms(each.string)))] == []


def _places(text: object) -> set[str]:
    return {name for part in _forms(text) for name in re.findall(r"\{(\w+)\}", part)}


def _forms(text: object) -> list[str]:
    return [str(part) for part in text] if isinstance(text, tuple | list) else [str(text)]


def test_no_entry_is_unused() -> None:
    """A text nobody shows is taken out."""
    said = _said_in_code()
    steps = {f"answer.{name}" for name in ("previous", "next", "go_on", "ask_again")}
    unused = {key for key in _keys("en") - said - steps if not key.startswith(FAMILIES)}

    assert unused == set()


def test_every_key_in_the_code_has_a_text() -> None:
    """What the code says by key stands in the catalogue."""
    said = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and _name_of(node.func) == "t" and node.args:
                said |= {part.value for part in ast.walk(node.args[0]) if _is_key(part)}

    assert said
    assert said - _keys("en") == set()


def _name_of(called: ast.expr) -> str:
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


def _is_key(node: ast.AST) -> TypeGuard[ast.Constant]:
    return isinstance(node, ast.Constant) and bool(
        re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", str(node.value))
    )


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_every_sample_has_its_words(sample: Sample) -> None:
    """A sample picture comes with a title and a question in every language."""
    for code in LANGUAGES:
        assert language(code).has(sample.title_key)
        assert language(code).has(sample.question_key)


def test_every_error_has_its_texts() -> None:
    """Title, what happened and what to do; the texts of an error that is gone go too."""
    wanted = {f"error.{error}.{part}" for error in ERRORS for part in ("title", "what", "do")}

    for code in LANGUAGES:
        assert {key for key in _keys(code) if key.startswith("error.")} == wanted


@pytest.mark.parametrize("end", [end for end in ReplyEnd if end not in {"complete", "failed"}])
def test_every_end_has_its_sentence(end: ReplyEnd) -> None:
    """An answer that is not complete says so."""
    for code in LANGUAGES:
        assert language(code).has(f"end.{end.value}")


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ("de-DE,de;q=0.9,en;q=0.8", "de"),
        ("en-US,en;q=0.9,de;q=0.8", "en"),
        ("la-VA,la;q=0.9,de;q=0.5,en;q=0.4", "de"),
        ("la,en;q=0.1", "en"),
        ("de_AT", "de"),
        ("", "en"),
        ("zz-invalid;q=oops,%%%", "en"),
        ("la", "en"),
    ],
)
def test_the_browsers_wish_decides(wishes: str, expected: str) -> None:
    """The wish with the greatest weight that we speak wins."""
    assert choose_language(wishes) == expected


def test_numbers_are_written_as_the_language_does() -> None:
    """German writes decimals with a comma and thousands with a point."""
    german, english = language("de"), language("en")
    moment = datetime(2026, 11, 23, 14, 5, tzinfo=UTC)

    assert german.number(1234.5, digits=1) == "1.234,5"
    assert english.number(1234.5, digits=1) == "1,234.5"
    assert german.bytes(3_400_000) == "3,4 MB"
    assert english.bytes(812_000) == "812 KB"
    assert german.moment(moment).startswith("23.11.26")


@pytest.mark.parametrize(
    ("code", "amount", "currency", "written"),
    [
        ("de", 0.0031, "EUR", "0,31 ct"),
        ("en", 0.0031, "USD", "0.31 ¢"),
        ("en", 0.05, "EUR", "5 ct"),
        ("en", 0.0000004, "USD", "0 ¢"),
        ("en", 0.0, "USD", "0 ¢"),
        ("en", 1.239, "USD", "$1.24"),
        ("de", 1.239, "EUR", "1,24 €"),
        ("de", 0.12, "CHF", "0,12 CHF"),
    ],
)
def test_money_is_written_as_the_language_does(
    code: str, amount: float, currency: str, written: str
) -> None:
    """Small amounts in cents, two digits of them."""
    assert language(code).money(amount, currency).replace("\N{NO-BREAK SPACE}", " ") == written


def test_plural_forms_follow_the_count() -> None:
    """One picture is prepared, three are."""
    german = language("de")

    assert german.text("chat.preparing", count=1) == "Das Bild wird vorbereitet …"
    assert german.text("chat.preparing", count=3) == "3 Bilder werden vorbereitet …"


def test_an_unknown_key_is_an_error() -> None:
    """A raw key never gets to the page."""
    with pytest.raises(KeyError):
        language("de").text("chat.nowhere")


@pytest.mark.parametrize(
    ("value", "english", "german"),
    [
        (22.24, "22.24", "22,24"),
        (2026, "2026", "2026"),
        (1234567.891, "1234567.891", "1234567,891"),
        (-0.5, "-0.5", "-0,5"),
        (0, "0", "0"),
        (1e-20, "1e-20", "1e-20"),
        (10**40, "1" + "0" * 40, "1" + "0" * 40),
        (0.1 + 0.2, "0.30000000000000004", "0,30000000000000004"),
    ],
)
def test_a_number_is_written_as_it_is(value: float, english: str, german: str) -> None:
    """Nothing is rounded, and a year is no amount."""
    assert [language(code).plain_number(value) for code in ("en", "de")] == [english, german]

"""What is answered: the direct answer first, in the language of the question, nothing made up."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image

from augenblick.pictures.samples import BAR_CODE_CONTENT, QR_CONTENT, SAMPLES, Sample

from .conftest import MODEL, Running, encoded, question, recognised, said, sample, user, written

_NOTE = {
    "de": "Ich erkenne nur Text, Codes, Farben und manche Tiere und Dinge; mit einem verbundenen "
    "Modell geht mehr.",
    "en": "I only recognise text, codes, colours and some animals and things; a connected model "
    "can do more.",
    "fr": "Je ne reconnais que le texte, les codes, les couleurs et certains animaux et objets"
    "\u202f; un modèle connecté peut faire plus.",
}


def _ask(reader: Running, text: str, *pictures: bytes, **fields: Any) -> str:
    return said(reader.post(question(text, *pictures, **fields)))


def _follow(reader: Running, text: str, *turns: dict[str, Any], language: str = "") -> str:
    body = {"model": MODEL, "messages": [*turns, {"role": "user", "content": text}]}
    return said(reader.post(body, language=language))


@pytest.mark.parametrize("each", SAMPLES, ids=lambda each: each.name)
def test_samples_are_read_exactly(reader: Running, each: Sample) -> None:
    """Every sample is read without a single wrong character, umlauts and euro sign included."""
    answer = _ask(reader, "Lies den Text vor.", each.path.read_bytes())

    assert recognised(answer) == list(each.text)


@pytest.mark.parametrize("each", SAMPLES, ids=lambda each: each.name)
def test_samples_are_small(each: Sample) -> None:
    """A sample is quick to load."""
    assert each.path.stat().st_size < 250_000


def test_umlauts(reader: Running) -> None:
    """All German letters and the euro sign come out right."""
    lines = ["Ärger Öfen Übung", "ärgern öffnen üben", "Straße Fuß heiß", "Preis: 9,99 €"]
    answer = _ask(reader, "Lies den Text vor.", encoded(written(*lines)))

    assert recognised(answer) == lines


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("Wie hoch ist der Gesamtbetrag?", "**Gesamtbetrag: 22,24 €**"),
        ("What is the total?", "**Total: 22.24 €**"),
        ("Quel est le total\u202f?", "**Total\u202f: 22,24 €**"),
        ("Quelle est la date\u202f?", "**samedi 21 novembre 2026**"),
        ("Welches Datum steht darauf?", "**Samstag, 21. November 2026**"),
        (
            "Was kosten die Käsebrötchen?",
            "Dazu passt im Bild:\n\n```text\nKäsebrötchen  1,49 B\n```",
        ),
        ("Wie viel Rückgeld gab es?", "Dazu passt im Bild:\n\n```text\nRückgeld  7,76 €\n```"),
        ("Welche Farben hat das Bild?", "Hauptfarben des ganzen Bildes: Weiß"),
        ("Is the picture sharp?", "The picture is sharp."),
        ("Gibt es einen QR-Code?", "Im Bild ist kein lesbarer QR- oder Strichcode zu finden."),
    ],
)
def test_direct_answers(reader: Running, text: str, start: str) -> None:
    """The result comes first; no size and no limits, which nobody has asked for."""
    answer = _ask(reader, text, sample("receipt").path.read_bytes())

    assert answer.startswith(start)
    assert "1530" not in answer
    assert not any(note in answer for note in _NOTE.values())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Wann ist am Samstag geöffnet?", ["Samstag  7:00 - 13:00", "Saturday"]),
        ("When is it open on Wednesday?", ["Montag - Freitag  6:30 - 18:30", "Monday - Friday"]),
        ("Ist sonntags offen?", ["Sonntag  geschlossen", "Sunday  closed"]),
        ("Quels sont les horaires le samedi\u202f?", ["Samstag  7:00 - 13:00", "Saturday"]),
    ],
)
def test_opening_hours(reader: Running, text: str, expected: list[str]) -> None:
    """A question for a day is answered with the lines of that day, ranges understood."""
    assert recognised(_ask(reader, text, sample("sign").path.read_bytes())) == expected


def test_codes(reader: Running) -> None:
    """A question for the QR code is answered with its content, in code and so not as a link."""
    answer = _ask(reader, "Was steht im QR-Code?", sample("label").path.read_bytes())

    assert f"**QR Code** mit diesem Inhalt: `{QR_CONTENT}`" in answer
    assert BAR_CODE_CONTENT not in answer
    assert "](" not in answer


def test_bar_code(reader: Running) -> None:
    """A question for the bar code is answered with that one."""
    answer = _ask(reader, "What is the bar code?", sample("label").path.read_bytes())

    assert f"**EAN-13** with this content: `{BAR_CODE_CONTENT}`" in answer
    assert QR_CONTENT not in answer


def test_text_and_date(reader: Running) -> None:
    """Two questions in one are answered in their order."""
    picture = sample("receipt").path.read_bytes()
    answer = _ask(reader, "What is the date and what does the text say?", picture)

    assert answer.index("November 21, 2026") < answer.index("```text")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Was ist das?", "de"),
        ("What is this?", "en"),
        ("Describe it", "en"),
        ("Qu\u2019est-ce que c\u2019est\u202f?", "fr"),
    ],
)
def test_limits_are_said(reader: Running, text: str, language: str) -> None:
    """Asked for objects, it says what it sees, then in half a sentence what it can't."""
    answer = _ask(reader, text, sample("sign").path.read_bytes())

    assert answer.startswith("````text\nBäckerei Süßmund\n")
    assert answer.endswith("\n\n" + _NOTE[language])


def test_a_photo_without_a_question(reader: Running) -> None:
    """What was read comes first, else what was seen; limits are said only where little was."""
    sign = said(reader.post(question("", sample("sign").path.read_bytes()), language="de"))
    empty = encoded(Image.new("RGB", (400, 300), (200, 30, 30)))
    nothing = said(reader.post(question("", empty), language="de"))

    assert sign.startswith("````text\nBäckerei Süßmund\n")
    assert _NOTE["de"] not in sign
    assert nothing.startswith("Hauptfarben: Rot")
    assert nothing.endswith("Im Bild ist kein Text zu finden.\n\n" + _NOTE["de"])


def test_unknown_question(reader: Running) -> None:
    """A question it does not understand is answered with its limits and all that it sees."""
    answer = _ask(reader, "Ist das gesund?", sample("receipt").path.read_bytes())

    assert _NOTE["de"] in answer
    assert recognised(answer) == list(sample("receipt").text)


def test_follow_up_without_picture(reader: Running) -> None:
    """A later question is about the pictures that came before, and they aren't read again."""
    first = user("Was ist das?", sample("receipt").path.read_bytes())
    _follow(reader, "Lies den Text vor.", first)
    analyzed = reader.health()["analyzed"]
    reply = {"role": "assistant", "content": "Ein Kassenbon."}

    answer = _follow(reader, "Wie hoch ist die Summe?", first, reply)

    assert answer.startswith("**Gesamtbetrag: 22,24 €**")
    assert reader.health()["analyzed"] == analyzed


def test_newest_pictures_count(reader: Running) -> None:
    """With pictures in several messages the newest are meant, unless all are asked for."""
    first = user("Was steht da?", sample("receipt").path.read_bytes())
    second = user("Und da?", sample("sign").path.read_bytes())

    newest = _follow(reader, "Lies den Text vor.", first, second)
    both = _follow(reader, "Lies den Text beider Bilder vor.", first, second)

    assert recognised(newest) == list(sample("sign").text)
    assert "Frischmarkt Müller" in both
    assert "Bäckerei Süßmund" in both


def test_new_picture_wins(reader: Running) -> None:
    """The word "everything" in a question about a new picture does not drag the old ones in."""
    first = user("Was steht da?", sample("receipt").path.read_bytes())
    second = user("Lies alles vor.", sample("sign").path.read_bytes())
    answer = said(reader.post({"model": MODEL, "messages": [first, second]}))

    assert recognised(answer) == list(sample("sign").text)
    assert "Frischmarkt" not in answer


def test_several_pictures(reader: Running) -> None:
    """Several pictures are answered one by one, in their order, each under its number."""
    pictures = [sample("receipt").path.read_bytes(), sample("sign").path.read_bytes()]
    answer = _ask(reader, "Lies die Texte vor.", *pictures)

    first, second = answer.split("**Bild 2 von 2**")
    assert first.startswith("**Bild 1 von 2**")
    assert recognised(first) == list(sample("receipt").text)
    assert recognised(second) == list(sample("sign").text)


@pytest.mark.parametrize(
    ("text", "header", "words"),
    [
        ("Wie groß ist das Bild?", "en", "Das Bild hat"),
        ("How large is the picture?", "de", "The picture has"),
        ("", "de-DE,de;q=0.9,en;q=0.5", "Hauptfarben"),
        ("", "en;q=0.4, de;q=0.8", "Hauptfarben"),
        ("", "la, en", "Main colours"),
        ("", "", "Main colours"),
        ("", ";;q=x,", "Main colours"),
        ("Antworte bitte auf Englisch: wie groß?", "de", "The picture has"),
        ("Answer in German: what size?", "en", "Das Bild hat"),
        ("Quelle est la taille en pixels ?", "de", "L\u2019image fait"),
        ("", "fr, en;q=0.5", "Couleurs principales"),
    ],
)
def test_language(reader: Running, text: str, header: str, words: str) -> None:
    """The answer is in the question's language, else in the browser's, else in English."""
    picture = encoded(written("4711"))
    answer = said(reader.post(question(text, picture), language=header))

    assert words in answer


def test_language_of_the_conversation(reader: Running) -> None:
    """A question that could be both is answered in the language used before."""
    first = user("Was steht hier im Bild?", encoded(written("4711")))

    assert "Das Bild" in _follow(reader, "Pixel?", first, language="en")


def test_no_text(reader: Running) -> None:
    """A picture without text is said to have none."""
    empty = encoded(Image.new("RGB", (400, 300), (200, 30, 30)))

    assert "Im Bild ist kein Text zu finden." in _ask(reader, "Lies den Text vor.", empty)
    assert "red 100%" in _ask(reader, "What are the colours?", empty)


def test_foreign_signs_stay_literal(reader: Running) -> None:
    """Text in a picture can't become a heading, a link or the end of its code block."""
    lines = ["# Titel *fett* [x](http://a.de)", "``` Ende", "Preis $5.00 und $7.00"]
    answer = _ask(reader, "Lies den Text vor.", encoded(written(*lines)))
    opening, block = answer.split("text\n", 1)

    assert set(opening) == {"`"}
    assert opening not in block.removesuffix("\n" + opening)
    assert answer.endswith(opening)
    assert "# Titel *fett*" in block


def test_dollars_are_no_formula(reader: Running) -> None:
    """An amount in dollars is not taken for a formula."""
    answer = _ask(reader, "What is the total?", encoded(written("Coffee $4.50", "Total $4.50")))

    assert "**Total: 4.50 \\$**" in answer


def test_thanks(reader: Running) -> None:
    """Thanks are answered as such."""
    first = user("Was steht da?", sample("sign").path.read_bytes())

    assert _follow(reader, "Danke dir!", first) == "Gern geschehen!"

"""Languages: which one a question is in, and the sentences of each from `locales/*/reader.po`."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent

LANGUAGES = ("de", "en")
DEFAULT_LANGUAGE = "en"

COLOURS = {
    "black": "reader.colour.black",
    "white": "reader.colour.white",
    "grey": "reader.colour.grey",
    "beige": "reader.colour.beige",
    "brown": "reader.colour.brown",
    "red": "reader.colour.red",
    "orange": "reader.colour.orange",
    "yellow": "reader.colour.yellow",
    "green": "reader.colour.green",
    "turquoise": "reader.colour.turquoise",
    "blue": "reader.colour.blue",
    "purple": "reader.colour.purple",
    "pink": "reader.colour.pink",
}
SHARPNESS = {
    "sharp": "reader.sharpness.sharp",
    "soft": "reader.sharpness.soft",
    "blurry": "reader.sharpness.blurry",
    "flat": "reader.sharpness.flat",
}

_LOCALES = Path(__file__).parent.parent / "locales"
_ASKED_FOR = {
    "de": re.compile(r"\bauf deutsch\b|\bin german\b"),
    "en": re.compile(r"\bauf englisch\b|\bin english\b"),
}
_GERMAN = """
der die das den dem des ein eine einen einem einer was wie wo wer wann warum welche welcher welches
welchen wieviel viel viele ist sind hat haben kann kannst können steht stehen lies lesen siehst
sieht zeigt zeige gib nenne beschreibe bitte danke und oder nicht auf im am vom zum zur mit für von
aus hier bild bilder foto fotos text farbe farben summe betrag gesamtbetrag datum rechnung beleg
kassenbon schild mir mich ich du es sie alle alles hoch groß scharf kostet kosten geöffnet
öffnungszeiten gibt ja nein deutsch erkennst gesamt vor lautet heißt inhalt samstag sonntag montag
gesamtsumme endbetrag preis strichcode größe auflösung uhrzeit schärfe unscharf hochformat adresse
sprache telefonnummer wort wörter zeile zeilen als ausfüllen
"""
_ENGLISH = """
the a an what how where who when why which are was were has have can could does do did read says say
see show shows tell give describe please thanks thank and or not on at of in it this that these
those with for from here is picture pictures image images photo photos text color colors colour
colours total amount date sum bill receipt sign me my i you they all there many much big large
sharp blurry cost costs open opening hours yes no english written list contain contains code
saturday sunday monday price size resolution width height hours time address phone fill as
"""
_TELLING = {"de": frozenset(_GERMAN.split()), "en": frozenset(_ENGLISH.split())}


def language_of(texts: list[str], *, accepted: str = "") -> str:
    """The language to answer in: that of the newest text that tells, else `Accept-Language`.

    `texts` are what the person wrote, newest first. "auf Englisch", "in German" and the like win
    over the language they are said in.
    """
    for text in texts:
        folded = text.lower()
        for language, asked in _ASKED_FOR.items():
            if asked.search(folded):
                return language
        scores = {language: _score(folded, language) for language in LANGUAGES}
        best = max(scores, key=lambda language: scores[language])
        if sorted(scores.values())[-2] < scores[best]:
            return best
    return _accepted(accepted)


def _score(folded: str, language: str) -> int:
    words = re.findall(r"[^\W\d_]+", folded)
    known = sum(word in _TELLING[language] for word in words)
    return known + (language == "de" and any(letter in folded for letter in "äöüß"))


def _accepted(header: str) -> str:
    """The first language of an Accept-Language header that there is, by weight."""
    weighted: list[tuple[float, str]] = []
    for entry in header.split(",")[:20]:
        tag, _semicolon, weight = entry.strip().partition(";q=")
        try:
            weighted.append((-float(weight or 1), tag.strip().lower().split("-")[0]))
        except ValueError:
            continue
    known = [language for _weight, language in sorted(weighted, key=lambda pair: pair[0])]
    return next((language for language in known if language in LANGUAGES), DEFAULT_LANGUAGE)


@cache
def catalogue(language: str) -> dict[str, str]:
    """All sentences of a language by key."""
    path = _LOCALES / language / "LC_MESSAGES" / "reader.po"
    with path.open("rb") as file:
        messages = read_po(file, locale=language)
    return {str(message.id): str(message.string) for message in messages if message.id}


class Words:
    """The sentences and numbers of one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._sentences = catalogue(language)

    def __call__(self, key: str, **params: str | int) -> str:
        """The sentence with this key."""
        return self._sentences[key].format(**params)

    def decimal(self, value: float, pattern: str = "#,##0.0") -> str:
        """A number as the language writes it."""
        return str(format_decimal(value, pattern, locale=self.language))

    def percent(self, share: float) -> str:
        """A share from 0 to 1 in whole percent."""
        return str(format_percent(share, locale=self.language))

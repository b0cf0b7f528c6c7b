"""Which language a question is in."""

from __future__ import annotations

import re

from augenblick.core.language import choose_language

_ASKED_FOR = {
    "de": re.compile(r"\bauf deutsch\b|\bin german\b|\ben allemand\b"),
    "en": re.compile(r"\bauf englisch\b|\bin english\b|\ben anglais\b"),
    "fr": re.compile(r"\bauf französisch\b|\bin french\b|\ben français\b"),
}
_GERMAN = """
der die das den dem des ein eine einen einem einer was wie wo wer wann warum welche welcher welches
welchen wieviel viel viele ist sind hat haben kann kannst können steht stehen lies lesen siehst
sieht zeigt zeige gib nenne beschreibe bitte danke und oder nicht auf im am vom zum zur mit für von
aus in hier bild bilder foto fotos text farbe farben summe betrag gesamtbetrag datum rechnung beleg
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
_FRENCH = """
le la les un une des du de l d au aux à et ou où que qu quoi quel quelle quels quelles qui quand
comment combien pourquoi est sont ont peux peut pouvez voit vois voyez lis lire lisez donne donnez
montre montrez décris décrivez dis dites résume résumer recopie recopier traduis traduire merci
bonjour plaît il elle je moi mon ma mes vous votre ce cet cette ces c ça sur dans pour avec en pas
ne non oui image images photo photos texte couleur couleurs total montant somme date facture ticket
reçu panneau heure heures horaires ouvert ouverte fermé prix coûte coûtent code contient différence
net nette flou floue taille grand grande lundi mardi mercredi jeudi vendredi samedi dimanche jour
adresse numéro téléphone ligne lignes français
"""
_TELLING = {
    "de": frozenset(_GERMAN.split()),
    "en": frozenset(_ENGLISH.split()),
    "fr": frozenset(_FRENCH.split()),
}


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
        scores = {language: _score(folded, language) for language in _TELLING}
        best = max(scores, key=lambda language: scores[language])
        if sorted(scores.values())[-2] < scores[best]:
            return best
    return choose_language(accepted)


def _score(folded: str, language: str) -> int:
    words = re.findall(r"[^\W\d_]+", folded)
    known = sum(word in _TELLING[language] for word in words)
    return known + (language == "de" and any(letter in folded for letter in "äöüß"))

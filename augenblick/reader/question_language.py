"""Which language a question is in, and which of its words any question may have."""

from __future__ import annotations

import re

from augenblick.core.language import choose_language

_ASKED_FOR = {
    "de": re.compile(r"\bauf deutsch\b|\bin german\b|\ben allemand\b"),
    "en": re.compile(r"\bauf englisch\b|\bin english\b|\ben anglais\b"),
    "fr": re.compile(r"\bauf französisch\b|\bin french\b|\ben français\b"),
}
_ANY_QUESTION = {
    "de": """der die das den dem des ein eine einen einem einer was wie wo wer wann warum welche
        welcher welches welchen viel viele ist sind hat haben kann kannst können steht stehen
        siehst sieht zeigt bitte und oder nicht auf im am vom zum zur mit für von aus in hier
        bild bilder foto mir mich du es alle alles hoch groß kostet kosten geöffnet gibt ja
        lautet preis auch beim dein mein noch nummer offen sich über unter""",
    "en": """the a an what how where who when why which are was has have can could does do did
        read says say see show shows tell give please and or not on at of in it this that with
        for from here is picture image photo me my i you they all there many much cost costs open
        no price as close closed number your""",
    "fr": """le la les un une des du de l d au aux à et ou où que qu quoi quel quelle quels
        quelles qui quand comment combien pourquoi est sont ont peut pouvez voit lis lire donne
        montre merci plaît il elle je moi ma vous ce cet cette ces c ça sur dans pour avec en pas
        ne image photo ouvert fermé prix coûte coûtent numéro""",
}
_SUBJECTS = {
    "de": """wieviel lies lesen zeige gib nenne beschreibe danke fotos text farbe farben summe
        betrag gesamtbetrag datum rechnung beleg kassenbon schild ich sie scharf öffnungszeiten
        nein deutsch erkennst gesamt vor heißt inhalt samstag sonntag montag gesamtsumme
        endbetrag strichcode größe auflösung uhrzeit schärfe unscharf hochformat adresse sprache
        telefonnummer wort wörter zeile zeilen als ausfüllen""",
    "en": """were describe thanks thank these those pictures images photos text color colors
        colour colours total amount date sum bill receipt sign big large sharp blurry opening
        hours yes english written list contain contains code saturday sunday monday size
        resolution width height time address phone fill""",
    "fr": """peux vois voyez lisez donnez montrez décris décrivez dis dites résume résumer
        recopie recopier traduis traduire bonjour mon mes votre non oui images photos texte
        couleur couleurs total montant somme date facture ticket reçu panneau heure heures
        horaires ouverte code contient différence net nette flou floue taille grand grande lundi
        mardi mercredi jeudi vendredi samedi dimanche jour adresse téléphone ligne lignes
        français""",
}
_TELLING = {
    code: frozenset(f"{words} {_SUBJECTS[code]}".split()) for code, words in _ANY_QUESTION.items()
}
FILLERS = " ".join(_ANY_QUESTION.values())
"""The words of questions that say nothing of what is asked for, in all languages."""


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

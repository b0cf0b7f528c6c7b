"""What is asked: topics, told by the words of the question in German, English and French."""

from __future__ import annotations

import re
from enum import StrEnum


class Topic(StrEnum):
    """Something the reader can answer, or can say that it can't."""

    TOTAL = "total"
    PRICE = "price"  # of a thing that is named, else the total
    DATE = "date"
    HOURS = "hours"
    TEXT = "text"
    CODE = "code"
    COLOURS = "colours"
    SIZE = "size"
    SHARPNESS = "sharpness"
    OBJECTS = "objects"
    THANKS = "thanks"


NOT_IN_THE_TEXT = {Topic.CODE, Topic.COLOURS, Topic.SIZE, Topic.SHARPNESS}


_WORDS: dict[Topic, str] = {
    Topic.TOTAL: r"gesamt(?:betrag|summe|preis)|\bsumme|(?:end|rechnungs|zahl)betrag|\bbetrag|"
    r"\btotal|\bamount\b|\bsum\b|zu zahlen|bezahlt|\bpaid\b|to pay|"
    r"\bmontant|\bsomme\b|à payer",
    Topic.PRICE: r"kostet|kosten\b|\bpreis|wie ?viel (?:ist|macht|muss)|how much|\bcosts?\b|"
    r"\bprices?\b|co[uû]te|\bprix\b",
    Topic.DATE: r"\bdatum|\bdate\b|\bdated\b|\bwann\b|\bwhen\b|welche[rmn] tag|what day|which day|"
    r"\bquand\b|quel jour",
    Topic.HOURS: r"öffnungszeit|geöffnet|geschlossen|\boffen\b|\bauf\s*(?:haben|machen)\b|opening|"
    r"\bopens?\b|\bclosed?\b|\bhours\b|uhrzeit|what time|"
    r"horaire|\bouvert|\bouvre|\bferm(?:é\w*|e|ent|eture)\b|\bheures?\b",
    Topic.TEXT: r"\btext|vorlesen|transcri|transkri|abtippen|abschreib|wortlaut|\bocr\b|written|"
    r"aufschrift|übersetz|translate|recopi|tradui",
    Topic.CODE: r"\bqr\b|qr-|qrcode|bar ?code|strichcode|\bcodes?\b|\bean\b|\bscan",
    Topic.COLOURS: r"farb|\bcolou?r|\bcouleur",
    Topic.SIZE: r"wie groß|größe|groesse|pixel|auflösung|\bsize\b|resolution|dimension|abmessung|"
    r"hochformat|querformat|orientation|ausrichtung|portrait|landscape|how (?:big|large|wide|high)|"
    r"\bwie breit|\bwidth\b|\bheight\b|\btaille|résolution|\blargeur|\bhauteur|paysage",
    Topic.SHARPNESS: r"scharf|schärfe|verwackelt|verschwommen|\bsharp|blur|in focus|fokus|\bnette|"
    r"\bfloue?s?\b",
    Topic.OBJECTS: r"beschreib|describe|\bobje[ck]t|gegenst[aä]nd|person|people|mensch|gesicht|"
    r"\bfaces?\b|\btiere?\b|\banimals?\b|\bwer (?:ist|sind) (?:das|der|die|auf)\b|"
    r"\bwho(?:.s| is| are) (?:this|that|it|in|on)\b|wie viele|how many|szene|\bscene|"
    r"erkenn|recogni[sz]e|décri|\bobjet|visage|\banimaux\b|\bqui est\b|combien d|scène|reconna",
    Topic.THANKS: r"^\W*(?:vielen dank|danke|thanks|thank you|merci)\b[^?]*$",
}
_WEAK_TEXT = r"steht|stehen|\blies\b|\blesen\b|\bread\b|\bsays?\b|\blis\b|\blire\b|\blisez\b|écrit"
_WEAK_OBJECTS = (
    r"was (?:ist|sind) (?:das|dies|hier|da|auf|zu|im)\b|was (?:siehst|sieht|zeigt|erkennst)|"
    r"what(?:.s| is| are| do you see| can you see| does)? ?(?:this|that|it|in|on|shown|you see)\b|"
    r"what do you see|what can you see|wo (?:ist|wurde)|where (?:is|was)|"
    r"qu.est[- ]ce que|\bque (?:voi|voyez|montre)|c.est quoi|\boù (?:est|a)\b"
)
_NO_THING = re.compile(
    r"wie ?viele|how many|combien|\bwo\b|\bwhere\b|\boù\b|person|people|mensch|gesicht|\bfaces?\b|"
    r"\bvisages?\b|\bgens\b|\bwer\b|\bwho\b|(?<!ce )\bqui\b"
)
_ALL_PICTURES = re.compile(
    r"\b(?:alle[nr]?|jede[ms]?|all|each|every)\s(?:\w+\s){0,2}(?:bild|foto|beleg|picture|image|photo)|"
    r"\b(?:toutes|tous|chaque)\s(?:\w+\s){0,2}(?:image|photo|ticket)|"
    r"\bbeide[nrs]?\b|\bboth\b|\bles deux\b"
)
_NUMBER = re.compile(r"(?<![\w.,])[1-9](?![\w%€$]|[.,]\d)")
_ABOUT_NUMBERS = {Topic.CODE, Topic.TOTAL, Topic.PRICE, Topic.DATE, Topic.HOURS}


def topics_of(question: str) -> tuple[Topic, ...]:
    """What is asked, in the order of the question; empty if it can't be told."""
    folded = question.lower()
    places = {
        topic: match.start()
        for topic, words in _WORDS.items()
        if (match := re.search(words, folded))
    }
    if Topic.HOURS in places:
        places.pop(Topic.DATE, None)
    if Topic.TOTAL in places:
        places.pop(Topic.PRICE, None)
    if not _ABOUT_NUMBERS & places.keys() and (match := re.search(_WEAK_TEXT, folded)):
        places.setdefault(Topic.TEXT, match.start())
    if not places and (match := re.search(_WEAK_OBJECTS, folded)):
        places[Topic.OBJECTS] = match.start()
    return tuple(sorted(places, key=lambda topic: places[topic]))


def may_name_a_thing(question: str) -> bool:
    """Whether a thing in the picture can be the answer: not to how many, where and who."""
    return not _NO_THING.search(question.lower())


def named_numbers(question: str) -> set[int]:
    """The numbers from 1 to 9 that stand in the question by themselves."""
    return {int(digit) for digit in _NUMBER.findall(question)}


def is_about_all(question: str) -> bool:
    """Whether the question speaks of all pictures of the conversation."""
    return bool(_ALL_PICTURES.search(question.lower()))

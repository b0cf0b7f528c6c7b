"""What is asked: topics, told by the words of the question in German and English."""

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


_WORDS: dict[Topic, str] = {
    Topic.TOTAL: r"gesamt(?:betrag|summe|preis)|\bsumme|(?:end|rechnungs|zahl)betrag|\bbetrag|"
    r"\btotal|\bamount\b|\bsum\b|zu zahlen|bezahlt|\bpaid\b|to pay",
    Topic.PRICE: r"kostet|kosten\b|\bpreis|wie ?viel (?:ist|macht|muss)|how much|\bcosts?\b|"
    r"\bprices?\b",
    Topic.DATE: r"\bdatum|\bdate\b|\bdated\b|\bwann\b|\bwhen\b|welche[rmn] tag|what day|which day",
    Topic.HOURS: r"öffnungszeit|geöffnet|geschlossen|\boffen\b|\bauf\s*(?:haben|machen)\b|opening|"
    r"\bopens?\b|\bclosed?\b|\bhours\b|uhrzeit|what time",
    Topic.TEXT: r"\btext|vorlesen|transcri|transkri|abtippen|abschreib|wortlaut|\bocr\b|written|"
    r"aufschrift|übersetz|translate",
    Topic.CODE: r"\bqr\b|qr-|qrcode|bar ?code|strichcode|\bcodes?\b|\bean\b|\bscan",
    Topic.COLOURS: r"farb|\bcolou?r",
    Topic.SIZE: r"wie groß|größe|groesse|pixel|auflösung|\bsize\b|resolution|dimension|abmessung|"
    r"hochformat|querformat|orientation|ausrichtung|portrait|landscape|how (?:big|large|wide|high)|"
    r"\bwie breit|\bwidth\b|\bheight\b",
    Topic.SHARPNESS: r"scharf|schärfe|verwackelt|verschwommen|\bsharp|blur|in focus|fokus",
    Topic.OBJECTS: r"beschreib|describe|\bobje[ck]t|gegenst[aä]nd|person|people|mensch|gesicht|"
    r"\bfaces?\b|\btiere?\b|\banimals?\b|\bwer (?:ist|sind) (?:das|der|die|auf)\b|"
    r"\bwho(?:.s| is| are) (?:this|that|it|in|on)\b|wie viele|how many|szene|\bscene|"
    r"erkenn|recogni[sz]e",
    Topic.THANKS: r"^\W*(?:vielen dank|danke|thanks|thank you)\b[^?]*$",
}
_WEAK_TEXT = r"steht|stehen|\blies\b|\blesen\b|\bread\b|\bsays?\b"
_WEAK_OBJECTS = (
    r"was (?:ist|sind) (?:das|dies|hier|da|auf|zu|im)\b|was (?:siehst|sieht|zeigt|erkennst)|"
    r"what(?:.s| is| are| do you see| can you see| does)? ?(?:this|that|it|in|on|shown|you see)\b|"
    r"what do you see|what can you see|wo (?:ist|wurde)|where (?:is|was)"
)
_ALL_PICTURES = re.compile(
    r"\b(?:alle[nr]?|jede[ms]?|all|each|every)\s(?:\w+\s){0,2}(?:bild|foto|beleg|picture|image|photo)|"
    r"\bbeide[nrs]?\b|\bboth\b"
)
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


def is_about_all(question: str) -> bool:
    """Whether the question speaks of all pictures of the conversation."""
    return bool(_ALL_PICTURES.search(question.lower()))

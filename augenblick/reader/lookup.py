"""Finding the lines that are meant: by the words of a question or a field, or by a weekday."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from rapidfuzz.distance import Prefix

from augenblick.reader.question_language import FILLERS

_SHORT = 4  # letters; words that have no more must be equal


def stems(text: str) -> set[str]:
    """Words of at least three letters or digits without accents, in lower case."""
    plain = unicodedata.normalize("NFKD", text.lower().replace("ß", "ss"))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return set(re.findall(r"[^\W_]{3,}", plain))


def is_like(one: str, other: str) -> bool:
    """Whether two stems are one word in other forms: the shorter begins the longer, nearly."""
    longest = max(len(one), len(other))
    if longest <= _SHORT:
        return one == other
    return Prefix.similarity(one, other) >= max(_SHORT, longest - 3)


_FILLERS = stems(FILLERS) | {"man"}  # which tells no language
_DAYS = (
    ("montag", "monday", "mo", "mon", "lundi", "lun"),
    ("dienstag", "tuesday", "di", "tue", "tues", "mardi", "mar"),
    ("mittwoch", "wednesday", "mi", "wed", "mercredi", "mer"),
    ("donnerstag", "thursday", "do", "thu", "thur", "thurs", "jeudi", "jeu"),
    ("freitag", "friday", "fr", "fri", "vendredi", "ven"),
    ("samstag", "saturday", "sa", "sat", "sonnabend", "samedi", "sam"),
    ("sonntag", "sunday", "so", "sun", "dimanche", "dim"),
)
_DAY_NUMBER = {name: number for number, names in enumerate(_DAYS) for name in names}
_LONG_DAY = re.compile(
    r"\b(" + "|".join(name for names in _DAYS for name in names if len(name) > 4) + r")(?:s|en)?\b"  # noqa: PLR2004 - the short forms are words of their own in a question
)
_SHORT_DAY = r"\b(" + "|".join(sorted(_DAY_NUMBER, key=len, reverse=True)) + r")\b\.?"
_DAY_RANGE = re.compile(rf"{_SHORT_DAY}\s?(?:-|–|—|bis|to|until|à|au)\s?{_SHORT_DAY}")  # noqa: RUF001 - dashes of print
_DAY = re.compile(_SHORT_DAY)


def matching_lines(question: str, lines: Sequence[str]) -> list[str]:
    """The lines that share most content words with the question; none if no word is shared."""
    wanted = stems(question) - _FILLERS
    scored = [
        (sum(any(is_like(word, other) for other in stems(line)) for word in wanted), line)
        for line in lines
    ]
    best = max((score for score, _line in scored), default=0)
    return [line for score, line in scored if best and score == best]


def lines_for_day(question: str, lines: Sequence[str]) -> list[str]:
    """The lines about the weekday the question names, ranges such as Mo-Fr understood."""
    asked = {_DAY_NUMBER[name] for name in _LONG_DAY.findall(question.lower())}
    return [line for line in lines if asked & _days_of(line.lower())]


def _days_of(folded: str) -> set[int]:
    days: set[int] = set()
    for first, last in _DAY_RANGE.findall(folded):
        start, end = _DAY_NUMBER[first], _DAY_NUMBER[last]
        days |= {day % 7 for day in range(start, end + (1 if end >= start else 8))}
    return days | {_DAY_NUMBER[name] for name in _DAY.findall(folded)}

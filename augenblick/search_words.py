"""What counts as a word when people search, the same on every database.

Text and search are folded alike: case, accents and width don't count (Straße is found by strasse,
Müller by muller). Words are runs of letters and digits; everything else stands between them. So
the databases get plain words to keep in an index and know nothing of languages.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

MAX_WORDS = 16_000
"""So many words of one message can be found; PostgreSQL counts positions up to 16,383."""

MAX_WORD_LENGTH = 40
"""Longer words count as far as this."""

_MAX_CHARACTERS = 200_000  # in all words of a message: 800 KB, PostgreSQL takes one MB
_MAX_TERMS = 12
_MAX_SEARCH = 1_000  # characters; PostgreSQL gives up on a phrase of thousands of words
_LEAD, _EXCERPT = 60, 200  # characters before the first match, and in all

_WORD = re.compile(r"[^\W_]+")
_GAP = r"[\W_]+"
_QUOTES = '"„“”«»'
_TERM = re.compile(rf"[{_QUOTES}]([^{_QUOTES}]*)[{_QUOTES}]|([^\s{_QUOTES}]+)")


class _Folding(dict[int, str]):
    """For `str.translate`: a character without case and accents, worked out once."""

    def __missing__(self, code: int) -> str:
        plain = unicodedata.normalize("NFKD", chr(code)).casefold()
        self[code] = "".join(
            character
            for character in unicodedata.normalize("NFKD", plain)
            if not unicodedata.combining(character)
        )
        return self[code]


_FOLDING = _Folding()


@dataclass(frozen=True, slots=True)
class Term:
    """Words that stand one after the other; the last may go on where `is_prefix`."""

    words: tuple[str, ...]
    is_prefix: bool


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text in their order, folded, as far as they are kept."""
    kept: list[str] = []
    room = _MAX_CHARACTERS
    for found in _WORD.finditer(text.translate(_FOLDING)):
        word = found.group()[:MAX_WORD_LENGTH]
        room -= len(word)
        if room < 0 or len(kept) == MAX_WORDS:
            break
        kept.append(word)
    return tuple(kept)


def terms_of(search: str) -> tuple[Term, ...]:
    """What a person looks for: quoted text as a whole, everything else from its beginning.

    What holds together without spaces (22,24) is looked for as it stands. At most 12 terms in 1,000
    characters count.
    """
    terms: dict[Term, None] = {}
    for quoted, bare in _TERM.findall(search[:_MAX_SEARCH]):
        if words := words_of(quoted or bare):
            terms[Term(words, is_prefix=not quoted)] = None
    return tuple(terms)[:_MAX_TERMS]


def excerpt_of(text: str, terms: Sequence[Term]) -> tuple[str, ...]:
    """A piece of a text around the first match: even pieces plain, odd ones matched.

    The beginning of the text where nothing matches. White space is made single spaces.
    """
    spans = list(_matches(text, terms))
    start = max(0, spans[0][0] - _LEAD) if spans else 0
    if start:  # not in the middle of a word
        start = text.find(" ", start, spans[0][0]) + 1 or start
    end = min(len(text), max(start + _EXCERPT, spans[0][1] if spans else 0))
    pieces, position = [], start
    for left, right in spans:
        if right > end:
            break
        pieces += [text[position:left], text[left:right]]
        position = right
    pieces.append(text[position:end])
    pieces[0] = "…" * (start > 0) + pieces[0]
    pieces[-1] += "…" * (end < len(text))
    return tuple(re.sub(r"\s+", " ", piece) for piece in pieces)


def _matches(text: str, terms: Sequence[Term]) -> Iterator[tuple[int, int]]:
    """Where terms stand in a text, as positions in the text itself, up to an excerpt's length."""
    if not terms:
        return
    ends = list(accumulate(len(_FOLDING[ord(character)]) for character in text))
    pattern = "|".join(_pattern(term) for term in terms)
    first: int | None = None
    for found in re.finditer(pattern, text.translate(_FOLDING)):
        left, right = bisect_right(ends, found.start()), bisect_right(ends, found.end() - 1) + 1
        first = left if first is None else first
        if left > first + _EXCERPT:
            return
        yield left, right


def _pattern(term: Term) -> str:
    cut = r"[^\W_]*"
    words = [word + cut * (len(word) == MAX_WORD_LENGTH) for word in term.words]
    end = cut if term.is_prefix else r"(?![^\W_])"
    return rf"(?<![^\W_]){_GAP.join(words)}{end}"

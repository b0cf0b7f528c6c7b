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
from itertools import accumulate, islice

MAX_WORDS = 16_000
"""So many words of one message can be found; PostgreSQL counts positions up to 16,383."""

MAX_WORD_LENGTH = 40
"""Longer words count as far as this."""

_MAX_CHARACTERS = 200_000  # in all words of a message: 800 KB, PostgreSQL takes one MB
_MAX_TEXT = (
    1_000_000  # characters of a message; folding them takes 60 ms, in which nobody else runs
)
_MAX_TERMS = 12
_MAX_SEARCH = 1_000  # characters; PostgreSQL gives up on a phrase of thousands of words
_LEAD, _EXCERPT = 60, 200  # characters before the first match, and in all

_WORD = re.compile(rf"([^\W_]{{1,{MAX_WORD_LENGTH}}})[^\W_]*")
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
    return tuple(found[1] for found in _words_in(text[:_MAX_TEXT].translate(_FOLDING)))


def _words_in(folded: str) -> Iterator[re.Match[str]]:
    """The words of a folded text, as far as they are kept; of each the first group is."""
    room = _MAX_CHARACTERS
    for found in islice(_WORD.finditer(folded), MAX_WORDS):
        room -= len(found[1])
        if room < 0:
            return
        yield found


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
    text = text[:_MAX_TEXT]
    ends = list(accumulate(len(_FOLDING[ord(character)]) for character in text))
    found = list(_words_in(text.translate(_FOLDING)))
    words = [word[1] for word in found]
    first: int | None = None
    after = 0
    for at in range(len(words)):
        length = _matched(words, at, terms) if at >= after else 0
        if not length:
            continue
        after = at + length
        left = bisect_right(ends, found[at].start())
        right = bisect_right(ends, found[after - 1].end() - 1) + 1
        first = left if first is None else first
        if left > first + _EXCERPT:
            return
        yield left, right


def _matched(words: Sequence[str], at: int, terms: Sequence[Term]) -> int:
    """How many words from here on are a term, the first that fits; 0 for none."""
    for term in terms:
        *before, last = term.words
        end = at + len(before)
        if end >= len(words) or words[at:end] != before:
            continue
        if words[end] == last or (term.is_prefix and words[end].startswith(last)):
            return end + 1 - at
    return 0

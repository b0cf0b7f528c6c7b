"""Whether several answers to one question agree, and in which words and numbers they differ.

Two answers agree when they say the same words and numbers in the same order; case, spaces,
punctuation and the marks of Markdown don't count, and numbers count by their value: `1.234,50`,
`1,234.50` and `1234.5` are one. Where a single point or comma stands before three digits nobody can
know what it means; such a number equals only itself, written with either sign.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from rapidfuzz.distance import Indel

from augenblick.lab.written_numbers import readings_of

_TOKEN = re.compile(
    r"(?P<number>(?:(?<![^\s(\[{:=])[-+\u2212])?(?<![^\W_])\d+(?:[.,'\u2019\u00a0\u202f]\d+)*)"
    r"|(?P<word>[^\W_]+)|\s+|.",
    re.DOTALL,
)
_MINUS = re.compile("^[-\u2212]")
_NEUTRAL = set("`~|>#*_")  # symbols by Unicode, marks by Markdown
_PERCENT = set("%\u2030")  # punctuation by Unicode
# Pairs of words that all comparisons of one call may look at: 0.2 s and 50 MB. Beyond that, words
# are told apart only by whether the other answer has them at all.
_MOST_PAIRS: Final = 400_000_000
_MOST_APART: Final = 2 / 3  # of the words of an answer, to speak of differences at all


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an answer; joined, the pieces are the answer."""

    text: str
    differs: bool = False


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the answers have in common; one entry of `answers` for each, in their order."""

    count: int  # of answers
    agreeing: int  # of the largest group that says the same
    group: tuple[int, ...]  # the positions of its answers
    answers: tuple[tuple[Piece, ...], ...]

    @property
    def is_full(self) -> bool:
        """Whether all say the same."""
        return self.agreeing == self.count


def agreement(texts: Sequence[str]) -> Agreement:
    """Compare answers: each with the largest group, and that group with all others.

    Of groups of one size the one that comes first counts. Among more than two answers, one that has
    next to nothing in common with the group leaves no marks in it: all of it would be marked. Never
    raises; the time grows linearly with the length of the texts once they are long.
    """
    answers = [tuple(_words(text)) for text in texts]
    groups: dict[tuple[str, ...], list[int]] = {}
    for at, words in enumerate(answers):
        groups.setdefault(tuple(word.said for word in words), []).append(at)
    largest = max(groups, key=lambda said: len(groups[said]), default=())
    differing: dict[tuple[str, ...], set[int]] = {largest: set()}
    for other in groups.keys() - {largest}:
        ours, differing[other] = _apart(largest, other, most_pairs=_MOST_PAIRS // len(groups))
        if len(answers) == 2 or len(ours) < _MOST_APART * len(largest):  # noqa: PLR2004
            differing[largest] |= ours
    pieces: list[tuple[Piece, ...]] = [()] * len(texts)
    for said, group in groups.items():
        for at in group:
            marked = [answers[at][number] for number in sorted(differing[said])]
            pieces[at] = tuple(_cut(texts[at], marked))
    agreeing = tuple(groups.get(largest, ()))
    return Agreement(len(texts), len(agreeing), agreeing, tuple(pieces))


@dataclass(frozen=True, slots=True)
class _Word:
    """A word or number with its place in the text."""

    said: str
    start: int
    end: int


def _apart(
    one: tuple[str, ...], other: tuple[str, ...], *, most_pairs: int
) -> tuple[set[int], set[int]]:
    """Which words of two answers differ: all but a longest common subsequence."""
    if other < one:  # either way the same
        theirs, ours = _apart(other, one, most_pairs=most_pairs)
        return ours, theirs
    if len(one) * len(other) > most_pairs:
        known, other_known = set(one), set(other)
        return (
            {at for at, said in enumerate(one) if said not in other_known},
            {at for at, said in enumerate(other) if said not in known},
        )
    ours, theirs = set[int](), set[int]()
    for edit in Indel.opcodes(one, other):
        if edit.tag != "equal":
            ours.update(range(edit.src_start, edit.src_end))
            theirs.update(range(edit.dest_start, edit.dest_end))
    return ours, theirs


def _cut(text: str, marked: Iterable[_Word]) -> Iterator[Piece]:
    """The text in pieces; words that differ and stand beside each other are one."""
    spans: list[tuple[int, int]] = []
    for word in marked:
        if spans and set(text[spans[-1][1] : word.start]) <= {" "}:
            spans[-1] = (spans[-1][0], word.end)
        else:
            spans.append((word.start, word.end))
    at = 0
    for start, end in spans:
        if start > at:
            yield Piece(text[at:start])
        yield Piece(text[start:end], differs=True)
        at = end
    if at < len(text) or not text:
        yield Piece(text[at:])


def _words(text: str) -> Iterator[_Word]:
    for found in _TOKEN.finditer(text):
        token = found[0]
        if found["number"] is not None:
            said = _number(token)
        elif found["word"] is not None:
            said = unicodedata.normalize("NFKC", token).casefold()
        elif (
            unicodedata.category(token[0])[0] == "S" and token not in _NEUTRAL
        ) or token in _PERCENT:
            said = token  # of money, percent, degrees
        else:
            continue
        yield _Word(said, *found.span())


def _number(token: str) -> str:
    """A number by its value; what only looks like one (a date, an address) as it stands."""
    sign = "-" if _MINUS.match(token) else ""
    plain = "".join(map(_plain, token.lstrip("+-\u2212")))
    readings = [] if plain.isdecimal() else list(readings_of(plain))  # 007 is not 7
    return sign + ("?".join(map(_digits, readings)) or plain)


def _plain(sign: str) -> str:
    if sign in "\u2019\u00a0\u202f":
        return "'"  # signs that stand between thousands only
    return str(unicodedata.decimal(sign)) if sign.isdecimal() else sign


def _digits(number: Decimal) -> str:
    whole, _, fraction = f"{number:f}".partition(".")
    return f"{whole}.{fraction.rstrip('0')}".rstrip(".")

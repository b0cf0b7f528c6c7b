"""Whether several answers to one question agree, and in which words and numbers they differ.

Two answers agree when they say the same words and numbers in the same order; case, spaces,
punctuation and the marks of Markdown don't count, and numbers count by their value: `1.234,50`,
`1,234.50` and `1234.5` are one. Where a single point or comma stands before three digits nobody can
know what it means; such a number equals only itself, written with either sign.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Final

_TOKEN = re.compile(
    r"(?P<number>(?:(?<![^\s(\[{:=])[-+\u2212])?(?<![^\W_])\d+(?:[.,'\u2019\u00a0\u202f]\d+)*)"
    r"|(?P<word>[^\W_]+)|\s+|.",
    re.DOTALL,
)
_MINUS = re.compile("^[-\u2212]")
_NEUTRAL = set("`~|>#*_")  # symbols by Unicode, marks by Markdown
_PERCENT = set("%\u2030")  # punctuation by Unicode
_GROUP = 3  # digits between two signs of thousands
# Comparing costs at worst as many steps as pairs of equal words times words (difflib). Beyond this
# many, words are told apart only by whether the other answer has them at all.
_MOST_STEPS: Final = 4_000_000
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
    answers = [_Answer(text) for text in texts]
    groups: dict[tuple[str, ...], list[int]] = {}
    for at, answer in enumerate(answers):
        groups.setdefault(answer.said, []).append(at)
    largest = max(groups.values(), key=len, default=[])
    steps = _Steps(_MOST_STEPS)
    for others in groups.values():
        if others is not largest:
            leader, other = answers[largest[0]], answers[others[0]]
            ours, other.differing = _apart(leader, other, steps)
            if len(answers) == 2 or len(ours) < _MOST_APART * len(leader.words):  # noqa: PLR2004
                leader.differing |= ours
    for group in groups.values():
        for at in group[1:]:
            answers[at].take_marks_of(answers[group[0]])
    return Agreement(
        len(answers), len(largest), tuple(largest), tuple(tuple(each.pieces()) for each in answers)
    )


def differences(left: str, right: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Both texts in pieces, with what differs; the other way round it is the same."""
    found = agreement((left, right))
    return found.answers[0], found.answers[1]


@dataclass(slots=True)
class _Steps:
    """How much may still be spent on comparing."""

    left: int

    def take(self, count: int) -> bool:
        """Whether so many are left; then they are spent."""
        if count > self.left:
            return False
        self.left -= count
        return True


@dataclass(frozen=True, slots=True)
class _Word:
    """A word or number with its place in the text."""

    said: str
    start: int
    end: int


@dataclass(slots=True)
class _Answer:
    """A text, its words, and which of them differ."""

    text: str
    words: list[_Word] = field(init=False)
    lines: list[range] = field(init=False)  # the words of each line that has some
    differing: set[int] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self.words = []
        self.lines = []
        start = 0
        for line in self.text.splitlines(keepends=True):
            first = len(self.words)
            self.words += _words(line, start)
            start += len(line)
            if len(self.words) > first:
                self.lines.append(range(first, len(self.words)))

    @property
    def said(self) -> tuple[str, ...]:
        """The words and numbers as they are compared."""
        return tuple(word.said for word in self.words)

    def line(self, number: int) -> tuple[str, ...]:
        """What a line says."""
        return tuple(self.words[at].said for at in self.lines[number])

    def words_of(self, lines: range) -> range:
        """The words of some lines that follow each other."""
        return range(self.lines[lines[0]][0], self.lines[lines[-1]][-1] + 1) if lines else range(0)

    def take_marks_of(self, other: _Answer) -> None:
        """Differ where an answer differs that says the same."""
        self.differing = set(other.differing)

    def pieces(self) -> Iterator[Piece]:
        """The text in pieces; words that differ and stand beside each other are one."""
        at = 0
        for start, end in self._spans():
            if start > at:
                yield Piece(self.text[at:start])
            yield Piece(self.text[start:end], differs=True)
            at = end
        if at < len(self.text) or not self.text:
            yield Piece(self.text[at:])

    def _spans(self) -> list[tuple[int, int]]:
        spans: list[tuple[int, int]] = []
        for number in sorted(self.differing):
            word = self.words[number]
            if spans and set(self.text[spans[-1][1] : word.start]) <= {" "}:
                spans[-1] = (spans[-1][0], word.end)
            else:
                spans.append((word.start, word.end))
        return spans


def _apart(one: _Answer, other: _Answer, steps: _Steps) -> tuple[set[int], set[int]]:
    """Which words of two answers differ, found line by line and then word by word."""
    if other.said < one.said:  # either way the same
        theirs, ours = _apart(other, one, steps)
        return ours, theirs
    lines = [one.line(at) for at in range(len(one.lines))]
    other_lines = [other.line(at) for at in range(len(other.lines))]
    found = _unmatched(lines, other_lines, steps)
    ours, theirs = set[int](), set[int]()
    for left, right in found or [(range(len(lines)), range(len(other_lines)))]:
        here, there = _words_apart(one, one.words_of(left), other, other.words_of(right), steps)
        ours |= here
        theirs |= there
    return ours, theirs


def _words_apart(
    one: _Answer, left: range, other: _Answer, right: range, steps: _Steps
) -> tuple[set[int], set[int]]:
    words = [one.words[at].said for at in left]
    other_words = [other.words[at].said for at in right]
    found = _unmatched(words, other_words, steps)
    if found is None:
        known, other_known = set(words), set(other_words)
        return (
            {at for at in left if one.words[at].said not in other_known},
            {at for at in right if other.words[at].said not in known},
        )
    return (
        {left[at] for here, _ in found for at in here},
        {right[at] for _, there in found for at in there},
    )


def _unmatched(
    left: Sequence[Hashable], right: Sequence[Hashable], steps: _Steps
) -> list[tuple[range, range]] | None:
    """Where two sequences differ; None where finding out would cost too much."""
    start = 0
    shorter = min(len(left), len(right))
    while start < shorter and left[start] == right[start]:
        start += 1
    end = 0
    while end < shorter - start and left[-1 - end] == right[-1 - end]:
        end += 1
    ours, theirs = left[start : len(left) - end], right[start : len(right) - end]
    counts, others = Counter(ours), Counter(theirs)
    pairs = sum(count * others[key] for key, count in counts.items())
    if not steps.take((pairs + len(ours)) * min(len(ours), len(theirs))):
        return None
    matcher = SequenceMatcher(None, ours, theirs, autojunk=False)
    return [
        (range(start + i1, start + i2), range(start + j1, start + j2))
        for tag, i1, i2, j1, j2 in matcher.get_opcodes()
        if tag != "equal"
    ]


def _words(line: str, start: int) -> Iterator[_Word]:
    for found in _TOKEN.finditer(line):
        token = found[0]
        if found["number"] is not None:
            said = _number(token)
        elif found["word"] is not None:
            said = unicodedata.normalize("NFKC", token).casefold()
        elif _counts(token):
            said = token
        else:
            continue
        yield _Word(said, start + found.start(), start + found.end())


def _counts(sign: str) -> bool:
    """Whether a sign says something: of money, percent, degrees, but not of punctuation."""
    is_symbol = unicodedata.category(sign[0])[0] == "S" or sign in _PERCENT
    return is_symbol and sign not in _NEUTRAL


def _number(token: str) -> str:
    """A number by its value; what only looks like one (a date, an address) as it stands."""
    sign = "-" if _MINUS.match(token) else ""
    plain = "".join(_digit(each) for each in token.lstrip("+-\u2212"))
    parts = re.split(r"[.,']", plain)
    marks = re.sub(r"\d", "", plain)
    if not marks:
        return sign + plain
    *groups, last = parts
    is_one_kind = len(set(marks)) == 1
    if len(marks) == 1 and marks != "'":
        if len(last) == _GROUP and len(groups[0]) <= _GROUP and groups[0] != "0":
            return f"{sign}{groups[0]}?{last}"
        return sign + _decimal(groups[0], last)
    if is_one_kind and _are_groups(parts):
        return sign + "".join(parts)
    if len(set(marks[:-1])) == 1 and marks[-1] not in marks[:-1] and _are_groups(groups):
        return sign + _decimal("".join(groups), last)
    return sign + plain


def _digit(sign: str) -> str:
    if sign in "\u2019\u00a0\u202f":
        return "'"  # signs that stand between thousands only
    return str(unicodedata.decimal(sign)) if sign.isdecimal() else sign


def _are_groups(parts: Sequence[str]) -> bool:
    return len(parts[0]) <= _GROUP and all(len(part) == _GROUP for part in parts[1:])


def _decimal(whole: str, fraction: str) -> str:
    return f"{whole}.{fraction}".rstrip("0").rstrip(".")

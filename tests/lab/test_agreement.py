"""Whether answers agree, and where they differ."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from augenblick.lab.agreement import Piece, agreement

THE_SAME = [
    ("1.234,50", "1,234.50"),
    ("1.234,50", "1234.5"),
    ("1'234.50", "1234,5"),
    ("1\u00a0234,50", "1.234,50"),
    ("1.234.567", "1,234,567"),
    ("0,5", "0.50"),
    ("\u22125 °C", "-5 °C"),
    ("It is  **red**.", "it is red"),
    ("- a\n- b", "* A\n* B\n"),
    ("# Title\n\nText", "Title: text"),
    ("5 %", "5%"),
    ("(12) ...", "12"),
    ("\uff11\uff12", "12"),
    ("STRASSE", "straße"),
    ("1.234 €", "1,234 €"),
    ("", " \n"),
]
NOT_THE_SAME = [
    ("1.234,50", "1.234,60", "1.234,50", "1.234,60"),
    ("The sum is 12 €", "The sum is 12 $", "€", "$"),
    ("no 5 here", "no -5 here", "5", "-5"),
    ("a 1.234 b", "a 1234 b", "1.234", "1234"),
    ("on 12.03.2024", "on 13.03.2024", "12.03.2024", "13.03.2024"),
    ("code 007", "code 7", "007", "7"),
    ("3-5 days", "3-6 days", "5", "6"),
    ("It is red", "It is not red", "", "not"),
    ("5 %", "5 ‰", "%", "‰"),
]


def differences(left: str, right: str) -> tuple[tuple[Piece, ...], ...]:
    """Both texts in pieces."""
    return agreement([left, right]).answers


def _marked(pieces: tuple[Piece, ...]) -> str:
    return "|".join(piece.text for piece in pieces if piece.differs)


@pytest.mark.parametrize(("left", "right"), THE_SAME)
def test_what_says_the_same_agrees(left: str, right: str) -> None:
    """However it is written, and nothing is marked in it."""
    found = agreement([left, right])

    assert found.is_full
    assert [_marked(pieces) for pieces in found.answers] == ["", ""]


@pytest.mark.parametrize(("left", "right", "here", "there"), NOT_THE_SAME)
def test_what_differs_is_marked(left: str, right: str, here: str, there: str) -> None:
    """The word or number and nothing else, in both."""
    found = agreement([left, right])

    assert (found.agreeing, found.count) == (1, 2)
    assert [_marked(pieces) for pieces in found.answers] == [here, there]


def test_the_largest_group_counts() -> None:
    """Two of four agree, although another answer came first; each says where it differs."""
    found = agreement(["It says 41.", "It says 42.", "it says **42**", "It said 42"])

    assert (found.agreeing, found.count, found.group) == (2, 4, (1, 2))
    assert [_marked(pieces) for pieces in found.answers] == ["41", "says 42", "says|42", "said"]


def test_an_answer_that_is_quite_different_does_not_mark_all_others() -> None:
    """It is marked itself."""
    found = agreement(["The sign says stop.", "The sign says stop!", "I can't see a picture."])

    assert [_marked(pieces) for pieces in found.answers[:2]] == ["", ""]
    assert found.agreeing == 2
    assert _marked(found.answers[2])


def test_lines_are_compared_before_words() -> None:
    """A line that was put in between moves nothing else."""
    left = "The first line.\nThe second line.\nThe third line."
    right = "The first line.\nSomething new here.\nThe second line.\nThe third line."

    assert [_marked(each) for each in differences(left, right)] == ["", "Something new here"]


@pytest.mark.parametrize("count", [20_000, 40_000])
@pytest.mark.parametrize("between", [" ", "\n", " and "])
def test_long_answers_are_compared_in_bounded_work(between: str, count: int) -> None:
    """Random words, as many as are compared and more: what the other has nowhere is marked."""
    source = random.Random(7)
    left = [f"w{source.randrange(500)}" for _ in range(count)]
    right = [f"w{source.randrange(500)}" for _ in range(count)]
    left[11], right[17_001] = "onlyhere", "onlythere"

    first, second = differences(between.join(left), between.join(right))

    assert any(piece.differs and "onlyhere" in piece.text for piece in first)
    assert any(piece.differs and "onlythere" in piece.text for piece in second)


def test_two_changed_words_in_a_long_text_are_found() -> None:
    """Exactly those, wherever they stand."""
    words = [f"w{number % 700}" for number in range(20_000)]
    other = list(words)
    other[500], other[19_000] = "foo", "bar"

    assert _marked(differences(" ".join(words), " ".join(other))[1]) == "foo|bar"


TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.sampled_from(["a", "b", "c", "1", "1.234,50", "1,234.5", "-3", "€", "\n", "**", ". "]),
        max_size=25,
    ).map(" ".join),
)


@given(st.lists(TEXTS, max_size=6))
def test_pieces_joined_are_the_answer(texts: list[str]) -> None:
    """Whatever is compared, nothing raises and nothing of an answer is lost or added."""
    found = agreement(texts)

    assert ["".join(piece.text for piece in pieces) for pieces in found.answers] == texts
    assert found.count == len(texts)
    assert found.agreeing == len(found.group)
    for at, pieces in enumerate(found.answers):
        if found.is_full:
            assert not _marked(pieces)
        elif at not in found.group and found.count == 2:
            assert any(_marked(each) for each in found.answers)


@given(TEXTS, TEXTS)
def test_it_does_not_matter_which_comes_first(left: str, right: str) -> None:
    """The same words are marked, and who agrees agrees."""
    assert differences(left, right) == differences(right, left)[::-1]
    assert agreement([left, right]).is_full == agreement([right, left]).is_full


@given(TEXTS)
def test_an_answer_agrees_with_itself(text: str) -> None:
    """Also in other letters and with more space."""
    assert agreement([text, text, f"  {text}\n"]).is_full

"""What an answer costs to send, counted in characters on a clock of the test's own."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import pytest

from augenblick.ui.chat.streamed_blocks import Blocks
from augenblick.ui.frame_rate import FRAME_SECONDS, frame_seconds, next_frame_at
from bench.replay import answer_tokens

_DRAWING_SECONDS = 0.002


def _sent(tokens: Sequence[str], rate: int) -> tuple[int, int]:
    """Frames and characters that reach a page: the open block in each frame and when it closes."""
    blocks, clock, taken = Blocks(), 0.0, 0
    frames = characters = open_characters = 0
    while taken < len(tokens):
        clock += frame_seconds(blocks.open_characters, drawing_seconds=_DRAWING_SECONDS)
        until = min(len(tokens), int(clock * rate))
        parts = list(blocks.feed("".join(tokens[taken:until])))
        taken = until
        frames += bool(parts)
        for part in parts:
            if isinstance(part, str):
                open_characters += len(part)
            characters += open_characters
            if not isinstance(part, str):
                open_characters = 0
    return frames, characters


@pytest.mark.parametrize(("rate", "most_times"), [(100, 8), (500, 4)])
def test_a_long_answer_costs_a_small_multiple_of_its_text(rate: int, most_times: int) -> None:
    """8000 tokens: a frame at most every 40 ms; the tutorial's way sends the text 4000 times."""
    tokens = answer_tokens(8000)

    frames, characters = _sent(tokens, rate)

    assert frames <= 8000 / rate / FRAME_SECONDS + 1
    assert characters <= most_times * len("".join(tokens))


def test_what_is_sent_grows_as_the_answer_does() -> None:
    """Four times the tokens are about four times the characters, not sixteen times."""
    _, short = _sent(answer_tokens(2000), 100)
    _, long = _sent(answer_tokens(8000), 100)

    assert long <= 4.3 * short


@pytest.mark.parametrize("rate", [100, 500])
@pytest.mark.parametrize(
    "line", ["    total += price  # and so on\n", "| bread | 2.40 | 1 |\n", "- one more point\n"]
)
def test_one_huge_block_costs_no_more_a_second_than_a_small_one(line: str, rate: int) -> None:
    """Code, table or list of 8000 tokens: the frames get rarer as the block grows."""
    head = {"|": "| a | b | c |\n|---|---|---|\n", "-": ""}.get(line[0], "```python\n")
    tokens = [head, *(8000 // 5 * [*_fifths(line)])]

    _, characters = _sent(tokens, rate)

    assert characters <= 55_000 * len(tokens) / rate


def _fifths(line: str) -> list[str]:
    size = -(-len(line) // 5)
    return [line[at : at + size] for at in range(0, len(line), size)]


def test_a_busy_server_draws_more_rarely() -> None:
    """Where handing over a frame takes long, most of the time is left to others."""
    assert frame_seconds(100, drawing_seconds=0.002) == FRAME_SECONDS
    assert frame_seconds(100, drawing_seconds=0.05) == pytest.approx(0.2)
    assert frame_seconds(100, drawing_seconds=9.0) == pytest.approx(0.25)
    assert frame_seconds(10**9, drawing_seconds=0.0) == pytest.approx(2.0)


def _frames(page_opened_at: float, *, late: float = 0.0, seconds: float = 60.0) -> list[float]:
    """When small frames come that each begin a little `late`, and are drawn in no time."""
    found = [100.0]
    while found[-1] < 100.0 + seconds:
        due_at = next_frame_at(
            found[-1] + late, FRAME_SECONDS, beat="reply", page_opened_at=page_opened_at
        )
        found.append(due_at)
    return found


def test_answers_side_by_side_are_drawn_together() -> None:
    """Whenever each began, so that the browser has the time between two beats for itself."""
    first, second = _frames(-math.inf, late=0.004), _frames(-math.inf, late=0.031)

    beats = {round(at, 6) for at in first}  # of the two one may begin, or end, a beat later
    assert {round(at, 6) for at in second[2:-1]} <= beats
    assert len(first) == pytest.approx(60 / FRAME_SECONDS, abs=2)


def test_a_page_that_is_loading_is_left_alone_for_a_second_at_a_time() -> None:
    """A phone draws its buttons only then; somebody who reads on later sees every frame."""
    gaps = [later - earlier for earlier, later in itertools.pairwise(_frames(100.0))]

    assert min(gaps[1:5]) == pytest.approx(1.0)
    assert sum(gap > 0.9 for gap in gaps) == pytest.approx(5 + 55 / 5, abs=2)
    assert max(later - earlier for earlier, later in itertools.pairwise(_frames(0.0))) < 0.06

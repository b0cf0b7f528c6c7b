"""What the next request will take: learned from figures, within what is said here."""

from __future__ import annotations

import random
from dataclasses import replace
from statistics import median

import pytest

from augenblick.core.messages import (
    Attachment,
    Detail,
    ImagePart,
    Message,
    Provenance,
    Role,
    TextPart,
    Timings,
    ToolCall,
    Usage,
)
from augenblick.core.providers import Price
from augenblick.core.settings import RequestSettings
from augenblick.lab.estimates import (
    counted_factor,
    estimate_prompt,
    estimate_request,
    tokens_per_second,
)
from augenblick.store.store_values import Figures

SETTINGS = RequestSettings("gpt-4o")


def question(words: str, *pictures: ImagePart) -> Message:
    """A user's message."""
    return Message(Role.USER, (*pictures, TextPart(words)))


def picture(side_px: int = 1024) -> ImagePart:
    """A picture of 765 tokens to gpt-4o."""
    receipt = Provenance("a.jpg", "JPEG", 9, side_px, side_px)
    return ImagePart(Attachment("a", "image/jpeg", side_px, side_px, 9, receipt), Detail.HIGH)


def figures(prompt: int, completion: int, first: float | None, total: float | None) -> Figures:
    """What an earlier answer took."""
    return Figures(Usage(prompt, completion, prompt + completion), Timings(0.1, first, total))


def test_what_goes_in_is_words_and_pictures() -> None:
    """Earlier turns, the system message, calls and functions count as well."""
    talk = [
        question("x" * 400, picture()),
        Message(Role.ASSISTANT, (TextPart("y" * 80),), tool_calls=(ToolCall("1", "zoom", "{}"),)),
    ]
    system = replace(SETTINGS, system="z" * 40)
    tools = replace(SETTINGS, tools=({"type": "function"},))

    assert estimate_prompt(talk, SETTINGS) == 4 + 100 + 765 + 4 + 20 + 2
    assert estimate_prompt(talk, system) == estimate_prompt(talk, SETTINGS) + 4 + 10
    assert estimate_prompt(talk, tools) > estimate_prompt(talk, SETTINGS)
    assert estimate_prompt([], SETTINGS) == 0


def test_without_figures_only_what_goes_in_is_said() -> None:
    """No number is made up."""
    estimate = estimate_request([question("Hallo")], SETTINGS, price=Price(1, 2))

    assert estimate.prompt_tokens > 0
    assert (estimate.seconds, estimate.cost, estimate.completion_tokens) == (None, None, None)


def test_cost_is_what_goes_in_and_the_usual_answer() -> None:
    """By the price for a million; several answers cost several."""
    seen = [figures(1000, 200, 1.0, 3.0), figures(1000, 400, 1.0, 5.0), figures(9, 9000, 1, 90)]
    price = Price(2.0, 10.0, "EUR")
    messages = [question("x" * 3984)]  # 1000 tokens

    one = estimate_request(messages, SETTINGS, figures=seen, price=price)
    three = estimate_request(messages, replace(SETTINGS, n=3), figures=seen, price=price)
    short = estimate_request(messages, replace(SETTINGS, max_tokens=50), figures=seen, price=price)

    assert (one.prompt_tokens, one.completion_tokens) == (1000, 400)
    assert one.cost == pytest.approx(0.002 + 0.004)
    assert one.currency == "EUR"
    assert three.cost == pytest.approx(0.002 + 0.012)
    assert short.completion_tokens == 50
    assert short.seconds is not None
    assert one.seconds is not None
    assert short.seconds < one.seconds


def test_what_the_endpoint_counted_corrects_the_next_estimate() -> None:
    """By the factor that the last one was off, within what can be believed."""
    messages = [question("x" * 3984)]

    assert counted_factor(1000, 1300) == 1.3
    assert estimate_request(messages, SETTINGS, factor=1.3).prompt_tokens == 1300
    assert counted_factor(1000, None) == counted_factor(0, 7) == 1.0
    assert counted_factor(10, 10_000) == 4.0
    assert counted_factor(10_000, 10) == 0.25


@pytest.mark.parametrize("seed", range(5))
def test_time_is_learned_with_a_small_median_error(seed: int) -> None:
    """An endpoint with a first token that grows with the prompt, noise, and wild values."""
    rng = random.Random(seed)

    def answer(prompt: int) -> Figures:
        completion = round(rng.gauss(200, 10))
        first = (0.4 + prompt / 2000) * rng.uniform(0.9, 1.1)
        total = first + completion / rng.uniform(36, 44)
        return figures(prompt, completion, first, total)

    seen = [answer(rng.randint(500, 6000)) for _ in range(30)]
    for place in rng.sample(range(30), 6):  # a fifth of them waited for something else
        seen[place] = figures(1000, 200, 60.0, 65.0)
    errors = []
    for _ in range(40):
        prompt = rng.randint(500, 6000)
        real = answer(prompt).timings.total_seconds
        estimate = estimate_request([question("x" * (4 * prompt - 16))], SETTINGS, figures=seen)
        assert estimate.seconds is not None
        assert real is not None
        errors.append(abs(estimate.seconds - real) / real)

    assert median(errors) < 0.12


def test_few_or_equal_figures_are_taken_as_they_are() -> None:
    """No line is laid through what has no spread, and none that falls."""
    few = [figures(100, 10, 1.0, 2.0), figures(9000, 10, 5.0, 6.0)]
    falling = [figures(100 * n, 10, 10.0 - n, 11.0 - n) for n in range(1, 8)]
    long = [question("x" * 400_000)]

    for seen in (few, falling):
        estimate = estimate_request(long, SETTINGS, figures=seen)
        assert estimate.seconds is not None
        assert 0 < estimate.seconds < 12


def test_an_answer_in_one_piece_counts_as_a_whole() -> None:
    """Without a first token the usual total is what can be said."""
    seen = [figures(100, 10, None, seconds) for seconds in (2.0, 3.0, 9.0)]

    assert estimate_request([], SETTINGS, figures=seen).seconds == 3.0
    assert tokens_per_second(seen[0]) is None


def test_speed_is_what_was_written_after_the_first_token() -> None:
    """Waiting for the first one is no writing."""
    assert tokens_per_second(figures(1, 100, 1.0, 6.0)) == 20
    assert tokens_per_second(figures(1, 100, 6.0, 6.0)) is None
    assert tokens_per_second(Figures(Usage(), Timings(0, 1.0, 2.0))) is None

"""About what the next request will take, said before it is sent; learned from earlier answers.

Nothing here asks anybody: figures and prices come from the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

from augenblick.core.messages import ImagePart, Message, TextPart
from augenblick.core.providers import Price
from augenblick.core.settings import RequestSettings
from augenblick.pictures.token_costs import estimate_pictures, estimate_text
from augenblick.store.store_values import Figures

_MESSAGE_TOKENS = 4  # role and separators
_FEWEST_FOR_A_SLOPE = 5  # points, below which a line through them says nothing
_LEAST_SPREAD = 1.5  # the longest prompt, in shortest ones
_LEAST_FACTOR, _MOST_FACTOR = 0.25, 4.0
_UNKNOWN_PICTURE_TOKENS = 1000  # of a family without a published rule, at the usual size


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a request is likely to take; None where nothing is known to say it by."""

    prompt_tokens: int
    completion_tokens: int | None = None
    seconds: float | None = None
    cost: float | None = None
    currency: str = ""


def estimate_prompt(messages: Iterable[Message], settings: RequestSettings) -> int:
    """Roughly how many tokens go in: words, and pictures by the rule of the model's family."""
    tokens = 0
    if settings.system:
        tokens += _MESSAGE_TOKENS + estimate_text(settings.system)
    for message in messages:
        tokens += _MESSAGE_TOKENS
        tokens += sum(
            estimate_text(part.text) for part in message.parts if isinstance(part, TextPart)
        )
        tokens += sum(estimate_text(call.name + call.arguments) for call in message.tool_calls)
        tokens += _pictures(message, settings.model)
    for tool in settings.tools:
        tokens += estimate_text(str(dict(tool)))
    return tokens


def counted_factor(estimated_tokens: int, counted_tokens: int | None) -> float:
    """How far off an estimate was, once the endpoint has counted; within what can be believed."""
    if not counted_tokens or not estimated_tokens:
        return 1.0
    return min(max(counted_tokens / estimated_tokens, _LEAST_FACTOR), _MOST_FACTOR)


def estimate_request(
    messages: Iterable[Message],
    settings: RequestSettings,
    *,
    figures: Sequence[Figures] = (),
    price: Price | None = None,
    factor: float = 1.0,
) -> Estimate:
    """About what a request takes, by what earlier ones at that endpoint and model took.

    The answer is taken to be as long as the median of theirs, within `max_tokens`, `n` times;
    `factor` is the `counted_factor` of the request before.
    """
    prompt_tokens = round(factor * estimate_prompt(messages, settings))
    one_answer = _answer_tokens(figures, settings)
    if one_answer is None:
        return Estimate(prompt_tokens)
    written = one_answer * (settings.n or 1)
    return Estimate(
        prompt_tokens,
        round(written),
        _seconds(figures, prompt_tokens, one_answer),
        price.cost(prompt_tokens, written) if price is not None else None,
        price.currency if price is not None else "",
    )


def tokens_per_second(figures: Figures) -> float | None:
    """How fast the answer was written once it had begun; None where that can't be said."""
    tokens, timings = figures.usage.completion_tokens, figures.timings
    if not tokens or timings.total_seconds is None or timings.first_token_seconds is None:
        return None
    took = timings.total_seconds - timings.first_token_seconds
    return tokens / took if took > 0 else None


def _pictures(message: Message, model: str) -> int:
    sizes = [
        (part.attachment.width_px, part.attachment.height_px, part.detail)
        for part in message.parts
        if isinstance(part, ImagePart)
    ]
    if not sizes:
        return 0
    known = estimate_pictures(model, sizes)
    return known.tokens if known is not None else _UNKNOWN_PICTURE_TOKENS * len(sizes)


def _answer_tokens(figures: Sequence[Figures], settings: RequestSettings) -> float | None:
    counts = [each.usage.completion_tokens for each in figures if each.usage.completion_tokens]
    if not counts:
        return None
    usual = float(median(counts))
    return min(usual, settings.max_tokens) if settings.max_tokens else usual


def _seconds(figures: Sequence[Figures], prompt_tokens: int, tokens: float) -> float | None:
    """First token, which grows with the prompt, and then the writing."""
    first = _first_token_seconds(figures, prompt_tokens)
    speeds = [speed for each in figures if (speed := tokens_per_second(each)) is not None]
    if first is not None and speeds:
        return first + tokens / median(speeds)
    totals = [
        each.timings.total_seconds for each in figures if each.timings.total_seconds is not None
    ]
    return median(totals) if totals else None


def _first_token_seconds(figures: Sequence[Figures], prompt_tokens: int) -> float | None:
    """By a line through what was measured: the median of all slopes (Theil and Sen).

    That stands a third of wild values; a line of least squares stands none.
    """
    points = [
        (each.usage.prompt_tokens, each.timings.first_token_seconds)
        for each in figures
        if each.usage.prompt_tokens and each.timings.first_token_seconds is not None
    ]
    if not points:
        return None
    prompts = [tokens for tokens, _ in points]
    if len(points) < _FEWEST_FOR_A_SLOPE or max(prompts) < _LEAST_SPREAD * min(prompts):
        return median(seconds for _, seconds in points)
    slope = max(0.0, median(
        (later - earlier) / (more - less)
        for (less, earlier), (more, later) in combinations(points, 2)
        if more != less
    ))  # fmt: skip
    start = max(0.0, median(seconds - slope * tokens for tokens, seconds in points))
    return start + slope * prompt_tokens

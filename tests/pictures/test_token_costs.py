"""Tokens of pictures, against the examples that the vendors publish."""

from __future__ import annotations

import pytest

from augenblick.core.messages import Detail
from augenblick.pictures.token_costs import estimate_pictures, estimate_text

HIGH, LOW, AUTO = Detail.HIGH, Detail.LOW, Detail.AUTO


@pytest.mark.parametrize(
    ("model", "width_px", "height_px", "detail", "tokens"),
    [
        # https://platform.openai.com/docs/guides/images-vision, "Calculating costs"
        ("gpt-4o", 1024, 1024, HIGH, 765),
        ("gpt-4o", 2048, 4096, HIGH, 1105),
        ("gpt-4o", 4096, 8192, LOW, 85),
        ("gpt-4.1", 1800, 2400, HIGH, 765),
        ("gpt-4.1", 1800, 2400, AUTO, 765),
        ("gpt-4o-mini", 4096, 8192, LOW, 2833),
        ("gpt-4o-mini", 1024, 1024, HIGH, 2833 + 4 * 5667),
        ("gpt-4.1-mini", 1024, 1024, HIGH, 1659),  # 1024 patches times 1.62
        ("gpt-4.1-mini", 1800, 2400, HIGH, 2353),  # 1452 patches times 1.62
        ("gpt-4.1-nano", 1024, 1024, HIGH, 2520),
        ("o4-mini", 1024, 1024, HIGH, 1762),
        ("gpt-5", 1024, 1024, HIGH, 70 + 4 * 140),
        ("gpt-5-2025-08-07", 1024, 1024, LOW, 70),
        ("o3", 1024, 1024, HIGH, 75 + 4 * 150),
        # bills that users of the API published, all 1.2 for each patch
        ("gpt-5-mini", 256, 256, HIGH, 77),
        ("gpt-5-mini", 512, 512, HIGH, 308),
        ("gpt-5-mini", 1280, 720, HIGH, 1104),
        ("gpt-5-mini", 2048, 768, HIGH, 1844),
        # https://ai.google.dev/gemini-api/docs/image-understanding, "Token calculation"
        ("gemini-2.5-flash", 384, 384, AUTO, 258),
        ("gemini-2.5-flash", 960, 540, AUTO, 6 * 258),
        ("models/gemini-3-pro-preview", 960, 540, AUTO, 1120),
        # https://docs.together.ai/docs/vision-overview, "Pricing"
        ("meta-llama/Llama-3.2-11B-Vision-Instruct", 500, 500, AUTO, 1601),
        ("meta-llama/Llama-3.2-11B-Vision-Instruct", 900, 500, AUTO, 3202),
        ("llama3.2-vision:11b", 4000, 3000, AUTO, 6404),
        # 16 px patches up to 1024 x 1024, and one token for each row
        ("pixtral-12b-2409", 1024, 1024, AUTO, 4096 + 64),
        ("mistralai/Mistral-Small-3.1-24B-Instruct", 1540, 1540, AUTO, 55 * 56),
        # cells of 28 px, and two tokens around them
        ("qwen2.5vl:7b", 280, 560, AUTO, 10 * 20 + 2),
        ("Qwen/Qwen2.5-VL-7B-Instruct", 28, 28, AUTO, 4 + 2),
        ("Qwen/Qwen3-VL-8B-Instruct", 320, 640, AUTO, 10 * 20 + 2),
        ("llava-1.5-7b-hf", 4000, 3000, AUTO, 576),
        ("google/gemma-3-27b-it", 4000, 3000, AUTO, 256),
        ("augenblick-reader", 1024, 1024, HIGH, 765),
    ],
)
def test_published_examples(
    model: str, width_px: int, height_px: int, detail: Detail, tokens: int
) -> None:
    """The estimate is what the vendor says for this picture."""
    estimate = estimate_pictures(model, [(width_px, height_px, detail)])

    assert estimate is not None
    assert estimate.tokens == tokens


@pytest.mark.parametrize(
    ("width_px", "height_px", "tokens"),
    [(1000, 1000, 1334), (1092, 1092, 1590), (951, 1268, 1590), (784, 1568, 1590)],
)
def test_claude_costs_about_its_area(width_px: int, height_px: int, tokens: int) -> None:
    """The older table of the vendor counts an area of 750 pixels, today's counts 28 x 28."""
    estimate = estimate_pictures("anthropic/claude-sonnet-4.5", [(width_px, height_px, AUTO)])

    assert estimate is not None
    assert estimate.tokens == pytest.approx(tokens, rel=0.05)


@pytest.mark.parametrize(
    ("model", "most"), [("claude-sonnet-4-5", 1568), ("claude-opus-4-7", 4784)]
)
def test_claude_shrinks_what_is_larger(model: str, most: int) -> None:
    """No picture costs more than the model's own resolution."""
    estimate = estimate_pictures(model, [(4032, 3024, AUTO)])

    assert estimate is not None
    assert most * 0.9 < estimate.tokens <= most


def test_several_pictures_are_added_up() -> None:
    """Each picture has its own number, at its own level of detail."""
    estimate = estimate_pictures("gpt-4o", [(1024, 1024, HIGH), (1024, 1024, LOW)])

    assert estimate is not None
    assert (estimate.tokens, estimate.each) == (850, (765, 85))
    assert estimate.family == "GPT-4o"


@pytest.mark.parametrize(
    "model", ["", "my-own-model", "llama-4-scout", "o1-mini", "gpt-5.2", "gpt-3.5-turbo", "llava"]
)
def test_an_unknown_rule_gives_no_number(model: str) -> None:
    """Better no estimate than an invented one."""
    assert estimate_pictures(model, [(1024, 1024, AUTO)]) is None


@pytest.mark.parametrize("side", [(1, 1), (1, 32_000), (32_000, 1), (3, 20_000)])
@pytest.mark.parametrize(
    "model",
    ["gpt-4o", "gpt-4.1-mini", "claude-3-haiku", "gemini-2.0-flash", "qwen3-vl", "pixtral",
     "llama-3.2-vision"],
)  # fmt: skip
def test_thin_pictures_cost_something(model: str, side: tuple[int, int]) -> None:
    """A line of pixels is a picture too."""
    estimate = estimate_pictures(model, [(*side, AUTO)])

    assert estimate is not None
    assert estimate.tokens > 0


def test_text_is_counted_roughly() -> None:
    """A token has about four letters."""
    assert estimate_text("") == 0
    assert estimate_text("What does the sign say?") == 6

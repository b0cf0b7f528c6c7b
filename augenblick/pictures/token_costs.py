"""How many tokens pictures and texts will cost, by the published rule of each model family.

An estimate, made before anything is sent; what a request really cost stands in the answer's usage.
A model whose family publishes no rule, or whose rule we do not know, has no estimate.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from augenblick.core.messages import Detail

PictureSize = tuple[int, int, Detail]  # width and height in pixels as sent, and how closely to look

_BYTES_PER_TOKEN = 4  # OpenAI and Google both give four characters of English


@dataclass(frozen=True, slots=True)
class TokenEstimate:
    """What pictures are likely to cost, and by whose rule."""

    tokens: int
    each: tuple[int, ...]  # in the order of the pictures
    family: str  # as its vendor writes it: "Claude", "GPT-4o", ...


def estimate_pictures(model: str, pictures: Iterable[PictureSize]) -> TokenEstimate | None:
    """Estimate pictures for a model by its name on the wire; None where no rule is known.

    A vendor's prefix ("openai/gpt-4o", "models/gemini-2.5-pro") makes no difference.
    """
    name = model.lower()
    rules = ((family, cost) for family, names, cost in _RULES if re.search(names, name))
    family, cost = next(rules, ("", None))
    if cost is None:
        return None
    each = tuple(cost(width, height, detail) for width, height, detail in pictures)
    return TokenEstimate(sum(each), each, family)


def estimate_text(text: str) -> int:
    """Roughly how many tokens a text has: one for four bytes of UTF-8, which suits all alphabets.

    Source: "1 token ~= 4 chars in English", https://help.openai.com/en/articles/4936856 and
    https://ai.google.dev/gemini-api/docs/tokens.
    """
    return math.ceil(len(text.encode()) / _BYTES_PER_TOKEN)


Cost = Callable[[int, int, Detail], int]


def _tiles(width_px: int, height_px: int, detail: Detail, *, base: int, tile: int) -> int:
    """Count tiles of 512 px, after fitting into 2048 x 2048 and the shorter side to 768 px.

    Low detail costs the base alone; "auto" is counted as "high", which it is for all but tiny
    pictures. Source: "Calculating costs", GPT-4o family, with base and tile tokens of each model,
    https://platform.openai.com/docs/guides/images-vision.
    """
    if detail is Detail.LOW:
        return base
    scale = min(1.0, 2048 / max(width_px, height_px))
    scale *= min(1.0, 768 / (min(width_px, height_px) * scale))
    return base + tile * _cells(width_px * scale, height_px * scale, 512)


def _patches(width_px: int, height_px: int, detail: Detail, *, factor: float) -> int:
    """Count patches of 32 px, at most 1536, times a factor of the model.

    A larger picture is shrunk until whole patches cover it. Low detail sends at most 512 x 512.
    Source: "GPT-4.1-mini, GPT-4.1-nano, o4-mini" under "Calculating costs",
    https://platform.openai.com/docs/guides/images-vision.
    """
    width, height = float(width_px), float(height_px)
    if detail is Detail.LOW:
        scale = min(1.0, 512 / max(width, height))
        width, height = width * scale, height * scale
    if _cells(width, height, 32) > _MOST_PATCHES:
        scale = math.sqrt(_MOST_PATCHES * 32**2 / (width * height))
        across, down = width * scale / 32, height * scale / 32
        scale *= min(math.floor(across) / across, math.floor(down) / down)
        width, height = width * scale, height * scale
    return math.ceil(min(_cells(width, height, 32), _MOST_PATCHES) * factor)


_MOST_PATCHES = 1536


def _claude(width_px: int, height_px: int, _: Detail, *, side_px: int, most: int) -> int:
    """Count patches of 28 px (about width x height / 750), after shrinking to what is native.

    That is a longest side of `side_px` and at most `most` patches; there is no detail setting.
    Source: "Evaluate image size", https://platform.claude.com/docs/en/build-with-claude/vision.
    """
    scale = min(1.0, side_px / max(width_px, height_px))
    return min(most, _cells(width_px * scale, height_px * scale, 28))


def _gemini(width_px: int, height_px: int, _: Detail) -> int:
    """Count 258 for each tile; the side of a tile is the shorter side / 1.5, one up to 384 px.

    Source: "Token calculation", https://ai.google.dev/gemini-api/docs/image-understanding.
    """
    if max(width_px, height_px) <= 384:  # noqa: PLR2004 - of the source
        return 258
    return 258 * _cells(width_px, height_px, max(1, math.floor(min(width_px, height_px) / 1.5)))


def _qwen(width_px: int, height_px: int, _: Detail, *, cell_px: int) -> int:
    """Count cells (a patch merged two by two), sides rounded to whole ones; 4 to 16384, and two.

    Source: `smart_resize` with min_pixels and max_pixels of the model cards,
    https://huggingface.co/Qwen/Qwen2.5-VL-7B-Instruct; two more mark begin and end of a picture.
    """
    across, down = max(1, round(width_px / cell_px)), max(1, round(height_px / cell_px))
    return min(max(across * down, 4), 16384) + 2


def _pixtral(width_px: int, height_px: int, _: Detail, *, cell_px: int, side_px: int) -> int:
    """Count cells of a picture shrunk to `side_px`, and one more for the end of each row.

    Source: patch_size, spatial_merge_size and longest_edge in processor_config.json of
    https://huggingface.co/mistral-community/pixtral-12b and Mistral-Small-3.1-24B-Instruct-2503.
    """
    scale = min(1.0, side_px / max(width_px, height_px))
    across, down = math.ceil(width_px * scale / cell_px), math.ceil(height_px * scale / cell_px)
    return (across + 1) * down


def _llama(width_px: int, height_px: int, _: Detail) -> int:
    """Count 1601 for each tile of 560 px, at most two by two.

    Source: "Pricing", https://docs.together.ai/docs/vision-overview; 1601 is (560 / 14)^2 + 1 of
    the vision model's configuration.
    """
    across, down = (min(2, math.ceil(side / 560)) for side in (width_px, height_px))
    return 1601 * across * down


def _fixed(_: int, __: int, ___: Detail, *, tokens: int) -> int:
    return tokens


def _cells(width_px: float, height_px: float, side_px: int) -> int:
    """How many squares cover an area; a hair over the edge is a rounding error, not a square."""
    return math.ceil(round(width_px / side_px, 6)) * math.ceil(round(height_px / side_px, 6))


# Family, what its models are called, and its rule; None where we know that it differs from those
# below. The first that matches counts, so a variant stands before its family.
# The factors of gpt-5-mini and -nano are those of the calculator on https://openai.com/api/pricing,
# which bills agree with; the guide says 1.62 and 2.46. One fixed number: LLaVA 1.5 has
# (336 / 14)^2 patches (https://huggingface.co/llava-hf/llava-1.5-7b-hf), Gemma 3
# `mm_tokens_per_image` (https://huggingface.co/google/gemma-3-4b-it), Gemini 3 its default media
# resolution (https://ai.google.dev/gemini-api/docs/media-resolution).
_RULES: tuple[tuple[str, str, Cost | None], ...] = (
    ("Augenblick", r"^augenblick-reader$", partial(_tiles, base=85, tile=170)),
    ("GPT-4o mini", r"gpt-4o-mini", partial(_tiles, base=2833, tile=5667)),
    ("GPT-4.1 mini", r"gpt-4\.1-mini", partial(_patches, factor=1.62)),
    ("GPT-4.1 nano", r"gpt-4\.1-nano", partial(_patches, factor=2.46)),
    ("GPT-4o", r"gpt-4o|chatgpt-4o|gpt-4\.[15]|gpt-4-(turbo|vision)",
     partial(_tiles, base=85, tile=170)),
    ("GPT-5 mini", r"gpt-5-mini", partial(_patches, factor=1.2)),
    ("GPT-5 nano", r"gpt-5-nano", partial(_patches, factor=1.5)),
    ("GPT-5", r"gpt-5(\.1)?(-chat|-codex|-\d|$)", partial(_tiles, base=70, tile=140)),
    ("o4-mini", r"\bo4-mini", partial(_patches, factor=1.72)),
    ("OpenAI o", r"(^|/)o[13]-mini", None),
    ("OpenAI o", r"(^|/)o[13]\b", partial(_tiles, base=75, tile=150)),
    ("Claude", r"claude-(opus|sonnet|haiku)-(4[.-][7-9]|[5-9])(?!\d)",
     partial(_claude, side_px=2576, most=4784)),
    ("Claude", r"claude-", partial(_claude, side_px=1568, most=1568)),
    ("Gemini 3", r"gemini-3", partial(_fixed, tokens=1120)),
    ("Gemini", r"gemini-[12]", _gemini),
    ("Gemma 3", r"gemma-?3(?!n)", partial(_fixed, tokens=256)),
    ("Qwen3-VL", r"qwen-?3-?vl", partial(_qwen, cell_px=32)),
    ("Qwen2.5-VL", r"qwen-?2(\.5)?-?vl|\bqvq", partial(_qwen, cell_px=28)),
    ("Pixtral", r"pixtral", partial(_pixtral, cell_px=16, side_px=1024)),
    ("Mistral", r"mistral-small-?3\.[12]|mistral-small-25|mistral-medium-(3|25)",
     partial(_pixtral, cell_px=28, side_px=1540)),
    ("Llama 3.2 Vision", r"llama-?3\.2.{0,40}vision", _llama),
    ("LLaVA 1.5", r"llava-?(v|:)?1\.5|bakllava", partial(_fixed, tokens=576)),
)  # fmt: skip

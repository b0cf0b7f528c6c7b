"""Small parsers and patterns that see text of strangers cost in proportion to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from augenblick.core.language import language
from augenblick.core.model_names import can_chat, seems_to_see, short_name
from augenblick.endpoint.chunks import parse_chunk
from augenblick.endpoint.recorder import is_secret
from augenblick.exchange.exporting import file_name
from augenblick.exchange.picture_files import is_plain
from augenblick.lab.agreement import agreement
from augenblick.pictures.token_costs import estimate_pictures
from tests.growth import assert_linear


@pytest.mark.parametrize("piece", ["1", "a", "a1", "=", "key", "-key", "Bearer ", "auth"])
def test_telling_secrets(piece: str) -> None:
    """Headers of an endpoint."""
    assert_linear(lambda text: is_secret(text, text), lambda size: piece * size)


@pytest.mark.parametrize("piece", ["1", "1.", "1'", "-", "- ", "a", "a ", "\n", "\u2212", "1,"])
def test_comparing_answers(piece: str) -> None:
    """Numbers, words and signs."""
    assert_linear(lambda text: agreement([text, text + "x", "y" + text]), lambda size: piece * size)


_CHUNKS: tuple[Callable[[int], dict[str, Any]], ...] = (
    lambda size: {"content": [{"type": "text", "text": "x"}] * size},
    lambda size: {"content": [["x"]] * size},
    lambda size: {"reasoning_details": [{"text": "x"}] * size},
    lambda size: {"tool_calls": [{"function": {"arguments": {"a": 1}}}] * size},
    lambda size: {"content": "x" * size, "reasoning": "y" * size},
)


@pytest.mark.parametrize("delta", _CHUNKS, ids=range(len(_CHUNKS)))
def test_reading_chunks(delta: Callable[[int], dict[str, Any]]) -> None:
    """Parts of every kind, a great many in one event."""
    assert_linear(
        lambda text: parse_chunk(json.loads(text)),
        lambda size: json.dumps({"choices": [{"delta": delta(size)}]}),
    )


@pytest.mark.parametrize(
    "piece", ["phi-", "phi-3-", "gpt-", "image-", "llama-3.2", "llama3.2-", "qwen2.5-", "o1", "-"]
)
def test_names_of_models(piece: str) -> None:
    """As an endpoint lists them."""

    def judge(name: str) -> None:
        seems_to_see(name)
        can_chat(name)
        short_name(name)
        estimate_pictures(name, ())

    assert_linear(judge, lambda size: piece * size)


@pytest.mark.parametrize("piece", ["a", ".", " ", "\u200b", "<", "con", "ä"])
def test_names_of_files(piece: str) -> None:
    """Made of titles."""
    german = language("de")
    assert_linear(
        lambda title: file_name(title, suffix=".x", language=german), lambda size: piece * size
    )


@pytest.mark.parametrize(
    "piece", [b"\xff\x00", b"\xff", b"\xff\xda\x00\x02", b"\xff\xc4\x00\x02", b"\x00"]
)
def test_markers_of_pictures(piece: bytes) -> None:
    """A JPEG of nothing but markers."""
    assert_linear(is_plain, lambda size: b"\xff\xd8" + piece * size)

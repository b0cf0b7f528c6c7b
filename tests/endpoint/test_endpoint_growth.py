"""What reads foreign text costs at most in proportion to its length, whatever the text is."""

from __future__ import annotations

import json
import re
from contextlib import suppress

import pytest

from augenblick.core.errors import ProviderError
from augenblick.endpoint.chunks import ChoiceDelta, Chunk, ToolCallDelta
from augenblick.endpoint.error_body import read_error
from augenblick.endpoint.error_mapping import _WORDINGS, refusal
from augenblick.endpoint.reply import Reply
from augenblick.endpoint.retries import asked_seconds, go_duration_seconds
from augenblick.endpoint.scrubbing import _SCRUBS, scrub
from augenblick.endpoint.sse import read_events
from tests.growth import assert_linear

_LITERAL = re.compile(r"[\w\"'`:=(,; -]{3,}")
_PATTERNS = [
    *(wording.pattern.pattern for wording in _WORDINGS),
    *(pattern.pattern for pattern, _ in _SCRUBS),
]
# The first word of each pattern without a bound, and what their repeats and gaps are made of.
PIECES = sorted(
    {word for one in _PATTERNS if re.search("[+*]", one) for word in _LITERAL.findall(one)[:1]}
    | {"1", "1,", "x", "x.", " ", "\n", ", ", "'", '"', "input= ", "A" * 119 + " ", "only 1"}
)


def test_every_word_of_the_patterns_may_fill_a_refusal() -> None:
    """A body of one repeated word never stops everybody, whichever word of ours it is."""

    def read(bodies: list[bytes]) -> None:
        for body in bodies:
            refusal(400, read_error(body))

    def make(size: int) -> list[bytes]:
        return [(piece * (size // len(piece))).encode() for piece in PIECES]

    assert_linear(read, make)


@pytest.mark.parametrize(
    ("before", "piece", "after"),
    [
        ("", "<title", ""), ("<", "<title>", ""), ("<title", " ", ""), ("<title", "x", "<"),
        ("<", "<title ", ">"), ('{"error":', '{"error":', ""), ("[", "[", ""),
        ('{"message": "', "1", '"}'), ('{"message": "input=', ", ", '"}'), ("", "\\u0000", ""),
    ],
)  # fmt: skip
def test_no_page_or_body_costs_more_than_its_length(before: str, piece: str, after: str) -> None:
    """Titles that never end, depths without end, JSON that breaks off."""

    def make(size: int) -> bytes:
        return (before + piece * (size // len(piece)) + after).encode()

    assert_linear(lambda body: refusal(0, read_error(body)), make)


@pytest.mark.parametrize(
    "piece", ["1", "1.", "1s", "1.5", "9" * 15 + "s", "retry in 1", "try again in ", "retry in 1s"]
)
def test_no_header_or_sentence_asks_for_a_costly_pause(piece: str) -> None:
    """Rows of digits in what an endpoint says about waiting."""

    def wait(text: str) -> object:
        headers = {"retry-after": text, "retry-after-ms": text, "x-ratelimit-reset-tokens": text}
        return asked_seconds(headers, "retry in " + text, now=0), go_duration_seconds(text)

    assert_linear(wait, lambda size: piece * (size // len(piece)))


@pytest.mark.parametrize(
    "piece",
    [
        b'data: {"a":1}\n', b"data: {\n", b"data: {}\nevent: x\n", b"id: 123456\ndata: x\n\n",
        b"data", b"data: ", b"event: x\n", b"data: [DONE]\n",
        b"data: {}\ndata:\n", b"data:\n",
    ],
)  # fmt: skip
def test_no_stream_costs_more_than_its_length(piece: bytes) -> None:
    """Lines without blank ones between, events without end, names without data."""

    def read(stream: bytes) -> None:
        with suppress(ProviderError):  # what has too many lines is read no further
            for _ in read_events(stream[at : at + 999] for at in range(0, len(stream), 999)):
                pass

    assert_linear(read, lambda size: piece * (size // len(piece)))


@pytest.mark.parametrize("width", [3, 100_000_000])
@pytest.mark.parametrize(
    "piece",
    [
        "<think></think>", "<think>x</think>\n", "<think", "<", "`", "``` ", "\n", " ", "</think> ",
        "<|im_start|>", "<|channel|>", "<|start|>assistant", "<|channel|>a<|message|>b<|end|>",
        "<|begin_of_box|>", "[THINK]", "◁/think▷", "`<|end|>", "na ", "<thought>", "<|a", "<|",
        "[",
        "<|think|>", "<\uff5ca", "[UNUSED_", "[e~[", "<s>", "</s>", "<answer>", "</answer>",
        "analysis", "a.</think>", "<|assistant", "assistantfinal", "!",
        "![", "![a](", "![a](data:image/", "![a](data:image/png;base64," + "QUJD" * 20 + ") ",
    ],
)  # fmt: skip
def test_no_text_costs_more_than_its_length(piece: str, width: int) -> None:
    """Marks and tags in rows, in one delta and in many."""

    def fold(text: str) -> None:
        reply = Reply()
        for at in range(0, len(text), width):
            delta = ChoiceDelta(text=text[at : at + width])
            reply.fold(Chunk((delta,)), at_seconds=0)
        reply.close()

    assert_linear(fold, lambda size: piece * (size // len(piece)))


@pytest.mark.parametrize("arguments", ["", "{}", "}", '{"a":', "[1]"])
def test_no_call_costs_more_than_its_length(arguments: str) -> None:
    """A server that repeats the name of a function with each fragment of its arguments."""

    def fold(count: int) -> None:
        reply = Reply()
        delta = ChoiceDelta(tool_calls=(ToolCallDelta(0, name="f", arguments=arguments),))
        for _ in range(count):
            reply.fold(Chunk((delta,)), at_seconds=0)
        reply.close()

    assert_linear(fold, lambda size: size)


def test_the_beginning_of_a_long_refusal_decides() -> None:
    """What is capped still says what it is, and no secret is cut in two at the cap."""
    secret = "what is my diagnosis and why?"
    long = "No. " + "data:image/png;base64," + "QUJD" * 3_990 + " " + secret * 3
    for cut in range(len(secret) + 4):
        clean = scrub("x" * cut + long, secrets=[secret])
        assert not any(part in clean for part in ("what is my", "diagnosis"))
    body = json.dumps({"error": {"message": "At most 3 images. " + "x " * 40_000}}).encode()
    error: ProviderError = refusal(400, read_error(body))
    assert (error.code, error.params["limit"]) == ("too_many_pictures", 3)

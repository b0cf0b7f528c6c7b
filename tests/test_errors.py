"""Every refusal becomes the right error, with words that give nothing away."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augenblick import errors
from augenblick.errors import AugenblickError, ProviderError
from augenblick.refusals import ErrorBody, error_in_chunk, read_error, refusal, scrub


def _family(root: type[AugenblickError]) -> Iterator[type[AugenblickError]]:
    yield root
    for child in root.__subclasses__():
        yield from _family(child)


ALL = [kind for kind in _family(AugenblickError) if kind.__module__ == "augenblick.errors"]


def test_codes_are_stable_names_and_unique() -> None:
    """The table of sentences is keyed by code, so no two errors may share one."""
    codes = [kind.code for kind in ALL]
    assert len(set(codes)) == len(codes)
    assert all(code.isidentifier() and code == code.lower() for code in codes)


def test_the_tree_is_drawn_as_it_is() -> None:
    """The docstring names every class below its parent, and stars what may be sent again."""
    tree = ast.get_docstring(ast.parse(Path(errors.__file__).read_text())) or ""
    drawn: dict[str, str] = {}
    stars: dict[str, bool] = {}
    above: list[tuple[int, str]] = []
    for line in tree.split("AugenblickError\n", 1)[1].split("\n\n")[0].splitlines():
        depth, name = len(line) - len(line.lstrip()), line.split()[0]
        above = [(level, parent) for level, parent in above if level < depth]
        drawn[name] = above[-1][1] if above else "AugenblickError"
        stars[name] = line.split()[1:2] == ["*"]
        above.append((depth, name))
    assert drawn == {kind.__name__: kind.__mro__[1].__name__ for kind in ALL[1:]}
    assert stars == {kind.__name__: getattr(kind, "is_retryable", False) for kind in ALL[1:]}


def test_the_storable_value_has_everything() -> None:
    """An error can be kept beside a reply and shown later."""
    failure = errors.RateLimited("slow down", status=429).failure
    assert (failure.code, failure.params, failure.detail) == (
        "rate_limited", {"status": 429}, "slow down",
    )  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "boom", "type": "t", "code": "c", "param": "p"}},
        {"error": "boom"},
        {"object": "error", "message": "boom", "type": "BadRequestError", "code": 400},
        {"detail": "boom"}, {"detail": [{"msg": "boom"}]}, {"message": "boom"}, {"msg": "boom"},
        {"error": {"error": {"message": "boom"}}}, {"errors": [{"message": "boom"}]}, "boom",
        [{"error": {"message": "boom"}}], {"error": {"message": {"detail": "boom"}}},
        {"type": "error", "error": {"type": "x", "message": "boom"}},
        {"title": "boom", "status": 400}, {"fault": {"faultstring": "boom"}},
        {"error": {"message": '{"error": {"message": "boom"}}'}},
        {"code": "invalid-argument", "error": "boom"},
    ],
)  # fmt: skip
def test_every_shape_of_body_is_read(body: Any) -> None:
    """Row 40: the sentence of the endpoint is found wherever it stands."""
    assert read_error(json.dumps(body).encode()).message == "boom"


def test_bodies_that_are_no_json_are_read() -> None:
    """Row 40: plain text as it is, of a page the title, and nothing of nothing."""
    assert read_error(b" boom ").message == "boom"
    assert read_error(b"<html><head><title> Bad gateway </title>").message == "Bad gateway"
    assert read_error(b"") == ErrorBody()
    assert read_error(b"\xff\xfe").message == "\ufffd\ufffd"
    assert read_error(b"[" * 100_000).message.startswith("[[[")


def test_the_words_of_the_provider_behind_a_router_are_kept() -> None:
    """OpenRouter's own sentence says nothing; the one in `metadata.raw` does."""
    raw = json.dumps({"error": {"message": "This model's maximum context length is 8192 tokens."}})
    body = {"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": raw}}}
    error = refusal(400, read_error(json.dumps(body).encode()))
    assert isinstance(error, errors.ContextTooLong)
    assert error.params["limit"] == 8192


BODIES = json.loads(Path(__file__).with_name("refusals.json").read_text("utf-8"))


@pytest.mark.parametrize("case", BODIES, ids=lambda case: f"{case['means']}-{case['status']}")
def test_real_refusals_are_recognised(case: dict[str, Any]) -> None:
    """What vendors really write leads to the error that a remedy or a sentence can answer."""
    body = case["body"]
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    error = refusal(case["status"], read_error(content))
    assert type(error).code == case["means"]
    assert case["params"].items() <= error.params.items()


@pytest.mark.parametrize(
    ("wire", "means"),
    [
        ({"error": {"code": 429, "message": "slow"}}, errors.RateLimited),
        ({"error": {"code": "503", "message": "x"}}, errors.ServerOverloaded),
        ({"type": "error", "error": {"type": "overloaded_error"}}, errors.ServerOverloaded),
        ({"error": {"message": "context_length_exceeded"}}, errors.ContextTooLong),
        ({"error": {"message": "Rate limit reached"}}, errors.RateLimited),
        ({"error": {"message": "insufficient_quota"}}, errors.QuotaExhausted),
        ({"error": {"message": "boom", "code": 500}}, errors.ErrorInStream),
        ({"error": "boom"}, errors.ErrorInStream),
    ],
)  # fmt: skip
def test_errors_inside_a_stream_are_told_apart(wire: Any, means: type[ProviderError]) -> None:
    """Rows 20 and 21: where no status is, code and words decide."""
    body = error_in_chunk(wire)
    assert body is not None
    assert type(refusal(0, body)) is means


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcDEF0123456789", "gsk_abcdef0123456789", "xai-abcdef0123456789",
        "AIzaSyA0123456789abcdef", "hf_abcdefghijklmnop", "Bearer abcdef0123456789",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg==", "QUJD" * 60, "my-very-own-secret",
        "what is my diagnosis?", 'quoted "question" of mine',
    ],
)  # fmt: skip
def test_scrubbing_takes_secrets_out(secret: str) -> None:
    """Keys of every make, pictures, the key in use and the prompt leave no trace."""
    own = ("my-very-own-secret", "what is my diagnosis?", 'quoted "question" of mine', "none")
    for shown in (secret, json.dumps(secret)):
        clean = scrub(f"Wrong: {shown} (see docs)", secrets=own)
        assert secret.removeprefix("Bearer ") not in clean
        assert clean.startswith("Wrong: ")
        assert clean.endswith("(see docs)")


def test_scrubbing_leaves_ordinary_words() -> None:
    """A stand-in for a key such as "none" hides no words; control characters become blanks."""
    assert scrub("none of\nthe\x00 above", secrets=("none", "")) == "none of the above"


def test_what_pydantic_repeats_is_taken_out() -> None:
    """Validation errors repeat their input, which may be the prompt."""
    text = "1 error: [type=a, input_value={'role': 'user', 'content': 'SECRET'}, input_type=dict]"
    assert "SECRET" not in scrub(text)
    assert "SECRET" not in scrub("{'loc': ('body',), 'msg': 'bad', 'input': {'content': 'SECRET'}}")


@given(st.text(max_size=6000), st.lists(st.text(max_size=20), max_size=3))
@settings(deadline=None, max_examples=200)
def test_a_detail_is_one_short_line(text: str, secrets: list[str]) -> None:
    """Whatever an endpoint writes, at most 2 KB of plain text are kept."""
    clean = scrub(text, secrets=secrets)
    assert len(clean.encode("utf-8", "replace")) <= 2048
    assert not any(char in clean for char in "\n\r\0\x1b")
    assert all(secret not in clean for secret in secrets if len(secret) >= 8)

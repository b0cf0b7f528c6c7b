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

from augenblick.core import errors
from augenblick.core.errors import ERRORS, AugenblickError
from augenblick.core.paths import PROJECT_DIR
from augenblick.endpoint.error_body import ErrorBody, error_in_chunk, read_error
from augenblick.endpoint.error_mapping import refusal
from augenblick.endpoint.scrubbing import scrub

_ROOTS = [PROJECT_DIR / "augenblick", PROJECT_DIR / "pages"]
_SOURCES = [PROJECT_DIR / "app.py", *(path for root in _ROOTS for path in root.rglob("*.py"))]
_CLASSES = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, AugenblickError)
}


def _made() -> Iterator[tuple[str, str, str]]:
    """Every place where an error is made or raised: the place, the class, the code."""
    for path in _SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(func=made, keywords=keywords):
                    said = [each.value for each in keywords if each.arg == "code"]
                case ast.Raise(exc=ast.Name() | ast.Attribute() as made):  # without brackets
                    said = []
                case _:
                    continue
            name = getattr(made, "attr", getattr(made, "id", ""))
            if name in _CLASSES and all(isinstance(code, ast.Constant) for code in said):
                codes = [ast.literal_eval(code) for code in said]
                own = vars(_CLASSES[name]).get("code", "")
                yield f"{path.name}:{node.lineno}", name, codes[0] if codes else own


def test_every_error_that_is_raised_stands_in_the_table() -> None:
    """With its class, and with a code: by the class where it has one, else in the call."""
    wrong = [
        made
        for made in _made()
        if made[2] not in ERRORS or ERRORS[made[2]].kind is not _CLASSES[made[1]]
    ]
    assert wrong == []


def test_every_row_of_the_table_is_an_error_that_somebody_raises() -> None:
    """An error that is gone takes its row along."""
    texts = [path.read_text("utf-8") for path in _SOURCES if path.name != "errors.py"]
    own = {vars(kind).get("code") for kind in _CLASSES.values()}
    by_hand = [code for code, row in ERRORS.items() if code not in own and not row.statuses]
    assert [code for code in by_hand if not any(f'"{code}"' in text for text in texts)] == []


def test_the_storable_value_has_everything() -> None:
    """An error can be kept beside a reply and shown later."""
    failure = errors.StatusError("slow down", code="rate_limited", status=429).failure
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
        {"base_resp": {"status_code": 1000, "status_msg": "boom"}}, {"Error": "boom"},
        {"success": False, "error_msg": "boom", "result": None}, {"errorMsg": "boom"},
        {"statusCode": 500, "message": "boom"}, {"error": True, "message": "boom"},
        {"Response": {"Error": {"Code": "X", "Message": "boom"}, "RequestId": "1"}},
        {"header": {"code": 10013, "message": "boom"}}, {"success": False, "errors": ["boom"]},
        {"detail": {"error": "boom"}}, {"__type": "ThrottlingException", "Message": "boom"},
    ],
)  # fmt: skip
def test_every_shape_of_body_is_read(body: Any) -> None:
    """Row 40: the sentence of the endpoint is found wherever it stands."""
    assert read_error(json.dumps(body).encode()).message == "boom"


def test_the_words_beside_a_label_are_read() -> None:
    """NestJS and Spring put a label under `error` and what happened beside it."""
    body = {"statusCode": 400, "error": "Bad Request", "message": ["boom", "bang"]}
    assert read_error(json.dumps(body).encode()).message == "Bad Request: boom; bang"


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
    assert error.code == "context_too_long"
    assert error.params["limit"] == 8192


BODIES = json.loads((Path(__file__).parents[1] / "endpoint" / "refusals.json").read_text("utf-8"))


@pytest.mark.parametrize("case", BODIES, ids=lambda case: f"{case['means']}-{case['status']}")
def test_real_refusals_are_recognised(case: dict[str, Any]) -> None:
    """What vendors really write leads to the error that a fallback or a sentence can answer."""
    body = case["body"]
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    error = refusal(case["status"], read_error(content))
    assert error.code == case["means"]
    assert case["params"].items() <= error.params.items()


@pytest.mark.parametrize(
    ("wire", "means"),
    [
        ({"error": {"code": 429, "message": "slow"}}, "rate_limited"),
        ({"error": {"code": "503", "message": "x"}}, "server_overloaded"),
        ({"type": "error", "error": {"type": "overloaded_error"}}, "server_overloaded"),
        ({"error": {"message": "context_length_exceeded"}}, "context_too_long"),
        ({"error": {"message": "Rate limit reached"}}, "rate_limited"),
        ({"error": {"message": "insufficient_quota"}}, "quota_exhausted"),
        ({"error": {"message": "boom", "code": 500}}, "error_in_stream"),
        ({"error": "boom"}, "error_in_stream"),
    ],
)  # fmt: skip
def test_errors_inside_a_stream_are_told_apart(wire: Any, means: str) -> None:
    """Rows 20 and 21: where no status is, code and words decide."""
    body = error_in_chunk(wire)
    assert body is not None
    assert refusal(0, body).code == means


ERRORS_IN_A_200: list[tuple[Any, str, str]] = [
    ({"base_resp": {"status_code": 1004, "status_msg": "login fail"}, "choices": None},
     "authentication_failed", "login fail"),
    ({"base_resp": {"status_code": 1002, "status_msg": "slow"}}, "rate_limited", "slow"),
    ({"base_resp": {"status_code": 1000, "status_msg": "?!"}}, "error_in_stream", "?!"),
    ({"code": 1302, "msg": "zu viele Anfragen"}, "rate_limited", "zu viele Anfragen"),
    ({"code": "1113", "msg": "arrears"}, "quota_exhausted", "arrears"),
    ({"code": 500, "msg": "boom", "success": False}, "error_in_stream", "boom"),
    ({"success": False, "error_msg": "model offline", "result": None},
     "error_in_stream", "model offline"),
    ({"success": "false"}, "error_in_stream", ""),
    ({"Error": "boom"}, "error_in_stream", "boom"),
    ({"Error": {"Code": "Throttled", "Message": "boom"}}, "rate_limited", "boom"),
    ({"statusCode": 429, "message": "slow"}, "rate_limited", "slow"),
    ({"status_code": 401, "message": "who?"}, "authentication_failed", "who?"),
    ({"status": 503, "title": "away"}, "server_overloaded", "away"),
    ({"detail": "Not authenticated"}, "error_in_stream", "Not authenticated"),
    ({"detail": [{"loc": ["body", "n"], "msg": "bad", "type": "x"}]},
     "error_in_stream", "n: bad"),
    ({"detail": {"code": 429, "msg": "slow"}}, "rate_limited", "slow"),
    ({"error_code": 336501, "error_msg": "Rate limit reached"},
     "rate_limited", "Rate limit reached"),
    ({"error_msg": "boom"}, "error_in_stream", "boom"),
    ({"errcode": -1, "errmsg": "boom"}, "error_in_stream", "boom"),
    ({"Response": {"Error": {"Code": "X", "Message": "boom"}}}, "error_in_stream", "boom"),
    ({"header": {"code": 10013, "message": "boom"}}, "error_in_stream", "boom"),
    ({"choices": [], "code": 1302, "msg": "slow"}, "rate_limited", "slow"),
    ([{"error": {"code": 429, "message": "slow"}}], "rate_limited", "slow"),
    ({"code": "InvalidApiKey", "message": "no", "request_id": "1"}, "authentication_failed", "no"),
    ({"code": "Arrearage", "message": "denied"}, "quota_exhausted", "denied"),
    ({"code": 30011, "message": "your account balance is insufficient", "data": None},
     "quota_exhausted", "your account balance is insufficient"),
    ({"error": {"code": "AccountOverdueError", "message": "no"}}, "quota_exhausted", "no"),
    ({"code": 400, "message": "余额不足", "error": True}, "quota_exhausted", "余额不足"),
    ({"__type": "ThrottlingException", "message": "wait"}, "rate_limited", "wait"),
    ({"ok": False, "description": "boom"}, "error_in_stream", "boom"),
    ({"isSuccess": False, "errorMessage": "boom"}, "error_in_stream", "boom"),
    ({"retCode": 1001, "retMsg": "boom"}, "error_in_stream", "boom"),
    ({"resultCode": "500", "resultMsg": "boom"}, "error_in_stream", "boom"),
    ({"exception": "java.lang.X: boom", "status": "500"}, "error_in_stream", "java.lang.X: boom"),
    ({"err": "boom"}, "error_in_stream", "boom"),
    ({"result": {"error": "boom"}}, "error_in_stream", "boom"),
    ({"data": {"error": {"message": "boom"}}}, "error_in_stream", "boom"),
    ({"choices": None, "message": "model offline"}, "error_in_stream", "model offline"),
    ({"status": "failed", "error_message": "boom"}, "error_in_stream", "boom"),
]  # fmt: skip


@pytest.mark.parametrize(("wire", "means", "words"), ERRORS_IN_A_200)
def test_an_error_inside_a_200_is_one_in_any_shape(wire: Any, means: str, words: str) -> None:
    """Without `error` and `message` as well; the server's own words are kept."""
    body = error_in_chunk(wire)
    assert body is not None
    error = refusal(0, body)
    assert error.code == means
    assert error.detail == words or not words


SPEAKS = [{"index": 0, "delta": {"content": "Ja"}}]


@pytest.mark.parametrize(
    "chunk",
    [
        {"choices": SPEAKS, "code": 1302, "msg": "x"}, {"choices": SPEAKS, "success": False},
        {"choices": SPEAKS, "detail": "x"}, {"choices": SPEAKS, "statusCode": 500},
        {"choices": SPEAKS, "Error": "x"}, {"choices": SPEAKS, "message": "x", "status": 404},
        {"choices": SPEAKS, "base_resp": {"status_code": 0, "status_msg": ""}},
        {"choices": SPEAKS, "error": None}, {"choices": SPEAKS, "error": {}},
        {"choices": [], "usage": {"total_tokens": 1}, "code": 0, "message": "Success"},
        {"usage": {"total_tokens": 1}, "message": "done"}, {"code": 0, "message": "Success"},
        {"code": 200, "msg": "ok"}, {"code": "200", "msg": "ok"}, {"success": True, "msg": "ok"},
        {"choices": [], "detail": "x"}, {"type": "ping"}, {"status": "processing"}, {"code": 7},
        {"message": {"role": "assistant", "content": "Ja"}}, {"header": {"code": 0}},
        {"status": "queued", "message": "You are third"}, {"status": "ok", "message": "waiting"},
        {"type": "keepalive", "message": "still here"}, {"event": "ping", "msg": "1"},
        {"ok": True, "description": "fine"}, {"warning": "old model"}, {"data": {"id": 1}},
    ],
)  # fmt: skip
def test_a_chunk_with_such_a_field_is_no_error(chunk: Any) -> None:
    """An answer goes on where a field happens to have the name of an error's."""
    assert error_in_chunk(chunk) is None


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

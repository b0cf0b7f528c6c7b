"""Every request field: what is taken, what is refused, and which field the error names."""

from __future__ import annotations

import json
import socket
from typing import Any

import httpx2
import pytest

from .conftest import MODEL, Running, question

_TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
_SCHEMA = {"name": "s", "schema": {"type": "object"}}


def _bad(name: str, *values: Any) -> list[tuple[dict[str, Any], str]]:
    return [({name: value}, name) for value in values]


RIGHT: list[dict[str, Any]] = [
    *({"temperature": value} for value in (0, 0.7, 1, 2, None)),
    *({"top_p": value} for value in (0, 0.5, 1)),
    *({"n": value} for value in (1, 128)),
    {"stream": False},
    {"stream": None},
    {"stream": True, "stream_options": {"include_usage": False}},
    {"stream": True, "stream_options": {}},
    {"stream": False, "stream_options": None},
    *({"stop": value} for value in ("x", ["a"], ["a", "b", "c", "d"], None)),
    *({"max_tokens": value} for value in (1, 1_000_000)),
    {"max_completion_tokens": 1},
    *({"presence_penalty": value} for value in (-2, 0.5, 2)),
    *({"frequency_penalty": value} for value in (-2, 0, 2.0)),
    *({"logit_bias": value} for value in ({}, {"50256": -100}, {"1": 100, "2": 0.5})),
    {"user": "someone"},
    *({"response_format": {"type": kind}} for kind in ("text", "json_object")),
    {"response_format": {"type": "json_schema", "json_schema": _SCHEMA}},
    *({"seed": value} for value in (0, -5, 2**40)),
    {"tools": [_TOOL]},
    {"tools": [_TOOL], "tool_choice": "auto", "parallel_tool_calls": False},
    {"tools": [_TOOL], "tool_choice": "none"},
    {"logprobs": False},
    {"modalities": ["text"]},
    {"store": True, "metadata": {"a": "b"}},
    {"reasoning_effort": "low", "verbosity": "high", "service_tier": "auto"},
    {"prediction": {"type": "content", "content": "x"}},
    {"safety_identifier": "s", "prompt_cache_key": "k"},
]

WRONG: list[tuple[dict[str, Any], str]] = [
    *_bad("temperature", -0.1, 2.01, "1", True, [], {}),
    *_bad("top_p", -0.1, 1.1, "x", False),
    *_bad("n", 0, 129, 1.5, "2", True),
    *_bad("stream", 1, "true", []),
    ({"stream_options": {"include_usage": True}}, "stream_options"),
    ({"stream": False, "stream_options": {}}, "stream_options"),
    ({"stream": True, "stream_options": []}, "stream_options"),
    ({"stream": True, "stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
    ({"stream": True, "stream_options": {"other": 1}}, "stream_options.other"),
    *_bad("stop", 1, [], list("abcde"), {}, ""),
    ({"stop": ["a", 1]}, "stop[1]"),
    *_bad("max_tokens", 0, -1, 1.5, "9", True),
    *_bad("max_completion_tokens", 0, "9"),
    ({"max_tokens": 5, "max_completion_tokens": 5}, "max_tokens"),
    *_bad("presence_penalty", -2.1, 2.1, "0"),
    *_bad("frequency_penalty", -2.1, 2.1, []),
    *_bad("logit_bias", [], "x", {"a": 1}, {"1": 101}, {"1": -101}, {"1": "5"}, {"-1": 5}),
    *_bad("user", 1, {}, []),
    *_bad("response_format", "json", [], 1),
    ({"response_format": {}}, "response_format.type"),
    ({"response_format": {"type": "xml"}}, "response_format.type"),
    ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}},
        "response_format.json_schema.name",
    ),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a b"}}},
        "response_format.json_schema.name",
    ),
    *_bad("seed", 1.5, "1", True),
    *_bad("tools", {}, "x", []),
    ({"tools": [{"type": "other"}]}, "tools[0].function"),
    ({"tools": [{"type": "other", "function": {"name": "f"}}]}, "tools[0].type"),
    ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
    ({"tool_choice": "auto"}, "tool_choice"),
    ({"tools": [_TOOL], "tool_choice": "required"}, "tool_choice"),
    ({"tools": [_TOOL], "tool_choice": {"type": "function"}}, "tool_choice"),
    ({"tools": [_TOOL], "tool_choice": "other"}, "tool_choice"),
    ({"parallel_tool_calls": True}, "parallel_tool_calls"),
    ({"functions": [{"name": "f"}]}, "functions"),
    ({"logprobs": True}, "logprobs"),
    ({"top_logprobs": 3}, "top_logprobs"),
    ({"modalities": ["text", "audio"]}, "modalities[1]"),
    ({"audio": {"voice": "x"}}, "audio"),
    ({"web_search_options": {}}, "web_search_options"),
    ({"metadata": {"a": 1}}, "metadata.a"),
    ({"service_tier": "x"}, "service_tier"),
    ({"reasoning_effort": "huge"}, "reasoning_effort"),
    ({"temprature": 1}, "temprature"),
]

WRONG_MESSAGES: list[tuple[Any, str]] = [
    (None, "messages"),
    ([], "messages"),
    ("Hallo", "messages"),
    ([1], "messages[0]"),
    ([{}], "messages[0].role"),
    ([{"role": "boss", "content": "x"}], "messages[0].role"),
    ([{"role": 1, "content": "x"}], "messages[0].role"),
    ([{"role": "user"}], "messages[0].content"),
    ([{"role": "user", "content": None}], "messages[0].content"),
    ([{"role": "user", "content": 1}], "messages[0].content"),
    ([{"role": "user", "content": []}], "messages[0].content"),
    ([{"role": "user", "content": "x", "colour": 1}], "messages[0].colour"),
    ([{"role": "assistant", "content": None}], "messages[0].content"),
    ([{"role": "tool", "content": "x"}], "messages[0].tool_call_id"),
    ([{"role": "user", "content": ["x"]}], "messages[0].content[0]"),
    ([{"role": "user", "content": [{}]}], "messages[0].content[0].type"),
    ([{"role": "user", "content": [{"type": "film"}]}], "messages[0].content[0].type"),
    ([{"role": "user", "content": [{"type": ["x"]}]}], "messages[0].content[0].type"),
    ([{"role": "user", "content": [{"type": "text"}]}], "messages[0].content[0].text"),
    (
        [{"role": "user", "content": [{"type": "text", "text": 1}]}],
        "messages[0].content[0].text",
    ),
    (
        [{"role": "user", "content": [{"type": "image_url"}]}],
        "messages[0].content[0].image_url",
    ),
    (
        [{"role": "user", "content": [{"type": "image_url", "image_url": "data:x"}]}],
        "messages[0].content[0].image_url",
    ),
    (
        [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}],
        "messages[0].content[0].image_url.url",
    ),
    (
        [
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": "data:,", "detail": "x"}}],
            }
        ],
        "messages[0].content[0].image_url.detail",
    ),
    (
        [{"role": "system", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}],
        "messages[0].content[0].type",
    ),
    (
        [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}],
        "messages[0].content[0].type",
    ),
    ([{"role": "user", "content": "x"}, {"role": "user"}], "messages[1].content"),
]


def _error(response: httpx2.Response) -> dict[str, Any]:
    body = response.json()
    assert set(body) == {"error"}
    error: dict[str, Any] = body["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert error["message"]
    return error


@pytest.mark.parametrize("fields", RIGHT, ids=json.dumps)
def test_taken(reader: Running, fields: dict[str, Any]) -> None:
    """A value inside the documented range is taken."""
    assert reader.post(question("Hallo", **fields)).status_code == 200


@pytest.mark.parametrize(("fields", "param"), WRONG, ids=json.dumps)
def test_refused(reader: Running, fields: dict[str, Any], param: str) -> None:
    """A wrong value is answered with 400 and the name of the field."""
    response = reader.post(question("Hallo", **fields))

    assert response.status_code == 400
    assert _error(response)["param"] == param


@pytest.mark.parametrize(("messages", "param"), WRONG_MESSAGES, ids=json.dumps)
def test_refused_messages(reader: Running, messages: Any, param: str) -> None:
    """A wrong message is answered with 400 and the path of what is wrong in it."""
    response = reader.post({"model": MODEL, "messages": messages})

    assert response.status_code == 400
    assert _error(response)["param"] == param


@pytest.mark.parametrize(
    "message",
    [
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "assistant", "content": "x", "refusal": None, "annotations": []},
        {"role": "tool", "content": "x", "tool_call_id": "1"},
        {"role": "user", "content": "x", "name": "Jo"},
    ],
    ids=json.dumps,
)
def test_taken_messages(reader: Running, message: dict[str, Any]) -> None:
    """Every role the API knows is taken in its documented shape."""
    body = {"model": MODEL, "messages": [message, {"role": "user", "content": "Hallo"}]}

    assert reader.post(body).status_code == 200


@pytest.mark.parametrize("name", ["model", "messages"])
def test_required(reader: Running, name: str) -> None:
    """What is required and missing is named."""
    body = question("Hallo")
    del body[name]
    error = _error(reader.post(body))

    assert (error["param"], error["code"]) == (name, "missing_required_parameter")


@pytest.mark.parametrize(
    ("model", "status"), [("gpt-4o", 404), ("", 404), (1, 400), (["x"], 400), ("\ud800", 404)]
)
def test_model(reader: Running, model: Any, status: int) -> None:
    """An unknown model is not found, something else than a name is wrong."""
    body = json.dumps(question("Hallo") | {"model": model}).encode()
    response = reader.post(body)

    assert response.status_code == status
    assert _error(response)["param"] == "model"


def test_unknown_field_message(reader: Running) -> None:
    """An unknown field is refused in the API's words."""
    error = _error(reader.post(question("Hallo", foo=1)))

    assert error["message"] == "Unrecognized request argument supplied: foo"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b'{"a": NaN}',
        b"\xff\xfe",
        b"[" * 200_000,
        b'{"n": ' + b"9" * 9000 + b"}",
    ],
    ids=["empty", "open", "word", "nan", "bytes", "deep", "digits"],
)  # fmt: skip
def test_malformed(reader: Running, body: bytes) -> None:
    """A body that is no JSON is answered, not crashed on."""
    response = reader.post(body)

    assert response.status_code == 400
    assert _error(response)["code"] == "invalid_json"


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"1", b"null"])
def test_no_object(reader: Running, body: bytes) -> None:
    """JSON that is no object is refused."""
    assert reader.post(body).status_code == 400


def test_content_type(reader: Running) -> None:
    """Another content type is refused with the right one in the message."""
    body = json.dumps(question("Hallo")).encode()
    response = httpx2.post(
        f"{reader.address}/v1/chat/completions",
        content=body,
        headers={"content-type": "text/plain"},
    )

    assert response.status_code == 415
    assert "application/json" in _error(response)["message"]


def test_too_large(reader: Running) -> None:
    """A body above the limit is refused before it is read."""
    response = _declared_too_large(reader)

    assert response.startswith(b"HTTP/1.1 413")
    assert b"invalid_request_error" in response


def _declared_too_large(reader: Running) -> bytes:
    host, port = reader.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            b"connection: close\r\ncontent-length: 68157440\r\n\r\n"
        )
        return connection.makefile("rb").read()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/chat/completions", 405),
        ("POST", "/v1/models", 405),
        ("DELETE", "/health", 405),
        ("GET", "/", 404),
        ("POST", "/v1/embeddings", 404),
    ],
)
def test_unknown_routes(reader: Running, method: str, path: str, status: int) -> None:
    """Another path or method gets the API's error object."""
    response = httpx2.request(method, f"{reader.address}{path}")

    assert response.status_code == status
    assert method in _error(response)["message"]
    assert response.headers["x-request-id"].startswith("req_")

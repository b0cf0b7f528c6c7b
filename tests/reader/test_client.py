"""The official client works with the reader as with any endpoint."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import openai
import pytest

from .conftest import MODEL, Running, encoded, part, question, sample, user, written

_HELLO = encoded(written("Guten Tag", "Preis 12,34 €"))


def _messages(text: str, *pictures: bytes) -> Any:
    return [user(text, *pictures)]


def test_completion(client: openai.OpenAI) -> None:
    """A question about a picture is answered, with all fields the client types."""
    reply = client.chat.completions.create(
        model=MODEL, messages=_messages("Lies den Text vor.", _HELLO)
    )

    assert reply.object == "chat.completion"
    assert reply.id.startswith("chatcmpl-")
    assert reply.model == MODEL
    assert reply.choices[0].finish_reason == "stop"
    assert "Guten Tag\nPreis 12,34 €" in (reply.choices[0].message.content or "")
    assert reply.usage is not None
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


def test_text_only(client: openai.OpenAI) -> None:
    """A question without a picture gets a kind answer that one is needed."""
    messages: Any = [{"role": "user", "content": "Was steht hier?"}]

    reply = client.chat.completions.create(model=MODEL, messages=messages)

    assert "Dafür brauche ich ein Bild" in (reply.choices[0].message.content or "")


def test_stream(client: openai.OpenAI) -> None:
    """A stream is role, words, finish_reason, then usage, and says what the completion says."""
    messages = _messages("Lies den Text vor.", _HELLO)
    whole = client.chat.completions.create(model=MODEL, messages=messages)
    with client.chat.completions.create(
        model=MODEL, messages=messages, stream=True, stream_options={"include_usage": True}
    ) as stream:
        chunks = list(stream)

    *answer, usage = chunks
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in answer) == (
        whole.choices[0].message.content
    )
    assert len(answer) > 8
    assert answer[-1].choices[0].finish_reason == "stop"
    assert [chunk.choices[0].finish_reason for chunk in answer[:-1]] == [None] * (len(answer) - 1)
    assert usage.choices == []
    assert usage.usage == whole.usage
    assert all(chunk.usage is None for chunk in answer)
    assert {chunk.id for chunk in chunks} == {chunks[0].id}
    assert {chunk.system_fingerprint for chunk in chunks} == {whole.system_fingerprint}


def test_choices(client: openai.OpenAI) -> None:
    """With n, every choice is complete; when streaming they take turns."""
    messages = _messages("Lies den Text vor.", _HELLO)
    whole = client.chat.completions.create(model=MODEL, messages=messages, n=2)
    with client.chat.completions.create(model=MODEL, messages=messages, n=2, stream=True) as stream:
        chunks = list(stream)

    assert [choice.index for choice in whole.choices] == [0, 1]
    texts = {0: "", 1: ""}
    for chunk in chunks:
        texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    assert list(texts.values()) == [choice.message.content for choice in whole.choices]
    order = [chunk.choices[0].index for chunk in chunks]
    assert order == [0, 1] * (len(order) // 2)


def test_same_question_same_answer(client: openai.OpenAI) -> None:
    """Sampling fields change nothing: the answer follows from the picture."""
    messages = _messages("What does it say?", _HELLO)
    first = client.chat.completions.create(model=MODEL, messages=messages)
    second = client.chat.completions.create(
        model=MODEL, messages=messages, temperature=2, top_p=0.1, seed=7, user="someone"
    )

    assert first.choices[0].message.content == second.choices[0].message.content
    assert first.system_fingerprint == second.system_fingerprint


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_token_limit(client: openai.OpenAI, limit: str, *, stream: bool) -> None:
    """An answer ends at the token limit, says so, and counts exactly that many."""
    messages = _messages("Lies den Text vor.", _HELLO)
    fields: Any = {limit: 5}
    if stream:
        fields["stream_options"] = {"include_usage": True}
    made: Any = client.chat.completions.create(
        model=MODEL, messages=messages, stream=stream, **fields
    )
    parts = list(made) if stream else [made]

    reasons = [choice.finish_reason for each in parts for choice in each.choices]
    assert reasons[-1] == "length"
    assert parts[-1].usage.completion_tokens == 5


@pytest.mark.parametrize("stop", ["12,34", ["nothing like it", "12,34"], "g\nP"])
def test_stop(client: openai.OpenAI, stop: str | list[str]) -> None:
    """An answer ends before a stop sequence, wherever it lies, streamed or not."""
    messages = _messages("Lies den Text vor.", _HELLO)
    whole = client.chat.completions.create(model=MODEL, messages=messages, stop=stop)
    with client.chat.completions.create(
        model=MODEL, messages=messages, stop=stop, stream=True
    ) as stream:
        streamed = "".join(chunk.choices[0].delta.content or "" for chunk in stream)

    text = whole.choices[0].message.content or ""
    assert whole.choices[0].finish_reason == "stop"
    assert text.endswith(("Preis ", "Guten Ta"))
    assert streamed == text


def test_json_object(client: openai.OpenAI) -> None:
    """JSON mode gives one JSON object with everything that was seen."""
    reply = client.chat.completions.create(
        model=MODEL,
        messages=_messages("Als JSON bitte.", sample("receipt").path.read_bytes()),
        response_format={"type": "json_object"},
    )

    seen = json.loads(reply.choices[0].message.content or "")
    assert seen["language"] == "de"
    assert seen["lines"] == list(sample("receipt").text)
    assert seen["total"] == {"amount": 22.24, "currency": "EUR"}
    assert seen["dates"] == ["2026-11-21"]
    assert seen["size"]["orientation"] == "portrait"
    assert seen["sharpness"] == "sharp"
    assert {colour["name"] for colour in seen["colours"]} >= {"Weiß", "Braun"}
    assert seen["codes"] == []


def test_wrong_key_is_no_matter(reader: Running) -> None:
    """Any authorization is taken, or none."""
    for headers in ({}, {"authorization": "Bearer x"}, {"authorization": "nonsense"}):
        assert reader.post(question("Hallo"), **headers).status_code == 200


def test_models(client: openai.OpenAI) -> None:
    """There is one model, and it can be asked for by name."""
    assert [model.id for model in client.models.list()] == [MODEL]
    assert client.models.retrieve(MODEL).id == MODEL
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("other")


def test_error_classes(client: openai.OpenAI) -> None:
    """The client raises the classes its users catch."""
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="gpt-4o", messages=_messages("Hallo"))
    with pytest.raises(openai.BadRequestError) as wrong:
        client.chat.completions.create(model=MODEL, messages=_messages("Hallo"), temperature=3)

    assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    assert wrong.value.param == "temperature"
    assert wrong.value.type == "invalid_request_error"


def test_curl(reader: Running) -> None:
    """What curl shows is what the documentation promises, byte for byte in form."""
    body = question("Hallo", stream=True, stream_options={"include_usage": True})
    done = subprocess.run(
        ["curl", "-sSi", "-N", f"{reader.address}/v1/chat/completions", "-H",
         "content-type: application/json", "-d", json.dumps(body)],
        capture_output=True, check=True, text=True, timeout=60,
    )  # fmt: skip

    head, _blank, events = done.stdout.replace("\r\n", "\n").partition("\n\n")
    assert head.startswith("HTTP/1.1 200")
    assert "content-type: text/event-stream; charset=utf-8" in head
    assert "cache-control: no-cache" in head
    assert "x-request-id: req_" in head
    *datas, last = events.removesuffix("\n\n").split("\n\n")
    assert last == "data: [DONE]"
    chunks = [json.loads(data.removeprefix("data: ")) for data in datas]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert [chunk["usage"] for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["prompt_tokens"] > 0


def test_usage_only_where_asked(reader: Running) -> None:
    """Without include_usage no chunk has a usage field."""
    text = reader.post(question("Hallo", stream=True)).text

    assert '"usage"' not in text
    assert text.endswith("data: [DONE]\n\n")


def test_picture_tokens(reader: Running) -> None:
    """A picture counts the documented tokens: 85 with low detail, tiles otherwise."""
    content = encoded(written("Tag", size=(1024, 1024)))
    counts = {}
    for detail in ("low", "high"):
        message = {"role": "user", "content": [part(content, detail=detail)]}
        body = {"model": MODEL, "messages": [message]}
        counts[detail] = reader.post(body).json()["usage"]["prompt_tokens"]

    assert counts["high"] - counts["low"] == 4 * 170

"""The request body."""

import base64
import hashlib

from augenblick.core.conversations import round_messages
from augenblick.core.messages import (
    Attachment,
    Detail,
    ImagePart,
    Message,
    Provenance,
    Role,
    TextPart,
    ToolCall,
    ToolResult,
    ToolRound,
)
from augenblick.core.settings import RequestSettings
from augenblick.endpoint.payload import DataUris, build_payload


def _attachment(content: bytes) -> Attachment:
    receipt = Provenance("a.jpg", "JPEG", len(content), 4, 3)
    return Attachment(
        hashlib.sha256(content).hexdigest(), "image/jpeg", 4, 3, len(content), receipt
    )


def test_pictures_become_data_uris_in_order_before_the_text() -> None:
    """The content is a list of parts as the API documents it."""
    contents = {_attachment(name).sha256: name for name in (b"one", b"two")}
    pictures = [ImagePart(_attachment(b"one")), ImagePart(_attachment(b"two"), Detail.HIGH)]
    message = Message(Role.USER, (*pictures, TextPart("What is it?")))

    payload = build_payload(
        [message], RequestSettings("gpt-4o"), data_uri=DataUris(contents.__getitem__)
    )

    one, two = (base64.b64encode(name).decode() for name in (b"one", b"two"))
    assert payload == {
        "model": "gpt-4o",
        "messages": [
            {
                "role": "user",
                "content": [
                    {
                        "type": "image_url",
                        "image_url": {"url": f"data:image/jpeg;base64,{one}", "detail": "auto"},
                    },
                    {
                        "type": "image_url",
                        "image_url": {"url": f"data:image/jpeg;base64,{two}", "detail": "high"},
                    },
                    {"type": "text", "text": "What is it?"},
                ],
            }
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_a_message_without_pictures_is_a_plain_string() -> None:
    """The oldest compatible servers take nothing else."""
    message = Message(Role.USER, (TextPart("Hi"),))

    payload = build_payload([message], RequestSettings("m", system="Be kind"), data_uri=str)

    assert payload["messages"] == [
        {"role": "system", "content": "Be kind"},
        {"role": "user", "content": "Hi"},
    ]


def test_what_is_not_chosen_is_not_sent_and_a_zero_is() -> None:
    """Not sent and sent as zero are different things."""
    settings = RequestSettings(
        "m", temperature=0.0, stop=("a", "b"), seed=0, stream=False, extra={"top_k": 5, "seed": 7}
    )

    payload = build_payload([], settings, data_uri=str)

    assert payload == {
        "model": "m",
        "messages": [],
        "temperature": 0.0,
        "stop": ["a", "b"],
        "seed": 7,
        "stream": False,
        "top_k": 5,
    }


def test_every_field_reaches_the_wire() -> None:
    """Each setting has its place in the body under the API's name."""
    tools = ({"type": "function", "function": {"name": "f"}},)
    settings = RequestSettings(
        model="m",
        temperature=1.5,
        top_p=0.5,
        n=2,
        stop=("x",),
        max_tokens=9,
        presence_penalty=-2.0,
        frequency_penalty=2.0,
        logit_bias={"50256": -100},
        user="u",
        response_format={"type": "json_object"},
        seed=3,
        tools=tools,
        tool_choice="auto",
    )

    payload = build_payload([], settings, data_uri=str)

    assert payload["logit_bias"] == {"50256": -100}
    assert payload["tools"] == list(tools)
    assert {"temperature", "top_p", "n", "stop", "max_tokens", "user", "seed"} <= payload.keys()
    assert payload["response_format"] == {"type": "json_object"}
    assert (payload["presence_penalty"], payload["frequency_penalty"]) == (-2.0, 2.0)
    assert payload["tool_choice"] == "auto"


def test_a_picture_is_read_and_encoded_once() -> None:
    """Every turn sends it again, none encodes it again."""
    reads: list[str] = []

    def load(sha256: str) -> bytes:
        reads.append(sha256)
        return b"one"

    uris = DataUris(load)

    assert uris(_attachment(b"one")) == uris(_attachment(b"one"))
    assert len(reads) == 1


def test_kept_data_uris_are_bounded() -> None:
    """The oldest go when there are too many bytes; what is asked for is always given."""
    contents = {_attachment(bytes([n]) * 900).sha256: bytes([n]) * 900 for n in range(5)}
    uris = DataUris(contents.__getitem__, max_bytes=3000)

    for n in range(5):
        assert uris(_attachment(bytes([n]) * 900)).startswith("data:image/jpeg;base64,")

    assert uris._uris.byte_count <= 3000


def test_calls_and_their_results_go_as_the_api_wants_them() -> None:
    """The assistant's calls, a tool message for each, then a picture that one returned."""
    attachment = _attachment(b"closer")
    done = ToolRound(
        (ToolCall("1", "zoom", '{"left":0}'),),
        (ToolResult("1", "The picture follows.", picture=ImagePart(attachment)),),
    )

    payload = build_payload(
        round_messages(done), RequestSettings("m"), data_uri=lambda _: "data:image/jpeg;base64,QQ=="
    )

    function = {"name": "zoom", "arguments": '{"left":0}'}
    assert payload["messages"][0] == {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "1", "type": "function", "function": function}],
    }
    assert payload["messages"][1] == {
        "role": "tool",
        "content": "The picture follows.",
        "tool_call_id": "1",
    }
    assert [message["role"] for message in payload["messages"]] == ["assistant", "tool", "user"]
    assert payload["messages"][2]["content"][0]["type"] == "image_url"

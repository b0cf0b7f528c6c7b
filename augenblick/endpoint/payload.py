"""The request body: `build_payload` is the only maker of data URIs.

Field names and shapes are those of the Chat Completions API
(https://platform.openai.com/docs/api-reference/chat/create). A setting that is None is not sent.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

from augenblick.core.byte_lru import ByteLru
from augenblick.core.messages import Attachment, ContentPart, ImagePart, Message, Role, TextPart
from augenblick.core.region_names import name_regions
from augenblick.core.settings import RequestSettings

Payload = dict[str, Any]


class DataUri(str):
    """A picture as a data URI, which says whose it is: a trace keeps that instead of the bytes."""

    __slots__ = ("attachment",)
    attachment: Attachment

    def __new__(cls, attachment: Attachment, content: bytes) -> Self:
        """The data URI of a picture with these bytes."""
        encoded = base64.b64encode(content).decode("ascii")
        uri = super().__new__(cls, f"data:{attachment.media_type};base64,{encoded}")
        uri.attachment = attachment
        return uri


class DataUris:
    """Data URIs by picture, each encoded once; at most `max_bytes` are kept. Safe in threads."""

    def __init__(
        self, load_content: Callable[[str], bytes], *, max_bytes: int = 128_000_000
    ) -> None:
        self._load_content = load_content
        self._uris: ByteLru[str, DataUri] = ByteLru(max_bytes, size=len)

    def __call__(self, attachment: Attachment) -> DataUri:
        """The data URI of a picture."""
        uri = self._uris.get(attachment.sha256)
        return uri or self.add(attachment, self._load_content(attachment.sha256))

    def add(self, attachment: Attachment, content: bytes) -> DataUri:
        """Encode a picture whose bytes are at hand, stored or not."""
        uri = DataUri(attachment, content)
        self._uris.put(attachment.sha256, uri)
        return uri

    def forget(self, sha256: str) -> None:
        """Keep this one no longer; where it is needed again, it is made again."""
        self._uris.forget(sha256)


def build_payload(
    messages: Iterable[Message], settings: RequestSettings, *, data_uri: Callable[[Attachment], str]
) -> Payload:
    """The JSON body of a request.

    Parts keep the order in which the person attached them; where regions of pictures were marked, a
    text says which picture is which (`region_names`). A message without pictures is sent as a
    plain string, which the oldest of the compatible servers need.
    """
    wire = [_wire_message(message, data_uri) for message in messages]
    if settings.system:
        wire.insert(0, {"role": Role.SYSTEM.value, "content": settings.system})
    return {"model": settings.model, "messages": wire, **_fields(settings)}


def encode_payload(payload: Mapping[str, Any]) -> bytes:
    """The exact bytes of the body: compact JSON in UTF-8. Raises ValueError for NaN."""
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace")


def _wire_message(message: Message, data_uri: Callable[[Attachment], str]) -> dict[str, Any]:
    wire: dict[str, Any] = {"role": message.role.value, "content": message.text}
    if message.attachments:
        wire["content"] = [_wire_part(part, data_uri) for part in _named(message)]
    if message.tool_calls:
        wire["content"] = message.text or None
        wire["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id:
        wire["tool_call_id"] = message.tool_call_id
    return wire


def _named(message: Message) -> tuple[ContentPart, ...]:
    """The parts, after the pictures with a text about which of them is which marked region."""
    said = name_regions(message.attachments)
    if not said:
        return message.parts
    pictures = [part for part in message.parts if isinstance(part, ImagePart)]
    texts = [part for part in message.parts if isinstance(part, TextPart)]
    return (*pictures, TextPart(said), *texts)


def _wire_part(part: TextPart | ImagePart, data_uri: Callable[[Attachment], str]) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    return {
        "type": "image_url",
        "image_url": {"url": data_uri(part.attachment), "detail": part.detail.value},
    }


def _fields(settings: RequestSettings) -> Payload:
    chosen: Payload = {
        name: value
        for name in (
            "temperature", "top_p", "n", "max_tokens", "presence_penalty", "frequency_penalty",
            "user", "response_format", "seed", "tool_choice",
        )
        if (value := getattr(settings, name)) is not None
    }  # fmt: skip
    if settings.stop:
        chosen["stop"] = list(settings.stop)
    if settings.logit_bias:
        chosen["logit_bias"] = dict(settings.logit_bias)
    if settings.tools:
        chosen["tools"] = [dict(tool) for tool in settings.tools]
    chosen["stream"] = settings.stream
    if settings.stream and settings.include_usage:
        chosen["stream_options"] = {"include_usage": True}
    return chosen | dict(settings.extra)

"""Making a text of an endpoint fit to be shown: without keys, pictures and the prompt."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

_MAX_DETAIL_BYTES: Final = 2048
_MAX_SCRUBBED_CHARS: Final = 16_000  # of which 2 KB are kept
_MIN_SECRET_CHARS: Final = 8  # shorter ones are stand-ins such as "none" and would hide words
_PRIVATE_CHARS: Final = 16  # shorter lines of a prompt are ordinary words
# pydantic repeats what it was given: https://docs.pydantic.dev/latest/errors/errors/
_REPEATED_INPUT: Final = (
    r"""["']?\binput(?:_value)?["']?\s?[=:].*?(?=,\s?(?:input_type=|["']url["'])|\n|\Z)"""
)
_SCRUBS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), instead)
    for pattern, instead in (
        (r"data:[\w/+.-]{0,80};base64,[A-Za-z0-9+/=_\-\s]*", "[picture]"),
        (r"\bBearer\s+[^\s\"',}]+", "Bearer [key]"),
        (r"\b(?:sk|pk|rk|gsk|xai|hf|key|org|proj)[-_][A-Za-z0-9_\-*.]{6,}", "[key]"),
        (r"\bAIza[\w-]{8,}", "[key]"),
        (r"(?<=api_key=)[^\s&\"']+|(?<=api-key: )[^\s\"']+", "[key]"),
        (_REPEATED_INPUT, ""),
        (r"[A-Za-z0-9+/=_-]{120,}", "[…]"),
        (r"[\x00-\x20\x7f-\xa0]+", " "),
    )
)


def scrub(text: str, *, secrets: Iterable[str] = ()) -> str:
    """Plain text of at most 2 KB, on one line, without keys, pictures and the given secrets.

    `secrets` are the key and the texts of the prompt; shorter than eight characters they are left
    alone.
    """
    was_cut = len(text) > _MAX_SCRUBBED_CHARS
    text = text[:_MAX_SCRUBBED_CHARS]
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _MIN_SECRET_CHARS:
            for spelling in (secret, json.dumps(secret)[1:-1]):
                text = text.replace(spelling, "[…]")
                text = _without_beginning_of(spelling, text) if was_cut else text
    for pattern, instead in _SCRUBS:
        text = pattern.sub(instead, text)
    clipped = text.strip().encode("utf-8", "replace")[:_MAX_DETAIL_BYTES]
    return clipped.decode("utf-8", "ignore")


def _without_beginning_of(secret: str, text: str) -> str:
    """The text without the first part of a secret that was cut at its end."""
    start = text.find(secret[:_MIN_SECRET_CHARS], max(0, len(text) - len(secret)))
    while start >= 0:
        if secret.startswith(text[start:]):
            return text[:start]
        start = text.find(secret[:_MIN_SECRET_CHARS], start + 1)
    return text


def private_texts(messages: object) -> Iterator[str]:
    """The lines of a prompt, to be kept out of error texts; shorter ones are ordinary words."""
    for message in messages if isinstance(messages, list | tuple) else ():
        content = message.get("content") if isinstance(message, Mapping) else None
        parts = content if isinstance(content, list) else [{"text": content}]
        for part in parts:
            text = part.get("text") if isinstance(part, Mapping) else None
            if isinstance(text, str):
                lines = (line.strip() for line in text.splitlines())
                yield from (line for line in lines if len(line) >= _PRIVATE_CHARS)

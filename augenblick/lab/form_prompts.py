"""What is said to a model about JSON in words.

`json_object` is refused unless the word JSON stands in the messages
(https://platform.openai.com/docs/guides/structured-outputs#json-mode), and endpoints without
schemas have to be told the schema.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from augenblick.core.messages import Message
from augenblick.core.settings import RequestSettings
from augenblick.lab.schemas import schema_of

JSON_INSTRUCTION = "Answer in JSON."
_ONLY = "Answer with one JSON object and nothing else, without a code fence and without comments."
_SCHEMA = "It must conform to this JSON Schema:"


def with_json_named(messages: Iterable[Message], settings: RequestSettings) -> RequestSettings:
    """The settings, the word JSON added to the instructions where `json_object` lacks it."""
    if (settings.response_format or {}).get("type") != "json_object":
        return settings
    said = (settings.system, *(message.text for message in messages))
    if any("json" in text.lower() for text in said):
        return settings
    return _told(settings, JSON_INSTRUCTION)


def in_words(
    settings: RequestSettings, response_format: Mapping[str, Any] | None
) -> RequestSettings:
    """The settings with the wish for JSON, and the schema where there is one, as instructions.

    `response_format` is what is sent beside it, or None.
    """
    schema = schema_of(settings.response_format)
    told = _ONLY
    if schema is not None:
        told = f"{_ONLY} {_SCHEMA}\n{json.dumps(schema, ensure_ascii=False)}"
    is_told = _ONLY in settings.system  # with the schema, when the first step was taken
    changed = settings if is_told else _told(settings, told)
    return replace(changed, response_format=response_format)


def _told(settings: RequestSettings, instruction: str) -> RequestSettings:
    return replace(settings, system="\n\n".join(filter(None, (settings.system, instruction))))

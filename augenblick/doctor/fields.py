"""Which request fields an endpoint takes, and whether it does what they say.

Each field is sent alone, in a small question. Where the answer can show the effect it is looked at;
for the others acceptance is all that can be seen from outside.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from augenblick.doctor.asking import Examinee, Observation, as_payload
from augenblick.doctor.findings import Finding, Mark
from augenblick.errors import (
    PromptFiltered,
    RequestRejected,
    ServerFailed,
    ServerOverloaded,
)
from augenblick.messages import ReplyEnd
from augenblick.settings import RequestSettings

Seen = Callable[[Observation], bool]

_READY = "Reply with the single word: ready"
_COUNT = "Count from 1 to 40 in words, separated by commas."
_STEPS = "Reply with exactly these words: one two three four five"
_JSON = 'Reply with a JSON object like {"colour": "red"} that names a colour. Only JSON.'
_CALL = "What is the weather in Paris? Use the function."
_FEW_TOKENS = 16
_SHORT_CHARACTERS = 120
_TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather at a place",
        "parameters": {
            "type": "object",
            "properties": {"place": {"type": "string"}},
            "required": ["place"],
        },
    },
}
_SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "answer",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"colour": {"type": "string"}},
            "required": ["colour"],
            "additionalProperties": False,
        },
    },
}


@dataclass(frozen=True, slots=True)
class FieldProbe:
    """A field with a value, a question, and how its effect is seen (None: it can't be)."""

    name: str
    fields: dict[str, Any]
    text: str = _READY
    seen: Seen | None = field(default=None)


def _has_two_choices(observation: Observation) -> bool:
    return sum(bool(choice.text) for choice in observation.choices) == 2  # noqa: PLR2004 - n is 2


def _stopped_before_three(observation: Observation) -> bool:
    return "three" not in observation.text.lower()


def _is_short(observation: Observation) -> bool:
    tokens = observation.usage.completion_tokens if observation.usage else None
    return (
        observation.end is ReplyEnd.LENGTH
        or (tokens is not None and tokens <= _FEW_TOKENS)
        or len(observation.text) <= _SHORT_CHARACTERS
    )


def _is_json(observation: Observation) -> bool:
    try:
        return isinstance(json.loads(observation.text), dict)
    except ValueError:
        return False


def _fits_schema(observation: Observation) -> bool:
    """A refusal is what the API provides for where nothing true fits the schema."""
    if observation.choices and observation.choices[0].refusal:
        return True
    return _is_json(observation) and list(json.loads(observation.text)) == ["colour"]


def _has_call(observation: Observation) -> bool:
    return any(choice.tool_calls for choice in observation.choices)


def _has_usage(observation: Observation) -> bool:
    return observation.usage is not None


FIELD_PROBES = (
    FieldProbe("temperature", {"temperature": 0.2}),
    FieldProbe("top_p", {"top_p": 0.9}),
    FieldProbe("n", {"n": 2}, seen=_has_two_choices),
    FieldProbe("stop", {"stop": ["three"]}, _STEPS, _stopped_before_three),
    FieldProbe("max_tokens", {"max_tokens": _FEW_TOKENS}, _COUNT, _is_short),
    FieldProbe("max_completion_tokens", {"max_completion_tokens": _FEW_TOKENS}, _COUNT, _is_short),
    FieldProbe("presence_penalty", {"presence_penalty": 0.5}),
    FieldProbe("frequency_penalty", {"frequency_penalty": 0.5}),
    FieldProbe("logit_bias", {"logit_bias": {"1734": -1}}),
    FieldProbe("user", {"user": "doctor"}),
    FieldProbe(
        "response_format.json_object", {"response_format": {"type": "json_object"}}, _JSON, _is_json
    ),
    FieldProbe("response_format.json_schema", {"response_format": _SCHEMA}, _JSON, _fits_schema),
    FieldProbe("seed", {"seed": 7}),
    FieldProbe("tools", {"tools": [_TOOL]}, _CALL, _has_call),
    FieldProbe(
        "tool_choice",
        {
            "tools": [_TOOL],
            "tool_choice": {"type": "function", "function": {"name": "weather"}},
        },
        _CALL,
        _has_call,
    ),
    FieldProbe("stream_options", {"stream_options": {"include_usage": True}}, seen=_has_usage),
)
_LIMITS = ("field.max_tokens", "field.max_completion_tokens")


def try_field(examinee: Examinee, probe: FieldProbe, *, model: str) -> Finding:
    """Send one field and say what came of it."""
    name = f"field.{probe.name}"
    if examinee.seconds_left < 1:
        return Finding(name, Mark.UNKNOWN, "no_time")
    settings = RequestSettings(model, include_usage=False, extra=probe.fields)
    observation = examinee.ask(as_payload(settings, probe.text))
    error = observation.error
    if error is None:
        return _judge(name, probe, observation)
    if _is_refusal(error):
        return Finding(name, Mark.GAP, "refused", {"detail": error.detail})
    return Finding(name, Mark.UNKNOWN, "error", {"error": error.code, "detail": error.detail})


def with_one_limit(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """A length limit under either name is enough: the other one missing is worth a note only."""
    limits = [finding for finding in findings if finding.name in _LIMITS]
    if not any(finding.mark is Mark.OK for finding in limits):
        return findings
    return tuple(
        replace(finding, mark=Mark.NOTE)
        if finding in limits and finding.mark is Mark.GAP
        else finding
        for finding in findings
    )


def _judge(name: str, probe: FieldProbe, observation: Observation) -> Finding:
    if probe.seen is None:
        return Finding(name, Mark.OK, "accepted")
    if probe.seen(observation):
        return Finding(name, Mark.OK, "honoured")
    return Finding(name, Mark.GAP, "ignored")


def _is_refusal(error: Exception) -> bool:
    """A plain 500 counts too: that is how some servers say that they don't know a field."""
    if isinstance(error, ServerOverloaded | PromptFiltered):
        return False
    return isinstance(error, RequestRejected | ServerFailed)

"""Which request fields an endpoint takes, and whether it does what they say.

Each field is sent alone, in a small question. Where the answer can show the effect, the same
question is asked without the field as well: what comes without it is no effect of it. For the other
fields acceptance is all that can be seen from outside.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from augenblick.core.errors import Param
from augenblick.core.messages import ReplyEnd
from augenblick.core.model_cards import Finding, Mark
from augenblick.core.settings import RequestSettings
from augenblick.ops.doctor.findings import told
from augenblick.ops.doctor.probes import Examinee, Observation, as_payload, is_refusal

Shows = Callable[[Observation], bool | None]  # None: an answer that tells nothing

_READY = "Reply with the single word: ready"
_COUNT = "Count from 1 to 40 in words, separated by commas. Write nothing else."
_STEPS = "Reply with exactly these words: one two three four five"
_PROSE = "Which colour does a ripe tomato have? One short sentence (JSON only if you must)."
_CALL = "What is the weather in Paris? Use the function."
_FEW_TOKENS = 16
_SHORT_CHARACTERS = 120  # above what 16 tokens can hold
_AT_ONCE = 3
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
    """A field with a value, a question, and how its effect shows (None: it can't be seen).

    `without` is sent in the control question, for what a field can't stand without.
    `is_fine_anyway`: nothing is missing where an endpoint does it unasked.
    """

    name: str
    fields: dict[str, Any]
    text: str = _READY
    shows: Shows | None = field(default=None)
    without: dict[str, Any] = field(default_factory=dict)
    is_fine_anyway: bool = False

    @property
    def control(self) -> str:
        """The same question without the field, the same for every probe that has it."""
        return json.dumps([self.text, self.without])


def _shows_two_choices(observation: Observation) -> bool | None:
    count = sum(bool(choice.text) for choice in observation.choices)
    return count > 1 if count else None


def _shows_stop(observation: Observation) -> bool | None:
    said = observation.text.lower()
    if "three" in said:
        return False
    return True if "two" in said else None


def _shows_limit(observation: Observation) -> bool | None:
    """Short because it was cut, not because the model was brief."""
    said = "".join(choice.reasoning + choice.text for choice in observation.choices).lower()
    if len(said) > _SHORT_CHARACTERS:
        return False
    was_counting = "two" in said and "forty" not in said
    return True if observation.end is ReplyEnd.LENGTH or was_counting else None


def _shows_object(observation: Observation) -> bool | None:
    if not observation.text:
        return None
    try:
        return isinstance(json.loads(observation.text), dict)
    except ValueError:
        return False


def _shows_schema(observation: Observation) -> bool | None:
    """A refusal is what the API provides for where nothing true fits the schema."""
    if observation.choices and observation.choices[0].refusal:
        return True
    is_object = _shows_object(observation)
    return list(json.loads(observation.text)) == ["colour"] if is_object else is_object


def _shows_call(observation: Observation) -> bool | None:
    return any(choice.tool_calls for choice in observation.choices)


FIELD_PROBES = (
    FieldProbe("temperature", {"temperature": 0.2}),
    FieldProbe("top_p", {"top_p": 0.9}),
    FieldProbe("n", {"n": 2}, shows=_shows_two_choices),
    FieldProbe("stop", {"stop": ["three"]}, _STEPS, _shows_stop),
    FieldProbe("max_tokens", {"max_tokens": _FEW_TOKENS}, _COUNT, _shows_limit),
    FieldProbe(
        "max_completion_tokens", {"max_completion_tokens": _FEW_TOKENS}, _COUNT, _shows_limit
    ),
    FieldProbe("presence_penalty", {"presence_penalty": 0.5}),
    FieldProbe("frequency_penalty", {"frequency_penalty": 0.5}),
    FieldProbe("logit_bias", {"logit_bias": {"1734": -1}}),
    FieldProbe("user", {"user": "doctor"}),
    FieldProbe(
        "response_format.json_object",
        {"response_format": {"type": "json_object"}},
        _PROSE,
        _shows_object,
    ),
    FieldProbe("response_format.json_schema", {"response_format": _SCHEMA}, _PROSE, _shows_schema),
    FieldProbe("seed", {"seed": 7}),
    FieldProbe("tools", {"tools": [_TOOL]}, _CALL, _shows_call),
    FieldProbe(
        "tool_choice",
        {
            "tools": [_TOOL],
            "tool_choice": {"type": "function", "function": {"name": "weather"}},
        },
        _READY,
        _shows_call,
        without={"tools": [_TOOL]},
    ),
    FieldProbe(
        "stream_options",
        {"stream_options": {"include_usage": True}},
        shows=lambda seen: seen.usage is not None,
        is_fine_anyway=True,
    ),
)
_LIMITS = ("field.max_tokens", "field.max_completion_tokens")


def examine_fields(examinee: Examinee, model: str) -> tuple[Finding, ...]:
    """Send every field, then the control questions that are needed, and say what came of each.

    The codes are `effect_seen`, `no_effect_seen` (taken), `refused` and `untold`.
    """

    def ask(text: str, fields: Mapping[str, Any]) -> Observation | None:
        if examinee.seconds_left < 1:
            return None
        settings = RequestSettings(model, include_usage=False, extra=fields)
        return examinee.ask(as_payload(settings, text))

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        tried = list(pool.map(lambda probe: ask(probe.text, probe.fields), FIELD_PROBES))
        pairs = list(zip(FIELD_PROBES, tried, strict=True))
        needed = dict.fromkeys(
            probe.control for probe, seen in pairs if _needs_control(probe, seen)
        )
        controls = dict(
            zip(needed, pool.map(lambda key: ask(*json.loads(key)), needed), strict=True)
        )
    return _with_one_limit(
        [_judge(probe, seen, controls.get(probe.control)) for probe, seen in pairs]
    )


def _needs_control(probe: FieldProbe, seen: Observation | None) -> bool:
    return seen is not None and (is_refusal(seen.error) or _shown(probe, seen) is True)


def _judge(probe: FieldProbe, seen: Observation | None, control: Observation | None) -> Finding:
    name = f"field.{probe.name}"
    if seen is None or (control is None and _needs_control(probe, seen)):
        return _untold(name, "no_time")
    if seen.error is not None and not is_refusal(seen.error):
        return _untold(name, "error", **told(seen.error))
    if control is not None and control.error is not None:
        return _untold(name, "control", **told(control.error))
    if seen.error is not None:
        return Finding(name, Mark.GAP, "refused", {"detail": seen.error.detail})
    if probe.shows is None:
        return Finding(name, Mark.OK, "no_effect_seen")
    return _judge_effect(name, probe, seen, control)


def _judge_effect(
    name: str, probe: FieldProbe, seen: Observation, control: Observation | None
) -> Finding:
    shown = _shown(probe, seen)
    without = _shown(probe, control) if control is not None else None
    if shown is False:
        return Finding(name, Mark.GAP, "no_effect_seen")
    if shown and without is False:
        return Finding(name, Mark.OK, "effect_seen")
    if shown and without:
        found = _untold(name, "same_without")
        return replace(found, mark=Mark.NOTE) if probe.is_fine_anyway else found
    return _untold(name, "unclear")


def _shown(probe: FieldProbe, observation: Observation) -> bool | None:
    if probe.shows is None or not observation.is_whole:
        return None
    return probe.shows(observation)


def _untold(name: str, reason: str, **params: Param) -> Finding:
    return Finding(name, Mark.UNKNOWN, "untold", {"reason": reason, **params})


def _with_one_limit(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """A length limit under either name is enough: the other one missing is worth a note only."""
    limits = [finding for finding in findings if finding.name in _LIMITS]
    if not any(finding.mark is Mark.OK for finding in limits):
        return tuple(findings)
    return tuple(
        replace(finding, mark=Mark.NOTE)
        if finding in limits and finding.mark is Mark.GAP
        else finding
        for finding in findings
    )

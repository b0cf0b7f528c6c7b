"""The changes that can be made to the fields and messages of a request, each with its sentence.

Those of pictures stand in `picture_changes`; what is changed when is `fallbacks`'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from augenblick.core.conversations import rounds_in_words
from augenblick.core.messages import Adjustment, Message, Role, TextPart
from augenblick.core.settings import RequestSettings
from augenblick.lab.form_prompts import in_words

_OPTIONAL: Final = {each.name for each in fields(RequestSettings)} - {
    "model", "stream", "include_usage", "system", "extra",
}  # fmt: skip

# Names of quirks, as they are stored.
SYSTEM = "system"
PARALLEL_FROM = "choices.apart_from"  # its value is the smallest `n` that is refused
FIELD = "field."  # and its name
FORM = "form."  # and the form that is refused
TOOL_ROUNDS = "rounds"
TURNS = "turns"

PARALLEL = "asked_apart"  # the code of its sentence, as it is stored
# The forms of an answer; from the one that an endpoint refuses to the next plainer one.
SCHEMA, OBJECT, WORDS = "json_schema", "json_object", "words"


@dataclass(frozen=True, slots=True)
class Request:
    """What is about to be sent, before it becomes a payload.

    `times` says how often, in parallel: where an endpoint gives one answer at a time, several
    answers are as many requests.
    """

    messages: tuple[Message, ...]
    settings: RequestSettings
    times: int = 1


@dataclass(frozen=True, slots=True)
class Fallback:
    """A changed request, the sentence that says so, and what to remember for next time."""

    request: Request
    adjustment: Adjustment
    quirks: Mapping[str, str] = field(default_factory=dict)


def form_of(request: Request) -> str:
    """Which form of JSON is asked for, if any."""
    form = (request.settings.response_format or {}).get("type")
    return form if form in {SCHEMA, OBJECT} else ""


def with_form(to: str, request: Request) -> Fallback | None:
    """The request with its schema in words, and `json_object` beside them or nothing."""
    form = form_of(request)
    if not form or form == to:
        return None
    response_format = {"type": OBJECT} if to == OBJECT else None
    return Fallback(
        replace(request, settings=in_words(request.settings, response_format)),
        Adjustment("json_object_instead" if to == OBJECT else "form_in_words"),
        {FORM + form: to},
    )


def without_field(request: Request, name: str, instead: str) -> Fallback | None:
    """The request without a field, its value under another name if there is one."""
    name = name.partition(".")[0]
    settings, plain = request.settings, RequestSettings(request.settings.model)
    if name == "n" and not instead and (parallel := in_parallel(request)):
        return parallel
    if name == "stream_options" and settings.include_usage and settings.stream:
        changed = replace(settings, include_usage=False)
    elif name == "stream" and settings.stream and not instead:
        changed = replace(settings, stream=False)
    elif name in settings.extra:
        extra = {key: value for key, value in settings.extra.items() if key != name}
        value = settings.extra[name]
        changed = _with_value(replace(settings, extra=extra), instead, value)
    elif name in _OPTIONAL and getattr(settings, name) != getattr(plain, name):
        gone = (name, "tool_choice") if name == "tools" else (name,)  # refused without tools
        empty: dict[str, Any] = {each: getattr(plain, each) for each in gone}
        changed = _with_value(replace(settings, **empty), instead, getattr(settings, name))
    else:
        return None
    adjustment = Adjustment("dropped_field", {"field": name})
    if instead:
        adjustment = Adjustment("renamed_field", {"field": name, "instead": instead})
    return Fallback(replace(request, settings=changed), adjustment, {FIELD + name: instead})


def _with_value(settings: RequestSettings, name: str, value: object) -> RequestSettings:
    if not name:
        return settings
    if name in _OPTIONAL:
        known: dict[str, Any] = {name: value}
        return replace(settings, **known)
    return replace(settings, extra={**settings.extra, name: value})


def in_parallel(request: Request, count: int = 0) -> Fallback | None:
    """One answer in each of as many requests as answers are wanted.

    `count` is how many requests it takes, where some of the answers are there already.
    """
    wanted = request.settings.n or 1
    if wanted == 1:
        return None
    return Fallback(
        Request(request.messages, replace(request.settings, n=None), times=wanted),
        Adjustment(PARALLEL, {"wanted": wanted, "count": count or wanted}),
        {PARALLEL_FROM: "2"},
    )


def system_in_question(request: Request) -> Fallback | None:
    """The system message as the beginning of the first question."""
    system = [request.settings.system] if request.settings.system else []
    system += [message.text for message in request.messages if message.role is Role.SYSTEM]
    others = [message for message in request.messages if message.role is not Role.SYSTEM]
    first = next((at for at, one in enumerate(others) if one.role is Role.USER), None)
    if not system or first is None:
        return None
    parts = (TextPart("\n\n".join(system)), *others[first].parts)
    others[first] = replace(others[first], parts=parts)
    settings = replace(request.settings, system="")
    return Fallback(
        replace(request, messages=tuple(others), settings=settings),
        Adjustment("system_in_question"),
        {SYSTEM: "in_question"},
    )


def merged_turns(request: Request) -> Fallback | None:
    """Messages in a row from one side as one: an answer that failed leaves two questions so.

    Calls and results stay by themselves.
    """
    merged: list[Message] = []
    for message in request.messages:
        before = merged[-1] if merged else None
        is_plain = message.role is not Role.TOOL and not message.tool_calls
        if before and is_plain and before.role is message.role and not before.tool_calls:
            merged[-1] = replace(before, parts=(*before.parts, *message.parts))
        else:
            merged.append(message)
    if len(merged) == len(request.messages):
        return None
    changed = replace(request, messages=tuple(merged))
    return Fallback(changed, Adjustment("joined_turns"), {TURNS: "joined"})


def tool_rounds_as_text(request: Request) -> Fallback | None:
    """Calls and their results as words in ordinary messages."""
    if not any(message.role is Role.TOOL for message in request.messages):
        return None
    changed = replace(request, messages=rounds_in_words(request.messages))
    return Fallback(changed, Adjustment("rounds_in_words"), {TOOL_ROUNDS: "in_words"})


def without_older_turns(request: Request) -> Fallback | None:
    """Keep system messages and the newer half of the rest, which begins with a question."""
    system = [message for message in request.messages if message.role is Role.SYSTEM]
    rest = [message for message in request.messages if message.role is not Role.SYSTEM]
    questions = question_positions(rest)
    start = next((at for at in questions if at >= len(rest) / 2), questions[-1] if questions else 0)
    if not start:
        return None
    changed = replace(request, messages=(*system, *rest[start:]))
    return Fallback(changed, Adjustment("dropped_older_turns", {"count": start}))


def question_positions(messages: Sequence[Message]) -> list[int]:
    """Where the questions stand; the pictures that calls returned come as user messages too."""
    return [
        at
        for at, message in enumerate(messages)
        if message.role is Role.USER and (not at or messages[at - 1].role is not Role.TOOL)
    ]

"""What can be changed about a refused request so that the endpoint takes it.

A remedy is used at most once per kind, always said to the person (`Adjustment`), and remembered
(`lessons`) so that the next request is right at once. A question is never stripped of its last
picture: where a model can't see, only the person can decide what to do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from augenblick import errors
from augenblick.conversations import rounds_in_words
from augenblick.errors import ProviderError
from augenblick.messages import (
    Adjustment,
    Attachment,
    ContentPart,
    ImagePart,
    Message,
    Role,
    TextPart,
)
from augenblick.settings import RequestSettings
from augenblick.structured.prompting import in_words

Shrink = Callable[[Attachment, int], Attachment]  # the longest side in px
ToJpeg = Callable[[Attachment], Attachment]

_SIDES_PX: Final = (1536, 1024, 768, 512)
_JPEG: Final = "image/jpeg"
_RENAMES: Final = {"max_tokens": "max_completion_tokens"}
# What a setting is when it is not sent; the other fields of RequestSettings can't be left out.
_NOT_SENT: Final[Mapping[str, Any]] = {
    "temperature": None, "top_p": None, "n": None, "stop": (), "max_tokens": None,
    "presence_penalty": None, "frequency_penalty": None, "logit_bias": {}, "user": None,
    "response_format": None, "seed": None, "tools": (), "tool_choice": None,
}  # fmt: skip

_SIDE, _COUNT, _FORMAT, _SYSTEM, _APART = (
    "pictures.longest_side_px", "pictures.max_count", "pictures.format", "system",
    "choices.apart_from",
)  # fmt: skip
_FIELD = "field."
_ASK_APART = "asked_apart"

# From the form that an endpoint refuses to the next plainer one.
_SCHEMA, _OBJECT, _WORDS = "json_schema", "json_object", "words"
_FORMAT_FIELDS: Final = {
    "response_format", _SCHEMA, _OBJECT, "json_mode", "structured_output", "structured_outputs",
    "grammar",
}  # fmt: skip
_FORM = "form."  # and the form that is refused
_ROUNDS = "rounds"
# Templates and gateways without tools word it in many ways; all of them name what they stumble on.
_TOOL_WORDS: Final = re.compile(r"tool|function|\broles?\b|alternate", re.IGNORECASE)
_ABOUT_MESSAGES: Final = (errors.SystemRoleRejected, errors.FieldRejected)
_ABOUT_ANYTHING: Final = {errors.RequestRejected, errors.ServerFailed, errors.ErrorInStream}


@dataclass(frozen=True, slots=True)
class Request:
    """What is about to be sent, before it becomes a payload.

    `times` says how often, side by side: where an endpoint gives one answer at a time, several
    answers are as many requests.
    """

    messages: tuple[Message, ...]
    settings: RequestSettings
    times: int = 1


@dataclass(frozen=True, slots=True)
class Remedy:
    """A changed request, the sentence that says so, and what to remember for next time.

    `kind` names the change; the caller passes the kinds used so far as `applied`.
    """

    kind: str
    request: Request
    adjustment: Adjustment
    lessons: Mapping[str, str] = field(default_factory=dict)


def remedy_for(
    error: ProviderError,
    request: Request,
    lessons: Mapping[str, str],
    *,
    applied: Collection[str] = (),
    shrink: Shrink | None = None,
    to_jpeg: ToJpeg | None = None,
) -> Remedy | None:
    """A change that answers this refusal, or None where only a person can help.

    `lessons` are those known before; `shrink` and `to_jpeg` prepare a picture anew.
    """
    for remedy in _candidates(error, request, lessons, shrink, to_jpeg):
        if remedy is not None and remedy.kind not in applied:
            return remedy
    return None


def apply_lessons(
    request: Request,
    lessons: Mapping[str, str],
    *,
    shrink: Shrink | None = None,
    to_jpeg: ToJpeg | None = None,
) -> tuple[Request, tuple[Adjustment, ...]]:
    """The request with everything already learnt applied, and the sentences that say so.

    Lessons that are not understood are passed over.
    """
    remedies: list[Callable[[Request], Remedy | None]] = []
    if (fewest := _number(lessons.get(_APART))) and fewest <= (request.settings.n or 1):
        remedies.append(_asked_apart)
    remedies += [
        lambda now, name=name, to=to: _without_field(now, name.removeprefix(_FIELD), to)  # type: ignore[misc]
        for name, to in lessons.items()
        if name.startswith(_FIELD) and name != _FIELD + "response_format"
    ]
    remedies.append(lambda now: _known_form(now, lessons))
    if lessons.get(_SYSTEM) == "in_question":
        remedies.append(_system_in_question)
    if lessons.get(_ROUNDS) == "in_words":
        remedies.append(_told_in_words)
    if lessons.get(_FORMAT) == "jpeg":
        remedies.append(lambda now: _as_jpeg(now, to_jpeg))
    if count := _number(lessons.get(_COUNT)):
        remedies.append(lambda now: _newest_pictures(now, count))
    if side := _number(lessons.get(_SIDE)):
        remedies.append(lambda now: _shrunk(now, side, shrink))
    adjustments = []
    for remedy_of in remedies:
        if (remedy := remedy_of(request)) is not None:
            request = remedy.request
            adjustments.append(remedy.adjustment)
    return request, tuple(adjustments)


def ask_for_missing(request: Request, missing: int) -> Remedy | None:
    """How to get the answers that an endpoint did not give although it was asked for `n`."""
    asked = request.settings.n or 1
    if not 0 < missing < asked:
        return None
    apart = _asked_apart(request, times=missing + 1)
    return apart and replace(apart, lessons={_APART: str(asked - missing + 1)})


def _candidates(
    error: ProviderError,
    request: Request,
    lessons: Mapping[str, str],
    shrink: Shrink | None,
    to_jpeg: ToJpeg | None,
) -> tuple[Remedy | None, ...]:
    """The remedies for a refusal, the gentlest first."""
    found: tuple[Remedy | None, ...] = ()
    learnt_px = _number(lessons.get(_SIDE))
    match error:
        case errors.FieldRejected():
            found = _for_field(error, request)
        case errors.TooManyPictures():
            found = (_fewer_pictures(error, request),)
        case errors.PictureFormatRejected() | errors.PictureUnreadable():
            found = (_as_jpeg(request, to_jpeg),)
        case errors.PictureTooLarge():
            limit_px = _number(error.params.get("limit_px"))
            sides_px = (limit_px, _next_side(request, learnt_px))
            found = tuple(_shrunk(request, side_px, shrink) for side_px in sides_px)
        case errors.RequestTooLarge():
            side_px = _next_side(request, learnt_px)
            found = (_shrunk(request, side_px, shrink, is_lesson=False), *_shorter(request))
        case errors.ContextTooLong():
            side_px = _next_side(request, learnt_px)
            found = (*_shorter(request), _shrunk(request, side_px, shrink, is_lesson=False))
        case errors.SystemRoleRejected():
            found = (_system_in_question(request),)
        case _:
            pass
    return (*found, _rounds_in_words(error, request))


def _fewer_pictures(error: ProviderError, request: Request) -> Remedy | None:
    """As many as the endpoint takes; a number that it did not name is no lesson."""
    remedy = _newest_pictures(request, _limit_of(error, request))
    if remedy is None or _number(error.params.get("limit")):
        return remedy
    return replace(remedy, lessons={})


def _limit_of(error: ProviderError, request: Request) -> int:
    """How many pictures to keep: as many as said, else those of the last question, else one."""
    of_last = _pictures_of_last(request)
    unsaid = of_last if len(_pictures(request)) > of_last else 1
    return _number(error.params.get("limit")) or unsaid


def _for_field(error: errors.FieldRejected, request: Request) -> tuple[Remedy | None, ...]:
    """Rename where that is known to help, else leave the field out.

    That one value is refused is no lesson, unless the endpoint takes the default only.
    """
    name = str(error.params.get("field", ""))
    is_unknown = isinstance(error, errors.UnknownField)
    if name.partition(".")[0] in _FORMAT_FIELDS and _form(request):
        return (_plainer(error, request),)
    instead = str(error.params.get("instead", "")) or (_RENAMES.get(name, "") if is_unknown else "")
    renamed = _without_field(request, name, instead) if instead else None
    dropped = _without_field(request, name, "")
    if dropped is not None and dropped.kind == _ASK_APART:
        # fewer may be fine where this many were refused, unless the field itself is unknown
        fewest = 2 if is_unknown else dropped.request.times
        return (replace(dropped, lessons={_APART: str(fewest)}),)
    if dropped is not None and not is_unknown and "only_default" not in error.params:
        dropped = replace(dropped, lessons={})
    return (renamed, dropped)


def _form(request: Request) -> str:
    """Which form of JSON is asked for, if any."""
    form = (request.settings.response_format or {}).get("type")
    return form if form in {_SCHEMA, _OBJECT} else ""


def _plainer(error: errors.FieldRejected, request: Request) -> Remedy | None:
    """The next plainer form; an endpoint without the field itself is told in words at once.

    That one schema is refused is no lesson.
    """
    is_unknown = isinstance(error, errors.UnknownField)
    to = _OBJECT if _form(request) == _SCHEMA and not is_unknown else _WORDS
    remedy = _asking_for(to, request)
    if remedy is not None and "own_schema" in error.params:
        return replace(remedy, lessons={})
    return remedy


def _known_form(request: Request, lessons: Mapping[str, str]) -> Remedy | None:
    """The form that this endpoint is known to take, where it does not take the one asked for."""
    to = lessons.get(_FORM + _form(request), "")
    if to == _OBJECT and lessons.get(_FORM + _OBJECT) == _WORDS:
        to = _WORDS
    if _FIELD + "response_format" in lessons:
        to = _WORDS
    return _asking_for(to, request) if to in {_OBJECT, _WORDS} else None


def _asking_for(to: str, request: Request) -> Remedy | None:
    """The request with its schema in words, and `json_object` beside them or nothing."""
    form = _form(request)
    if not form or form == to:
        return None
    response_format = {"type": _OBJECT} if to == _OBJECT else None
    return Remedy(
        f"form:{to}",
        replace(request, settings=in_words(request.settings, response_format)),
        Adjustment("json_object_instead" if to == _OBJECT else "form_in_words"),
        {_FORM + form: to},
    )


def _without_field(request: Request, name: str, instead: str) -> Remedy | None:
    """The request without a field, its value under another name if there is one."""
    name = name.partition(".")[0]
    settings = request.settings
    if name == "n" and not instead and (apart := _asked_apart(request)):
        return apart
    if name == "stream_options" and settings.include_usage and settings.stream:
        changed = replace(settings, include_usage=False)
    elif name == "stream" and settings.stream and not instead:
        changed = replace(settings, stream=False)
    elif name in settings.extra:
        extra = {key: value for key, value in settings.extra.items() if key != name}
        value = settings.extra[name]
        changed = _with_value(replace(settings, extra=extra), instead, value)
    elif name in _NOT_SENT and getattr(settings, name) != _NOT_SENT[name]:
        gone = (name, "tool_choice") if name == "tools" else (name,)  # refused without tools
        empty: dict[str, Any] = {each: _NOT_SENT[each] for each in gone}
        changed = _with_value(replace(settings, **empty), instead, getattr(settings, name))
    else:
        return None
    code = "renamed_field" if instead else "dropped_field"
    return Remedy(
        f"{code}:{name}",
        replace(request, settings=changed),
        Adjustment(code, {"field": name, "instead": instead} if instead else {"field": name}),
        {_FIELD + name: instead},
    )


def _asked_apart(request: Request, times: int = 0) -> Remedy | None:
    """One answer in each of as many requests as answers are wanted, or still missing."""
    wanted = request.settings.n or 1
    if wanted < 2:  # noqa: PLR2004 - one is no several
        return None
    return Remedy(
        _ASK_APART,
        Request(request.messages, replace(request.settings, n=None), times=wanted),
        Adjustment(_ASK_APART, {"wanted": wanted, "count": times or wanted}),
        {_APART: "2"},
    )


def _with_value(settings: RequestSettings, name: str, value: object) -> RequestSettings:
    if not name:
        return settings
    if name in _NOT_SENT:
        known: dict[str, Any] = {name: value}
        return replace(settings, **known)
    return replace(settings, extra={**settings.extra, name: value})


def _system_in_question(request: Request) -> Remedy | None:
    """The system message as the beginning of the first question."""
    system = [request.settings.system] if request.settings.system else []
    system += [message.text for message in request.messages if message.role is Role.SYSTEM]
    others = [message for message in request.messages if message.role is not Role.SYSTEM]
    first = next((at for at, one in enumerate(others) if one.role is Role.USER), None)
    if not system or first is None:
        return None
    parts = (TextPart("\n\n".join(system)), *others[first].parts)
    others[first] = replace(others[first], parts=parts)
    changed = replace(
        request, messages=tuple(others), settings=replace(request.settings, system="")
    )
    return Remedy(
        "system_in_question", changed, Adjustment("system_in_question"), {_SYSTEM: "in_question"}
    )


def _rounds_in_words(error: ProviderError, request: Request) -> Remedy | None:
    """Calls and results told in words, where tool messages seem to be what is refused."""
    is_about_them = isinstance(error, _ABOUT_MESSAGES) or type(error) in _ABOUT_ANYTHING
    if not (is_about_them and _TOOL_WORDS.search(error.detail)):
        return None
    remedy = _told_in_words(request)
    is_lesson = isinstance(error, errors.RequestRejected)
    return remedy if remedy is None or is_lesson else replace(remedy, lessons={})


def _told_in_words(request: Request) -> Remedy | None:
    if not any(message.role is Role.TOOL for message in request.messages):
        return None
    return Remedy(
        "rounds_in_words",
        replace(request, messages=rounds_in_words(request.messages)),
        Adjustment("rounds_in_words"),
        {_ROUNDS: "in_words"},
    )


def _shrunk(
    request: Request, side_px: int, shrink: Shrink | None, *, is_lesson: bool = True
) -> Remedy | None:
    """Every picture whose longer side is above `side_px`, prepared smaller."""
    if shrink is None or side_px <= 0:
        return None

    def smaller(picture: Attachment) -> Attachment:
        return shrink(picture, side_px) if _side(picture) > side_px else picture

    changed, count = _mapped(request, smaller)
    if not count:
        return None
    return Remedy(
        f"shrank_pictures:{side_px}",
        changed,
        Adjustment("shrank_pictures", {"count": count, "side_px": side_px}),
        {_SIDE: str(side_px)} if is_lesson else {},
    )


def _as_jpeg(request: Request, to_jpeg: ToJpeg | None) -> Remedy | None:
    """Every picture that is no JPEG, as one."""
    if to_jpeg is None:
        return None

    def converted(picture: Attachment) -> Attachment:
        return to_jpeg(picture) if picture.media_type != _JPEG else picture

    changed, count = _mapped(request, converted)
    if not count:
        return None
    return Remedy(
        "converted_pictures",
        changed,
        Adjustment("converted_pictures", {"count": count}),
        {_FORMAT: "jpeg"},
    )


def _newest_pictures(request: Request, limit: int) -> Remedy | None:
    """Only the newest `limit` pictures; None where that drops nothing, or all there are."""
    total = len(_pictures(request))
    if not 0 < limit < total:
        return None
    return Remedy(
        "dropped_pictures",
        replace(request, messages=_dropping(request.messages, total - limit)),
        Adjustment("dropped_pictures", {"count": total - limit, "limit": limit}),
        {_COUNT: str(limit)},
    )


def _shorter(request: Request) -> tuple[Remedy | None, ...]:
    """Without the pictures of earlier questions; then without the older half of the turns."""
    return (_without_older_pictures(request), _without_older_turns(request))


def _without_older_pictures(request: Request) -> Remedy | None:
    older = len(_pictures(request)) - _pictures_of_last(request)
    if not older:
        return None
    return Remedy(
        "dropped_older_pictures",
        replace(request, messages=_dropping(request.messages, older)),
        Adjustment("dropped_older_pictures", {"count": older}),
    )


def _without_older_turns(request: Request) -> Remedy | None:
    """Keep system messages and the newer half of the rest, which begins with a question."""
    system = [message for message in request.messages if message.role is Role.SYSTEM]
    rest = [message for message in request.messages if message.role is not Role.SYSTEM]
    questions = _questions(rest)
    start = next((at for at in questions if at >= len(rest) / 2), questions[-1] if questions else 0)
    if not start:
        return None
    return Remedy(
        f"dropped_older_turns:{len(rest)}",
        replace(request, messages=(*system, *rest[start:])),
        Adjustment("dropped_older_turns", {"count": start}),
    )


def _mapped(request: Request, change: Callable[[Attachment], Attachment]) -> tuple[Request, int]:
    """The request with every picture changed, and how many really are."""
    count = 0
    messages = []
    for message in request.messages:
        parts: list[ContentPart] = []
        for part in message.parts:
            if isinstance(part, ImagePart):
                changed = change(part.attachment)
                count += changed != part.attachment
                parts.append(replace(part, attachment=changed))
            else:
                parts.append(part)
        messages.append(replace(message, parts=tuple(parts)))
    return replace(request, messages=tuple(messages)), count


def _dropping(messages: tuple[Message, ...], count: int) -> tuple[Message, ...]:
    """The messages without their oldest `count` pictures; one left empty says nothing and goes."""
    kept = []
    for message in messages:
        parts: list[ContentPart] = []
        for part in message.parts:
            if isinstance(part, ImagePart) and count > 0:
                count -= 1
            else:
                parts.append(part)
        if parts or message.tool_calls:
            kept.append(replace(message, parts=tuple(parts)))
    return tuple(kept)


def _pictures(request: Request) -> list[Attachment]:
    return [picture for message in request.messages for picture in message.attachments]


def _pictures_of_last(request: Request) -> int:
    """How many pictures the last question has, or the last one that had any."""
    messages = request.messages
    from_last = messages[_questions(messages)[-1] :] if _questions(messages) else ()
    return sum(len(message.attachments) for message in from_last)


def _questions(messages: Sequence[Message]) -> list[int]:
    """Where the questions stand; the pictures that calls returned come as user messages too."""
    return [
        at
        for at, message in enumerate(messages)
        if message.role is Role.USER and (not at or messages[at - 1].role is not Role.TOOL)
    ]


def _side(picture: Attachment) -> int:
    return max(picture.width_px, picture.height_px)


def _next_side(request: Request, learnt: int) -> int:
    """The next smaller size that would change something; 0 when all are small already."""
    largest = max((_side(picture) for picture in _pictures(request)), default=0)
    below = min(largest, learnt) if learnt else largest
    return next((side for side in _SIDES_PX if side < below), 0)


def _number(text: object) -> int:
    """A whole number above 0, else 0."""
    digits = str(text)
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0  # noqa: PLR2004 - no limit is that long

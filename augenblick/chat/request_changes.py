"""The changes that can be made to a request, each with the sentence that says so.

What is changed when, and what an endpoint is known to need, is `fallbacks`'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from augenblick.core.conversations import rounds_in_words
from augenblick.core.messages import (
    Adjustment,
    Attachment,
    ContentPart,
    ImagePart,
    Message,
    Role,
    TextPart,
)
from augenblick.core.settings import RequestSettings
from augenblick.lab.form_prompts import in_words
from augenblick.pictures.variants import Prepare

Shrink = Callable[[Attachment, int], Attachment]  # the longest side in px
ToJpeg = Callable[[Attachment], Attachment]


@dataclass(frozen=True, slots=True)
class Fitting:
    """How the pictures of a request are made: as data URIs, smaller, as JPEG.

    `prepare` takes in a picture that an answer holds. Raises ImageError.
    """

    data_uri: Callable[[Attachment], str]
    shrink: Shrink
    to_jpeg: ToJpeg
    prepare: Prepare | None = None


_JPEG: Final = "image/jpeg"
# What a setting is when it is not sent; the other fields of RequestSettings can't be left out.
_NOT_SENT: Final[Mapping[str, Any]] = {
    "temperature": None, "top_p": None, "n": None, "stop": (), "max_tokens": None,
    "presence_penalty": None, "frequency_penalty": None, "logit_bias": {}, "user": None,
    "response_format": None, "seed": None, "tools": (), "tool_choice": None,
}  # fmt: skip

# Names of quirks.
SIDE, COUNT, FORMAT, SYSTEM, APART = (
    "pictures.longest_side_px", "pictures.max_count", "pictures.format", "system",
    "choices.apart_from",
)  # fmt: skip
FIELD = "field."  # and its name
FORM = "form."  # and the form that is refused
ROUNDS = "rounds"
TURNS = "turns"

ASK_APART = "asked_apart"
# The forms of an answer; from the one that an endpoint refuses to the next plainer one.
SCHEMA, OBJECT, WORDS = "json_schema", "json_object", "words"


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
class Fallback:
    """A changed request, the sentence that says so, and what to remember for next time.

    `kind` names the change; the caller passes the kinds used so far as `applied`.
    """

    kind: str
    request: Request
    adjustment: Adjustment
    quirks: Mapping[str, str] = field(default_factory=dict)


def form_of(request: Request) -> str:
    """Which form of JSON is asked for, if any."""
    form = (request.settings.response_format or {}).get("type")
    return form if form in {SCHEMA, OBJECT} else ""


def asking_for(to: str, request: Request) -> Fallback | None:
    """The request with its schema in words, and `json_object` beside them or nothing."""
    form = form_of(request)
    if not form or form == to:
        return None
    response_format = {"type": OBJECT} if to == OBJECT else None
    return Fallback(
        f"form:{to}",
        replace(request, settings=in_words(request.settings, response_format)),
        Adjustment("json_object_instead" if to == OBJECT else "form_in_words"),
        {FORM + form: to},
    )


def without_field(request: Request, name: str, instead: str) -> Fallback | None:
    """The request without a field, its value under another name if there is one."""
    name = name.partition(".")[0]
    settings = request.settings
    if name == "n" and not instead and (apart := asked_apart(request)):
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
    return Fallback(
        f"{code}:{name}",
        replace(request, settings=changed),
        Adjustment(code, {"field": name, "instead": instead} if instead else {"field": name}),
        {FIELD + name: instead},
    )


def asked_apart(request: Request, times: int = 0) -> Fallback | None:
    """One answer in each of as many requests as answers are wanted, or still missing."""
    wanted = request.settings.n or 1
    if wanted < 2:  # noqa: PLR2004 - one is no several
        return None
    return Fallback(
        ASK_APART,
        Request(request.messages, replace(request.settings, n=None), times=wanted),
        Adjustment(ASK_APART, {"wanted": wanted, "count": times or wanted}),
        {APART: "2"},
    )


def _with_value(settings: RequestSettings, name: str, value: object) -> RequestSettings:
    if not name:
        return settings
    if name in _NOT_SENT:
        known: dict[str, Any] = {name: value}
        return replace(settings, **known)
    return replace(settings, extra={**settings.extra, name: value})


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
    changed = replace(
        request, messages=tuple(others), settings=replace(request.settings, system="")
    )
    return Fallback(
        "system_in_question", changed, Adjustment("system_in_question"), {SYSTEM: "in_question"}
    )


def joined_turns(request: Request) -> Fallback | None:
    """Messages in a row from one side as one: an answer that failed leaves two questions so.

    Calls and results stay by themselves.
    """
    joined: list[Message] = []
    for message in request.messages:
        before = joined[-1] if joined else None
        is_plain = message.role is not Role.TOOL and not message.tool_calls
        if before and is_plain and before.role is message.role and not before.tool_calls:
            joined[-1] = replace(before, parts=(*before.parts, *message.parts))
        else:
            joined.append(message)
    if len(joined) == len(request.messages):
        return None
    return Fallback(
        "joined_turns",
        replace(request, messages=tuple(joined)),
        Adjustment("joined_turns"),
        {TURNS: "joined"},
    )


def told_in_words(request: Request) -> Fallback | None:
    """Calls and their results as words in ordinary messages."""
    if not any(message.role is Role.TOOL for message in request.messages):
        return None
    return Fallback(
        "rounds_in_words",
        replace(request, messages=rounds_in_words(request.messages)),
        Adjustment("rounds_in_words"),
        {ROUNDS: "in_words"},
    )


def shrunk(
    request: Request, side_px: int, shrink: Shrink | None, *, is_quirk: bool = True
) -> Fallback | None:
    """Every picture whose longer side is above `side_px`, prepared smaller."""
    if shrink is None or side_px <= 0:
        return None

    def smaller(picture: Attachment) -> Attachment:
        return shrink(picture, side_px) if side_of(picture) > side_px else picture

    changed, count = _mapped(request, smaller)
    if not count:
        return None
    return Fallback(
        f"shrank_pictures:{side_px}",
        changed,
        Adjustment("shrank_pictures", {"count": count, "side_px": side_px}),
        {SIDE: str(side_px)} if is_quirk else {},
    )


def as_jpeg(request: Request, to_jpeg: ToJpeg | None) -> Fallback | None:
    """Every picture that is no JPEG, as one."""
    if to_jpeg is None:
        return None

    def converted(picture: Attachment) -> Attachment:
        return to_jpeg(picture) if picture.media_type != _JPEG else picture

    changed, count = _mapped(request, converted)
    if not count:
        return None
    return Fallback(
        "converted_pictures",
        changed,
        Adjustment("converted_pictures", {"count": count}),
        {FORMAT: "jpeg"},
    )


def newest_pictures(request: Request, limit: int) -> Fallback | None:
    """Only the newest `limit` pictures; None where that drops nothing, or all there are.

    Of pictures that were sent in parts the parts go before the whole.
    """
    total = len(pictures_of(request))
    if not 0 < limit < total:
        return None
    messages, dropped = _dropping(request.messages, total - limit)
    return Fallback(
        "dropped_pictures",
        replace(request, messages=messages),
        _left_out(request, dropped, limit),
        {COUNT: str(limit)},
    )


def _left_out(before: Request, dropped: Sequence[Attachment], limit: int) -> Adjustment:
    """Say which pictures were left out; regions of the question by their numbers."""
    params: dict[str, str | int | float] = {"count": len(dropped), "limit": limit}
    older = len(pictures_of(before)) - picture_count_of_last(before)
    parts = [tile for each in dropped if (tile := each.receipt.tile) is not None and tile.index]
    if len(dropped) <= older or not parts:
        return Adjustment("dropped_pictures", params)
    numbers = sorted({part.index for part in parts if part.is_region})
    tiles = [each.receipt.tile for each in pictures_of(before)]
    has_overview = any(tile is not None and tile.is_region and not tile.index for tile in tiles)
    if len(numbers) < len(dropped) or not has_overview:  # others as well, or of two pictures
        return Adjustment("dropped_parts", params)
    return Adjustment("dropped_regions", {**params, "numbers": ", ".join(map(str, numbers))})


def shorter(request: Request) -> tuple[Fallback | None, ...]:
    """Without the pictures of earlier questions; then without the older half of the turns."""
    return (_without_older_pictures(request), _without_older_turns(request))


def _without_older_pictures(request: Request) -> Fallback | None:
    older = len(pictures_of(request)) - picture_count_of_last(request)
    if not older:
        return None
    return Fallback(
        "dropped_older_pictures",
        replace(request, messages=_dropping(request.messages, older)[0]),
        Adjustment("dropped_older_pictures", {"count": older}),
    )


def _without_older_turns(request: Request) -> Fallback | None:
    """Keep system messages and the newer half of the rest, which begins with a question."""
    system = [message for message in request.messages if message.role is Role.SYSTEM]
    rest = [message for message in request.messages if message.role is not Role.SYSTEM]
    questions = _questions(rest)
    start = next((at for at in questions if at >= len(rest) / 2), questions[-1] if questions else 0)
    if not start:
        return None
    return Fallback(
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


def _dropping(
    messages: tuple[Message, ...], count: int
) -> tuple[tuple[Message, ...], list[Attachment]]:
    """The messages without `count` pictures, and these; a message left empty says nothing and goes.

    The oldest go first; of one message the parts of pictures, the last ones first, for the whole
    shows all of them.
    """
    kept, dropped = [], list[Attachment]()
    for message in messages:
        pictures = {
            at: part.attachment
            for at, part in enumerate(message.parts)
            if isinstance(part, ImagePart)
        }
        gone = sorted(pictures, key=lambda at: -_part_number(pictures[at]))[: count - len(dropped)]
        dropped += [pictures[at] for at in gone]
        parts = tuple(part for at, part in enumerate(message.parts) if at not in gone)
        if parts or message.tool_calls:
            kept.append(replace(message, parts=parts))
    return tuple(kept), dropped


def _part_number(picture: Attachment) -> int:
    """Which part of a picture it is, from 1; 0 for a whole one."""
    tile = picture.receipt.tile
    return tile.index if tile is not None else 0


def pictures_of(request: Request) -> list[Attachment]:
    """All pictures, oldest first."""
    return [picture for message in request.messages for picture in message.attachments]


def picture_count_of_last(request: Request) -> int:
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


def side_of(picture: Attachment) -> int:
    """The longer side in px."""
    return max(picture.width_px, picture.height_px)


def whole_number(text: object) -> int:
    """A whole number above 0, else 0."""
    digits = str(text)
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0  # noqa: PLR2004 - no limit is that long

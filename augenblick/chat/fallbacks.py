"""What can be changed about a refused request so that the endpoint takes it.

A fallback is used at most once per kind, always said to the person (`Adjustment`), and remembered
(`quirks`) so that the next request is right at once. A question is never stripped of its last
picture: where a model can't see, only the person can decide what to do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Final

from augenblick.chat.request_changes import (
    APART,
    ASK_APART,
    COUNT,
    FIELD,
    FORM,
    FORMAT,
    OBJECT,
    ROUNDS,
    SCHEMA,
    SIDE,
    SYSTEM,
    TURNS,
    WORDS,
    Fallback,
    Request,
    Shrink,
    ToJpeg,
    as_jpeg,
    asked_apart,
    asking_for,
    form_of,
    joined_turns,
    newest_pictures,
    picture_count_of_last,
    pictures_of,
    shorter,
    shrunk,
    side_of,
    system_in_question,
    told_in_words,
    whole_number,
    without_field,
)
from augenblick.core.errors import ProviderError, RequestRejected
from augenblick.core.messages import Adjustment

_SIDES_PX: Final = (1536, 1024, 768, 512)
_RENAMES: Final = {"max_tokens": "max_completion_tokens"}
_FORMAT_FIELDS: Final = {
    "response_format", SCHEMA, OBJECT, "json_mode", "structured_output", "structured_outputs",
    "grammar",
}  # fmt: skip
# Templates and gateways without tools word it in many ways; all of them name what they stumble on.
_TOOL_WORDS: Final = re.compile(r"tool|function|\broles?\b|alternate", re.IGNORECASE)
_MAY_BE_ABOUT_TOOLS: Final = {
    "system_role_rejected", "roles_must_alternate", "unknown_field", "field_value_rejected",
    "request_rejected", "server_failed", "error_in_stream",
}  # fmt: skip


def fallback_for(
    error: ProviderError,
    request: Request,
    quirks: Mapping[str, str],
    *,
    applied: Collection[str] = (),
    shrink: Shrink | None = None,
    to_jpeg: ToJpeg | None = None,
) -> Fallback | None:
    """A change that answers this refusal, or None where only a person can help.

    `quirks` are those known before; `shrink` and `to_jpeg` prepare a picture anew.
    """
    for fallback in _candidates(error, request, quirks, shrink, to_jpeg):
        if fallback is not None and fallback.kind not in applied:
            return fallback
    return None


def apply_quirks(
    request: Request,
    quirks: Mapping[str, str],
    *,
    shrink: Shrink | None = None,
    to_jpeg: ToJpeg | None = None,
) -> tuple[Request, tuple[Adjustment, ...]]:
    """The request with everything already learnt applied, and the sentences that say so.

    SavedQuirks that are not understood are passed over.
    """
    fallbacks: list[Callable[[Request], Fallback | None]] = []
    if (fewest := whole_number(quirks.get(APART))) and fewest <= (request.settings.n or 1):
        fallbacks.append(asked_apart)
    fallbacks += [
        lambda now, name=name, to=to: without_field(now, name.removeprefix(FIELD), to)  # type: ignore[misc]
        for name, to in quirks.items()
        if name.startswith(FIELD) and name != FIELD + "response_format"
    ]
    fallbacks.append(lambda now: _known_form(now, quirks))
    if quirks.get(SYSTEM) == "in_question":
        fallbacks.append(system_in_question)
    if quirks.get(ROUNDS) == "in_words":
        fallbacks.append(told_in_words)
    if quirks.get(TURNS) == "joined":
        fallbacks.append(joined_turns)
    if quirks.get(FORMAT) == "jpeg":
        fallbacks.append(lambda now: as_jpeg(now, to_jpeg))
    if count := whole_number(quirks.get(COUNT)):
        fallbacks.append(lambda now: newest_pictures(now, count))
    if side := whole_number(quirks.get(SIDE)):
        fallbacks.append(lambda now: shrunk(now, side, shrink))
    adjustments = []
    for fallback_of in fallbacks:
        if (fallback := fallback_of(request)) is not None:
            request = fallback.request
            adjustments.append(fallback.adjustment)
    return request, tuple(adjustments)


def ask_for_missing(request: Request, missing: int) -> Fallback | None:
    """How to get the answers that an endpoint did not give although it was asked for `n`."""
    asked = request.settings.n or 1
    if not 0 < missing < asked:
        return None
    apart = asked_apart(request, times=missing + 1)
    return apart and replace(apart, quirks={APART: str(asked - missing + 1)})


def _candidates(
    error: ProviderError,
    request: Request,
    quirks: Mapping[str, str],
    shrink: Shrink | None,
    to_jpeg: ToJpeg | None,
) -> tuple[Fallback | None, ...]:
    """The fallbacks for a refusal, the gentlest first."""
    found: tuple[Fallback | None, ...] = ()
    learnt_px = whole_number(quirks.get(SIDE))
    match error.code:
        case "unknown_field" | "field_value_rejected":
            found = _for_field(error, request)
        case "too_many_pictures":
            found = (_fewer_pictures(error, request),)
        case "picture_format_rejected" | "picture_unreadable":
            found = (as_jpeg(request, to_jpeg),)
        case "picture_too_large":
            limit_px = whole_number(error.params.get("limit_px"))
            sides_px = (limit_px, _next_side(request, learnt_px))
            found = tuple(shrunk(request, side_px, shrink) for side_px in sides_px)
        case "request_too_large":
            side_px = _next_side(request, learnt_px)
            found = (shrunk(request, side_px, shrink, is_quirk=False), *shorter(request))
        case "context_too_long":
            side_px = _next_side(request, learnt_px)
            found = (*shorter(request), shrunk(request, side_px, shrink, is_quirk=False))
        case "system_role_rejected":
            found = (system_in_question(request),)
        case "roles_must_alternate":  # older templates count a system message among the turns
            found = (joined_turns(request), system_in_question(request))
        case _:
            pass
    return (*found, _rounds_in_words(error, request))


def _fewer_pictures(error: ProviderError, request: Request) -> Fallback | None:
    """As many as the endpoint names; else those of the last question, else one, and no quirk."""
    if limit := whole_number(error.params.get("limit")):
        return newest_pictures(request, limit)
    of_last = picture_count_of_last(request)
    fallback = newest_pictures(request, of_last if len(pictures_of(request)) > of_last else 1)
    return fallback and replace(fallback, quirks={})


def _for_field(error: ProviderError, request: Request) -> tuple[Fallback | None, ...]:
    """Rename where that is known to help, else leave the field out.

    That one value is refused is no quirk, unless the endpoint takes the default only.
    """
    name = str(error.params.get("field", ""))
    is_unknown = error.code == "unknown_field"
    if name.partition(".")[0] in _FORMAT_FIELDS and form_of(request):
        return (_plainer(error, request),)
    instead = str(error.params.get("instead", "")) or (_RENAMES.get(name, "") if is_unknown else "")
    renamed = without_field(request, name, instead) if instead else None
    dropped = without_field(request, name, "")
    if dropped is not None and dropped.kind == ASK_APART:
        # fewer may be fine where this many were refused, unless the field itself is unknown
        fewest = 2 if is_unknown else dropped.request.times
        return (replace(dropped, quirks={APART: str(fewest)}),)
    if dropped is not None and not is_unknown and "only_default" not in error.params:
        dropped = replace(dropped, quirks={})
    return (renamed, dropped)


def _plainer(error: ProviderError, request: Request) -> Fallback | None:
    """The next plainer form; an endpoint without the field itself is told in words at once.

    That one schema is refused is no quirk.
    """
    is_unknown = error.code == "unknown_field"
    to = OBJECT if form_of(request) == SCHEMA and not is_unknown else WORDS
    fallback = asking_for(to, request)
    if fallback is not None and "own_schema" in error.params:
        return replace(fallback, quirks={})
    return fallback


def _known_form(request: Request, quirks: Mapping[str, str]) -> Fallback | None:
    """The form that this endpoint is known to take, where it does not take the one asked for."""
    to = quirks.get(FORM + form_of(request), "")
    if to == OBJECT and quirks.get(FORM + OBJECT) == WORDS:
        to = WORDS
    if FIELD + "response_format" in quirks:
        to = WORDS
    return asking_for(to, request) if to in {OBJECT, WORDS} else None


def _rounds_in_words(error: ProviderError, request: Request) -> Fallback | None:
    """Calls and results told in words, where tool messages seem to be what is refused."""
    if error.code not in _MAY_BE_ABOUT_TOOLS or not _TOOL_WORDS.search(error.detail):
        return None
    fallback = told_in_words(request)
    is_quirk = isinstance(error, RequestRejected)
    return fallback if fallback is None or is_quirk else replace(fallback, quirks={})


def _next_side(request: Request, learnt: int) -> int:
    """The next smaller size that would change something; 0 when all are small already."""
    largest = max((side_of(picture) for picture in pictures_of(request)), default=0)
    below = min(largest, learnt) if learnt else largest
    return next((side for side in _SIDES_PX if side < below), 0)

"""What is changed about a refused request so that the endpoint takes it.

A fallback is used at most once, always said to the person (`Adjustment`), and remembered as a quirk
of the endpoint and model, so that the next request is right at once. A question is never stripped
of its last picture: where a model can't see, only the person can decide what to do.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Final

from augenblick.chat.picture_changes import (
    COUNT,
    FORMAT,
    SIDE,
    as_jpeg,
    newest_pictures,
    picture_count_of_last,
    pictures_of,
    shrunk,
    side_of,
    without_older_pictures,
)
from augenblick.chat.request_changes import (
    FIELD,
    FORM,
    OBJECT,
    PARALLEL,
    PARALLEL_FROM,
    SCHEMA,
    SYSTEM,
    TOOL_ROUNDS,
    TURNS,
    WORDS,
    Fallback,
    Request,
    form_of,
    in_parallel,
    merged_turns,
    system_in_question,
    tool_rounds_as_text,
    with_form,
    without_field,
    without_older_turns,
)
from augenblick.core.errors import ProviderError, RequestRejected, StoreError
from augenblick.core.messages import Adjustment
from augenblick.pictures.variants import PictureVariants
from augenblick.store import Store

_MOST_FALLBACKS: Final = 3  # of one request
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


class Quirks:
    """What one endpoint and model need: read before the first request, learnt on the way.

    Raises StoreUnavailable if they can't be read.
    """

    def __init__(self, store: Store, provider: str, model: str, pictures: PictureVariants) -> None:
        self._store = store
        self._place = provider, model
        self._pictures = pictures
        self._known = dict(store.load_quirks(provider, model))

    def fit(self, request: Request) -> tuple[Request, tuple[Adjustment, ...]]:
        """The request as it is known to be taken, and the sentences that say so."""
        return apply_quirks(request, self._known, self._pictures) if self._known else (request, ())

    def send(
        self,
        request: Request,
        attempt: Callable[[Request], None],
        *,
        adjustments: list[Adjustment],
        may_repeat: Callable[[], bool] = lambda: True,
    ) -> Request:
        """Attempt a request, changed until it is taken; returns what was taken.

        Every change is said in `adjustments`. Raises the ProviderError of the last attempt where
        nothing can be changed, where that did not help, and where no other one may follow.
        """
        applied: list[Adjustment] = []
        while True:
            try:
                attempt(request)
            except ProviderError as error:
                if len(applied) == _MOST_FALLBACKS or not may_repeat():
                    raise
                fallback = fallback_for(error, request, self._known, self._pictures, applied)
                if fallback is None:
                    raise
                self.learn(fallback)
                request = fallback.request
                applied.append(fallback.adjustment)
                adjustments.append(fallback.adjustment)
            else:
                return request

    def learn(self, fallback: Fallback) -> None:
        """Remember what a fallback teaches."""
        self._known |= fallback.quirks
        with contextlib.suppress(StoreError):  # then it is learnt again the next time
            for name, value in fallback.quirks.items():
                self._store.save_quirk(*self._place, name, value)


def apply_quirks(
    request: Request, quirks: Mapping[str, str], pictures: PictureVariants
) -> tuple[Request, tuple[Adjustment, ...]]:
    """The request with everything already learnt applied, and the sentences that say so.

    Quirks that are not understood are passed over.
    """
    adjustments: list[Adjustment] = []

    def change(fallback: Fallback | None) -> None:
        nonlocal request
        if fallback is not None:
            request = fallback.request
            adjustments.append(fallback.adjustment)

    if 0 < _number(quirks.get(PARALLEL_FROM)) <= (request.settings.n or 1):
        change(in_parallel(request))
    for name, instead in quirks.items():
        if name.startswith(FIELD) and name != FIELD + "response_format":
            change(without_field(request, name.removeprefix(FIELD), instead))
    change(_known_form(request, quirks))
    if quirks.get(SYSTEM) == "in_question":
        change(system_in_question(request))
    if quirks.get(TOOL_ROUNDS) == "in_words":
        change(tool_rounds_as_text(request))
    if quirks.get(TURNS) == "joined":
        change(merged_turns(request))
    if quirks.get(FORMAT) == "jpeg":
        change(as_jpeg(request, pictures))
    change(newest_pictures(request, _number(quirks.get(COUNT))))
    change(shrunk(request, _number(quirks.get(SIDE)), pictures))
    return request, tuple(adjustments)


def fallback_for(
    error: ProviderError,
    request: Request,
    quirks: Mapping[str, str],
    pictures: PictureVariants,
    applied: Collection[Adjustment] = (),
) -> Fallback | None:
    """A change that answers this refusal and was not `applied`, or None where only a person can.

    `quirks` are those known before.
    """
    for fallback in _candidates(error, request, _number(quirks.get(SIDE)), pictures):
        if fallback is not None and fallback.adjustment not in applied:
            return fallback
    return None


def ask_for_missing(request: Request, missing: int) -> Fallback | None:
    """How to get the answers that an endpoint did not give although it was asked for `n`."""
    asked = request.settings.n or 1
    if not 0 < missing < asked:
        return None
    parallel = in_parallel(request, count=missing + 1)
    return parallel and replace(parallel, quirks={PARALLEL_FROM: str(asked - missing + 1)})


def _candidates(
    error: ProviderError, request: Request, learnt_px: int, pictures: PictureVariants
) -> Iterator[Fallback | None]:
    """The fallbacks for a refusal, the gentlest first."""
    smaller_px = _next_side(request, learnt_px)
    match error.code:
        case "unknown_field" | "field_value_rejected":
            yield from _for_field(error, request)
        case "too_many_pictures":
            yield _fewer_pictures(error, request)
        case "picture_format_rejected" | "picture_unreadable":
            yield as_jpeg(request, pictures)
        case "picture_too_large":
            yield shrunk(request, _number(error.params.get("limit_px")), pictures)
            yield shrunk(request, smaller_px, pictures)
        case "request_too_large":
            yield _not_remembered(shrunk(request, smaller_px, pictures))
            yield without_older_pictures(request)
            yield without_older_turns(request)
        case "context_too_long":
            yield without_older_pictures(request)
            yield without_older_turns(request)
            yield _not_remembered(shrunk(request, smaller_px, pictures))
        case "system_role_rejected":
            yield system_in_question(request)
        case "roles_must_alternate":  # older templates count a system message among the turns
            yield merged_turns(request)
            yield system_in_question(request)
        case _:
            pass
    yield _without_tool_messages(error, request)


def _not_remembered(fallback: Fallback | None) -> Fallback | None:
    """The same change, which says nothing about the next request."""
    return fallback and replace(fallback, quirks={})


def _fewer_pictures(error: ProviderError, request: Request) -> Fallback | None:
    """As many as the endpoint names; else those of the last question, else one, and no quirk."""
    if limit := _number(error.params.get("limit")):
        return newest_pictures(request, limit)
    of_last = picture_count_of_last(request)
    limit = of_last if len(pictures_of(request)) > of_last else 1
    return _not_remembered(newest_pictures(request, limit))


def _for_field(error: ProviderError, request: Request) -> Iterator[Fallback | None]:
    """Rename where that is known to help, else leave the field out.

    That one value is refused is no quirk, unless the endpoint takes the default only.
    """
    name = str(error.params.get("field", ""))
    is_unknown = error.code == "unknown_field"
    if name.partition(".")[0] in _FORMAT_FIELDS and form_of(request):
        yield _plainer_form(error, request)
        return
    dropped = without_field(request, name, "")
    if dropped is not None and dropped.adjustment.code == PARALLEL:
        # fewer may be fine where this many were refused, unless the field itself is unknown
        fewest = 2 if is_unknown else dropped.request.times
        yield replace(dropped, quirks={PARALLEL_FROM: str(fewest)})
        return
    instead = str(error.params.get("instead", "")) or (_RENAMES.get(name, "") if is_unknown else "")
    if instead:
        yield without_field(request, name, instead)
    is_quirk = is_unknown or "only_default" in error.params
    yield dropped if is_quirk else _not_remembered(dropped)


def _plainer_form(error: ProviderError, request: Request) -> Fallback | None:
    """The next plainer form; an endpoint without the field itself is told in words at once.

    That one schema is refused is no quirk.
    """
    is_unknown = error.code == "unknown_field"
    to = OBJECT if form_of(request) == SCHEMA and not is_unknown else WORDS
    fallback = with_form(to, request)
    return _not_remembered(fallback) if "own_schema" in error.params else fallback


def _known_form(request: Request, quirks: Mapping[str, str]) -> Fallback | None:
    """The form that this endpoint is known to take, where it does not take the one asked for."""
    to = quirks.get(FORM + form_of(request), "")
    if to == OBJECT and quirks.get(FORM + OBJECT) == WORDS:
        to = WORDS
    if FIELD + "response_format" in quirks:
        to = WORDS
    return with_form(to, request) if to in {OBJECT, WORDS} else None


def _without_tool_messages(error: ProviderError, request: Request) -> Fallback | None:
    """Calls and results as text, where tool messages seem to be what is refused."""
    if error.code not in _MAY_BE_ABOUT_TOOLS or not _TOOL_WORDS.search(error.detail):
        return None
    fallback = tool_rounds_as_text(request)
    return fallback if isinstance(error, RequestRejected) else _not_remembered(fallback)


def _next_side(request: Request, learnt_px: int) -> int:
    """The next smaller size that would change something; 0 when all are small already."""
    largest = max((side_of(picture) for picture in pictures_of(request)), default=0)
    below = min(largest, learnt_px) if learnt_px else largest
    return next((side for side in _SIDES_PX if side < below), 0)


def _number(text: object) -> int:
    """A whole number above 0, else 0."""
    digits = str(text)
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0  # noqa: PLR2004 - no limit is that long

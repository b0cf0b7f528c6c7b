"""The line near the input: about what the next request will take."""

from __future__ import annotations

from dataclasses import dataclass

from streamlit.delta_generator import DeltaGenerator

from augenblick.core.conversations import Conversation, Node, as_wire_messages
from augenblick.core.errors import StoreError
from augenblick.core.messages import ImagePart, Message, Role
from augenblick.core.settings import RequestSettings
from augenblick.lab.estimates import Estimate, counted_factor, estimate_prompt, estimate_request
from augenblick.store.store_values import Figures
from augenblick.ui import i18n
from augenblick.ui.chat.model_choice import ModelChoice
from augenblick.ui.experts.active_settings import chosen_settings
from augenblick.ui.experts.prices import price_of
from augenblick.ui.resources import Services
from augenblick.ui.tab_state import tab

_LEARN_FROM = 30
_SHORTEST_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Expectation:
    """An estimate, and all that it depends on."""

    basis: tuple[object, ...]
    estimate: Estimate


def draw_expectation(
    place: DeltaGenerator,
    conversation: Conversation | None,
    parts: Services,
    choice: ModelChoice,
) -> None:
    """Draw the line. The words being typed are not known yet."""
    said = _said(_expect(conversation, parts, choice))
    if said:
        place.caption(said, help=i18n.t("expectation.help"))


def _expect(conversation: Conversation | None, parts: Services, choice: ModelChoice) -> Estimate:
    """The estimate, made anew only when something it depends on has changed."""
    memory = tab()
    settings = chosen_settings(choice.model)
    drafts = tuple(
        ImagePart(picture.attachment, memory.picture_choice.detail)
        for picture in memory.tray.pictures
    )
    basis = (
        choice.provider, settings, drafts,
        (conversation.id, conversation.leaf_id, conversation.updated_at, conversation.pictures)
        if conversation else None,
    )  # fmt: skip
    known = memory.expectation
    if isinstance(known, Expectation) and known.basis == basis:
        return known.estimate
    path = conversation.path() if conversation else ()
    selection = conversation.pictures if conversation else None
    question = Message(Role.USER, drafts)
    messages = [
        *(as_wire_messages(path, selection) if selection is not None else ()),
        *([question] if drafts else ()),
    ]
    estimate = estimate_request(
        messages,
        settings,
        figures=_figures(parts, choice),
        price=price_of(parts, choice.provider, choice.model),
        factor=_factor(path, settings),
    )
    memory.expectation = Expectation(basis, estimate)
    return estimate


def _factor(path: tuple[Node, ...], settings: RequestSettings) -> float:
    """How far the estimate of the last request here was off, where its model is the same."""
    for place in range(len(path) - 1, -1, -1):
        record = path[place].reply
        if record is None or record.usage is None or record.model != settings.model:
            continue
        messages = as_wire_messages(path[:place])
        estimated = estimate_prompt(messages, record.settings or settings)
        return counted_factor(estimated, record.usage.prompt_tokens)
    return 1.0


def _figures(parts: Services, choice: ModelChoice) -> tuple[Figures, ...]:
    try:
        found = parts.store.recent_figures(choice.provider, choice.model, limit=_LEARN_FROM)
    except StoreError:
        return ()  # an estimate is worth no notice
    return tuple(found)


def _said(estimate: Estimate) -> str:
    """The line, of what is known; empty where that is nothing."""
    language = i18n.current()
    parts = []
    if estimate.prompt_tokens:
        count = _roughly(estimate.prompt_tokens)
        parts.append(i18n.t("expectation.tokens", count=count))
    if estimate.cost is not None:
        cost = language.money(estimate.cost, estimate.currency)
        parts.append(i18n.t("expectation.cost", cost=cost))
    if estimate.seconds is not None:
        digits = 0 if estimate.seconds >= 10 else 1  # noqa: PLR2004 - two digits in all
        seconds = language.number(max(estimate.seconds, _SHORTEST_SECONDS), digits=digits)
        parts.append(i18n.t("expectation.seconds", seconds=seconds))
    return " · ".join(parts)


def _roughly(count: int) -> int:
    """Round to two digits; more would pretend to know more."""
    return round(count, 2 - len(str(count)))

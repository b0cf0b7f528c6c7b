"""What is known of the models at an endpoint, and a button to find out more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from html import escape
from typing import Final

import streamlit as st

from augenblick.chat.picture_changes import COUNT, SIDE
from augenblick.core.errors import StoreError
from augenblick.core.model_cards import Finding, Mark, ModelCard, NoEffect
from augenblick.core.model_names import can_chat, seems_to_see
from augenblick.core.providers import Price, Provider
from augenblick.ui import i18n, notices
from augenblick.ui.admin.model_checks import FailedCheck
from augenblick.ui.chat.markdown_filter import literal
from augenblick.ui.resources import Services

# What a check takes; more tokens where a model thinks.
_USUAL: Final = {"requests": 30, "prompt": 3000, "completion": 2500}
_FEWEST_SECONDS: Final = 0.01
_QUICK: Final = 10  # tokens a second, from which on decimals are noise
Row = tuple[str, str, str]  # a label, HTML, and "is-wide" where it takes a line of its own


def draw_checking(provider: Provider, models: tuple[str, ...], parts: Services) -> None:
    """Draw the cards of an endpoint's models and, where it is allowed, what checks one."""
    cards: Mapping[str, ModelCard] = {}
    with suppress(StoreError):  # a card is worth no notice
        cards = parts.known.at(provider.name)
    if parts.checks.is_on and models:
        _draw_check(provider, models, cards, parts)
    for model, card in cards.items():
        if model in models or not models:
            _draw_card(provider, model, card, parts)


def _draw_check(
    provider: Provider, models: tuple[str, ...], cards: Mapping[str, ModelCard], parts: Services
) -> None:
    """Choose a model, see what a check takes, begin it, and hear what came of it."""
    names = [name for name in models if can_chat(name)] or list(models)
    if not provider.models:
        names.sort(key=lambda name: (not seems_to_see(name), name))
    running = parts.checks.running.get(provider.name)
    model = names[0]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        if len(names) > 1:
            chosen = st.selectbox(
                i18n.t("model.label"), names, key=f"model_to_check_{provider.name}", width=280
            )
            model = chosen or model
        st.button(
            i18n.t("check.begin"),
            key=f"check_model_{provider.name}",
            icon=":material/fact_check:",
            disabled=running is not None,
            on_click=parts.checks.begin,
            args=(provider, model),
        )
    failed = parts.checks.failed(provider)
    if running is not None:
        st.caption(f":material/hourglass_empty: {i18n.t('check.running', model=literal(running))}")
        return
    st.caption(_takes(provider.price_of(model), cards.get(model)))
    if failed is not None:
        _draw_failed(failed, has_card=failed.model in cards)


def _takes(price: Price | None, card: ModelCard | None) -> str:
    """About what a check takes: as much as the last one, else the usual."""
    spent = card.finding("spent") if card is not None else None
    taken = {**_USUAL, **(spent.params if spent is not None else {})}
    count = int(taken["requests"])
    if price is None:
        return i18n.t("check.takes", count=count)
    return i18n.t("check.takes_and_costs", count=count, cost=_cost(price, taken))


def _cost(price: Price, spent: Mapping[str, str | int | float]) -> str:
    cost = price.cost(float(spent["prompt"]), float(spent["completion"]))
    return i18n.current().money(cost, price.currency)


def _draw_failed(failed: FailedCheck, *, has_card: bool) -> None:
    title = i18n.t("check.failed", model=literal(failed.model))
    said = i18n.t("check.no_answer")
    if failed.failure is not None:
        _, what, todo = notices.sentences(failed.failure)
        said = f"{what} {todo}"
    kept = f" {i18n.t('check.kept')}" if has_card else ""
    st.error(f"{said}{kept}", title=title, icon=":material/error:")


def _draw_card(provider: Provider, model: str, card: ModelCard, parts: Services) -> None:
    limits: Mapping[str, str] = {}
    with suppress(StoreError):
        limits = parts.store.load_quirks(provider.name, model)
    price = provider.price_of(model)
    rows = [*_rows(card), *_limit_rows(limits), *_price_rows(price)]
    cells = "".join(
        f'<div class="{kind}"><dt>{escape(name)}</dt><dd>{said}</dd></div>'
        for name, said, kind in rows
    )
    title, foot = escape(model), escape(_foot(card, price))
    st.html(
        f'<section class="model-card" aria-label="{title}"><h3>{title}</h3>'
        f"<dl>{cells}</dl><p>{foot}</p></section>"
    )


def _rows(card: ModelCard) -> Iterator[Row]:
    yield i18n.t("card.sees"), _sees(card), ""
    if not card.findings:
        return
    yield i18n.t("card.streams"), _said_of(card.finding("stream"), "card.streams"), ""
    yield i18n.t("card.stops"), _said_of(card.finding("stopping"), "card.stops"), ""
    language = i18n.current()
    if (first := card.finding("first_token")) is not None:
        took = max(float(first.params["seconds"]), _FEWEST_SECONDS)
        seconds = language.number(took, digits=2)
        yield i18n.t("card.first"), escape(i18n.t("answer.seconds", seconds=seconds)), ""
    if (speed := card.finding("speed")) is not None and "tokens" in speed.params:
        tokens = float(speed.params["tokens"])
        number = language.number(tokens, digits=0 if tokens > _QUICK else 1)
        yield i18n.t("card.speed"), escape(i18n.t("summary.speed", speed=number)), ""
    for effect in NoEffect:
        if names := card.fields(effect):
            said = ", ".join(f"<code>{escape(name)}</code>" for name in names)
            label = {"ignored": "card.ignores", "refused": "card.refuses"}[effect]
            yield i18n.t(label), said, "is-wide"


def _sees(card: ModelCard) -> str:
    if card.sees is None:
        return _answer("unknown", i18n.t("card.unknown"))
    if not card.sees:
        return _answer("no", i18n.t("card.no"))
    picture = card.finding("picture")
    is_partly = picture is not None and picture.code == "partly_seen"
    return _answer("yes", i18n.t("card.partly" if is_partly else "card.yes"))


def _said_of(finding: Finding | None, key: str) -> str:
    if finding is None or finding.mark is Mark.UNKNOWN or finding.code == "over_before":
        return _answer("unknown", i18n.t("card.unknown"))
    if finding.mark is not Mark.GAP:
        return _answer("yes", i18n.t("card.yes"))
    said = {
        "card.streams": i18n.t("card.at_once" if finding.code == "at_once" else "card.held_back"),
        "card.stops": i18n.t("card.slowly"),
    }
    return _answer("no", said[key])


def _answer(kind: str, said: str) -> str:
    """A sign for the eye before the words; screen readers hear the words alone."""
    return f'<span class="is-{kind}">{escape(said)}</span>'


def _limit_rows(quirks: Mapping[str, str]) -> Iterator[Row]:
    """Limits that were learnt from refusals."""
    said = []
    if (count := quirks.get(COUNT, "")).isdecimal():
        said.append(i18n.t("card.most_pictures", count=int(count)))
    if (side := quirks.get(SIDE, "")).isdecimal():
        said.append(i18n.t("card.longest_side", side=i18n.current().number(int(side))))
    if said:
        yield i18n.t("card.limits"), escape(", ".join(said)), ""


def _price_rows(price: Price | None) -> Iterator[Row]:
    if price is not None:
        language = i18n.current()
        amounts = (language.money(each, price.currency) for each in (price.input, price.output))
        amount_in, amount_out = amounts
        said = i18n.t("card.price_said", amount_in=amount_in, amount_out=amount_out)
        yield i18n.t("card.price"), escape(said), "is-wide"


def _foot(card: ModelCard, price: Price | None) -> str:
    """When that was found out, and what it took."""
    if card.checked_at is None:
        day = _day(card.sees_at) if card.sees_at is not None else ""
        return i18n.t("card.tried", day=day) if day else i18n.t("card.tried_once")
    day, spent = _day(card.checked_at), card.finding("spent")
    if spent is None:
        return i18n.t("card.checked", day=day)
    count = int(spent.params["requests"])
    if price is None:
        return i18n.t("card.checked_with", day=day, count=count)
    return i18n.t("card.checked_for", day=day, count=count, cost=_cost(price, spent.params))


def _day(moment: datetime) -> str:
    return i18n.current().day(i18n.on_the_clock(moment))

"""Which fields of the panel do nothing at the model that is asked, and the reason."""

from __future__ import annotations

import streamlit as st

from augenblick.core.errors import ConfigurationError, StoreError
from augenblick.core.model_cards import NoEffect
from augenblick.ui import i18n
from augenblick.ui.chat.markdown_filter import literal
from augenblick.ui.chat.model_choice import ModelChoice
from augenblick.ui.resources import Services
from augenblick.ui.tab_state import tab

_FORMAT = "response_format."


def note_effects(parts: Services, choice: ModelChoice) -> None:
    """Note for this run what the last check of the chosen model found."""
    tab().panel.without_effect = {}
    try:
        card = parts.known.of(choice.provider, choice.model)
        labels = {provider.name: provider.label for provider in parts.providers()}
    except (StoreError, ConfigurationError):
        return
    if card.checked_at is None:
        return
    day = i18n.current().day(i18n.on_the_clock(card.checked_at))
    endpoint = literal(labels.get(choice.provider, choice.provider))
    said = {"model": literal(choice.model), "endpoint": endpoint, "day": day}
    sentences = {
        NoEffect.IGNORED: i18n.t("effect.ignored", **said),
        NoEffect.REFUSED: i18n.t("effect.refused", **said),
    }
    formats = [name for name in card.fields(NoEffect.IGNORED) if name.startswith(_FORMAT)]
    tab().panel.without_effect = {
        **{name: sentences[effect] for name, effect in card.without_effect().items()},
        **dict.fromkeys(formats, sentences[NoEffect.IGNORED]),
    }


def has_no_effect(name: str) -> bool:
    """Whether a setting does nothing, so that its field is greyed; what is set in it stays."""
    return name in tab().panel.without_effect


def with_reason(name: str, help_text: str) -> str:
    """The help of a field, after the reason why it is greyed."""
    reason = tab().panel.without_effect.get(name, "")
    return f"{reason}\n\n{help_text}" if reason else help_text


def draw_format_note(kind: str) -> None:
    """Say below the choice of a form that the model did not keep to it; the form may still help."""
    reason = tab().panel.without_effect.get(_FORMAT + kind, "")
    if reason:
        st.caption(f":material/info: {reason}")

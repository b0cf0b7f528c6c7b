"""Which model is asked, and at which endpoint."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from augenblick.core.conversations import Conversation
from augenblick.core.errors import ConfigurationError
from augenblick.core.model_names import can_chat, seems_to_see
from augenblick.core.pasted import clean
from augenblick.core.providers import READER_NAME
from augenblick.ui import i18n
from augenblick.ui.resources import Services

MODEL_KEY = "model"  # also the name of the query parameter


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model at an endpoint; `model` is empty where the endpoint could not say what it has."""

    provider: str
    model: str
    label: str

    @property
    def name(self) -> str:
        """How it stands in the address."""
        return f"{self.provider}/{self.model}"


def all_choices(parts: Services) -> list[ModelChoice]:
    """Return every model of every endpoint, the likely best first within each endpoint."""
    found = []
    providers = parts.providers()
    parts.models.ask_all(providers)
    for provider in providers:
        models = [name for name in parts.models.of(provider) if can_chat(name)]
        models = models or list(parts.models.of(provider)) or [""]
        if not provider.models:
            models.sort(key=lambda name: (not seems_to_see(name), name))
        for model in models:
            label = model or provider.label
            if len(providers) > 1 and model:
                label = f"{model} · {provider.label}"
            if parts.sight.is_blind(provider.name, model):
                label = i18n.t("sight.mark", model=label)
            found.append(ModelChoice(provider.name, model, label))
    return found


def draw_choice(parts: Services, conversation: Conversation | None) -> ModelChoice:
    """Draw the model picker, unless there is nothing to pick; returns what is chosen.

    Where nothing was chosen it is the model that gave the last answer of the conversation.

    Raises ConfigurationError where there is no endpoint at all.
    """
    choices = {choice.name: choice for choice in all_choices(parts)}
    if not choices:
        raise ConfigurationError("no endpoint is configured and the reader does not run")
    names = list(choices)
    preferred = _last_asked(conversation)
    chosen = choices.get(preferred, choices[names[0]])
    if len(choices) > 1:
        name = st.selectbox(
            i18n.t("model.label"),
            names,
            index=names.index(chosen.name),
            format_func=lambda name: choices[name].label,
            key=MODEL_KEY,
            bind="query-params",
            persist_state="session",
        )
        chosen = choices.get(name or "", chosen)
    if chosen.provider == READER_NAME and (gone := parts.local.gone()):
        st.caption(i18n.t("model.gone", server=", ".join(gone)))
    if chosen.model:
        return chosen
    typed = st.text_input(
        i18n.t("model.type_name"),
        key="model_name",
        persist_state="session",
        placeholder="gpt-4o",
    )
    name = clean(typed)
    return ModelChoice(chosen.provider, name, name)


def _last_asked(conversation: Conversation | None) -> str:
    path = conversation.path() if conversation else ()
    replies = [node.reply for node in path if node.reply is not None]
    return f"{replies[-1].provider}/{replies[-1].model}" if replies else ""

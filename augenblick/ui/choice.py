"""Which model is asked, and at which endpoint."""

from __future__ import annotations

import re
from dataclasses import dataclass

import streamlit as st

from augenblick.conversations import Conversation
from augenblick.errors import ConfigurationError
from augenblick.ui import words
from augenblick.ui.resources import Services

MODEL_KEY = "model"  # also the name of the query parameter
_CAN_NOT_CHAT = re.compile(
    r"embed|whisper|tts|dall-e|moderation|audio|transcrib|realtime|image-\d|sora|rerank",
    re.IGNORECASE,
)
_CAN_SEE = re.compile(
    r"gpt-4o|gpt-4\.1|gpt-[5-9]|o[34]|vision|vl\b|-vl|llava|pixtral|gemma-?[34]|gemini|claude"
    r"|minicpm-v|internvl|llama-?3\.2|llama-?4|mistral-(?:small|medium)-?3|moondream|phi-.*vision",
    re.IGNORECASE,
)


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
        models = [name for name in parts.models.of(provider) if not _CAN_NOT_CHAT.search(name)]
        models = models or list(parts.models.of(provider)) or [""]
        if not provider.models:
            models.sort(key=lambda name: (not _CAN_SEE.search(name), name))
        for model in models:
            label = model or provider.label
            if len(providers) > 1 and model:
                label = f"{model} · {provider.label}"
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
            words.say("model.label"),
            names,
            index=names.index(chosen.name),
            format_func=lambda name: choices[name].label,
            key=MODEL_KEY,
            bind="query-params",
            persist_state="session",
        )
        chosen = choices.get(name or "", chosen)
    if chosen.model:
        return chosen
    typed = st.text_input(
        words.say("model.type_name"),
        key="model_name",
        persist_state="session",
        placeholder="gpt-4o",
    )
    return ModelChoice(chosen.provider, typed.strip(), typed.strip())


def _last_asked(conversation: Conversation | None) -> str:
    path = conversation.path() if conversation else ()
    replies = [node.reply for node in path if node.reply is not None]
    return f"{replies[-1].provider}/{replies[-1].model}" if replies else ""

"""One endpoint on the page of endpoints."""

from __future__ import annotations

from urllib.parse import urlsplit

import streamlit as st

from augenblick.errors import ProviderError
from augenblick.providers import Provider
from augenblick.ui import notices, words
from augenblick.ui.resources import Services

EXAMPLE_ENVIRONMENT = """export OPENAI_BASE_URL=https://api.openai.com/v1
export OPENAI_API_KEY=…
export OPENAI_MODEL=gpt-4o
make run"""

EXAMPLE_SECRETS = """[providers.ollama]
label = "Ollama"
base_url = "http://localhost:11434"
models = ["llava", "qwen2.5vl"]"""


def draw_provider(provider: Provider, parts: Services) -> None:
    """Draw what an endpoint is, what models it has, and a button that asks it."""
    with st.container(border=True):
        name = words.say("endpoints.reader_name") if provider.is_reader else provider.label
        st.subheader(name, anchor=False)
        if provider.is_reader:
            st.caption(words.say("endpoints.reader"))
        else:
            st.caption(urlsplit(provider.base_url).netloc)
            _draw_models(parts.models.of(provider))
        checked = st.button(
            words.say("endpoints.check"),
            key=f"check_{provider.name}",
            icon=":material/network_check:",
        )
        if checked:
            _draw_check(provider, parts)


def _draw_models(models: tuple[str, ...]) -> None:
    if not models:
        st.markdown(words.say("endpoints.no_models"))
        return
    with st.expander(words.say("endpoints.models", count=len(models))):
        st.code("\n".join(models), language=None)


def _draw_check(provider: Provider, parts: Services) -> None:
    try:
        parts.answering.list_models(parts.provider(provider.name))
    except ProviderError as error:
        notices.show_failure(error.failure)
    else:
        st.success(words.say("endpoints.answers"), icon=":material/check_circle:")

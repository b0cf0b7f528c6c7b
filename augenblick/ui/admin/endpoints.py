"""One endpoint on the page of endpoints."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

import streamlit as st

from augenblick.core.errors import StoreError
from augenblick.core.model_names import short_name
from augenblick.core.providers import Provider
from augenblick.store.store_values import RatingCount
from augenblick.ui import i18n, notices
from augenblick.ui.admin.model_card import draw_checking
from augenblick.ui.admin.model_lists import State
from augenblick.ui.chat.markdown_filter import literal
from augenblick.ui.resources import Services

_EXAMPLE_ENVIRONMENT = """export OPENAI_BASE_URL=https://api.openai.com/v1
export OPENAI_API_KEY=…
export OPENAI_MODEL=gpt-4o
make run"""

_EXAMPLE_SECRETS = """[providers.ollama]
label = "Ollama"
base_url = "http://localhost:11434"
models = ["llava", "qwen2.5vl"]"""


def ratings(parts: Services) -> Sequence[RatingCount]:
    """What people thought of the answers of each model; nothing while the store is away."""
    try:
        return parts.store.count_ratings()
    except StoreError:
        return ()


def draw_provider(provider: Provider, parts: Services, ratings: Sequence[RatingCount]) -> None:
    """Draw what an endpoint is, whether it answers, what models it has, and a button to ask it."""
    state = parts.models.state(provider)
    with st.container(border=True, key=f"provider_{provider.name}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            name = i18n.t("endpoints.reader_name") if provider.is_reader else provider.label
            st.header(name, anchor=False, width="content")
            _draw_light(state)
        if provider.is_reader:
            st.caption(i18n.t("endpoints.reader"))
        else:
            st.caption(urlsplit(provider.base_url).netloc)
            models = parts.models.of(provider)
            _draw_models(models)
            draw_checking(provider, models, parts)
        for count in ratings:
            if count.provider == provider.name:
                model = literal(short_name(count.model))
                st.caption(i18n.t("endpoints.rated", model=model, up=count.up, down=count.down))
        if state.failure is not None:
            notices.show_failure(state.failure)
        st.button(
            i18n.t("endpoints.check"),
            key=f"check_{provider.name}",
            icon=":material/network_check:",
            on_click=parts.models.forget,
            args=(provider,),
        )


def draw_local(parts: Services) -> None:
    """Draw what runs on this computer, and a button to look for it."""
    if not parts.local.is_on:
        return
    with st.container(border=True, key="local_models"):
        with st.container(horizontal=True):  # a header has less room above it there
            st.header(i18n.t("endpoints.local"), anchor=False)
        st.caption(i18n.t("endpoints.local_more"))
        for server in parts.local.found:
            with st.container(gap="xxsmall"):
                st.markdown(f"**{server.label}** {_listed(server.seeing)}")
                if server.blind:
                    st.caption(i18n.t("endpoints.local_blind", models=_listed(server.blind)))
        if parts.local.has_looked and not parts.local.found:
            st.markdown(i18n.t("endpoints.local_none"))
        st.button(
            i18n.t("endpoints.local_look"),
            key="look_for_local",
            icon=":material/search:",
            on_click=parts.local.look_again,
        )


def _listed(models: tuple[str, ...]) -> str:
    return ", ".join(literal(short_name(model)) for model in models)


def draw_connecting() -> None:
    """Draw how another model is connected, for whoever runs the server."""
    with st.expander(i18n.t("endpoints.connect"), icon=":material/add_link:"):
        st.markdown(i18n.t("endpoints.connect_how"))
        st.code(_EXAMPLE_ENVIRONMENT, language="bash", wrap_lines=True)
        st.code(_EXAMPLE_SECRETS, language="toml", wrap_lines=True)
        st.markdown(i18n.t("endpoints.connect_more"))


def _draw_light(state: State) -> None:
    if not state.is_known:
        st.badge(i18n.t("endpoints.asking"), icon=":material/hourglass_empty:", color="gray")
    elif state.failure is None:
        st.badge(i18n.t("endpoints.answers"), icon=":material/check_circle:", color="green")
    else:
        st.badge(i18n.t("endpoints.silent"), icon=":material/error:", color="red")


def _draw_models(models: tuple[str, ...]) -> None:
    if not models:
        st.markdown(i18n.t("endpoints.no_models"))
        return
    with st.expander(i18n.t("endpoints.models", count=len(models))):
        st.code("\n".join(models), language=None)

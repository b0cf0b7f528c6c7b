"""On the empty page: a model on this computer that could be asked instead of the reader."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import streamlit as st

from augenblick.core.model_names import short_name
from augenblick.core.providers import READER_NAME
from augenblick.endpoint.local_servers import LocalServer
from augenblick.ui import i18n
from augenblick.ui.chat.markdown_filter import literal
from augenblick.ui.chat.model_choice import MODEL_KEY, ModelChoice
from augenblick.ui.resources import Services
from augenblick.ui.tab_state import end_run_if_unwanted

_LOOK_SECONDS = 0.05
_HERE = {"localhost", "127.0.0.1", "::1"}


def draw_offer(choice: ModelChoice, parts: Services) -> None:
    """Draw the offer, where the reader would answer and there is such a model."""
    server = next((each for each in parts.local.found if each.seeing), None)
    if choice.provider != READER_NAME or server is None:
        return
    is_here = urlsplit(st.context.url or "").hostname in _HERE
    with st.container(
        key="local_offer",
        border=True,
        horizontal=True,
        horizontal_alignment="distribute",
        vertical_alignment="center",
        wrap=False,
    ):
        st.markdown(
            i18n.t(
                "local.here" if is_here else "local.elsewhere",
                server=server.label,
                model=literal(short_name(server.seeing[0])),
            )
        )
        st.button(i18n.t("local.use"), key="use_local", on_click=_use, args=(server, parts))


def follow_look(known: tuple[LocalServer, ...], parts: Services) -> None:
    """Have the page drawn anew where a look that is under way finds something else than known.

    Belongs at the end of a run, where nobody waits for it.
    """
    while parts.local.is_looking:
        time.sleep(_LOOK_SECONDS)
        end_run_if_unwanted()
    if parts.local.found != known:
        st.rerun()


def _use(server: LocalServer, parts: Services) -> None:
    parts.local.use(server.name)
    st.session_state[MODEL_KEY] = ModelChoice(server.name, server.seeing[0], "").name

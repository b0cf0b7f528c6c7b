"""The bar above every page: the sidebar's button, what the page shows, a new conversation."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from augenblick.core.paths import PROJECT_DIR
from augenblick.ui import i18n
from augenblick.ui.browser.frame import PRODUCT, draw_frame
from augenblick.web.first_page import PAGES


@dataclass(frozen=True, slots=True)
class TopBar:
    """The bar, and the places in it that a page fills: its title, what is said of an answer."""

    place: DeltaGenerator
    title_place: DeltaGenerator
    status_place: DeltaGenerator


def draw_bar(go: Callable[[None], None], *, title: str = "") -> TopBar:
    """Draw the bar; without a title it names the product. `go` opens an empty chat page."""
    place = st.container(key="top_bar", horizontal=True, vertical_alignment="center", gap=None)
    with place:
        draw_frame(PAGES[1:])
        with st.container(key="brand", width="content"):
            st.page_link(PROJECT_DIR / "pages" / "chat.py", label=PRODUCT)
        title_place = st.empty()
        status_place = st.empty()
        st.button(
            i18n.t("sidebar.new"),
            key="bar_new",
            icon=":material/edit_square:",
            type="tertiary",
            on_click=go,
            args=(None,),
        )
    if title:
        title_place.html(heading(title))
    return TopBar(place, title_place, status_place)


def heading(title: str) -> str:
    """The heading of the page, as HTML."""
    return f"<h1>{html.escape(title)}</h1>"

"""What stands beside every page: a new conversation, all others, model, pages and language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from augenblick.core.errors import StoreError
from augenblick.core.language import LANGUAGES
from augenblick.core.paths import PROJECT_DIR
from augenblick.store.store_values import ConversationSummary
from augenblick.ui import i18n
from augenblick.ui.experts import panel
from augenblick.ui.history.entries import (
    SEARCH_KEY,
    Go,
    find,
    marked,
    open_line,
    shown_title,
    when,
)
from augenblick.ui.resources import Services
from augenblick.ui.tab_state import go_to, open_conversation, tab
from augenblick.ui.top_bar import draw_bar
from augenblick.web.own_routes import picture_path

_RECENT = 8
_SEARCH_KEY = "search_beside"
PAGES = (
    ("history.py", "page.history", "history"),
    ("my_data.py", "page.my_data", "shield_person"),
    ("endpoints.py", "page.endpoints", "hub"),
)


@dataclass(frozen=True, slots=True)
class Sidebar:
    """The places beside the chat page that it fills itself."""

    recent_place: DeltaGenerator
    choice_place: DeltaGenerator


def draw_sidebar() -> Sidebar:
    """Draw the sidebar of the chat page, as far as nobody has to be asked for it."""
    recent_place = _draw_head(open_conversation)
    with st.sidebar, st.container(key="own_settings"):
        choice_place = st.container()
        panel.draw_switch()
    _draw_foot()
    return Sidebar(recent_place, choice_place)


def draw_beside(parts: Services, *, title: str) -> None:
    """Draw bar and sidebar of any other page; whatever is opened there opens on the chat page."""
    draw_bar(go_to, title=title)
    recent_place = _draw_head(go_to)
    _draw_foot()
    draw_recent(recent_place, parts, go=go_to)


def _draw_head(go: Go) -> DeltaGenerator:
    """Draw the way to a new conversation and the search; returns the place for the others."""
    with st.sidebar:
        st.button(
            i18n.t("sidebar.new"),
            key="new_conversation",
            icon=":material/edit_square:",
            width="stretch",
            on_click=go,
            args=(None,),
        )
        st.text_input(
            i18n.t("history.search"),
            key=_SEARCH_KEY,
            type="search",
            placeholder=i18n.t("sidebar.search"),
            label_visibility="collapsed",
            live="300ms",
            persist_state="session",
        )
        return st.container(key="recent", gap=None)


def _draw_foot() -> None:
    """Draw the way to the other pages, and the languages; page.css waits for it."""
    with st.sidebar, st.container(key="foot_links", gap=None):
        for name, key, icon in PAGES:
            st.page_link(PROJECT_DIR / "pages" / name, label=i18n.t(key), icon=f":material/{icon}:")
        _draw_language()


def _draw_language() -> None:
    st.segmented_control(
        i18n.t("sidebar.language"),
        LANGUAGES,
        default=i18n.first_language(),
        required=True,
        format_func=i18n.NAMES.__getitem__,
        key=i18n.LANGUAGE_KEY,
        bind="query-params",
        label_visibility="collapsed",
        on_change=i18n.note_language,
        width="stretch",
    )


def draw_recent(place: DeltaGenerator, parts: Services, *, go: Go = open_conversation) -> None:
    """Draw the pinned and the last conversations of this browser, or what was searched for."""
    wanted = str(st.session_state.get(_SEARCH_KEY) or "").strip()
    try:
        lines, has_more = find(parts, wanted, count=_RECENT)
    except StoreError:
        return  # the page says what is wrong with the store; the list is missing until then
    now = i18n.on_the_clock(datetime.now(UTC))
    with place:
        if wanted and not lines:
            st.caption(i18n.t("history.nothing_found"))
        for line in lines:
            st.button(
                _label(line.summary, now),
                key=f"open_{line.summary.id}",
                type="secondary" if line.summary.id == tab().conversation_id else "tertiary",
                icon=None if line.summary.thumbnail_sha256 else ":material/chat_bubble:",
                width="stretch",
                wrap=False,
                on_click=open_line,
                args=(line, parts, go),
            )
            if line.excerpt:
                st.html(marked(line.excerpt))
        if wanted and has_more:
            st.button(
                i18n.t("history.more"), key="search_all", type="tertiary", on_click=_search_all
            )


def _search_all() -> None:
    """Go on with the search on the page of all conversations."""
    st.session_state[SEARCH_KEY] = st.session_state[_SEARCH_KEY]
    tab().goes_to = "history"


def _label(summary: ConversationSummary, now: datetime) -> str:
    """Picture, title and time as the Markdown of one button; page.css puts them in their places."""
    pin = f"{i18n.t('history.pinned')} · " if summary.is_pinned else ""
    picture = ""
    if summary.thumbnail_sha256:
        path = picture_path(summary.id, summary.thumbnail_sha256, is_small=True)
        picture = f"![]({path.removeprefix('/')})"  # below wherever the pages stand
    return f"{picture}{shown_title(summary.title)} :gray[{pin}{when(summary, now)}]"

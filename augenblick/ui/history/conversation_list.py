"""The list of conversations: found, opened, renamed, pinned, deleted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby

import streamlit as st

from augenblick.core.conversations import Conversation
from augenblick.core.errors import AugenblickError
from augenblick.store.store_values import ConversationSummary
from augenblick.ui import i18n, notices
from augenblick.ui.history import delete_with_undo
from augenblick.ui.history.entries import (
    SEARCH_KEY,
    Line,
    days_ago,
    marked,
    open_line,
    shown_title,
    when_and_how_much,
)
from augenblick.ui.pictures.thumbnails import thumbnails
from augenblick.ui.resources import Services
from augenblick.ui.tab_state import LISTED_AT_FIRST, go_to, said_on_the_page, tab

_THUMBNAIL_PX = 56
_LONGEST_TITLE = 200  # what the store keeps of one


def draw_search() -> str:
    """Draw the field for searching; returns what stands in it."""
    words_ = st.text_input(
        i18n.t("history.search"),
        key=SEARCH_KEY,
        type="search",
        placeholder=i18n.t("history.search"),
        label_visibility="collapsed",
        live="300ms",
        persist_state="session",
        on_change=_begin_anew,
    )
    return (words_ or "").strip()


def _begin_anew() -> None:
    memory = tab()
    memory.listed = LISTED_AT_FIRST
    memory.deleted = None
    memory.failure = None


def draw_nothing(wanted: str) -> None:
    """Draw the empty list: nothing found, or nothing there yet."""
    with st.container(key="history_empty", horizontal_alignment="center"):
        if wanted:
            st.markdown(
                f":material/search_off: {i18n.t('history.nothing_found')}",
                text_alignment="center",
            )
            st.caption(i18n.t("history.nothing_found_more"), text_alignment="center")
            return
        st.markdown(f":material/forum: {i18n.t('history.nothing_yet')}", text_alignment="center")
        st.caption(i18n.t("history.nothing_yet_more"), text_alignment="center")
        st.button(
            i18n.t("sidebar.new"),
            key="history_new",
            icon=":material/add:",
            on_click=go_to,
            args=(None,),
        )


def draw_list(lines: Sequence[Line], parts: Services, *, has_more: bool) -> None:
    """Draw the lines, those of a plain list below headings of their time."""
    now = i18n.on_the_clock(datetime.now(UTC))
    _draw_picking(lines, parts)
    with st.container(key="history", gap=None):
        for heading, group in groupby(lines, lambda line: _heading(line, now)):
            if heading:
                st.caption(i18n.t(heading))
            for line in group:
                _draw_line(line, parts, now)
    if has_more:
        st.button(i18n.t("history.more"), key="history_more", width="stretch", on_click=_more)


def _more() -> None:
    tab().listed += LISTED_AT_FIRST


def _heading(line: Line, now: datetime) -> str:
    """Return the key of the heading a line stands under; none for what was found."""
    if line.excerpt or line.node_id:
        return ""
    if line.summary.is_pinned:
        return "history.pinned"
    days = days_ago(line.summary.updated_at, now)
    return {0: "history.today", 1: "history.yesterday"}.get(days, "history.earlier")


def _draw_picking(lines: Sequence[Line], parts: Services) -> None:
    """Draw what leads to choosing several, or what can be done with the chosen ones."""
    memory = tab()
    with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        if not memory.is_picking:
            st.button(
                i18n.t("history.pick"),
                key="pick_several",
                type="tertiary",
                icon=":material/checklist:",
                on_click=_set_picking,
                args=(True,),
            )
            return
        picked = [line.summary for line in lines if st.session_state.get(_pick_key(line))]
        st.button(
            i18n.t("history.stop_picking"), key="pick_none", on_click=_set_picking, args=(False,)
        )
        count = len(picked)
        st.button(
            i18n.t("history.delete_picked", count=count) if count else i18n.t("history.delete"),
            key="delete_picked",
            type="primary",
            icon=":material/delete:",
            disabled=not picked,
            on_click=_delete_picked,
            args=(parts, picked),
        )


def _pick_key(line: Line) -> str:
    return f"pick_{line.summary.id}"


def _set_picking(value: bool) -> None:  # noqa: FBT001 - callbacks get their arguments by position
    memory = tab()
    memory.is_picking = value
    memory.deleted = None


def _delete_picked(parts: Services, picked: Sequence[ConversationSummary]) -> None:
    tab().is_picking = False
    delete_with_undo.delete_conversations(parts, picked)


def _draw_line(line: Line, parts: Services, now: datetime) -> None:
    summary = line.summary
    with st.container(
        key=f"line_{summary.id}",
        horizontal=True,
        vertical_alignment="center",
        gap="small",
        wrap=False,
    ):
        _draw_thumbnail(summary, parts)
        with st.container(gap=None):
            _draw_title(line, parts)
            st.caption(when_and_how_much(summary, now))
            if line.excerpt:
                st.html(marked(line.excerpt))
        if not tab().is_picking:
            _draw_menu(summary, parts)


def _draw_title(line: Line, parts: Services) -> None:
    """Draw what a click on the line means: open this one, or choose it among several."""
    summary = line.summary
    if tab().is_picking:
        st.checkbox(shown_title(summary.title), key=_pick_key(line), wrap=False, width="stretch")
        return
    st.button(
        shown_title(summary.title),
        key=f"show_{summary.id}",
        type="tertiary",
        width="stretch",
        wrap=False,
        on_click=open_line,
        args=(line, parts),
    )


def _draw_thumbnail(summary: ConversationSummary, parts: Services) -> None:
    with st.container(key=f"picture_{summary.id}", width=_THUMBNAIL_PX):
        if summary.thumbnail_sha256 is None:
            st.markdown(":material/chat_bubble:")
        else:
            st.image(
                thumbnails().get(summary.thumbnail_sha256, parts.store.load_thumbnail),
                alt="",
                width="stretch",
            )


def _draw_menu(summary: ConversationSummary, parts: Services) -> None:
    key = f"menu_{summary.id}"
    chosen = st.menu_button(
        i18n.t("history.menu", title=shown_title(summary.title)),
        ("pin", "rename", "delete"),
        key=key,
        icon=":material/more_vert:",
        type="tertiary",
        format_func=lambda option: _menu_label(option, summary),
        on_click=_act,
        args=(key, summary, parts),
    )
    if chosen == "rename":
        open_renaming(summary, parts)


def _menu_label(option: str, summary: ConversationSummary) -> str:
    if option == "pin":
        key = "history.unpin" if summary.is_pinned else "history.pin"
        return f":material/keep: {i18n.t(key)}"
    if option == "rename":
        return f":material/edit: {i18n.t('history.rename')}"
    return f":material/delete: {i18n.t('history.delete')}"


def _act(key: str, summary: ConversationSummary, parts: Services) -> None:
    chosen = st.session_state[key]
    memory = tab()
    memory.deleted = None
    if chosen == "delete":
        delete_with_undo.delete_conversations(parts, [summary])
    elif chosen == "pin":
        with said_on_the_page():
            parts.store.set_pinned(summary.id, owner=parts.owner(), is_pinned=not summary.is_pinned)


def open_renaming(summary: ConversationSummary | Conversation, parts: Services) -> None:
    """Open the dialog for another title."""

    @st.dialog(i18n.t("history.rename"))
    def renaming() -> None:
        with st.form("renaming", border=False):
            title = st.text_input(
                i18n.t("history.title_field"), value=summary.title, max_chars=_LONGEST_TITLE
            )
            is_saved = st.form_submit_button(i18n.t("history.save"), type="primary")
        if not is_saved:
            return
        try:
            parts.store.rename(summary.id, title or "", owner=parts.owner())
        except AugenblickError as error:
            notices.show_failure(error.failure)
        else:
            st.rerun()

    renaming()

"""A conversation in the top bar: its title, which opens the menu, and that it is not saved."""

from __future__ import annotations

from functools import partial

import streamlit as st

from augenblick.core.conversations import Conversation
from augenblick.ui import i18n
from augenblick.ui.chat.markdown_filter import literal
from augenblick.ui.experts.xray import open_xray
from augenblick.ui.history.conversation_list import open_renaming
from augenblick.ui.history.delete_with_undo import delete_conversations
from augenblick.ui.history.share_dialog import draw_device_dialog, draw_export, draw_share_dialog
from augenblick.ui.resources import Services
from augenblick.ui.tab_state import said_on_the_page, tab
from augenblick.ui.top_bar import TopBar, heading

_MENU_KEY = "conversation_menu"
_CHOICES = {
    "rename": ("history.rename", "edit"),
    "pin": ("history.pin", "keep"),
    "unpin": ("history.unpin", "keep_off"),
    "share": ("menu.share", "share"),
    "export": ("menu.export", "download"),
    "device": ("menu.device", "devices"),
    "delete": ("menu.delete", "delete"),
}
_FOR_TEMPORARY = ("export", "device", "delete")


def draw_title(bar: TopBar, conversation: Conversation | None, parts: Services) -> None:
    """Draw the title with its menu; an empty page has neither."""
    is_temporary = conversation.is_temporary if conversation else tab().is_temporary
    if conversation is None and not is_temporary:
        bar.title_place.empty()
        return
    with bar.title_place.container(horizontal=True, vertical_alignment="center", gap=None):
        if conversation is not None:
            title = conversation.title or i18n.t("sidebar.untitled")
            st.html(heading(title), width="content")
            st.menu_button(
                i18n.t("menu.label", title=literal(title)),
                _choices(conversation),
                key=_MENU_KEY,
                type="tertiary",
                format_func=_label,
                on_click=partial(_choose, parts, conversation),
            )
        if is_temporary:
            badge, why = i18n.t("temporary.badge"), i18n.t("temporary.open")
            st.html(f'<span class="badge" title="{why}">{badge}</span>', width="content")


def open_dialog(conversation: Conversation, parts: Services) -> None:
    """Open the dialog that was asked for since the last run, if one was."""
    memory = tab()
    choice, memory.menu_choice = memory.menu_choice, ""
    if choice:
        _DIALOGS[choice](conversation, parts)
    elif memory.xray and not memory.is_dialog_open:
        open_xray(conversation, parts)


def _choices(conversation: Conversation) -> list[str]:
    if conversation.is_temporary:
        return list(_FOR_TEMPORARY)
    unfit = "pin" if conversation.is_pinned else "unpin"
    return [choice for choice in _CHOICES if choice != unfit]


def _label(choice: str) -> str:
    key, icon = _CHOICES[choice]
    return f":material/{icon}: {i18n.t(key)}"


def _choose(parts: Services, conversation: Conversation) -> None:
    choice = st.session_state[_MENU_KEY]
    if choice == "delete":
        delete_conversations(parts, [conversation])
    elif choice in {"pin", "unpin"}:
        with said_on_the_page():
            parts.store.set_pinned(conversation.id, owner=parts.owner(), is_pinned=choice == "pin")
    else:
        tab().menu_choice = choice


def _open_export(conversation: Conversation, parts: Services) -> None:
    @st.dialog(i18n.t("menu.export"))
    def export() -> None:
        draw_export(conversation, parts)

    export()


_DIALOGS = {
    "rename": open_renaming,
    "share": draw_share_dialog,
    "export": _open_export,
    "device": draw_device_dialog,
}

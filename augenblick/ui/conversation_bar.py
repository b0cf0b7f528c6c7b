"""What stands above a conversation: that it is temporary, and the menu of what can be done."""

from __future__ import annotations

from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from augenblick.conversations import Conversation
from augenblick.ui import words
from augenblick.ui.deleting import delete_conversations, open_confirmation
from augenblick.ui.experts.xray import open_xray
from augenblick.ui.history import open_renaming
from augenblick.ui.resources import Services
from augenblick.ui.sharing import draw_device_dialog, draw_export, draw_share_dialog
from augenblick.ui.state import said_on_the_page, tab

_MENU_KEY = "conversation_menu"
_TEMPORARY_KEY = "keep_nowhere"
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


def draw_bar(conversation: Conversation, parts: Services) -> None:
    """Draw the line above the messages."""
    # by its key it stays in view (assets/page.css); a line with words would cover the logo
    key = None if conversation.is_temporary else "conversation_bar"
    with st.container(
        horizontal=True, horizontal_alignment="right", vertical_alignment="center", key=key
    ):
        if conversation.is_temporary:
            label = words.say("temporary.open")
            st.caption(f":material/visibility_off: {label}", width="stretch")
        st.menu_button(
            words.say("menu.label"),
            _choices(conversation),
            key=_MENU_KEY,
            type="tertiary",
            format_func=_label,
            on_click=partial(_choose, parts, conversation),
        )


def open_dialog(conversation: Conversation, parts: Services) -> None:
    """Open the dialog that was asked for since the last run, if one was."""
    memory = tab()
    deleting, memory.deleting = memory.deleting, None
    choice, memory.menu_choice = memory.menu_choice, ""
    if deleting:
        open_confirmation(conversation, deleting, parts)
    elif choice:
        _DIALOGS[choice](conversation, parts)
    elif memory.xray and not memory.is_dialog_open:
        open_xray(conversation, parts)


def draw_temporary_switch(place: DeltaGenerator) -> None:
    """Draw, on the empty page, the choice that nothing of this conversation is stored."""
    st.session_state[_TEMPORARY_KEY] = tab().is_temporary
    place.toggle(
        words.say("temporary.switch"),
        key=_TEMPORARY_KEY,
        help=words.say("temporary.help"),
        on_change=_switch_temporary,
    )


def _switch_temporary() -> None:
    tab().is_temporary = bool(st.session_state[_TEMPORARY_KEY])


def _choices(conversation: Conversation) -> list[str]:
    if conversation.is_temporary:
        return list(_FOR_TEMPORARY)
    unfit = "pin" if conversation.is_pinned else "unpin"
    return [choice for choice in _CHOICES if choice != unfit]


def _label(choice: str) -> str:
    key, icon = _CHOICES[choice]
    return f":material/{icon}: {words.say(key)}"


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
    @st.dialog(words.say("menu.export"))
    def export() -> None:
        draw_export(conversation, parts)

    export()


_DIALOGS = {
    "rename": open_renaming,
    "share": draw_share_dialog,
    "export": _open_export,
    "device": draw_device_dialog,
}

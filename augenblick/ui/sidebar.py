"""What stands beside every page: a new conversation, the recent ones, model and language."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from augenblick.conversations import Conversation
from augenblick.errors import StoreError
from augenblick.language import LANGUAGES
from augenblick.ui import words
from augenblick.ui.choice import ModelChoice, draw_choice
from augenblick.ui.markdown import literal
from augenblick.ui.resources import Services
from augenblick.ui.state import open_conversation, tab

_RECENT = 12


@dataclass(frozen=True, slots=True)
class Sidebar:
    """What was chosen beside the page, and the place for the recent conversations."""

    choice: ModelChoice
    recent_place: DeltaGenerator


def draw_sidebar(parts: Services, conversation: Conversation | None) -> Sidebar:
    """Draw the sidebar of the chat page. Raises ConfigurationError where nobody can be asked."""
    with st.sidebar:
        st.button(
            words.say("sidebar.new"),
            key="new_conversation",
            icon=":material/add:",
            width="stretch",
            on_click=open_conversation,
            args=(None,),
        )
        choice = draw_choice(parts, conversation)
        recent_place = st.container()
    draw_language()
    return Sidebar(choice, recent_place)


def draw_language() -> None:
    """Draw the switch between the languages."""
    is_chosen = words.LANGUAGE_KEY in st.session_state or words.LANGUAGE_KEY in st.query_params
    with st.sidebar:
        st.segmented_control(
            words.say("sidebar.language"),
            LANGUAGES,
            default=None if is_chosen else words.browser_language(),
            required=True,
            format_func=words.NAMES.__getitem__,
            key=words.LANGUAGE_KEY,
            bind="query-params",
        )


def draw_recent(place: DeltaGenerator, parts: Services) -> None:
    """Draw the last conversations of this browser, the open one marked."""
    who = parts.owner()
    try:
        recent = parts.store.list_conversations(who, limit=_RECENT) if who else ()
    except StoreError:
        return  # the page says what is wrong with the store; the list is missing until then
    if not recent:
        return
    open_id = tab().conversation_id
    with place:
        st.caption(words.say("sidebar.recent"))
        with st.container(gap=None):
            for summary in recent:
                st.button(
                    literal(summary.title) or words.say("sidebar.untitled"),
                    key=f"open_{summary.id}",
                    type="secondary" if summary.id == open_id else "tertiary",
                    width="stretch",
                    wrap=False,
                    on_click=open_conversation,
                    args=(summary.id,),
                )

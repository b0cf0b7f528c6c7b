"""What stands beside every page: a new conversation, the recent ones, model and language."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from augenblick.conversations import Conversation
from augenblick.errors import StoreError
from augenblick.language import LANGUAGES
from augenblick.store import ConversationSummary
from augenblick.ui import words
from augenblick.ui.choice import ModelChoice, draw_choice
from augenblick.ui.experts.panel import draw_panel
from augenblick.ui.looking import keep_in_view
from augenblick.ui.markdown import literal
from augenblick.ui.resources import Services
from augenblick.ui.state import open_conversation, tab
from augenblick.web.language_cookie import LANGUAGE_COOKIE

_RECENT = 8

Go = Callable[[str | None], None]


@dataclass(frozen=True, slots=True)
class Sidebar:
    """What was chosen beside the page, and the place for the recent conversations."""

    choice: ModelChoice
    recent_place: DeltaGenerator


def draw_sidebar(parts: Services, conversation: Conversation | None) -> Sidebar:
    """Draw the sidebar of the chat page. Raises ConfigurationError where nobody can be asked."""
    with st.sidebar:
        _draw_new(open_conversation)
        choice = draw_choice(parts, conversation)
        panel_place = st.container()
        recent_place = st.container()
    draw_language()
    is_temporary = conversation.is_temporary if conversation else tab().is_temporary
    with panel_place:
        draw_panel(parts, is_kept=bool(parts.browser()) and not is_temporary)
    with st.sidebar:
        keep_in_view()
    return Sidebar(choice, recent_place)


def draw_beside(parts: Services) -> None:
    """Draw the sidebar of any other page; whatever is opened there opens on the chat page."""
    with st.sidebar:
        _draw_new(go_to)
        recent_place = st.container()
    draw_language()
    draw_recent(recent_place, parts, go=go_to)


def go_to(conversation_id: str | None) -> None:
    """Leave for the chat page and a conversation on it, or an empty one; for callbacks."""
    open_conversation(conversation_id)
    tab().goes_to_chat = True


def draw_language() -> None:
    """Draw the switch between the languages."""
    with st.sidebar:
        st.segmented_control(
            words.say("sidebar.language"),
            LANGUAGES,
            default=words.first_language(),
            required=True,
            format_func=words.NAMES.__getitem__,
            key=words.LANGUAGE_KEY,
            bind="query-params",
            on_change=words.note_language,
        )
        _step_aside(key="step_aside")
        chosen = words.noted_language()
        with st.empty():
            if chosen:
                _remember(key=f"language {chosen}", data={"name": LANGUAGE_COOKIE, "code": chosen})


def draw_recent(place: DeltaGenerator, parts: Services, *, go: Go = open_conversation) -> None:
    """Draw the pinned and the last conversations of this browser, the open one marked."""
    try:
        recent = parts.store.list_conversations(parts.owner(), limit=_RECENT)
    except StoreError:
        return  # the page says what is wrong with the store; the list is missing until then
    if not recent:
        return
    with place:
        st.caption(words.say("sidebar.recent"))
        with st.container(key="recent", gap=None):
            for summary in recent:
                _draw_entry(summary, go)


def shown_title(title: str) -> str:
    """Return a title as Markdown that shows it as it is; one without words has a name too."""
    return literal(title) or words.say("sidebar.untitled")


def _draw_new(go: Go) -> None:
    st.button(
        words.say("sidebar.new"),
        key="new_conversation",
        icon=":material/add:",
        width="stretch",
        on_click=go,
        args=(None,),
    )


def _draw_entry(summary: ConversationSummary, go: Go) -> None:
    is_open = summary.id == tab().conversation_id
    st.button(
        shown_title(summary.title),
        key=f"open_{summary.id}",
        type="secondary" if is_open else "tertiary",
        icon=":material/keep:" if summary.is_pinned else None,
        width="stretch",
        wrap=False,
        on_click=go,
        args=(summary.id,),
    )


# On a phone the sidebar lies over the page, and Streamlit closes it for a tap beside it only. So a
# choice in it makes such a tap; Streamlit itself knows whether the sidebar covers anything.
_STEP_ASIDE = """
const CHOICES = [
  ".st-key-new_conversation button",
  ".st-key-recent button",
  '[data-testid="stSidebar"] [data-testid="stSidebarNavLink"]',
].join(",");
export default function () {
  const stepAside = (event) => {
    if (!event.target.closest?.(CHOICES)) return;
    const tap = new MouseEvent("mousedown", { bubbles: true });
    setTimeout(() => document.getElementById("stMain")?.dispatchEvent(tap), 0);
  };
  document.addEventListener("click", stepAside, true);
  return () => document.removeEventListener("click", stepAside, true);
}
"""

# Another tab, and a visit tomorrow, begin with what was chosen.
_REMEMBER = """
export default function ({ data }) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie =
    `${data.name}=${data.code}; Path=/; Max-Age=${400 * 24 * 3600}; SameSite=Lax${secure}`;
}
"""

_remember = st.components.v2.component("augenblick_language", js=_REMEMBER)
_step_aside = st.components.v2.component("augenblick_step_aside", js=_STEP_ASIDE)

"""The switch for people who prototype, and what it opens: the fields of the next request."""

from __future__ import annotations

import streamlit as st

from augenblick.ui import words
from augenblick.ui.experts.tools import draw_tools
from augenblick.ui.state import tab

_SWITCH_KEY = "expert"  # also the name of the query parameter


def draw_panel() -> None:
    """Draw the switch and, while it is on, the sections below it."""
    tab().is_expert = st.toggle(
        words.say("expert.switch"),
        key=_SWITCH_KEY,
        help=words.say("expert.switch.help"),
        bind="query-params",
        persist_state="session",
    )
    if tab().is_expert:
        draw_tools()

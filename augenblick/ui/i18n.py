"""The language of the person in front of the page, and its texts."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from augenblick.core.language import LANGUAGES, Language, choose_language, language
from augenblick.web.language_cookie import chosen_language

LANGUAGE_KEY = "lang"  # also the name of the query parameter
NAMES = {code: language(code).text("language.name") for code in LANGUAGES}
_FIRST_KEY, _CHOSEN_KEY, _SPOKEN_KEY = "first_language", "chosen_language", "spoken_language"
_CODES = {name: code for code, name in NAMES.items()}  # the address carries the name


_RUN = threading.local()  # the run of this thread and the language it keeps


def current() -> Language:
    """Return the language chosen on the page, else the one it begins with."""
    if getattr(_RUN, "context", None) is get_script_run_ctx() and hasattr(_RUN, "language"):
        kept: Language = _RUN.language
        return kept
    return _find_language()


def _find_language() -> Language:
    in_address = _CODES.get(st.query_params.get(LANGUAGE_KEY, ""), "")
    chosen = st.session_state.get(LANGUAGE_KEY) or in_address
    if has_gone_back() and in_address:  # the switch will follow it
        chosen = in_address
    return language(chosen if chosen in LANGUAGES else first_language())


def has_gone_back() -> bool:
    """Whether this run comes from the browser's back or forward button."""
    context = get_script_run_ctx()  # nothing public says so
    return context is not None and context.is_history_navigation


def first_language() -> str:
    """Return the language this visit began with, where the address names none.

    That is the one chosen in this browser before, else the one it asks for.
    """
    if _FIRST_KEY not in st.session_state:  # for as long as possible: the switch goes back to it
        before = chosen_language(dict(st.context.cookies))
        st.session_state[_FIRST_KEY] = before or choose_language(st.context.locale or "")
    return str(st.session_state[_FIRST_KEY])


def keep_language() -> None:
    """Go on in the language that was spoken last, on an address from before it was chosen.

    Going back there, Streamlit takes an address without a language for a wish to have the first
    one. Belongs before anything is said, which is said in that language then to the end of the run:
    to look it up each time took a tenth of drawing a page.
    """
    spoken = st.session_state.get(_SPOKEN_KEY)
    if spoken and has_gone_back() and LANGUAGE_KEY not in st.query_params:
        st.session_state[_FIRST_KEY] = spoken
    found = _find_language()
    st.session_state[_SPOKEN_KEY] = found.code
    _RUN.context, _RUN.language = get_script_run_ctx(), found


def note_language() -> None:
    """Take down the choice of the switch, for its callback."""
    st.session_state[_CHOSEN_KEY] = st.session_state[LANGUAGE_KEY]


def noted_language() -> str:
    """Return the language that was chosen in this visit; empty where none was."""
    return str(st.session_state.get(_CHOSEN_KEY, ""))


def t(key: str, **params: object) -> str:
    """Return a text of the page in its language."""
    return current().text(key, **params)


def current_on_the_clock() -> Language:
    """Return the page's language for documents with times, as the clocks show them there."""
    return current().in_zone(_zone())


def on_the_clock(moment: datetime) -> datetime:
    """Return a moment as the clocks show it where the browser is."""
    return moment.astimezone(_zone())


def _zone() -> tzinfo:
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):  # the browser may say anything
        return UTC

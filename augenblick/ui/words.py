"""The language of the person in front of the page, and its texts."""

from __future__ import annotations

import streamlit as st

from augenblick.language import LANGUAGES, Language, choose_language, language

LANGUAGE_KEY = "lang"  # also the name of the query parameter
NAMES = {"en": "English", "de": "Deutsch"}
_CODES = {name: code for code, name in NAMES.items()}  # the address carries the name


def current() -> Language:
    """Return the language chosen on the page, else the one the browser asks for."""
    in_address = st.query_params.get(LANGUAGE_KEY, "")
    chosen = st.session_state.get(LANGUAGE_KEY) or _CODES.get(in_address, "")
    return language(chosen if chosen in LANGUAGES else browser_language())


def browser_language() -> str:
    """Return the language the browser asks for, among those we speak."""
    return choose_language(st.context.locale or "")


def say(key: str, **params: object) -> str:
    """Return a text of the page in its language."""
    return current().text(key, **params)

"""The language of the person in front of the page, and its texts."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

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

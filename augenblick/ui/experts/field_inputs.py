"""The sections for the plain request fields."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from augenblick.core.errors import SettingsInvalid
from augenblick.core.settings import FIELDS
from augenblick.ui import i18n
from augenblick.ui.experts.field_effects import has_no_effect, with_reason
from augenblick.ui.experts.field_texts import allowed_range, help_for, show_problem
from augenblick.ui.experts.setting_entries import ENTRIES, FLAGS
from augenblick.ui.tab_state import tab

_LONGEST_TEXT = 200_000
_LONGEST_IN_ADDRESS = 1_000
_LABELS = {"include_usage": "stream_options.include_usage", "extra": "JSON"}  # else the field's own
_SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "seed")


@contextmanager
def section(title: str, *fields: str) -> Iterator[None]:
    """One group of the panel; its title says how many of its fields are set, or wrong."""
    memory = tab()
    count = sum(name in memory.settings.as_fields() for name in fields)
    is_wrong = any(name in memory.panel.problems for name in fields)
    mark = " :red[:material/error:]" if is_wrong else f" :gray[· {count}]" if count else ""
    with st.expander(f"{title}{mark}", type="compact", key=f"expert_section_{fields[0]}"):
        yield
        st.space("xsmall")


def draw_sampling() -> None:
    """How the next token is drawn."""
    with section(i18n.t("expert.sampling"), *_SAMPLING, "logit_bias"):
        for name in _SAMPLING:
            _draw_line(name)
        _draw_area("logit_bias", height=124)


def draw_length() -> None:
    """When an answer ends, and how many there are."""
    with section(i18n.t("expert.length"), "max_tokens", "stop", "n"):
        _draw_line("max_tokens")
        _draw_area("stop", height=124, longest=_LONGEST_IN_ADDRESS)
        _draw_line("n")


def draw_system_message() -> None:
    """What the model is told before the conversation."""
    with section(i18n.t("expert.system"), "system"):
        _draw_area("system", height=160)


def draw_request() -> None:
    """How the answer comes, who asks, and whatever has no field of its own."""
    with section(i18n.t("expert.request"), "stream", "include_usage", "user", "extra"):
        _draw_flag("stream")
        _draw_flag("include_usage")
        _draw_line("user")
        _draw_area("extra", height=124)


def _draw_line(name: str) -> None:
    entry = ENTRIES[name]
    st.text_input(
        _label(name),
        key=entry.key,
        help=with_reason(name, help_for(name)),
        disabled=has_no_effect(name),
        placeholder=i18n.t("expert.not_sent"),
        bind="query-params" if entry.is_in_address else None,
        persist_state="session",
    )
    _show_problem(name)


def _draw_area(name: str, *, height: int, longest: int = _LONGEST_TEXT) -> None:
    entry = ENTRIES[name]
    st.text_area(
        _label(name),
        key=entry.key,
        help=with_reason(name, help_for(name)),
        disabled=has_no_effect(name),
        placeholder=i18n.t("expert.not_sent"),
        height=height,
        max_chars=longest,
        bind="query-params" if entry.is_in_address else None,
        persist_state="session",
    )
    _show_problem(name)


def _draw_flag(name: str) -> None:
    """Choose true or false; with a default of its own Streamlit would not let it be set here."""
    st.selectbox(
        _label(name),
        FLAGS,
        index=None,
        key=ENTRIES[name].key,
        help=with_reason(name, help_for(name)),
        disabled=has_no_effect(name),
        placeholder="true",
        bind="query-params",
        persist_state="session",
    )


def _label(name: str) -> str:
    label = _LABELS.get(name, name)
    allowed = allowed_range(FIELDS[name])
    return f"{label} · {allowed}" if allowed else label


def _show_problem(name: str) -> None:
    problem: SettingsInvalid | None = tab().panel.problems.get(name)
    if problem is not None:
        show_problem(problem)

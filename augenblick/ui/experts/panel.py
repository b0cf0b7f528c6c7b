"""The switch for people who prototype, and what it opens: the fields of the next request."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from augenblick.core.errors import SettingsInvalid
from augenblick.core.settings import RequestSettings
from augenblick.ui import i18n
from augenblick.ui.chat.model_choice import ModelChoice
from augenblick.ui.experts import presets
from augenblick.ui.experts.answer_format import draw_answer_format
from augenblick.ui.experts.field_effects import note_effects
from augenblick.ui.experts.field_inputs import (
    draw_length,
    draw_request,
    draw_sampling,
    draw_system_message,
)
from augenblick.ui.experts.field_texts import show_wrong
from augenblick.ui.experts.setting_entries import take_over
from augenblick.ui.experts.tool_settings import draw_tools
from augenblick.ui.resources import Services
from augenblick.ui.tab_state import tab

_SWITCH_KEY = "expert"  # also the name of the query parameter


def draw_panel(parts: Services, choice: ModelChoice, *, is_kept: bool) -> None:
    """Draw the switch and, while it is on, the sections below it.

    `is_kept` says whether what is set here may be stored, which it may not be where nothing is.
    """
    tab().is_expert = st.toggle(
        i18n.t("expert.switch"),
        key=_SWITCH_KEY,
        help=i18n.t("expert.switch.help"),
        bind="query-params",
        persist_state="session",
    )
    if tab().is_expert:
        note_effects(parts, choice)
        _draw_sections(parts, is_kept=is_kept)


def _draw_sections(parts: Services, *, is_kept: bool) -> None:
    presets.begin(parts)
    take_over(tab())
    summary_place = st.container(gap="xsmall")
    with st.container(gap="xxsmall", key="expert_sections"):
        draw_sampling()
        draw_length()
        draw_system_message()
        draw_answer_format()
        draw_tools()
        draw_request()
        if parts.browser():
            presets.draw_presets(parts)
    if tab().panel.clearing:
        st.rerun()
    take_over(tab())  # what the address brought is known now
    _forget_refusal()
    _draw_summary(summary_place)
    if is_kept:
        presets.keep(parts)


def _forget_refusal() -> None:
    """What was refused because of a setting that is right by now needs no notice any more."""
    memory = tab()
    codes = {SettingsInvalid.code, "messages_in_extra"}
    if memory.failure is not None and memory.failure.code in codes and not memory.panel.problems:
        memory.failure = None


def _draw_summary(place: DeltaGenerator) -> None:
    """How much is sent besides model and conversation, and what is not."""
    memory = tab()
    panel = memory.panel
    count = len(memory.settings.as_fields().keys() - {"model", "include_usage"})
    with place:
        for ignored in panel.ignored:
            if ignored.params["field"] in memory.settings.as_fields():
                continue  # it has another value by now
            field, allowed = ignored.params["field"], ignored.params["allowed"]
            show_wrong(i18n.t("expert.ignored", field=field, allowed=allowed))
        if panel.problems:  # in the place of the other line: nothing moves while somebody types
            show_wrong(i18n.t("expert.not_sendable", fields=", ".join(panel.problems)))
        else:
            key = "expert.sent" if count else "expert.sent_nothing"
            st.caption(i18n.t(key, count=count))
        if panel.from_link is not None:
            st.caption(f":material/link: {i18n.t('expert.from_link')}")
            st.button(
                i18n.t("expert.keep_link"), key="expert_keep_link", on_click=presets.keep_link
            )
        if panel.problems or memory.settings != RequestSettings(""):
            st.button(
                i18n.t("expert.reset"),
                key="expert_reset",
                type="tertiary",
                icon=":material/restart_alt:",
                on_click=presets.reset,
            )

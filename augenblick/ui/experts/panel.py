"""The switch for people who prototype, and the panel it opens: what is sent, and what was."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from augenblick.core.conversations import Conversation
from augenblick.core.errors import SettingsInvalid
from augenblick.core.settings import RequestSettings
from augenblick.ui import i18n
from augenblick.ui.browser.component_data import dated
from augenblick.ui.chat.model_choice import ModelChoice
from augenblick.ui.experts import presets
from augenblick.ui.experts.answer_format import draw_answer_format
from augenblick.ui.experts.expectation import draw_expectation
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
from augenblick.ui.experts.xray import draw_log
from augenblick.ui.resources import Services
from augenblick.ui.tab_state import tab

_SWITCH_KEY = "expert"  # also the name of the query parameter
_FOLDER = Path(__file__).parent
_SIGN = "M4 7h8M18 7h2M4 17h2M12 17h8M15 4v6M9 14v6"
_toggle = st.components.v2.component(
    "augenblick_panel",
    html='<button type="button" class="panel-toggle"><svg viewBox="0 0 24 24" aria-hidden="true">'
    f'<path d="{_SIGN}"/></svg></button>',
    js=(_FOLDER / "panel.js").read_text(encoding="utf-8"),
    isolate_styles=False,  # its look comes with that of the panel
)


def draw_switch() -> None:
    """Draw the switch; the place of the panel is kept from then on."""
    tab().is_expert = st.toggle(
        i18n.t("expert.switch"),
        key=_SWITCH_KEY,
        help=i18n.t("expert.switch.help"),
        bind="query-params",
        persist_state="session",
    )
    if tab().is_expert:
        st.container(key="expert_on").empty()  # to panel.css


def begin(parts: Services, choice: ModelChoice) -> None:
    """Have the settings of the last visit at hand. Raises StoreError."""
    if tab().is_expert:
        note_effects(parts, choice)
        presets.begin(parts)


def draw_panel(
    parts: Services, choice: ModelChoice, conversation: Conversation | None, bar: DeltaGenerator
) -> None:
    """Draw the panel below the composer, and in the bar its button; for experts alone."""
    if not tab().is_expert:
        return
    with bar:
        _toggle(
            key="expert_toggle",
            data=dated("expert_toggle", {"label": i18n.t("expert.switch")}),
            width="content",
            height="content",
        )
    with st.bottom:
        expectation_place = st.empty()
        panel_place = st.container(key="expert_panel", gap="small")
    with panel_place:
        _draw_tabs(parts, conversation)
    draw_expectation(expectation_place, conversation, parts, choice)


def _draw_tabs(parts: Services, conversation: Conversation | None) -> None:
    take_over(tab())
    request, answer_format, tools, log = st.tabs(
        [
            i18n.t("xray.request"),
            i18n.t("expert.format"),
            i18n.t("tools.title"),
            i18n.t("expert.log"),
        ],
        height="stretch",
    )
    with request, st.container(gap="xxsmall"):
        draw_sampling()
        draw_length()
        draw_system_message()
        draw_request()
        if parts.browser():
            presets.draw_presets(parts)
    with answer_format:
        draw_answer_format()
    with tools:
        draw_tools()
    with log:
        draw_log(conversation)
    if tab().panel.clearing:
        st.rerun()
    take_over(tab())  # what the address brought is known now
    _forget_refusal()
    _draw_summary()
    is_temporary = conversation.is_temporary if conversation else tab().is_temporary
    if parts.browser() and not is_temporary:
        presets.keep(parts)


def _forget_refusal() -> None:
    """What was refused because of a setting that is right by now needs no notice any more."""
    memory = tab()
    codes = {SettingsInvalid.code, "messages_in_extra"}
    if memory.failure is not None and memory.failure.code in codes and not memory.panel.problems:
        memory.failure = None


def _draw_summary() -> None:
    """How much is sent besides model and conversation, and what is not."""
    memory = tab()
    panel = memory.panel
    count = len(memory.settings.as_fields().keys() - {"model", "include_usage"})
    with st.container(key="expert_summary", gap="xsmall"):
        for ignored in panel.ignored:
            if ignored.params["field"] in memory.settings.as_fields():
                continue  # it has another value by now
            field, allowed = ignored.params["field"], ignored.params["allowed"]
            show_wrong(i18n.t("expert.ignored", field=field, allowed=allowed))
        if panel.from_link is not None:
            with _line("expert_link"):
                st.caption(f":material/link: {i18n.t('expert.from_link')}")
                st.button(
                    i18n.t("expert.keep_link"), key="expert_keep_link", on_click=presets.keep_link
                )
        with _line("expert_sent"):
            if panel.problems:  # in place of the other line: nothing moves while somebody types
                show_wrong(i18n.t("expert.not_sendable", fields=", ".join(panel.problems)))
            else:
                key = "expert.sent" if count else "expert.sent_nothing"
                st.caption(i18n.t(key, count=count))
            if panel.problems or memory.settings != RequestSettings(""):
                st.button(
                    i18n.t("expert.reset"),
                    key="expert_reset",
                    type="tertiary",
                    icon=":material/restart_alt:",
                    on_click=presets.reset,
                )


def _line(key: str) -> DeltaGenerator:
    return st.container(horizontal=True, vertical_alignment="center", gap="small", key=key)

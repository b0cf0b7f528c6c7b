"""The tab of the panel for `tools` and `tool_choice`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import streamlit as st

from augenblick.core.errors import SettingsInvalid
from augenblick.core.settings import FIELDS, RequestSettings
from augenblick.lab.tools import (
    BUILT_IN,
    FunctionMistake,
    built_in_name,
    definition,
    name_of,
    read_functions,
)
from augenblick.ui import i18n
from augenblick.ui.chat.markdown_filter import literal
from augenblick.ui.experts.field_effects import has_no_effect, with_reason
from augenblick.ui.tab_state import tab

_BUILT_IN_KEY: Final = "tools_built_in"
_OWN_KEY: Final = "tools_own"
_CHOICE_KEY: Final = "tools_choice"
_WRITTEN_KEY: Final = "tools_written"  # what this tab wrote into the settings last
_ROUND_KEY: Final = "tools_round"
_NOT_SENT: Final = ""
_FUNCTION: Final = "function:"  # begins the choice of one function
_EXAMPLE: Final = '{"name": "…", "parameters": {"type": "object", "properties": {}}}'

Tools = Sequence[Mapping[str, Any]]


def draw_tools() -> None:
    """Draw what the model may call, and write it into the settings of this tab."""
    _follow_settings(tab().settings)
    built_in = st.pills(
        i18n.t("tools.built_in"),
        BUILT_IN,
        selection_mode="multi",
        format_func={
            "zoom": i18n.t("tools.zoom"),
            "read_codes": i18n.t("tools.read_codes"),
        }.__getitem__,
        key=_BUILT_IN_KEY,
        help=with_reason("tools", i18n.t("tools.built_in.help")),
        disabled=has_no_effect("tools"),
        persist_state="session",
    )
    own = _draw_own()
    tools = (*(definition(name) for name in BUILT_IN if name in built_in), *own)
    choice = _draw_choice(tools)
    written = tools, choice
    st.session_state[_WRITTEN_KEY] = written
    tab().settings = replace(tab().settings, tools=tools, tool_choice=choice)


def _draw_own() -> Tools:
    """Draw the field for own functions; returns them, none where what was typed is wrong."""
    tab().panel.problems.pop("tools", None)
    typed = st.text_area(
        i18n.t("tools.own"),
        key=_OWN_KEY,
        height=120,
        placeholder=_EXAMPLE,
        help=with_reason("tools", i18n.t("tools.own.help")),
        disabled=has_no_effect("tools"),
        persist_state="session",
    )
    try:
        return read_functions(typed)
    except FunctionMistake as mistake:
        params = {
            name: literal(value) if isinstance(value, str) else value
            for name, value in mistake.params.items()
        }
        st.error(i18n.t(f"tools.mistake.{mistake.code}", **params), icon=":material/error:")
        allowed = FIELDS["tools"].allowed
        tab().panel.problems["tools"] = SettingsInvalid(field="tools", allowed=allowed)
        return ()


def _draw_choice(tools: Tools) -> str | Mapping[str, Any] | None:
    """Draw whether the model has to call; None where that is not sent."""
    options = [_NOT_SENT, "none", "auto", "required", *(_FUNCTION + name_of(one) for one in tools)]
    if st.session_state.get(_CHOICE_KEY, _NOT_SENT) not in options:
        st.session_state[_CHOICE_KEY] = _NOT_SENT  # a function that is gone
    chosen = st.selectbox(
        i18n.t("tools.choice"),
        options,
        format_func={option: _choice_name(option) for option in options}.__getitem__,
        key=_CHOICE_KEY,
        help=with_reason("tool_choice", i18n.t("tools.choice.help")),
        disabled=not tools or has_no_effect("tool_choice"),
        persist_state="session",
    )
    if not (chosen and tools):
        return None
    if chosen.startswith(_FUNCTION):
        return {"type": "function", "function": {"name": chosen.removeprefix(_FUNCTION)}}
    return chosen


def _choice_name(option: str) -> str:
    if option.startswith(_FUNCTION):
        return i18n.t("tools.choice.function", name=option.removeprefix(_FUNCTION))
    return {
        _NOT_SENT: i18n.t("tools.choice.not_sent"),
        "none": i18n.t("tools.choice.none"),
        "auto": i18n.t("tools.choice.auto"),
        "required": i18n.t("tools.choice.required"),
    }[option]


def _follow_settings(settings: RequestSettings) -> None:
    """Have the fields show settings that came from elsewhere, such as a preset."""
    nothing: tuple[Tools, None] = ((), None)
    is_own = (settings.tools, settings.tool_choice) == st.session_state.get(_WRITTEN_KEY, nothing)
    if is_own and st.session_state.get(_ROUND_KEY, 0) == tab().panel.round:
        return
    st.session_state[_ROUND_KEY] = tab().panel.round
    own = [tool.get("function", tool) for tool in settings.tools if built_in_name(tool) is None]
    names = [built_in_name(tool) for tool in settings.tools]
    st.session_state[_BUILT_IN_KEY] = [name for name in BUILT_IN if name in names]
    st.session_state[_OWN_KEY] = json.dumps(own, ensure_ascii=False, indent=2) if own else ""
    st.session_state[_CHOICE_KEY] = _choice_of(settings.tool_choice)


def _choice_of(tool_choice: str | Mapping[str, Any] | None) -> str:
    if isinstance(tool_choice, Mapping):
        return _FUNCTION + name_of(tool_choice)
    return tool_choice or _NOT_SENT

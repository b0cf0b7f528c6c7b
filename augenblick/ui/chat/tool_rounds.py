"""What a model thought and called before its answer: folded away, one line for each call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import streamlit as st

from augenblick.chat.live import CallsSoFar
from augenblick.core.messages import ToolCall, ToolResult
from augenblick.ui import i18n
from augenblick.ui.chat.markdown_filter import fit_for_page, literal
from augenblick.ui.pictures.viewer import draw_links
from augenblick.ui.tab_state import tab

_ICONS = {"zoom": "zoom_in", "read_codes": "qr_code_scanner"}


def draw_thinking(calls: CallsSoFar, reasoning: str) -> None:
    """Draw the rounds, then what was thought after them, then calls that are under way."""
    for done in calls.rounds:
        if done.reasoning:
            _draw_reasoning(done.reasoning)
        if done.text:
            st.markdown(fit_for_page(done.text))
        results = {result.call_id: result for result in done.results}
        for call in done.calls:
            draw_call(call, results.get(call.id))
    if reasoning:
        _draw_reasoning(reasoning)
    there = {result.call_id: result for result in calls.results}
    for call in calls.calls:
        draw_call(call, there.get(call.id), is_running=call.id not in there)


def draw_call(call: ToolCall, result: ToolResult | None, *, is_running: bool = False) -> None:
    """Draw one call as a line that opens to its arguments and its result.

    It is open while the arguments stream.
    """
    icon = "spinner" if is_running else f":material/{_ICONS.get(call.name, 'function')}:"
    if result is not None and result.is_error:
        icon = ":material/error:"
    with st.expander(_label(call), expanded=is_running, type="compact", icon=icon):
        if result is not None and result.picture is not None:
            picture, conversation_id = result.picture.attachment, tab().conversation_id or ""
            draw_links([picture], conversation_id, name=i18n.t("call.picture"))
        st.caption(i18n.t("call.arguments", name=literal(call.name)))
        st.code(_pretty(call.arguments), language="json", wrap_lines=True)
        if result is not None:
            st.caption(i18n.t("call.result"))
            st.code(_pretty(result.content), language="json", wrap_lines=True)


def _draw_reasoning(text: str) -> None:
    with st.expander(i18n.t("answer.reasoning"), type="compact"):
        st.markdown(fit_for_page(text))


def _label(call: ToolCall) -> str:
    """What was done, in words that need no knowledge of functions."""
    arguments = _arguments(call.arguments)
    number = str(arguments.get("picture", ""))[:4] or "…"
    match call.name:
        case "zoom":
            return i18n.t("call.zoom", number=literal(number)) + _place(arguments)
        case "read_codes":
            return i18n.t("call.codes", number=literal(number)) + _place(arguments)
        case _:
            return i18n.t("call.own", name=literal(call.name))


def _place(arguments: Mapping[str, Any]) -> str:
    """The region of a call in per cent: across, then down; nothing where it is not in fractions."""
    edges = [arguments.get(name) for name in ("left", "right", "top", "bottom")]
    if not all(isinstance(edge, int | float) and 0 <= edge <= 1 for edge in edges):
        return ""
    left, right, top, bottom = (round(100 * float(edge or 0)) for edge in edges)
    return f" · ↔ {left}–{right} % · ↕ {top}–{bottom} %"  # noqa: RUF001 - from and to


def _arguments(text: str) -> Mapping[str, Any]:
    """A JSON object, or nothing as long as it streams or where it is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _pretty(text: str) -> str:
    """JSON as people like to read it; anything else as it is."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return text

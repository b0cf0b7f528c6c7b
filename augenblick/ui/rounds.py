"""What a model thought and called before its answer: folded away, one line for each call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import streamlit as st

from augenblick.errors import StoreError
from augenblick.following import CallsSoFar
from augenblick.messages import ImagePart, ToolCall, ToolResult
from augenblick.ui import words
from augenblick.ui.markdown import fit_for_page, literal
from augenblick.ui.resources import services
from augenblick.ui.thumbnails import thumbnails

_THUMBNAIL_PX = 220
_ICONS = {
    "zoom": "zoom_in",
    "read_codes": "qr_code_scanner",
    "current_time": "schedule",
    "calculate": "calculate",
}
_LONGEST_SAID = 60  # characters of a sum in the line of its call


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
    label = _label(call, result)
    icon = "spinner" if is_running else f":material/{_ICONS.get(call.name, 'function')}:"
    if result is not None and result.is_error:
        icon = ":material/error:"
    with st.expander(label, expanded=is_running, type="compact", icon=icon):
        if result is not None and result.picture is not None:
            _draw_picture(result.picture)
        st.caption(words.say("call.arguments", name=literal(call.name)))
        st.code(_pretty(call.arguments), language="json", wrap_lines=True)
        if result is not None:
            st.caption(words.say("call.result"))
            st.code(_pretty(result.content), language="json", wrap_lines=True)


def _draw_reasoning(text: str) -> None:
    with st.expander(words.say("answer.reasoning"), type="compact"):
        st.markdown(fit_for_page(text))


def _draw_picture(part: ImagePart) -> None:
    attachment = part.attachment
    try:
        small = thumbnails().get(attachment.sha256, services().store.load_thumbnail)
    except (KeyError, StoreError):  # deleted meanwhile, or not to be had now
        return
    share = min(1.0, _THUMBNAIL_PX / max(attachment.width_px, attachment.height_px))
    with st.container(width=max(24, round(share * attachment.width_px))):
        st.image(small, alt=words.say("call.picture"), width="stretch")


def _label(call: ToolCall, result: ToolResult | None) -> str:
    """What was done, in words that need no knowledge of functions."""
    arguments = _arguments(call.arguments)
    number = str(arguments.get("picture", ""))[:4] or "…"
    match call.name:
        case "zoom":
            return words.say("call.zoom", number=literal(number)) + _place(arguments)
        case "read_codes":
            return words.say("call.codes", number=literal(number)) + _place(arguments)
        case "current_time":
            return words.say("call.time")
        case "calculate":
            found = _arguments(result.content).get("result") if result is not None else None
            what = str(arguments.get("expression", "…"))
            said = what if found is None else f"{what} = {found}"
            short = said if len(said) <= _LONGEST_SAID else said[: _LONGEST_SAID - 1] + "…"
            return words.say("call.calculate", what=literal(short))
        case _:
            return words.say("call.own", name=literal(call.name))


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

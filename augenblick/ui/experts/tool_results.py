"""The results of a person's own functions: typed below the answer that waits for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from augenblick.chat.tool_loop import waiting_calls
from augenblick.core.conversations import Node, ReplyRecord
from augenblick.core.messages import ToolCall
from augenblick.lab.tools import BUILT_IN, name_of
from augenblick.ui import i18n
from augenblick.ui.chat.markdown_filter import literal
from augenblick.ui.chat.tool_rounds import draw_call
from augenblick.ui.chat.versions import Actions, SendResults
from augenblick.ui.tab_state import tab


def draw_waiting(node: Node, record: ReplyRecord, actions: Actions, *, is_last: bool) -> None:
    """Draw the calls that wait, and for experts the fields for their results."""
    calls = waiting_calls(record)
    for call in calls:
        draw_call(call, None)
    if not (calls and is_last and tab().is_expert):
        return
    asked = [call for call in calls if not _runs_by_itself(call, record)]
    with st.form(f"results_{node.id}", border=False):
        for number, call in enumerate(asked):
            st.text_area(
                i18n.t("call.result_of", name=literal(call.name)),
                key=_key(node.id, number),
                height=90,
            )
        st.form_submit_button(
            i18n.t("call.send" if asked else "call.go_on"),
            key=f"send_results_{node.id}",
            icon=":material/send:",
            on_click=_send,
            args=(node.id, asked, actions.send_results),
        )


def _runs_by_itself(call: ToolCall, record: ReplyRecord) -> bool:
    offered = record.settings.tools if record.settings is not None else ()
    return call.name in BUILT_IN and call.name in map(name_of, offered)


def _key(answer_id: str, number: int) -> str:
    return f"result_{answer_id}_{number}"


def _send(answer_id: str, calls: Sequence[ToolCall], send: SendResults) -> None:
    typed: Mapping[str, str] = {
        call.id: st.session_state.get(_key(answer_id, number)) or ""
        for number, call in enumerate(calls)
    }
    send(answer_id, typed)

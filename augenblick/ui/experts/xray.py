"""The X-ray of an answer: a dialog with what went over the wire for it, and the way there.

Its parts lie in tabs of the browser, for a dialog can ask the script for nothing while an answer
is being followed below it.
"""

from __future__ import annotations

from itertools import pairwise

import streamlit as st

from augenblick.core.conversations import Conversation, Node
from augenblick.core.errors import StoreError
from augenblick.endpoint.trace import Trace, WireExchange, read_trace
from augenblick.ui import i18n, notices
from augenblick.ui.chat.markdown_filter import literal
from augenblick.ui.chat.versions import named
from augenblick.ui.experts import xray_numbers, xray_replay, xray_wire
from augenblick.ui.experts.summary import summary_for_experts
from augenblick.ui.resources import Services
from augenblick.ui.tab_state import tab

_MOST_LISTED = 20


def ask_for_xray(answer_id: str) -> None:
    """Have the dialog opened by this run; for callbacks."""
    tab().xray = answer_id


def draw_log(conversation: Conversation | None) -> None:
    """Draw a button for each of the last answers that opens its X-ray, the newest first."""
    path = conversation.path() if conversation is not None else ()
    answers = [
        (asked.message.text, node.id, node.reply)
        for asked, node in pairwise(path)
        if node.reply is not None and not node.reply.is_live
    ]
    if not answers:
        st.caption(i18n.t("expert.log.none"))
    for question, answer_id, record in answers[: -_MOST_LISTED - 1 : -1]:
        st.button(
            literal(named(question)),
            key=f"log_{answer_id}",
            icon=":material/receipt_long:",
            width="stretch",
            wrap=False,
            on_click=ask_for_xray,
            args=(answer_id,),
        )
        st.caption(summary_for_experts(record))


def open_xray(conversation: Conversation, parts: Services) -> None:
    """Open the dialog, in every run until it is closed, so that no end of an answer closes it."""
    node = next((node for node in conversation.nodes if node.id == tab().xray), None)
    if node is None or node.reply is None:
        close_xray()
        return

    @st.dialog(i18n.t("xray.title"), width="large", on_dismiss=close_xray)
    def xray() -> None:
        _draw(node, conversation, parts)

    xray()


def close_xray() -> None:
    """Forget that it is open."""
    tab().xray = ""


def _draw(node: Node, conversation: Conversation, parts: Services) -> None:
    try:
        packed = parts.store.load_trace(node.id, owner=parts.owner())
        trace = read_trace(packed) if packed is not None else Trace(())
    except StoreError as error:
        notices.show_failure(error.failure)
        return
    if not trace.exchanges:
        st.info(i18n.t("xray.none"), icon=":material/receipt_long:")
        return
    exchange = _choose(trace)
    if trace.cut_records:
        size = i18n.current().bytes(trace.cut_bytes)
        st.caption(i18n.t("xray.cut", count=trace.cut_records, size=size))
    _draw_tabs(exchange, node, conversation, parts)


def _choose(trace: Trace) -> WireExchange:
    """Let a request be chosen where there were several; the last is the one that was answered."""
    exchanges = trace.exchanges
    if len(exchanges) == 1:
        return exchanges[0]
    number = st.selectbox(
        i18n.t("xray.exchange", count=len(exchanges)),
        range(len(exchanges)),
        index=len(exchanges) - 1,
        format_func=lambda number: _name(number, exchanges[number]),
        key="xray_exchange",
    )
    return exchanges[number]


def _name(number: int, exchange: WireExchange) -> str:
    status = f"HTTP {exchange.status}" if exchange.status else i18n.t("xray.no_answer")
    return f"{number + 1} · {status} · {exchange.end}"


def _draw_tabs(
    exchange: WireExchange, node: Node, conversation: Conversation, parts: Services
) -> None:
    request, response, events, numbers, code, replay = st.tabs(
        [
            i18n.t("xray.request"),
            i18n.t("xray.response"),
            i18n.t("xray.events"),
            i18n.t("xray.numbers"),
            i18n.t("xray.code"),
            i18n.t("xray.replay"),
        ]
    )
    with request:
        xray_wire.draw_request(exchange, conversation, parts)
    with response:
        xray_wire.draw_response(exchange)
    with events:
        xray_wire.draw_events(exchange)
    with numbers:
        xray_numbers.draw_numbers(exchange, node, conversation, parts)
    with code:
        xray_replay.draw_code(exchange.request, conversation, parts)
    with replay:
        xray_replay.draw_replay(node, conversation, parts, close=close_xray)

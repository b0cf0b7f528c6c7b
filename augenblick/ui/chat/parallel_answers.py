"""Several answers to one question: side by side while they are written and when they are there.

While they are written each one is followed in a parallel fragment of its own: `st.write_stream`
keeps its thread until the answer ends, so several of them need as many threads. The page's own run
waits for the end meanwhile, and ends, with all of them, when somebody touches a widget.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from augenblick.chat.live import LiveReply, StoredReply
from augenblick.core.conversations import ReplyRecord
from augenblick.core.errors import Failure
from augenblick.lab.agreement import Agreement, Piece, agreement
from augenblick.ui import i18n, notices
from augenblick.ui.browser.copying import copy_answer_button
from augenblick.ui.chat.drawn_answer import (
    Places,
    as_choice,
    draw_answer,
    draw_way,
    make_places,
)
from augenblick.ui.chat.evidence_marks import draw_check
from augenblick.ui.chat.follow import LISTEN_SECONDS, Frames, write_pieces
from augenblick.ui.chat.versions import Actions
from augenblick.ui.style import widen_page
from augenblick.ui.tab_state import end_run_if_unwanted, tab
from augenblick.web.own_routes import answer_path

_SHOWN_AT_FIRST = 6
_SHOWN_MORE = 12
_IN_PAIRS = {2, 4}  # so many stand two in a row, others three
_MAY_BE_MARKDOWN = re.compile(r"[`*_#|<>\[\]\\~$]|^\s*(?:[-+]|\d+[.)])\s|^ {4}", re.MULTILINE)
_SHORT_CHARACTERS = 2000


def follow_answers(live: LiveReply | StoredReply, places: Places) -> None:
    """Stream several answers side by side until all have ended."""
    count = live.choice_count
    with places.open_text(), st.container(key="several"):
        widen_page()
        with _headline():
            label = i18n.t("several.being_written", count=count)
            st.markdown(f":shimmer[{label}]", width="content")
        for at, column in zip(_shown_at_first(count), _columns(count), strict=False):
            with column:
                _draw_head(at, is_picked=False)
                _follow_choice(live, at)
        hidden = count - len(_shown_at_first(count))
        if hidden:
            st.caption(i18n.t("several.later", count=hidden))
    _wait_for_end(live, count)


def draw_answers(answer_id: str, record: ReplyRecord, actions: Actions, places: Places) -> None:
    """Draw finished answers side by side, with what they have in common."""
    count = len(record.choices)
    first = _shown_at_first(count, more=tab().answers_shown.get(answer_id, 0))
    shown = sorted({*first, record.picked_choice} & set(range(count)))
    with places.open_text(), st.container(key=f"several_{answer_id}"):
        widen_page()
        compared = _draw_agreement(answer_id, record)
        for at, column in zip(shown, _columns(len(shown)), strict=False):
            with column:
                _draw_head(at, is_picked=at == record.picked_choice)
                with st.container():
                    _draw_choice(answer_id, record, at, actions, compared.get(at))
        hidden = count - len(shown)
        if hidden:
            _draw_more(answer_id, hidden)


def _shown_at_first(count: int, *, more: int = 0) -> range:
    return range(min(count, _SHOWN_AT_FIRST + more))


def _columns(count: int) -> list[DeltaGenerator]:
    """Make a place for each answer; on a phone they stand below each other."""
    in_row = 2 if count in _IN_PAIRS else 3
    rows = range(0, count, in_row)
    cells = [cell for _ in rows for cell in st.columns(in_row)]
    return [cell.container(border=True, height="stretch") for cell in cells[:count]]


def _headline() -> DeltaGenerator:
    """Make the line above the answers, which is there all the time, so that nothing moves."""
    return st.container(horizontal=True, vertical_alignment="center", gap="small")


def _draw_head(at: int, *, is_picked: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(i18n.t("several.number", number=at + 1), color="gray")
        if is_picked:
            st.badge(i18n.t("several.going_on"), icon=":material/check:", color="green")


@st.fragment(parallel=True)
def _follow_choice(live: LiveReply | StoredReply, at: int) -> None:
    places = make_places(is_live=True)
    frames = Frames(live, places, choice_index=at)
    with places.open_text():
        for pieces in frames.rounds():
            write_pieces(pieces)


def _wait_for_end(live: LiveReply | StoredReply, count: int) -> None:
    """Wait for what the fragments follow, and let the run end where another one is waiting."""
    position = 0
    while True:
        end_run_if_unwanted()
        progress = live.follow(position, timeout_seconds=LISTEN_SECONDS)
        position = progress.position
        if progress.record is not None and progress.is_durable:
            return
        if live.choice_count > count:
            st.rerun()
        live.wait_for_end(timeout_seconds=LISTEN_SECONDS)


def _draw_agreement(answer_id: str, record: ReplyRecord) -> dict[int, tuple[Piece, ...]]:
    """Say how many agree; returns the answers in pieces where what differs is to be marked."""
    said = {at: choice.text for at, choice in enumerate(record.choices) if choice.text}
    with _headline():
        if len(said) < 2:  # noqa: PLR2004 - one agrees with nobody
            return {}
        found = _compared(tuple(said.values()))
        st.markdown(_agreement_line(found), width="content")
        if found.is_full:
            return {}
        is_marked = st.toggle(
            i18n.t("several.mark"),
            value=all(_is_plain(text) for text in said.values()),
            key=f"mark_{answer_id}",
        )
    return dict(zip(said, found.answers, strict=True)) if is_marked else {}


_compared = lru_cache(maxsize=64)(agreement)  # a conversation is drawn again with every click


def _agreement_line(found: Agreement) -> str:
    if found.is_full:
        return f":material/check_circle: {i18n.t('several.agree_all', count=found.count)}"
    if found.agreeing == 1:
        return f":material/difference: {i18n.t('several.agree_none', count=found.count)}"
    said = i18n.t("several.agree_some", agreeing=found.agreeing, count=found.count)
    return f":material/rule: {said}"


def _is_plain(text: str) -> bool:
    """Whether a text looks the same drawn as Markdown and as it stands."""
    return len(text) < _SHORT_CHARACTERS and not _MAY_BE_MARKDOWN.search(text)


def _draw_choice(
    answer_id: str,
    record: ReplyRecord,
    at: int,
    actions: Actions,
    marked: tuple[Piece, ...] | None,
) -> None:
    alone = as_choice(record, at)
    places = make_places(is_live=False)
    if marked is None:
        draw_answer(alone, places, key=f"{answer_id}_{at}")
    else:
        draw_way(alone, places)
        places.open_text().html(f'<p class="compared">{_with_marks(marked)}</p>')
    with places.open_below():
        failure = _failure_of(record, at)
        if failure is not None:
            notices.show_failure(failure)
        else:
            notices.show_end(alone)
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            if alone.picked.text:
                copy_answer_button(
                    answer_path(actions.conversation_id, answer_id, at),
                    name=i18n.t("several.copy", number=at + 1),
                )
            if alone.picked.text and at != record.picked_choice:
                st.button(
                    i18n.t("several.go_on", number=at + 1),
                    key=f"choose_{at}_{answer_id}",
                    type="tertiary",
                    icon=":material/arrow_forward:",
                    on_click=actions.pick,
                    args=(answer_id, at),
                )
        if actions.is_checked and alone.picked.text:
            draw_check(actions.conversation_id, answer_id, at)


def _with_marks(pieces: Iterable[Piece]) -> str:
    return "".join(
        f"<mark>{escape(piece.text)}</mark>" if piece.differs else escape(piece.text)
        for piece in pieces
    )


def _failure_of(record: ReplyRecord, at: int) -> Failure | None:
    """Why this answer did not come, where each was asked for by itself."""
    for adjustment in record.adjustments:
        params = adjustment.params
        if adjustment.code == "answer_failed" and params.get("number") == at + 1:
            return Failure(str(params.get("code")), dict(params), str(params.get("detail", "")))
    return None


def _draw_more(answer_id: str, hidden: int) -> None:
    count = min(hidden, _SHOWN_MORE)
    st.button(
        i18n.t("several.more", count=count),
        key=f"more_{answer_id}",
        type="tertiary",
        icon=":material/expand_more:",
        on_click=_show_more,
        args=(answer_id,),
    )


def _show_more(answer_id: str) -> None:
    shown = tab().answers_shown
    shown[answer_id] = shown.get(answer_id, 0) + _SHOWN_MORE

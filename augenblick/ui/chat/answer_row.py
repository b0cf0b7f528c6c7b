"""What stands below a finished answer: how it ended, and the row of what can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import streamlit as st

from augenblick.core.conversations import Node, ReplyRecord
from augenblick.core.messages import ReplyEnd
from augenblick.core.providers import READER_NAME
from augenblick.ui import i18n, notices
from augenblick.ui.browser.copying import copy_answer_button, read_aloud
from augenblick.ui.chat.drawn_answer import Places, as_choice
from augenblick.ui.chat.evidence_marks import draw_check
from augenblick.ui.chat.markdown_filter import literal
from augenblick.ui.chat.rating import draw_rating
from augenblick.ui.chat.reader_limits import draw_limits
from augenblick.ui.chat.sight_notice import draw_sight, draw_source, draw_text_instead
from augenblick.ui.chat.versions import Actions, draw_alternatives, named
from augenblick.ui.experts.summary import summary_for_experts
from augenblick.ui.experts.tool_results import draw_waiting
from augenblick.ui.pictures.detections_row import draw_detections
from augenblick.ui.pictures.viewer import draw_links
from augenblick.ui.tab_state import tab
from augenblick.web.own_routes import answer_path

_MOST_OTHERS = 8  # models in a menu; the sidebar has all of them
_WORTH_SAYING_SECONDS = 0.1
_UNFINISHED = {
    ReplyEnd.LENGTH,
    ReplyEnd.STOPPED,
    ReplyEnd.CUT,
    ReplyEnd.FAILED,
    ReplyEnd.INTERRUPTED,
}

Way = tuple[str, Callable[[], object]]
"""An entry of a menu: its label, and what it does."""


def draw_style() -> None:
    """Draw what the rows look like, once for each run."""
    st.html(Path(__file__).with_suffix(".css"))


def draw_below(
    node: Node,
    siblings: tuple[Node, ...],
    actions: Actions,
    places: Places,
    *,
    question: Node,
    is_last: bool,
) -> None:
    """Draw what belongs below an answer; `siblings` are all answers to the question, in order."""
    record = node.reply
    if record is None:
        return
    with places.open_below():
        if record.pictures:
            draw_links(
                [part.attachment for part in record.pictures],
                tab().conversation_id or "",
                name=i18n.t("answer.picture"),
                is_large=True,
            )
        notices.show_adjustments(record.adjustments)
        draw_source(question)
        draw_sight(record, actions, question, is_last=is_last)
        if record.failure is not None:
            notices.show_failure(record.failure)
            if is_last:
                _draw_ways_out(node.id, record, actions, question)
        if record.is_several:  # each says by itself how it ended
            record = as_choice(record, record.picked_choice)
        else:
            notices.show_end(record)
        draw_limits(record)
        draw_detections(
            record.picked.text,
            actions.pictures_for(question),
            model=record.answered_model or record.model,
            key=node.id,
        )
        if record.end is ReplyEnd.TOOL_CALLS:
            draw_waiting(node, record, actions, is_last=is_last)
        with st.container(
            horizontal=True, vertical_alignment="center", gap="small", key=f"row_{node.id}"
        ):
            _draw_row(node, record, siblings, actions, question=question, is_last=is_last)
        if actions.xray is not None:
            st.caption(summary_for_experts(record))
        elif node.id in tab().numbers_shown:
            st.caption(_summary(record))
        if actions.is_checked and record.picked.text and not (node.reply and node.reply.is_several):
            draw_check(actions.conversation_id, node.id, record.picked_choice)


def _draw_ways_out(answer_id: str, record: ReplyRecord, actions: Actions, question: Node) -> None:
    """Offer the text in pictures that were refused, and another endpoint where this one failed."""
    if record.failure is not None and record.failure.code == "pictures_not_supported":
        draw_text_instead(record, actions, question)
    others = (each for each in actions.others(record) if each.provider != record.provider)
    other = next(others, None)
    if other is not None:
        st.button(
            i18n.t("answer.ask_other", model=literal(other.model)),
            key=f"instead_{answer_id}",
            type="primary",
            icon=":material/alt_route:",
            on_click=actions.ask_again,
            args=(answer_id, other),
        )


def _draw_row(
    node: Node,
    record: ReplyRecord,
    siblings: tuple[Node, ...],
    actions: Actions,
    *,
    question: Node,
    is_last: bool,
) -> None:
    name = named(question.message.text)
    if record.picked.text and not (node.reply and node.reply.is_several):
        copy_answer_button(
            answer_path(actions.conversation_id, node.id, record.picked_choice),
            name=i18n.t("answer.copy_named", question=name),
        )
        if tab().browser:
            draw_rating(node.id, record.rating, question=name)
    if is_last and record.end in _UNFINISHED and record.picked.text:
        st.button(
            i18n.t("answer.go_on"),
            key=f"go_on_{node.id}",
            type="tertiary",
            icon=":material/play_arrow:",
            on_click=actions.go_on,
            args=(node.id,),
        )
    if is_last:
        _draw_again(node.id, record, question, actions)
    draw_alternatives(node, siblings, actions.show, label="answer.which")
    _draw_more(node.id, record, actions, name=literal(name))


def _draw_again(answer_id: str, record: ReplyRecord, question: Node, actions: Actions) -> None:
    """Draw the button that asks once more; a menu where there is more than one way to."""
    others = actions.others(record)[:_MOST_OTHERS]
    sharper = actions.sharper(question)
    key = f"ask_again_{answer_id}"
    if not others and sharper is None:
        st.button(
            i18n.t("answer.ask_again"),
            key=key,
            type="tertiary",
            icon=":material/refresh:",
            on_click=actions.ask_again,
            args=(answer_id, None),
        )
        return
    ways: dict[str, Way] = {
        "same": (i18n.t("again.same"), partial(actions.ask_again, answer_id, None))
    }
    if sharper is not None:
        ways["sharper"] = i18n.t("again.sharper"), sharper
    for other in others:
        label = i18n.t("again.model", model=literal(other.label))
        ways[other.name] = label, partial(actions.ask_again, answer_id, other)
    _draw_menu(i18n.t("answer.ask_again"), ways, key=key, icon="refresh")


def _draw_more(answer_id: str, record: ReplyRecord, actions: Actions, *, name: str) -> None:
    """Draw the menu of what is wanted rarely; what deletes stands last."""
    ways: dict[str, Way] = {}
    if actions.xray is not None:
        ways["xray"] = (
            f":material/receipt_long: {i18n.t('xray.button')}",
            partial(actions.xray, answer_id),
        )
    else:
        ways["numbers"] = f":material/info: {_summary(record)}", partial(_show_numbers, answer_id)
    if record.picked.text:
        path = answer_path(actions.conversation_id, answer_id, record.picked_choice)
        ways["aloud"] = f":material/volume_up: {i18n.t('answer.aloud')}", partial(read_aloud, path)
    ways["delete"] = (
        f":material/delete: {i18n.t('answer.delete', question=name)}",
        partial(actions.delete, answer_id),
    )
    label = i18n.t("answer.more", question=name)
    _draw_menu(label, ways, key=f"ways_{answer_id}", icon="more_horiz")


def _draw_menu(label: str, ways: Mapping[str, Way], *, key: str, icon: str) -> None:
    st.menu_button(
        label,
        list(ways),
        key=key,
        type="tertiary",
        icon=f":material/{icon}:",
        format_func=lambda way: ways[way][0],
        on_click=_go,
        args=(key, ways),
    )


def _go(key: str, ways: Mapping[str, Way]) -> None:
    _, act = ways[str(st.session_state[key])]
    act()


def _show_numbers(answer_id: str) -> None:
    tab().numbers_shown ^= {answer_id}


def _summary(record: ReplyRecord) -> str:
    """Model, time and tokens in one line; what is unknown is left out."""
    language = i18n.current()
    parts = [literal(record.answered_model or record.model)]
    total_seconds = record.timings.total_seconds
    if total_seconds is not None and total_seconds >= _WORTH_SAYING_SECONDS:
        seconds = language.number(total_seconds, digits=1)
        parts.append(language.text("answer.seconds", seconds=seconds))
    is_reader = record.provider == READER_NAME  # its tokens cost nobody anything
    if not is_reader and record.usage is not None and record.usage.total_tokens is not None:
        parts.append(language.text("answer.tokens", count=record.usage.total_tokens))
    return " · ".join(part for part in parts if part)

"""One answer on the page: followed while it is written, drawn at once when it is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from augenblick.conversations import Node, ReplyRecord
from augenblick.following import LiveReply, Progress, StoredReply
from augenblick.messages import ReplyEnd
from augenblick.providers import READER_NAME
from augenblick.ui import notices, words
from augenblick.ui.copy_button import copy_button
from augenblick.ui.markdown import MarkdownFilter, fit_for_page, literal
from augenblick.ui.state import end_run_if_unwanted

_FRAME_SECONDS = 0.05  # 20 frames a second look smooth and cost a fifth of one per token
_THINKING_SECONDS = 0.5  # thinking is sent whole each time, and few look into it
_LISTEN_SECONDS = 0.25  # how long a silent endpoint may keep a touched widget waiting
_UNFINISHED = {
    ReplyEnd.LENGTH,
    ReplyEnd.STOPPED,
    ReplyEnd.CUT,
    ReplyEnd.FAILED,
    ReplyEnd.INTERRUPTED,
}
_WORTH_SAYING_SECONDS = 0.1
_PATIENCE_SECONDS = 4.0  # after which the waiting time is shown


@dataclass(frozen=True, slots=True)
class Actions:
    """What the buttons below an answer do; each gets the answer's id."""

    ask_again: Callable[[str], None]
    go_on: Callable[[str], None]
    show: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Places:
    """Where the parts of an answer stand: the same while it is written and when it is there."""

    unwritten: DeltaGenerator
    thinking: DeltaGenerator
    waiting: DeltaGenerator
    open_text: Callable[[], DeltaGenerator]
    open_below: Callable[[], DeltaGenerator]


def make_places(*, is_live: bool) -> Places:
    """Make the places; for a live answer they are empty at once, whatever stood there before.

    Both ways the same tree comes about, so no run leaves anything of another behind.
    """
    unwritten, thinking, waiting = st.empty(), st.empty(), st.empty()
    if is_live:
        return Places(unwritten, thinking, waiting, st.empty().container, st.empty().container)
    text, below = st.container(), st.container()
    return Places(unwritten, thinking, waiting, lambda: text, lambda: below)


def follow_answer(live: LiveReply | StoredReply, places: Places) -> bool:
    """Stream a reply until it ends; returns whether what is drawn is the answer as it ended.

    It is not where text turned out to be thinking only later. When the run is stopped in between,
    the reply goes on without this follower.
    """
    frames = _Frames(live, places)
    with places.open_text():
        drawn = st.write_stream(frames)
    return frames.record is not None and drawn == _markdown_of(frames.record)


def draw_answer(node: Node, places: Places) -> None:
    """Draw the text of a finished answer."""
    if node.reply is None:
        return
    if node.reply.picked.reasoning:
        with places.thinking.container():
            _draw_reasoning(node.reply.picked.reasoning)
    places.open_text().markdown(_markdown_of(node.reply))


def draw_below(
    node: Node, siblings: tuple[Node, ...], actions: Actions, places: Places, *, is_last: bool
) -> None:
    """Draw what stands below a finished answer: how it ended, what can be done, what it cost."""
    record = node.reply
    if record is None:
        return
    with places.open_below():
        notices.show_adjustments(record.adjustments)
        if record.failure is not None:
            notices.show_failure(record.failure)
        notices.show_end(record)
        _draw_actions(node, record, siblings, actions, is_last=is_last)


def _markdown_of(record: ReplyRecord) -> str:
    return fit_for_page(record.picked.text or record.picked.refusal)


class _Frames:
    """The text of a live reply in paced frames, for `st.write_stream`."""

    def __init__(self, live: LiveReply | StoredReply, places: Places) -> None:
        self.record: ReplyRecord | None = None
        self._live = live
        self._thinking = places.thinking
        self._waiting = places.waiting
        self._unwritten = places.unwritten
        self._waiting_label = ""
        self._reasoning = ""
        self._reasoning_drawn = 0
        self._thought_at = 0.0
        self._markdown = MarkdownFilter()
        self._has_text = False
        self._is_written = True

    def __iter__(self) -> Iterator[str]:
        position = 0
        started = time.monotonic()
        self._show_waiting(None, 0.0)
        while self.record is None or not self._is_written:
            progress = self._live.follow(position, timeout_seconds=_LISTEN_SECONDS)
            position = progress.position
            drawn_at = time.monotonic()
            yield from self._frame(progress, waited_seconds=drawn_at - started)
            if self.record is None or not self._is_written:
                time.sleep(max(0.0, _FRAME_SECONDS - (time.monotonic() - drawn_at)))

    def _frame(self, progress: Progress, *, waited_seconds: float) -> Iterator[str]:
        end_run_if_unwanted()
        self._show_reasoning(progress)
        self._show_unwritten(progress)
        text = "".join(
            piece.text
            for piece in progress.pieces
            if piece.choice_index == 0 and piece.lane in {"text", "refusal"}
        )
        if text and not self._has_text:
            self._has_text = True
            self._waiting.empty()
        part = self._markdown.feed(text)
        if progress.record is not None and self.record is None:
            self.record = progress.record
            self._waiting.empty()
            part += self._markdown.finish()
        elif self.record is None and not self._has_text:
            self._show_waiting(progress, waited_seconds)
        if part:
            yield part

    def _show_waiting(self, progress: Progress | None, waited_seconds: float) -> None:
        label = _waiting_label(progress, waited_seconds, is_thinking=bool(self._reasoning))
        if label != self._waiting_label:
            self._waiting_label = label
            self._waiting.markdown(f":shimmer[{label}]")

    def _show_unwritten(self, progress: Progress) -> None:
        if progress.is_durable == self._is_written:
            return
        self._is_written = progress.is_durable
        if self._is_written:
            self._unwritten.empty()
        else:
            self._unwritten.warning(words.say("chat.not_written"), icon=":material/save:")

    def _show_reasoning(self, progress: Progress) -> None:
        more = "".join(
            piece.text
            for piece in progress.pieces
            if piece.choice_index == 0 and piece.lane == "reasoning"
        )
        self._reasoning += more
        is_due = time.monotonic() - self._thought_at > _THINKING_SECONDS
        if not self._reasoning or self._reasoning_drawn == len(self._reasoning):
            return
        if not is_due and progress.record is None:
            return
        self._thought_at = time.monotonic()
        self._reasoning_drawn = len(self._reasoning)
        with self._thinking.container():
            _draw_reasoning(self._reasoning)


def _waiting_label(progress: Progress | None, waited_seconds: float, *, is_thinking: bool) -> str:
    if progress is not None and progress.wait is not None:
        return words.say("answer.retrying", seconds=round(progress.wait.seconds))
    key = "answer.thinking" if is_thinking else "answer.looking"
    if waited_seconds < _PATIENCE_SECONDS:
        return words.say(key)
    return words.say("answer.still", what=words.say(key), seconds=round(waited_seconds))


def _draw_reasoning(text: str) -> None:
    with st.expander(words.say("answer.reasoning"), type="compact"):
        st.markdown(fit_for_page(text))


def _draw_actions(
    node: Node, record: ReplyRecord, siblings: tuple[Node, ...], actions: Actions, *, is_last: bool
) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        if record.picked.text:
            copy_button(record.picked.text, key=f"copy_{node.id.encode().hex()}")
        if is_last and record.end in _UNFINISHED and record.picked.text:
            _draw_button("go_on", "play_arrow", actions.go_on, node.id)
        if is_last:
            _draw_button("ask_again", "refresh", actions.ask_again, node.id)
        _draw_alternatives(node, siblings, actions)
        if record.end is not ReplyEnd.FAILED or record.picked.text:
            st.caption(_summary(record))


def _draw_button(name: str, icon: str, act: Callable[[str], None], answer_id: str) -> None:
    st.button(
        words.say(f"answer.{name}"),
        key=f"{name}_{answer_id}",
        type="tertiary",
        icon=f":material/{icon}:",
        on_click=act,
        args=(answer_id,),
    )


def _draw_alternatives(node: Node, siblings: tuple[Node, ...], actions: Actions) -> None:
    if len(siblings) < 2:  # noqa: PLR2004 - one is no choice
        return
    at = siblings.index(node)
    for step, icon, name in ((-1, "chevron_left", "previous"), (1, "chevron_right", "next")):
        other = at + step
        st.button(
            words.say(f"answer.{name}"),
            key=f"{name}_{node.id}",
            type="tertiary",
            icon=f":material/{icon}:",
            disabled=not 0 <= other < len(siblings),
            on_click=actions.show,
            args=(siblings[max(0, min(other, len(siblings) - 1))].id,),
        )
    st.caption(words.say("answer.which", number=at + 1, count=len(siblings)))


def _summary(record: ReplyRecord) -> str:
    """Model, time and tokens in one line; what is unknown is left out."""
    language = words.current()
    parts = [literal(record.answered_model or record.model)]
    total_seconds = record.timings.total_seconds
    if total_seconds is not None and total_seconds >= _WORTH_SAYING_SECONDS:
        seconds = language.number(total_seconds, digits=1)
        parts.append(language.text("answer.seconds", seconds=seconds))
    is_reader = record.provider == READER_NAME  # its tokens cost nobody anything
    if not is_reader and record.usage is not None and record.usage.total_tokens is not None:
        parts.append(language.text("answer.tokens", count=record.usage.total_tokens))
    return " · ".join(part for part in parts if part)

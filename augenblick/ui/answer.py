"""One answer on the page: followed while it is written, drawn at once when it is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from augenblick.blocks import BlockCutter, Cut, cut, link_blocks
from augenblick.conversations import Node, ReplyRecord
from augenblick.following import LiveReply, Progress, StoredReply
from augenblick.messages import ReplyEnd
from augenblick.providers import READER_NAME
from augenblick.queueing import Turn
from augenblick.ui import notices, words
from augenblick.ui.alternatives import Actions, draw_alternatives
from augenblick.ui.copy_button import copy_button
from augenblick.ui.markdown import MarkdownFilter, fit_for_page, literal
from augenblick.ui.pace import frame_seconds
from augenblick.ui.state import end_run_if_unwanted

_KEPT_CHARACTERS = 20_000  # answers no longer than this keep their blocks
_THINKING_SECONDS = 0.5  # thinking is sent whole each time, and few look into it
_THINKING_CHARACTERS_PER_SECOND = 10_000
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

    It is not where text turned out to be thinking only later, or where a link is defined below
    the block that refers to it. When the run is stopped in between, the reply goes on without this
    follower.
    """
    frames = _Frames(live, places)
    with places.open_text():
        drawn = st.write_stream(frames)
    blocks = (drawn,) if isinstance(drawn, str) else tuple(drawn)
    return frames.record is not None and (blocks == _blocks_of(frames.record) or blocks == ("",))


def draw_answer(node: Node, places: Places) -> None:
    """Draw the text of a finished answer."""
    if node.reply is None:
        return
    if node.reply.picked.reasoning:
        with places.thinking.container():
            _draw_reasoning(node.reply.picked.reasoning)
    text = places.open_text()
    for block in _blocks_of(node.reply):
        text.markdown(block)


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


def _blocks_of(record: ReplyRecord) -> tuple[str, ...]:
    text = record.picked.text or record.picked.refusal
    return _cut_small(text) if len(text) < _KEPT_CHARACTERS else _cut(text)


def _cut(text: str) -> tuple[str, ...]:
    return link_blocks(cut(fit_for_page(text)))


_cut_small = lru_cache(maxsize=1024)(_cut)  # a conversation is drawn again with every click


class Blocks:
    """Text as `st.write_stream` takes it: strings for the open block, and a call that closes it.

    `open_characters` is the length of the open block, which is what the next frame will send again.
    """

    def __init__(self) -> None:
        self.open_characters = 0
        self._markdown = MarkdownFilter()
        self._cutter = BlockCutter()

    def feed(self, text: str) -> Iterator[str | Callable[[], None]]:
        """Give back what of the text so far is decided."""
        return self._joined(self._cutter.feed(self._markdown.feed(text)))

    def finish(self) -> Iterator[str | Callable[[], None]]:
        """Give back what was held, at the end of the text."""
        rest = self._cutter.feed(self._markdown.finish())
        return self._joined((*rest, *self._cutter.finish()))

    def _joined(self, pieces: Iterable[str | Cut]) -> Iterator[str | Callable[[], None]]:
        text = ""
        for piece in pieces:
            if isinstance(piece, str):
                text += piece
                continue
            if text:
                yield text
            yield _close_block
            text, self.open_characters = "", 0
        if text:
            self.open_characters += len(text)
            yield text


def _close_block() -> None:
    """Do nothing; a call between two strings has `st.write_stream` begin another element."""


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
        self._blocks = Blocks()
        self._has_text = False
        self._is_written = True

    def __iter__(self) -> Iterator[str | Callable[[], None]]:
        position = 0
        started = time.monotonic()
        self._show_waiting(None, 0.0)
        while self.record is None or not self._is_written:
            progress = self._live.follow(position, timeout_seconds=_LISTEN_SECONDS)
            position = progress.position
            began = time.monotonic()
            yield from self._frame(progress, waited_seconds=began - started)
            if self.record is None or not self._is_written:
                self._pause(time.monotonic() - began)

    def _pause(self, drawing_seconds: float) -> None:
        """Wait until the next frame is due; the end of the reply does not wait."""
        seconds = frame_seconds(self._blocks.open_characters, drawing_seconds=drawing_seconds)
        self._live.wait_for_end(timeout_seconds=max(0.0, seconds - drawing_seconds))

    def _frame(
        self, progress: Progress, *, waited_seconds: float
    ) -> Iterator[str | Callable[[], None]]:
        if not progress.pieces:  # else drawing them ends the run
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
        if progress.record is not None and self.record is None:
            self.record = progress.record
            self._waiting.empty()
            yield from self._blocks.feed(text)
            yield from self._blocks.finish()
            return
        if self.record is None and not self._has_text:
            self._show_waiting(progress, waited_seconds)
        yield from self._blocks.feed(text)

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
        pause = max(_THINKING_SECONDS, len(self._reasoning) / _THINKING_CHARACTERS_PER_SECOND)
        is_due = time.monotonic() - self._thought_at > pause
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
    if progress is not None and progress.turn is not None:
        return _turn_label(progress.turn)
    key = "answer.thinking" if is_thinking else "answer.looking"
    if waited_seconds < _PATIENCE_SECONDS:
        return words.say(key)
    return words.say("answer.still", what=words.say(key), seconds=round(waited_seconds))


def _turn_label(turn: Turn) -> str:
    if turn.before:
        return words.say("answer.queued", count=turn.before)
    return words.say("answer.queued_own" if turn.is_own else "answer.queued_next")


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
        draw_alternatives(node, siblings, actions.show, label="answer.which")
        st.button(
            words.say("answer.delete"),
            key=f"bin_{node.id}",
            type="tertiary",
            icon=":material/delete:",
            on_click=actions.delete,
            args=(node.id,),
        )
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

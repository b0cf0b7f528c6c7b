"""One answer on the page: followed while it is written, drawn at once when it is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from augenblick.blocks import BlockCutter, Cut, cut, link_blocks
from augenblick.conversations import Node, ReplyRecord
from augenblick.following import CallsSoFar, LiveReply, Progress, StoredReply
from augenblick.messages import ReplyEnd
from augenblick.providers import READER_NAME
from augenblick.queueing import Turn
from augenblick.reply import end_of_choice
from augenblick.ui import notices, words
from augenblick.ui.alternatives import Actions, draw_alternatives
from augenblick.ui.copy_button import copy_button
from augenblick.ui.experts.results import draw_waiting
from augenblick.ui.experts.summary import summary_for_experts
from augenblick.ui.filled_form import JsonOnItsWay, draw_filled, is_form
from augenblick.ui.markdown import MarkdownFilter, fit_for_page, literal
from augenblick.ui.pace import frame_seconds
from augenblick.ui.rounds import draw_thinking
from augenblick.ui.state import end_run_if_unwanted

# An element of its own costs an envelope of about 130 bytes in every run, as measured, and work in
# the browser; characters of the open block are sent again with each of its frames.
SHORTEST_BLOCK = 150
# With each frame the browser goes through all neighbours of what has changed. So the blocks of a
# long answer stand in groups, of which it passes over the finished ones as a whole.
_GROUP_BLOCKS = 8
_KEPT_CHARACTERS = 20_000  # answers no longer than this keep their blocks
_THINKING_SECONDS = 0.5  # thinking is sent whole each time, and few look into it
_CALLING_SECONDS = 0.15  # arguments are short, and seen to grow
_THINKING_CHARACTERS_PER_SECOND = 10_000
LISTEN_SECONDS = 0.25  # how long a silent endpoint may keep a touched widget waiting
_UNFINISHED = {
    ReplyEnd.LENGTH,
    ReplyEnd.STOPPED,
    ReplyEnd.CUT,
    ReplyEnd.FAILED,
    ReplyEnd.INTERRUPTED,
}
_WORTH_SAYING_SECONDS = 0.1
_NO_CALLS = CallsSoFar()
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


def follow_answer(live: LiveReply | StoredReply, places: Places) -> None:
    """Stream a reply until it ends; stopped in between, the reply goes on without this follower.

    What is drawn may still be another text than that of the answer: where text turned out to be
    thinking only later, where a link is defined below the block that refers to it, where a form is
    to be filled.
    """
    frames = Frames(live, places)
    while not frames.has_ended:  # after every round of calls the text begins anew
        with places.open_text():
            write_frames(frames)


def write_frames(frames: Frames) -> None:
    """Stream the text of one round, or of one of several answers, where the page stands."""
    st.write_stream(frames)
    while frames.has_more_blocks:
        with st.container():
            st.write_stream(frames)


def draw_answer(record: ReplyRecord, places: Places, *, key: str) -> None:
    """Draw the text of a finished answer, or the form it fills; `key` is of this answer alone."""
    draw_way(record, places)
    text = places.open_text()
    if is_form(record):
        with text:
            if draw_filled(record, key=key):
                return
            st.caption(f":material/info: {words.say('form.not_in_form')}")
    blocks = _blocks_of(record)
    for start in range(0, len(blocks), _GROUP_BLOCKS):
        place = text.container() if start else text
        for block in blocks[start : start + _GROUP_BLOCKS]:
            place.markdown(block)


def draw_way(record: ReplyRecord, places: Places) -> None:
    """Draw how the answer came about, folded away: what was thought, and what was called."""
    if record.picked.reasoning or record.rounds:
        with places.thinking.container():
            draw_thinking(CallsSoFar(record.rounds), record.picked.reasoning)


def as_choice(record: ReplyRecord, at: int) -> ReplyRecord:
    """One of several answers, as if it were the only one."""
    alone = replace(record, picked_choice=at)
    return replace(alone, end=end_of_choice(alone.picked, record.end))


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
        if record.is_several:  # each says by itself how it ended
            record = as_choice(record, record.picked_choice)
        else:
            notices.show_end(record)
        if record.end is ReplyEnd.TOOL_CALLS:
            draw_waiting(node, record, actions, is_last=is_last)
        _draw_actions(node, record, siblings, actions, is_last=is_last)


def _blocks_of(record: ReplyRecord) -> tuple[str, ...]:
    text = record.picked.text or record.picked.refusal
    return _cut_small(text) if len(text) < _KEPT_CHARACTERS else _cut(text)


def _cut(text: str) -> tuple[str, ...]:
    return link_blocks(cut(fit_for_page(text), shortest=SHORTEST_BLOCK))


_cut_small = lru_cache(maxsize=1024)(_cut)  # a conversation is drawn again with every click


class Blocks:
    """Text as `st.write_stream` takes it: strings for the open block, and a call that closes it.

    `open_characters` is the length of the open block, which is what the next frame will send again.
    """

    def __init__(self, *, is_form: bool = False, shortest: int = SHORTEST_BLOCK) -> None:
        self.open_characters = 0
        self._json = JsonOnItsWay() if is_form else None
        self._markdown = MarkdownFilter()
        self._cutter = BlockCutter(shortest=shortest)

    def feed(self, text: str) -> Iterator[str | Callable[[], None]]:
        """Give back what of the text so far is decided."""
        text = self._json.feed(text) if self._json is not None else text
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


class Frames:
    """The text of one choice of a live reply in paced frames, for `st.write_stream`.

    Gives a group of blocks each time it is iterated over; `has_more_blocks` says whether another
    one has begun. Where a reply of another process turns out to have more choices, the page is
    drawn anew.
    """

    def __init__(
        self, live: LiveReply | StoredReply, places: Places, *, choice_index: int = 0
    ) -> None:
        self.record: ReplyRecord | None = None
        self._live = live
        self._choice_index = choice_index
        self._choice_count = live.choice_count
        self._thinking = places.thinking
        self._waiting = places.waiting
        self._unwritten = places.unwritten
        self._waiting_label = ""
        self._reasoning = ""
        self._calls = _NO_CALLS
        self._drawn = _NO_CALLS, 0  # calls and length of the reasoning
        self._thought_at = 0.0
        self._blocks = Blocks(is_form=live.is_form)
        self._has_text = False
        self._is_written = True
        self._position = 0
        self._next: Progress | None = None  # what begins the text after another round
        self._pieces = iter(self._round())
        self._first_piece = ""  # of the next group

    @property
    def has_ended(self) -> bool:
        """Whether the answer has ended and its end is written."""
        return self.record is not None and self._is_written

    @property
    def has_more_blocks(self) -> bool:
        """Whether the round has another group, to be iterated over in a place of its own."""
        return bool(self._first_piece)

    def __iter__(self) -> Iterator[str | Callable[[], None]]:
        count = 0
        if self._first_piece:
            first, self._first_piece = self._first_piece, ""
            yield first
        for piece in self._pieces:
            if not isinstance(piece, str):
                count += 1
            elif count == _GROUP_BLOCKS:
                self._first_piece = piece
                return
            yield piece
        self._pieces = iter(self._round())

    def _round(self) -> Iterator[str | Callable[[], None]]:
        started = time.monotonic()
        if self._next is None:
            self._show_waiting(None, 0.0)
        while not self.has_ended:
            progress = self._next or self._live.follow(
                self._position, timeout_seconds=LISTEN_SECONDS
            )
            self._next, self._position = None, progress.position
            if len(progress.calls.rounds) != len(self._calls.rounds) and self._begin_anew(progress):
                return
            began = time.monotonic()
            yield from self._frame(progress, waited_seconds=began - started)
            if not self.has_ended:
                self._pause(time.monotonic() - began)

    def _begin_anew(self, progress: Progress) -> bool:
        """Another round is whole; whether text is drawn that now stands in it."""
        had_text = self._has_text
        self._calls = progress.calls
        self._reasoning, self._has_text = "", False
        self._blocks = Blocks(is_form=self._live.is_form)
        self._waiting_label = ""
        self._next = progress if had_text else None
        return had_text

    def _pause(self, drawing_seconds: float) -> None:
        """Wait until the next frame is due; the end of the reply does not wait."""
        seconds = frame_seconds(self._blocks.open_characters, drawing_seconds=drawing_seconds)
        seconds *= self._live.patience()
        self._live.wait_for_end(timeout_seconds=max(0.0, seconds - drawing_seconds))

    def _frame(
        self, progress: Progress, *, waited_seconds: float
    ) -> Iterator[str | Callable[[], None]]:
        if not progress.pieces:  # else drawing them ends the run
            end_run_if_unwanted()
        if self._live.choice_count > self._choice_count:
            st.rerun()
        self._show_thinking(progress)
        self._show_unwritten(progress)
        text = "".join(
            piece.text
            for piece in progress.pieces
            if piece.choice_index == self._choice_index and piece.lane in {"text", "refusal"}
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
        if self._choice_index:
            return  # the first of several says it for all
        if self._is_written:
            self._unwritten.empty()
        else:
            self._unwritten.warning(words.say("chat.not_written"), icon=":material/save:")

    def _show_thinking(self, progress: Progress) -> None:
        self._reasoning += "".join(
            piece.text
            for piece in progress.pieces
            if piece.choice_index == self._choice_index and piece.lane == "reasoning"
        )
        self._calls = progress.calls
        if progress.record is not None:
            self._calls = CallsSoFar(progress.record.rounds)
        wanted = self._calls, len(self._reasoning)
        if wanted == self._drawn or not self._is_due(progress):
            return
        self._thought_at, self._drawn = time.monotonic(), wanted
        with self._thinking.container():
            draw_thinking(self._calls, self._reasoning)

    def _is_due(self, progress: Progress) -> bool:
        """Whether it is time to draw thinking and calls, which are sent whole each time."""
        if progress.record is not None or len(self._calls.results) != len(self._drawn[0].results):
            return True
        arguments = sum(len(call.arguments) for call in self._calls.calls)
        characters = len(self._reasoning) + arguments
        seconds = _CALLING_SECONDS if arguments else _THINKING_SECONDS
        pause = max(seconds, characters / _THINKING_CHARACTERS_PER_SECOND)
        return time.monotonic() - self._thought_at > pause


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


def _draw_actions(
    node: Node, record: ReplyRecord, siblings: tuple[Node, ...], actions: Actions, *, is_last: bool
) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        if record.picked.text and not record.is_several:
            copy_button(record.picked.text, key=f"copy_{node.id.encode().hex()}")
        if is_last and record.end in _UNFINISHED and record.picked.text:
            _draw_button("go_on", "play_arrow", actions.go_on, node.id)
        if is_last:
            _draw_button("ask_again", "refresh", actions.ask_again, node.id)
        draw_alternatives(node, siblings, actions.show, label="answer.which")
        if actions.xray is not None:
            st.button(
                words.say("xray.button"),
                key=f"xray_{node.id}",
                type="tertiary",
                icon=":material/radiology:",
                on_click=actions.xray,
                args=(node.id,),
            )
        st.button(
            words.say("answer.delete"),
            key=f"bin_{node.id}",
            type="tertiary",
            icon=":material/delete:",
            on_click=actions.delete,
            args=(node.id,),
        )
        if record.end is not ReplyEnd.FAILED or record.picked.text:
            st.caption(summary_for_experts(record) if actions.xray else _summary(record))


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

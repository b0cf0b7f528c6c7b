"""One answer on the page, followed while it is written."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator

import streamlit as st

from augenblick.chat.live import CallsSoFar, LiveReply, Progress, StoredReply
from augenblick.chat.reply_queue import Turn
from augenblick.core.blocks import BlockCutter, Cut
from augenblick.core.conversations import ReplyRecord
from augenblick.lab.form_reading import is_form
from augenblick.ui import i18n
from augenblick.ui.chat.drawn_answer import (
    GROUP_BLOCKS,
    SHORTEST_BLOCK,
    Places,
    blocks_of,
    draw_text,
)
from augenblick.ui.chat.filled_form import PartialJson
from augenblick.ui.chat.markdown_filter import MarkdownFilter
from augenblick.ui.chat.tool_rounds import draw_thinking
from augenblick.ui.frame_rate import frame_seconds, next_frame_at
from augenblick.ui.tab_state import end_run_if_unwanted, tab

_THINKING_SECONDS = 0.5  # thinking is sent whole each time, and few look into it
_CALLING_SECONDS = 0.15  # arguments are short, and seen to grow
_THINKING_CHARACTERS_PER_SECOND = 10_000
LISTEN_SECONDS = 0.25  # how long a silent endpoint may keep a touched widget waiting
_NO_CALLS = CallsSoFar()
_PATIENCE_SECONDS = 4.0  # after which the waiting time is shown


def follow_answer(live: LiveReply | StoredReply, places: Places) -> None:
    """Stream a reply until it ends; stopped in between, the reply goes on without this follower.

    The text is drawn anew at the end only where it is not what was streamed: where text turned out
    to be thinking, where a link is defined below the block that refers to it, where a form is to be
    filled.
    """
    frames = Frames(live, places)
    while not frames.has_ended:  # after every round of calls the text begins anew
        with places.open_text():
            write_frames(frames)
    record = frames.record
    if record is not None and (is_form(record) or frames.blocks_drawn != blocks_of(record)):
        draw_text(record, places.open_text(), key=live.reply_id)


def write_frames(frames: Frames) -> None:
    """Stream the text of one round, or of one of several answers, where the page stands."""
    st.write_stream(frames)
    while frames.has_more_blocks:
        with st.container():
            st.write_stream(frames)


class Blocks:
    """Text as `st.write_stream` takes it: strings for the open block, and a call that closes it.

    `open_characters` is the length of the open block, which is what the next frame will send again.
    """

    def __init__(self, *, is_form: bool = False, shortest: int = SHORTEST_BLOCK) -> None:
        self.open_characters = 0
        self.drawn: list[str] = []  # the blocks so far, the open one last
        self._is_closed = True
        self._json = PartialJson() if is_form else None
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
                yield self._noted(text)
            yield _close_block
            text, self.open_characters, self._is_closed = "", 0, True
        if text:
            self.open_characters += len(text)
            yield self._noted(text)

    def _noted(self, text: str) -> str:
        if self._is_closed:
            self.drawn.append("")
        self.drawn[-1] += text
        self._is_closed = False
        return text


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
        # somebody who has asked a question here had a page that was loaded
        self._page_opened_at = tab().opened_at if tab().newest is None else -math.inf
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
    def blocks_drawn(self) -> tuple[str, ...]:
        """What was drawn of the last round."""
        return tuple(self._blocks.drawn)

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
            elif count == GROUP_BLOCKS:
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
                self._pause(began)

    def _begin_anew(self, progress: Progress) -> bool:
        """Another round is whole; whether text is drawn that now stands in it."""
        had_text = self._has_text
        self._calls = progress.calls
        self._reasoning, self._has_text = "", False
        self._blocks = Blocks(is_form=self._live.is_form)
        self._waiting_label = ""
        self._next = progress if had_text else None
        return had_text

    def _pause(self, began_at: float) -> None:
        """Wait until the next frame is due; the end of the reply does not wait."""
        drawing_seconds = time.monotonic() - began_at
        seconds = frame_seconds(self._blocks.open_characters, drawing_seconds=drawing_seconds)
        due_at = next_frame_at(
            began_at,
            seconds * self._live.slowdown(),
            beat=self._live.reply_id,
            page_opened_at=self._page_opened_at,
        )
        self._live.wait_for_end(timeout_seconds=max(0.0, due_at - time.monotonic()))

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
            if piece.choice_index == self._choice_index and piece.channel in {"text", "refusal"}
        )
        if text and not self._has_text:
            self._has_text = True
            self._waiting.empty()
        if progress.record is not None and self.record is None:
            self.record = progress.record
            if not self._has_text:
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
            self._unwritten.warning(i18n.t("chat.not_written"), icon=":material/save:")

    def _show_thinking(self, progress: Progress) -> None:
        self._reasoning += "".join(
            piece.text
            for piece in progress.pieces
            if piece.choice_index == self._choice_index and piece.channel == "reasoning"
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
        return i18n.t("answer.retrying", seconds=round(progress.wait.seconds))
    if progress is not None and progress.turn is not None:
        return _turn_label(progress.turn)
    key = "answer.thinking" if is_thinking else "answer.looking"
    if waited_seconds < _PATIENCE_SECONDS:
        return i18n.t(key)
    return i18n.t("answer.still", what=i18n.t(key), seconds=round(waited_seconds))


def _turn_label(turn: Turn) -> str:
    if turn.before:
        return i18n.t("answer.queued", count=turn.before)
    return i18n.t("answer.queued_own" if turn.is_own else "answer.queued_next")

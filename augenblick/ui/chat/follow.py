"""One answer on the page, followed while it is written."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from itertools import chain

import streamlit as st

from augenblick.chat.live import LiveReply, Progress, StoredReply
from augenblick.core.conversations import ReplyRecord
from augenblick.lab.form_reading import is_form
from augenblick.ui.chat.drawn_answer import GROUP_BLOCKS, Places, blocks_of, draw_text
from augenblick.ui.chat.live_status import LiveStatus
from augenblick.ui.chat.streamed_blocks import Blocks, Piece
from augenblick.ui.frame_rate import frame_seconds, next_frame_at
from augenblick.ui.tab_state import end_run_if_unwanted, tab

LISTEN_SECONDS = 0.25  # how long a silent endpoint may keep a touched widget waiting


def follow_answer(live: LiveReply | StoredReply, places: Places) -> None:
    """Stream a reply until it ends; stopped in between, the reply goes on without this follower.

    The text is drawn anew at the end only where it is not what was streamed: where text turned out
    to be thinking, where a link is defined below the block that refers to it, where a form is to be
    filled.
    """
    frames = Frames(live, places)
    for pieces in frames.rounds():
        with places.open_text():
            write_pieces(pieces)
    record = frames.record
    if record is not None and (is_form(record) or frames.blocks_drawn != blocks_of(record)):
        draw_text(record, places.open_text(), key=live.reply_id)


def write_pieces(pieces: Iterator[Piece]) -> None:
    """Stream the text of one round where the page stands, in groups of blocks."""
    st.write_stream(_group(pieces))
    while (first := next((each for each in pieces if isinstance(each, str)), None)) is not None:
        with st.container():
            st.write_stream(_group(chain([first], pieces)))


def _group(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """The blocks that stand in one place."""
    closed_count = 0
    for piece in pieces:
        yield piece
        closed_count += not isinstance(piece, str)
        if closed_count == GROUP_BLOCKS:
            return


class Frames:
    """The text of one choice of a live reply in paced frames.

    Where a reply of another process turns out to have more choices, the page is drawn anew.
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
        self._status = LiveStatus(places, says_unwritten=choice_index == 0)
        self._blocks = Blocks(is_form=live.is_form)
        self._has_text = False
        self._position = 0
        self._round_count = 0
        self._next: Progress | None = None  # what begins the text after another round

    @property
    def has_ended(self) -> bool:
        """Whether the answer has ended and its end is written."""
        return self.record is not None and self._status.is_written

    @property
    def blocks_drawn(self) -> tuple[str, ...]:
        """What was drawn of the last round."""
        return tuple(self._blocks.drawn)

    def rounds(self) -> Iterator[Iterator[Piece]]:
        """The text, for `write_pieces`; after every round of calls it begins anew in another."""
        while not self.has_ended:
            yield self._round()

    def _round(self) -> Iterator[Piece]:
        started = time.monotonic()
        while not self.has_ended:
            progress = self._next or self._live.follow(
                self._position, timeout_seconds=LISTEN_SECONDS
            )
            self._next, self._position = None, progress.position
            if len(progress.calls.rounds) != self._round_count and self._begin_anew(progress):
                return
            began = time.monotonic()
            yield from self._frame(progress, waited_seconds=began - started)
            if not self.has_ended:
                self._pause(began)

    def _begin_anew(self, progress: Progress) -> bool:
        """Another round is whole; whether text is drawn that now stands in it."""
        had_text = self._has_text
        self._has_text = False
        self._round_count = len(progress.calls.rounds)
        self._status.begin_round()
        self._blocks = Blocks(is_form=self._live.is_form)
        self._next = progress if had_text else None
        return had_text

    def _frame(self, progress: Progress, *, waited_seconds: float) -> Iterator[Piece]:
        if not progress.pieces:  # else drawing them ends the run
            end_run_if_unwanted()
        if self._live.choice_count > self._choice_count:
            st.rerun()
        own = [each for each in progress.pieces if each.choice_index == self._choice_index]
        text = "".join(each.text for each in own if each.channel in {"text", "refusal"})
        reasoning = "".join(each.text for each in own if each.channel == "reasoning")
        self._has_text = self._has_text or bool(text)
        is_waiting = not self._has_text and progress.record is None
        self._status.show(
            progress, reasoning, waited_seconds=waited_seconds if is_waiting else None
        )
        yield from self._blocks.feed(text)
        if progress.record is not None and self.record is None:
            self.record = progress.record
            yield from self._blocks.finish()

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

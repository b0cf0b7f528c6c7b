"""A reply while it is written, for those who follow it.

`LiveReply` is one of this process, `StoredReply` one that another process writes.
Both hand out what there is from any position, to any number of followers.
"""

from __future__ import annotations

import math
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter

from augenblick.chat.reply_queue import Turn
from augenblick.core.conversations import ReplyRecord
from augenblick.core.errors import ConversationNotFound, StoreUnavailable
from augenblick.core.messages import ToolCall, ToolResult, ToolRound
from augenblick.endpoint.client import Cancellation, Wait
from augenblick.endpoint.reply import Added
from augenblick.store import Store
from augenblick.store.store_values import OpenedReply, ReplyDelta

_POLL_SECONDS = 0.25
_NEWEST_SECONDS = 0.03  # how long a follower waits for text that is being written
_CHANNELS = ("reasoning", "text", "refusal")
_PIECE_CHARS = 200  # pieces are joined up to this: a word each would cost ten times its text


@dataclass(frozen=True, slots=True)
class CallsSoFar:
    """What an answer has called: whole rounds, then the calls of one that is under way.

    The arguments of its calls grow as they stream; `results` are those that are there already.
    """

    rounds: tuple[ToolRound, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    results: tuple[ToolResult, ...] = ()


_NO_CALLS = CallsSoFar()


@dataclass(frozen=True, slots=True)
class Progress:
    """What a follower gets: the pieces since its position, and how things stand."""

    pieces: tuple[Added, ...]
    position: int  # to follow on from; counts the characters of all choices and channels
    wait: Wait | None  # a retry is being waited for
    record: ReplyRecord | None  # set once the reply has ended; no piece comes after it
    is_durable: bool  # False during a store outage: shown, but not yet written
    turn: Turn | None = None  # the reply has not begun: it waits for its turn
    # Once there is another round, pieces are those of the text after it, from its beginning.
    calls: CallsSoFar = _NO_CALLS


@dataclass(frozen=True, slots=True)
class Unwritten:
    """What of a reply has come since the saver last asked."""

    deltas: tuple[ReplyDelta, ...]
    position: int  # all text up to here is written once the deltas are
    record: ReplyRecord | None  # its end, if that has come too


class LiveReply:
    """A reply while it waits and is being written. Safe in threads; only `follow` waits.

    The worker adds text, the saver asks for what is unwritten and confirms what it wrote, and any
    number of followers are shown what is confirmed. While the store can't be written they are
    shown what is not, and told so.
    """

    def __init__(
        self,
        opened: OpenedReply,
        *,
        on_stop: Callable[[], None],
        wake_saver: Callable[[], None] = lambda: None,
        is_store_away: Callable[[], bool] = lambda: False,
        slowdown: Callable[[], float] = lambda: 1.0,
        choice_count: int = 1,
        is_form: bool = False,
    ) -> None:
        """`wake_saver` is called when somebody waits for text that is not written yet.

        `slowdown` tells how many times longer than usual a frame of it stands.
        """
        self.is_form = is_form  # it was asked for in a form, and JSON is expected
        self.conversation_id = opened.conversation_id
        self.reply_id = opened.reply_id
        self.choice_count = choice_count  # how many were asked for
        self.slowdown = slowdown
        self.cancellation = Cancellation()
        self._on_stop = on_stop
        self._wake_saver = wake_saver
        self._is_store_away = is_store_away
        self._changed = threading.Condition()
        self._pieces = _Pieces()
        self._follower_count = 0  # those who wait for more
        # Positions in what has come, counted in characters; the end counts as one more.
        self._taken = 0  # the saver has it
        self._durable = 0
        self._shown = 0  # what followers may see
        self._round_start = 0  # where the text after the last round begins
        self._calls = _NO_CALLS
        self._retry: Wait | None = None
        self._turn: Turn | None = None
        self._end: ReplyRecord | None = None
        self._is_all_shown = threading.Event()  # the last text is shown, its end perhaps not
        self._is_end_durable = threading.Event()

    def follow(self, position: int = 0, *, timeout_seconds: float) -> Progress:
        """Wait until there is more than `position` or the end, at most `timeout_seconds`.

        Text that has come but is not written yet is waited for a moment, so that a frame shows
        what there is when it is drawn.
        """
        with self._changed:
            position = max(position, self._round_start)
            if self._durable < self._arrived:
                self._wait_for_newest(timeout_seconds)
            self._wait(lambda: self._shown > position, timeout_seconds)
            position = max(position, self._round_start)  # a round may have ended meanwhile
            return Progress(
                tuple(self._pieces.between(position, self._shown)),
                max(position, min(self._shown, self._pieces.length)),
                self._retry,
                self._end if self._is_end_shown else None,
                is_durable=self._durable >= self._shown,
                turn=self._turn,
                calls=self._calls,
            )

    @property
    def _arrived(self) -> int:
        """The position after all that has come."""
        return self._pieces.length + (self._end is not None)

    @property
    def _is_end_shown(self) -> bool:
        return self._shown > self._pieces.length

    def _wait_for_newest(self, timeout_seconds: float) -> None:
        self._wake_saver()
        newest = self._pieces.length
        is_written = self._wait(
            lambda: self._durable >= newest, min(timeout_seconds, _NEWEST_SECONDS)
        )
        if self._is_store_away() and (not is_written or self._end is not None):
            self._shown = self._arrived
            self._set_events()

    def _wait(self, is_enough: Callable[[], bool], timeout_seconds: float) -> bool:
        self._follower_count += 1
        try:
            return self._changed.wait_for(is_enough, timeout_seconds)
        finally:
            self._follower_count -= 1

    def wait_for_end(self, *, timeout_seconds: float) -> bool:
        """Wait up to `timeout_seconds` until the last text can be followed; no other text wakes it.

        While the end is not yet written followers wait here, for they would busy-loop otherwise.
        Returns whether there is nothing left to wait for.
        """
        is_over = self._is_end_durable if self._is_end_shown else self._is_all_shown
        return is_over.wait(timeout_seconds)

    def stop(self) -> None:
        """End the reply now; what came is kept. Works in every phase."""
        self.cancellation.cancel()
        self._on_stop()

    def add(self, added: Sequence[Added]) -> None:
        """Take in what came; the saver writes it, at once where somebody waits for it."""
        with self._changed:
            self._retry = None
            is_first = self._taken == self._pieces.length  # else it was woken for what came before
            for piece in added:
                self._pieces.add(piece)
        if is_first and self._follower_count:
            self._wake_saver()

    def separate_rounds(self) -> None:
        """Put an empty line between the text of two rounds: in the store they stand in one."""
        with self._changed:
            self._pieces.add(Added(0, "text", "\n\n"))
            self._round_start = self._pieces.length

    def end(self, record: ReplyRecord) -> None:
        """Take in the end; no text comes after it."""
        with self._changed:
            self._end = record
            self._set_events()
        self._wake_saver()

    def show_wait(self, wait: Wait) -> None:
        """Tell followers that the next try comes later."""
        with self._changed:
            self._retry = wait
            self._changed.notify_all()

    def show_calls(self, calls: CallsSoFar) -> None:
        """Tell followers what is being called; with another whole round the text begins anew."""
        with self._changed:
            if calls.rounds != self._calls.rounds:
                self._round_start = self._pieces.length
            self._calls = calls
            self._changed.notify_all()

    def show_turn(self, turn: Turn | None) -> None:
        """Tell followers how many come before; None when it begins."""
        with self._changed:
            self._turn = turn
            self._changed.notify_all()

    def take_unwritten(self) -> Unwritten | None:
        """For the saver: what has come since the last call, None where nothing has."""
        with self._changed:
            if self._taken == self._arrived:
                return None
            new = self._pieces.between(self._taken, self._pieces.length)
            deltas = tuple(
                ReplyDelta(self.reply_id, at, channel, "".join(piece.text for piece in pieces))
                for (at, channel), pieces in groupby(new, attrgetter("choice_index", "channel"))
            )
            self._taken = self._arrived
            return Unwritten(deltas, self._pieces.length, self._end)

    def confirm(self, position: int) -> None:
        """For the saver: all text up to a position is written, and may be shown."""
        with self._changed:
            self._durable = position
            self._shown = max(self._shown, position)
            self._set_events()
            self._changed.notify_all()

    def confirm_end(self) -> None:
        """For the saver: the end is written, after all text."""
        self.confirm(self._pieces.length + 1)

    def _set_events(self) -> None:
        """Wake those in `wait_for_end`."""
        if self._end is not None and self._shown >= self._pieces.length:
            self._is_all_shown.set()
        if self._durable > self._pieces.length:
            self._is_end_durable.set()


class _Pieces:
    """What was said, in order; positions count the characters of all choices and channels."""

    def __init__(self) -> None:
        self.length = 0
        self._pieces: list[Added] = []
        self._starts: list[int] = []  # the position at which each piece begins

    def add(self, piece: Added) -> None:
        """Take in what comes next."""
        last = self._pieces[-1] if self._pieces else None
        place = (piece.choice_index, piece.channel)
        is_same = last is not None and (last.choice_index, last.channel) == place
        if last is not None and is_same and len(last.text) < _PIECE_CHARS:
            self._pieces[-1] = replace(last, text=last.text + piece.text)
        else:
            self._pieces.append(piece)
            self._starts.append(self.length)
        self.length += len(piece.text)

    def between(self, position: int, end: int) -> Iterator[Added]:
        """Give back what stands between two positions."""
        for at in range(max(0, bisect_right(self._starts, position) - 1), len(self._pieces)):
            start, piece = self._starts[at], self._pieces[at]
            if start >= end:
                return
            if text := piece.text[max(0, position - start) : end - start]:
                yield replace(piece, text=text)


class StoredReply:
    """A reply that another process is writing, followed and stopped through the store.

    Safe in threads: those who follow the same one share what was read. A position is one of this
    object and of no other. `choice_count` grows with the choices that are seen.
    """

    is_form = False  # not known before its end

    def __init__(
        self,
        store: Store,
        *,
        conversation_id: str,
        reply_id: str,
        owner: str,
        choice_count: int = 1,
    ) -> None:
        self.conversation_id = conversation_id
        self.reply_id = reply_id
        self.choice_count = max(1, choice_count)
        self._store = store
        self._owner = owner
        self._lock = threading.Lock()
        self._pieces = _Pieces()
        self._seen: dict[tuple[int, str], int] = {}  # characters by choice and channel
        self._record: ReplyRecord | None = None
        self._polled_at = -math.inf

    def follow(self, position: int = 0, *, timeout_seconds: float) -> Progress:
        """As `LiveReply.follow`. While the store can't be read nothing comes.

        Raises ConversationNotFound.
        """
        deadline = time.monotonic() + timeout_seconds
        while True:
            try:
                with self._lock:
                    self._poll()
                    length, record = self._pieces.length, self._record
                    if length > position or record or time.monotonic() > deadline:
                        pieces = tuple(self._pieces.between(position, length))
                        return Progress(pieces, length, None, record, is_durable=True)
            except StoreUnavailable:
                time.sleep(timeout_seconds)
                return Progress((), position, None, None, is_durable=False)
            time.sleep(_POLL_SECONDS)

    def slowdown(self) -> float:
        """As `LiveReply.slowdown`; unknown here, so 1."""
        return 1.0

    def wait_for_end(self, *, timeout_seconds: float) -> bool:
        """Wait; whether it has ended is only seen by `follow`."""
        time.sleep(timeout_seconds)
        return False

    def stop(self) -> None:
        """Ask the process that writes the reply to end it. Raises StoreError."""
        self._store.request_stop(self.reply_id, owner=self._owner)

    def _poll(self) -> None:
        """Read what has come, unless another follower has just done so."""
        if self._record is not None or time.monotonic() - self._polled_at < _POLL_SECONDS:
            return
        nodes = self._store.load_conversation(self.conversation_id).nodes
        record = next((node.reply for node in nodes if node.id == self.reply_id), None)
        if record is None:
            raise ConversationNotFound
        self._polled_at = time.monotonic()
        self.choice_count = max(self.choice_count, len(record.choices))
        is_drawn_anew = record.rounds and not record.is_live  # with the text after all calls only
        for at, choice in enumerate(() if is_drawn_anew else record.choices):
            for channel in _CHANNELS:
                text: str = getattr(choice, channel)
                seen = self._seen.get((at, channel), 0)
                if len(text) > seen:
                    self._pieces.add(Added(at, channel, text[seen:]))
                    self._seen[at, channel] = len(text)
        self._record = None if record.is_live else record

"""Readers of a reply while it is written: `LiveReply` in this process, `StoredReply` from another.

Both hand out what there is from any position, to any number of followers.
"""

from __future__ import annotations

import math
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from augenblick.client import Cancellation, Wait
from augenblick.conversations import ReplyRecord
from augenblick.errors import ConversationNotFound, StoreUnavailable
from augenblick.messages import ToolCall, ToolResult, ToolRound
from augenblick.queueing import Turn
from augenblick.reply import Added
from augenblick.store import ConversationStore, OpenedReply

_LOOK_SECONDS = 0.25
_NEWEST_SECONDS = 0.03  # how long who asks may wait for fresher text than there is
_LANES = ("reasoning", "text", "refusal")
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
    position: int  # to follow on from; counts the characters of all choices and lanes
    wait: Wait | None  # a retry is being waited for
    record: ReplyRecord | None  # set once the reply has ended; no piece comes after it
    is_durable: bool  # False while the store is in trouble: shown, but not yet written
    turn: Turn | None = None  # the reply has not begun: it waits for its turn
    # Once there is another round, pieces are those of the text after it, from its beginning.
    calls: CallsSoFar = _NO_CALLS


class LiveReply:
    """A reply while it waits and is being written. Safe in threads; only `follow` waits."""

    def __init__(
        self,
        opened: OpenedReply,
        *,
        on_stop: Callable[[], None],
        on_wanted: Callable[[], None] = lambda: None,
        patience: Callable[[], float] = lambda: 1.0,
        choice_count: int = 1,
        is_form: bool = False,
    ) -> None:
        """`on_wanted` is called when somebody waits for text that is held.

        `patience` tells how many times as long as usual more of it may take.
        """
        self.is_form = is_form  # it was asked for in a form, and JSON is expected
        self.conversation_id = opened.conversation_id
        self.reply_id = opened.reply_id
        self.choice_count = choice_count  # how many were asked for
        self.patience = patience
        self.cancellation = Cancellation()
        self.in_order = threading.Lock()  # for those who hold pieces and have them written
        self._on_stop = on_stop
        self._on_wanted = on_wanted
        self._changed = threading.Condition()
        self._pieces = _Pieces()
        self._waiting = 0  # followers who have seen all that is released
        self._hold_count = 0  # how often whoever takes in the answer has brought something
        self._is_resting = False  # whoever takes in the answer leaves what comes unread
        self._rest_is_over = threading.Event()
        self._released = 0
        self._round_start = 0  # where the text after the last round begins
        self._calls = _NO_CALLS
        self._durable = 0
        self._retry: Wait | None = None
        self._turn: Turn | None = None
        self._is_end_durable = True  # as long as there is no end
        self._held_record: ReplyRecord | None = None
        self._is_all_out = threading.Event()  # the last text is released, its end perhaps not
        self._has_ended = threading.Event()
        self._record: ReplyRecord | None = None

    def follow(self, position: int = 0, *, timeout_seconds: float) -> Progress:
        """Wait until there is more than `position` or the end, at most `timeout_seconds`.

        What is on its way at that moment is waited for too, if it takes no longer than a moment:
        who draws a frame every 50 ms would else show what was written some time before it.
        """
        with self._changed:
            position = max(position, self._round_start)
            if not self._has_news(position):
                self._wait(lambda: self._has_news(position), timeout_seconds)
            elif self._record is None:
                self._wait_for_newest()
            position = max(position, self._round_start)  # a round may have ended meanwhile
            released = self._released
            return Progress(
                tuple(self._pieces.between(position, released)),
                max(position, released),
                self._retry,
                self._record,
                is_durable=self._durable >= released and self._is_end_durable,
                turn=self._turn,
                calls=self._calls,
            )

    def _has_news(self, position: int) -> bool:
        return self._released > position or self._record is not None

    def _wait_for_newest(self) -> None:
        """Wait a moment for what has come but is not released yet, to hand out all in one."""
        seen = self._hold_count if self._is_resting else -1  # more is to be brought first

        def is_newest() -> bool:
            return self._hold_count > seen and self._released == self._pieces.length

        if not is_newest():
            self._wait(is_newest, _NEWEST_SECONDS)

    def _wait(self, is_enough: Callable[[], bool], timeout_seconds: float) -> None:
        self._waiting += 1
        if self._is_resting:  # it has fresher text than what is held, and brings both
            self._rest_is_over.set()
        else:
            self._want_what_is_held()
        try:
            self._changed.wait_for(is_enough, timeout_seconds)
        finally:
            self._waiting -= 1

    def _want_what_is_held(self) -> None:
        if self._waiting and self._pieces.length > self._released:
            self._on_wanted()

    def wait_for_end(self, *, timeout_seconds: float) -> bool:
        """Wait at most so long until the last text can be followed; not woken by any text before.

        An end that is not yet written keeps its followers; woken by it, they would turn in circles.
        Returns whether there is nothing left to wait for.
        """
        is_over = self._is_all_out if self._record is None else self._has_ended
        return is_over.wait(timeout_seconds)

    def stop(self) -> None:
        """End the reply now; what came is kept. Works in every phase."""
        self.cancellation.cancel()
        self._rest_is_over.set()
        self._on_stop()

    def rest(self, seconds: float) -> bool:
        """Wait until a follower waits for more, at most so long; returns whether one does.

        So does a stop. For who takes in the answer: call this again, or `hold` with what has come
        in meanwhile, be it nothing.
        """
        with self._changed:
            self._is_resting = not self._waiting or self._pieces.length > self._released
            self._rest_is_over.clear()
        may_rest = self._is_resting and not self.cancellation.is_cancelled
        is_over = not may_rest or self._rest_is_over.wait(seconds)
        self._is_resting = False
        return is_over

    def hold(self, added: Sequence[Added]) -> int:
        """Take in pieces that are not to be shown yet; returns the mark to release them with."""
        with self._changed:
            self._retry = None
            self._hold_count += 1
            for piece in added:
                self._pieces.add(piece)
            if not added:
                self._want_what_is_held()
                self._changed.notify_all()
            return self._pieces.length

    def is_awaited(self) -> bool:
        """Whether a follower waits for more."""
        return self._waiting > 0

    def release(self, mark: int, *, is_durable: bool) -> None:
        """Show everything up to a mark."""
        with self._changed:
            self._released = max(self._released, mark)
            if is_durable:
                self._durable = max(self._durable, mark)
            self._note_last_text()
            self._changed.notify_all()

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

    def hold_end(self, record: ReplyRecord) -> None:
        """Take in the end, which is not to be shown yet."""
        with self._changed:
            self._held_record = record
            self._note_last_text()

    def _note_last_text(self) -> None:
        if self._held_record is not None and self._released == self._pieces.length:
            self._is_all_out.set()

    def release_all(self, *, is_durable: bool) -> None:
        """Show everything that is held, the end included; an end once durable stays so."""
        with self._changed:  # all in one: who sees the end sees all that came before it
            self._record = self._held_record
            if self._record is not None and is_durable:
                self._has_ended.set()
            self._is_end_durable = self._record is None or self._has_ended.is_set()
            self.release(self._pieces.length, is_durable=is_durable)


class _Pieces:
    """What was said, in order; positions count the characters of all choices and lanes."""

    def __init__(self) -> None:
        self.length = 0
        self._pieces: list[Added] = []
        self._starts: list[int] = []  # the position at which each piece begins

    def add(self, piece: Added) -> None:
        """Take in what comes next."""
        last = self._pieces[-1] if self._pieces else None
        if last is not None and _is_continued(last, piece):
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


def _is_continued(last: Added, piece: Added) -> bool:
    is_same = (last.choice_index, last.lane) == (piece.choice_index, piece.lane)
    return is_same and len(last.text) < _PIECE_CHARS


class StoredReply:
    """A reply that another process is writing, followed and stopped through the store.

    Safe in threads: those who follow the same one share what was read. A position is one of this
    object and of no other. `choice_count` grows with the choices that are seen.
    """

    is_form = False  # not known before its end

    def __init__(
        self,
        store: ConversationStore,
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
        self._seen: dict[tuple[int, str], int] = {}  # characters by choice and lane
        self._record: ReplyRecord | None = None
        self._looked_at = -math.inf

    def follow(self, position: int = 0, *, timeout_seconds: float) -> Progress:
        """As `LiveReply.follow`. While the store can't be read nothing comes.

        Raises ConversationNotFound.
        """
        deadline = time.monotonic() + timeout_seconds
        while True:
            try:
                with self._lock:
                    self._look()
                    length, record = self._pieces.length, self._record
                    if length > position or record or time.monotonic() > deadline:
                        pieces = tuple(self._pieces.between(position, length))
                        return Progress(pieces, length, None, record, is_durable=True)
            except StoreUnavailable:
                time.sleep(timeout_seconds)
                return Progress((), position, None, None, is_durable=False)
            time.sleep(_LOOK_SECONDS)

    def patience(self) -> float:
        """As that of a `LiveReply`."""
        return 1.0

    def wait_for_end(self, *, timeout_seconds: float) -> bool:
        """Wait; whether it has ended is only seen by `follow`."""
        time.sleep(timeout_seconds)
        return False

    def stop(self) -> None:
        """Ask the process that writes the reply to end it. Raises StoreError."""
        self._store.request_stop(self.reply_id, owner=self._owner)

    def _look(self) -> None:
        """Read what has come, unless another follower has just done so."""
        if self._record is not None or time.monotonic() - self._looked_at < _LOOK_SECONDS:
            return
        record = self._load()
        self._looked_at = time.monotonic()
        self.choice_count = max(self.choice_count, len(record.choices))
        is_drawn_anew = record.rounds and not record.is_live  # with the text after all calls only
        for at, choice in enumerate(() if is_drawn_anew else record.choices):
            for lane in _LANES:
                self._add_new(at, lane, getattr(choice, lane))
        self._record = None if record.is_live else record

    def _add_new(self, at: int, lane: str, text: str) -> None:
        seen = self._seen.get((at, lane), 0)
        if len(text) > seen:
            self._pieces.add(Added(at, lane, text[seen:]))
            self._seen[at, lane] = len(text)

    def _load(self) -> ReplyRecord:
        for node in self._store.load_conversation(self.conversation_id).nodes:
            if node.id == self.reply_id and node.reply is not None:
                return node.reply
        raise ConversationNotFound

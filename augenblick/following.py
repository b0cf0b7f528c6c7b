"""Readers of a reply while it is written: `LiveReply` in this process, `StoredReply` from another.

Both hand out what there is from any position, to any number of followers.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from augenblick.client import Cancellation, Wait
from augenblick.conversations import ReplyRecord
from augenblick.errors import ConversationNotFound, StoreUnavailable
from augenblick.queueing import Turn
from augenblick.reply import Added
from augenblick.store import ConversationStore, OpenedReply

_LOOK_SECONDS = 0.25
_PIECE_CHARS = 200  # pieces are joined up to this: a word each would cost ten times its text


@dataclass(frozen=True, slots=True)
class Progress:
    """What a follower gets: the pieces since its position, and how things stand."""

    pieces: tuple[Added, ...]
    position: int  # to follow on from; counts the characters of all choices and lanes
    wait: Wait | None  # a retry is being waited for
    record: ReplyRecord | None  # set once the reply has ended; no piece comes after it
    is_durable: bool  # False while the store is in trouble: shown, but not yet written
    turn: Turn | None = None  # the reply has not begun: it waits for its turn


class LiveReply:
    """A reply while it waits and is being written. Safe in threads; only `follow` waits."""

    def __init__(
        self,
        opened: OpenedReply,
        *,
        on_stop: Callable[[], None],
        on_wanted: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_wanted` is called when somebody waits for text that is held."""
        self.conversation_id = opened.conversation_id
        self.reply_id = opened.reply_id
        self.cancellation = Cancellation()
        self._on_stop = on_stop
        self._on_wanted = on_wanted
        self._changed = threading.Condition()
        self._waiting = 0  # followers who have seen all that is released
        self._is_resting = False  # whoever takes in the answer leaves what comes unread
        self._rest_is_over = threading.Event()
        self._pieces: list[Added] = []
        self._starts: list[int] = []  # the position at which each piece begins
        self._length = 0  # positions, marks and lengths count characters
        self._released = 0
        self._durable = 0
        self._wait: Wait | None = None
        self._turn: Turn | None = None
        self._is_end_durable = True  # as long as there is no end
        self._held_record: ReplyRecord | None = None
        self._has_ended = threading.Event()
        self._record: ReplyRecord | None = None

    def follow(self, position: int = 0, *, timeout_seconds: float) -> Progress:
        """Wait until there is more than `position` or the end, at most `timeout_seconds`."""
        with self._changed:
            if not self._has_news(position):
                self._wait_for_news(position, timeout_seconds)
            released = self._released
            return Progress(
                tuple(self._between(position, released)),
                max(position, released),
                self._wait,
                self._record,
                is_durable=self._durable >= released and self._is_end_durable,
                turn=self._turn,
            )

    def _has_news(self, position: int) -> bool:
        return self._released > position or self._record is not None

    def _wait_for_news(self, position: int, timeout_seconds: float) -> None:
        self._waiting += 1
        if self._is_resting:  # it has fresher text than what is held, and brings both
            self._rest_is_over.set()
        else:
            self._want_what_is_held()
        try:
            self._changed.wait_for(lambda: self._has_news(position), timeout_seconds)
        finally:
            self._waiting -= 1

    def _want_what_is_held(self) -> None:
        if self._waiting and self._length > self._released:
            self._on_wanted()

    def wait_for_end(self, *, timeout_seconds: float) -> bool:
        """Wait at most so long until the reply has ended and its end is durable; whether it is so.

        An end that is not yet written keeps its followers; woken by it, they would turn in circles.
        """
        return self._has_ended.wait(timeout_seconds)  # not woken by every commit, as `follow` is

    def stop(self) -> None:
        """End the reply now; what came is kept. Works in every phase."""
        self.cancellation.cancel()
        self._rest_is_over.set()
        self._on_stop()

    def rest(self, seconds: float) -> None:
        """Wait until a follower waits for more, at most so long; for who takes in the answer.

        Call `hold` afterwards, with what has come in meanwhile or with nothing.
        """
        with self._changed:
            self._is_resting = not self._waiting or self._length > self._released
            self._rest_is_over.clear()
        if self._is_resting and not self.cancellation.is_cancelled:
            self._rest_is_over.wait(seconds)
        self._is_resting = False

    def hold(self, added: Sequence[Added]) -> int:
        """Take in pieces that are not to be shown yet; returns the mark to release them with."""
        with self._changed:
            self._wait = None
            for piece in added:
                self._add(piece)
            self._want_what_is_held()
            return self._length

    def release(self, mark: int, *, is_durable: bool) -> None:
        """Show everything up to a mark."""
        with self._changed:
            self._released = max(self._released, mark)
            if is_durable:
                self._durable = max(self._durable, mark)
            self._changed.notify_all()

    def show_wait(self, wait: Wait) -> None:
        """Tell followers that the next try comes later."""
        with self._changed:
            self._wait = wait
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

    def release_all(self, *, is_durable: bool) -> None:
        """Show everything that is held, the end included; an end once durable stays so."""
        with self._changed:  # all in one: who sees the end sees all that came before it
            self._record = self._held_record
            if self._record is not None and is_durable:
                self._has_ended.set()
            self._is_end_durable = self._record is None or self._has_ended.is_set()
            self.release(self._length, is_durable=is_durable)

    def _add(self, piece: Added) -> None:
        last = self._pieces[-1] if self._pieces else None
        if last is not None and _is_continued(last, piece):
            self._pieces[-1] = replace(last, text=last.text + piece.text)
        else:
            self._pieces.append(piece)
            self._starts.append(self._length)
        self._length += len(piece.text)

    def _between(self, position: int, released: int) -> Iterator[Added]:
        for at in range(max(0, bisect_right(self._starts, position) - 1), len(self._pieces)):
            start, piece = self._starts[at], self._pieces[at]
            if start >= released:
                return
            if text := piece.text[max(0, position - start) : released - start]:
                yield replace(piece, text=text)


def _is_continued(last: Added, piece: Added) -> bool:
    is_same = (last.choice_index, last.lane) == (piece.choice_index, piece.lane)
    return is_same and len(last.text) < _PIECE_CHARS


class StoredReply:
    """A reply that another process is writing, followed and stopped through the store."""

    def __init__(
        self, store: ConversationStore, *, conversation_id: str, reply_id: str, owner: str
    ) -> None:
        self.conversation_id = conversation_id
        self.reply_id = reply_id
        self._store = store
        self._owner = owner

    def follow(self, position: int = 0, *, timeout_seconds: float) -> Progress:
        """As `LiveReply.follow`; the position counts characters.

        While the store can't be read nothing comes. Raises ConversationNotFound.
        """
        deadline = time.monotonic() + timeout_seconds
        while True:
            try:
                record = self._load()
            except StoreUnavailable:
                time.sleep(timeout_seconds)
                return Progress((), position, None, None, is_durable=False)
            text = record.picked.text
            if len(text) > position or not record.is_live or time.monotonic() > deadline:
                pieces = (Added(0, "text", text[position:]),)
                ended = None if record.is_live else record
                return Progress(pieces, len(text), None, ended, is_durable=True)
            time.sleep(_LOOK_SECONDS)

    def wait_for_end(self, *, timeout_seconds: float) -> bool:
        """Wait; whether it has ended is only seen by `follow`."""
        time.sleep(timeout_seconds)
        return False

    def stop(self) -> None:
        """Ask the process that writes the reply to end it. Raises StoreError."""
        self._store.request_stop(self.reply_id, owner=self._owner)

    def _load(self) -> ReplyRecord:
        for node in self._store.load_conversation(self.conversation_id).nodes:
            if node.id == self.reply_id and node.reply is not None:
                return node.reply
        raise ConversationNotFound

"""Readers of a reply while it is written: `LiveReply` in this process, `StoredReply` from another.

Both hand out what there is from any position, to any number of followers.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from augenblick.client import Cancellation, Wait
from augenblick.conversations import ReplyRecord
from augenblick.errors import ConversationNotFound, StoreUnavailable
from augenblick.reply import Added
from augenblick.store import ConversationStore, OpenedReply

_LOOK_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Progress:
    """What a follower gets: the pieces since its position, and how things stand."""

    pieces: tuple[Added, ...]
    position: int  # to follow on from
    wait: Wait | None  # a retry is being waited for
    record: ReplyRecord | None  # set once the reply has ended; no piece comes after it
    is_durable: bool  # False while the store is in trouble: shown, but not yet written


class LiveReply:
    """A reply while it is being written. Safe in threads; only `follow` waits."""

    def __init__(self, opened: OpenedReply) -> None:
        self.conversation_id = opened.conversation_id
        self.reply_id = opened.reply_id
        self.cancellation = Cancellation()
        self._changed = threading.Condition()
        self._pieces: list[Added] = []
        self._released = 0
        self._durable = 0
        self._wait: Wait | None = None
        self._is_end_durable = True  # as long as there is no end
        self._held_record: ReplyRecord | None = None
        self._record: ReplyRecord | None = None

    def follow(self, position: int = 0, *, timeout_seconds: float) -> Progress:
        """Wait until there is more than `position` or the end, at most `timeout_seconds`."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._released > position or self._record is not None, timeout_seconds
            )
            released = self._released
            return Progress(
                tuple(self._pieces[position:released]),
                max(position, released),
                self._wait,
                self._record,
                is_durable=self._durable >= released and self._is_end_durable,
            )

    def stop(self) -> None:
        """End the reply now; what came is kept. Works in every phase."""
        self.cancellation.cancel()

    def hold(self, added: Sequence[Added]) -> int:
        """Take in pieces that are not to be shown yet; returns the mark to release them with."""
        with self._changed:
            self._wait = None
            self._pieces.extend(added)
            return len(self._pieces)

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

    def hold_end(self, record: ReplyRecord) -> None:
        """Take in the end, which is not to be shown yet."""
        with self._changed:
            self._held_record = record

    def release_all(self, *, is_durable: bool) -> None:
        """Show everything that is held, the end included."""
        with self._changed:
            self._record = self._held_record
            self._is_end_durable = is_durable or self._record is None
        self.release(len(self._pieces), is_durable=is_durable)


class StoredReply:
    """A reply that another process is writing, followed through the store."""

    def __init__(self, store: ConversationStore, *, conversation_id: str, reply_id: str) -> None:
        self.conversation_id = conversation_id
        self.reply_id = reply_id
        self._store = store

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

    def _load(self) -> ReplyRecord:
        for node in self._store.load_conversation(self.conversation_id).nodes:
            if node.id == self.reply_id and node.reply is not None:
                return node.reply
        raise ConversationNotFound

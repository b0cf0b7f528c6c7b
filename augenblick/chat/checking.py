"""Looks the values of an answer up in the text of its pictures.

The reader is asked for a picture once, when somebody looks at an answer about it: one picture after
the other, in a thread of its own, which nobody waits for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from queue import SimpleQueue
from typing import Final

from augenblick.core.conversations import Node
from augenblick.core.errors import ConversationNotFound, StoreError
from augenblick.core.language import Language
from augenblick.core.picture_text import PictureText, Value
from augenblick.endpoint.text_lines import fetch_text
from augenblick.lab.evidence import Evidence, look_up
from augenblick.lab.form_cells import picture_words
from augenblick.lab.form_reading import filled_by
from augenblick.store import Store

_FEW_ROWS: Final = 30  # 2 to 5 seconds of CPU
_MANY_ROWS: Final = 1_000
_FEW_PICTURES: Final = 8  # unread ones that are read without being asked for
_MANY_PICTURES: Final = 100
_FAILED_SECONDS: Final = 60.0  # before the reader is asked again


class CheckState(StrEnum):
    """How far the check of an answer is."""

    NONE = "none"  # nothing can be said
    READING = "reading"
    LONG = "long"  # the pictures are read when somebody asks for it
    READY = "ready"


@dataclass(frozen=True, slots=True)
class Check:
    """What can be said of an answer; values are there once it is ready."""

    state: CheckState
    values: tuple[Value, ...] = ()


class Checking:
    """Checks answers; any thread may call."""

    def __init__(self, store: Store, *, reader_url: Callable[[], str | None]) -> None:
        """`reader_url` is where the reader answers, None while it does not."""
        self._store = store
        self._reader_url = reader_url
        self._queue: SimpleQueue[tuple[str, int] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._wanted: dict[str, int] = {}  # pictures on their way, with the most rows to read
        self._failed_at: dict[str, float] = {}
        threading.Thread(target=self._read_all, name="evidence", daemon=True).start()

    def check(
        self,
        conversation_id: str,
        reply_id: str,
        choice_index: int = 0,
        *,
        owner: str,
        language: Language,
        reads_all: bool = False,
    ) -> Check:
        """How far the check of one answer of a reply is; begins to read what has not been read.

        Values are those of the text, or of the form it fills as people read it in a language.
        `reads_all` reads pictures with much text, too. Raises ConversationNotFound, StoreError.
        """
        path = self._store.load_conversation(conversation_id, owner=owner).path(reply_id)
        reply = path[-1].reply if path and path[-1].id == reply_id else None
        if reply is None or choice_index >= len(reply.choices):
            raise ConversationNotFound
        pictures = _pictures(path)
        texts = self._store.load_texts(pictures)
        with self._lock:
            now = time.monotonic()
            failed = {each for each, at in self._failed_at.items() if now - at < _FAILED_SECONDS}
            is_reading = any(self._wanted.get(each, 0) > _FEW_ROWS for each in pictures)
        unread = [each for each in pictures if each not in texts and each not in failed]
        long = [each for each, text in texts.items() if text.rows is None]
        asked = [*unread, *long] if reads_all else unread
        if not reads_all and not is_reading and (len(unread) > _FEW_PICTURES or long):
            return Check(CheckState.LONG)
        if asked or is_reading:
            self._read(asked, most_rows=_MANY_ROWS if reads_all else _FEW_ROWS)
            return Check(CheckState.READING)
        if len(texts) < len(pictures):  # what one holds that can't be read nobody knows
            return Check(CheckState.NONE)
        reply = replace(reply, picked_choice=choice_index)
        filled = filled_by(reply)
        answer = list(picture_words(filled, language)) if filled else reply.picked.text
        values = look_up(answer, {each: texts[each] for each in pictures})
        return Check(CheckState.READY if values else CheckState.NONE, values)

    def read_now(self, pictures: Sequence[str]) -> Mapping[str, PictureText]:
        """The text of pictures, read now where it was not; of those that can't be read none.

        Takes seconds for each. Raises StoreError.
        """
        known = self._store.load_texts(pictures)
        for sha256 in pictures:
            if sha256 not in known or known[sha256].rows is None:
                self._read_one(sha256, _MANY_ROWS)
        texts = self._store.load_texts(pictures)
        return {each: text for each, text in texts.items() if text.rows is not None}

    def close(self) -> None:
        """Read no further picture."""
        self._queue.put(None)
        with self._lock:
            self._wanted.clear()

    def _read(self, pictures: Iterable[str], *, most_rows: int) -> None:
        with self._lock:
            new = [each for each in pictures if self._wanted.get(each, 0) < most_rows]
            self._wanted |= dict.fromkeys(new, most_rows)
        for sha256 in new:
            self._queue.put((sha256, most_rows))

    def _read_all(self) -> None:
        while (asked := self._queue.get()) is not None:
            if asked[0] in self._wanted:  # else closed
                self._read_one(*asked)

    def _read_one(self, sha256: str, most_rows: int) -> None:
        text = None
        try:
            if (url := self._reader_url()) is not None:
                content = self._store.load_content(sha256)
                text = fetch_text(url, content, most_rows=most_rows)
            if text is not None:
                self._store.save_text(sha256, text)
        except (KeyError, StoreError):  # deleted meanwhile; the next look tries again
            text = None
        finally:
            with self._lock:
                if self._wanted.get(sha256) == most_rows:
                    del self._wanted[sha256]
                if text is None:
                    self._failed_at = {
                        each: at
                        for each, at in self._failed_at.items()
                        if time.monotonic() - at < _FAILED_SECONDS
                    } | {sha256: time.monotonic()}


class StoredValues:
    """Looks answers up in what was read of their pictures before; reads no picture.

    For a page of many answers: the text of each picture is loaded and taken apart once.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._evidence = Evidence()
        self._texts: dict[str, PictureText | None] = {}

    def __call__(self, path: Sequence[Node]) -> tuple[Value, ...]:
        """The values of the answer at the end of a path; none while a picture is unread.

        Raises StoreError.
        """
        pictures = _pictures(path)
        if not pictures or path[-1].reply is None:
            return ()
        new = [each for each in pictures if each not in self._texts]
        if new:
            self._texts |= {**dict.fromkeys(new), **self._store.load_texts(new)}
        texts = {each: text for each in pictures if (text := self._texts[each]) is not None}
        if len(texts) < len(pictures) or any(text.rows is None for text in texts.values()):
            return ()
        return self._evidence.look_up(path[-1].reply.picked.text, texts)


def _pictures(path: Sequence[Node]) -> list[str]:
    """The pictures that were asked about on a path, the newest first."""
    found = (each.sha256 for node in reversed(path) for each in node.message.attachments)
    return list(dict.fromkeys(found))[:_MANY_PICTURES]

"""`python -m augenblick.exchange.import_worker`: finds the conversations in one file of a stranger.

A process of its own with little to lose, for JSON of 100 MB can cost 30 times that: no keys, two
pipes, an address space with a limit (argument 1, bytes; 0 for none) and so many CPU seconds
(argument 2). Reads one message (the limits, the file) and writes what `importing` reads.
"""

from __future__ import annotations

import codecs
import contextlib
import gc
import hashlib
import io
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import IO

from augenblick.core.errors import Failure, ImportMalformed, ImportRefused, ImportTooLarge
from augenblick.core.messages import TextPart
from augenblick.exchange.import_limits import OUT_OF_MEMORY, ImportLimits
from augenblick.exchange.parsed import NODE, FoundConversation, FoundNode, FoundPicture
from augenblick.exchange.parsing import parse
from augenblick.pictures.worker_process import HAS_LIMITS, limit_process, take_pipes
from augenblick.pictures.worker_protocol import read_message, write_message

if HAS_LIMITS:
    import resource

# A batch of messages ends when it is longer; the store writes each in one transaction, for 30 ms.
_BATCH_BYTES = 64 * 1024
_LOADED_LATE = ("utf-8-sig", "cp437")  # no file can be opened later; the second names zip entries


def main(memory_limit_bytes: int, cpu_seconds: int) -> None:
    """Parse one file and end."""
    requests, answers = take_pipes()
    for name in _LOADED_LATE:
        codecs.lookup(name)
    gc.disable()  # there are no circles, and to look for them in millions of objects takes a minute
    limit_process(memory_limit_bytes)
    if HAS_LIMITS:
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    with requests, answers, contextlib.suppress(EOFError, BrokenPipeError):
        order = read_message(requests)
        limits = ImportLimits(**order["limits"])
        write_message(answers, {"end": _take_all(io.BytesIO(order["content"]), limits, answers)})


def _take_all(file: IO[bytes], limits: ImportLimits, answers: IO[bytes]) -> Failure | None:
    """Write the conversations; what came in between is the reason why there are no more."""
    try:
        for outcome in parse(file, limits):
            if isinstance(outcome, FoundConversation):
                _hand_over(outcome, limits, answers)
            else:
                write_message(answers, {"failure": outcome.failure})
    except ImportRefused as error:
        return error.failure
    except MemoryError:
        pass  # what filled the memory is held by the error, which is gone below
    else:
        return None
    return ImportTooLarge(unit="memory").failure


def _hand_over(found: FoundConversation, limits: ImportLimits, answers: IO[bytes]) -> None:
    sending = _Sending(found.title, limits, lambda message: write_message(answers, message))
    try:
        for node in found.nodes:
            sending.add(node)
    except ImportRefused as error:
        write_message(answers, {"failure": error.failure})
        return
    about = {"title": found.title, "leaf_id": found.leaf_id, "left_out": found.left_out}
    sending.send(conversation=about)


class _Sending:
    """One conversation on its way: each picture once, before the messages that show it."""

    def __init__(self, title: str, limits: ImportLimits, write: Callable[[object], None]) -> None:
        self._title = title
        self._write = write
        self._limits = limits
        self._bytes_left = limits.max_text_bytes
        self._pictures_left = limits.max_pictures
        self._known: dict[tuple[str, bool], bool] = {}  # whether it was sent
        self._batch: list[bytes] = []
        self._batch_bytes = 0

    def add(self, node: FoundNode) -> None:
        """Take a message. Raises ImportMalformed or ImportTooLarge, which refuse all of it."""
        sent = replace(
            node,
            parts=tuple(
                part if isinstance(part, TextPart) else self._sent(part) for part in node.parts
            ),
            called={sha256: self._sent(picture) for sha256, picture in node.called.items()},
        )
        try:
            content = NODE.dump_json(sent)
        except ValueError as error:
            raise ImportMalformed("a message is no text", title=self._title) from error
        self._bytes_left -= len(content)
        if self._bytes_left < 0 or len(content) > self._limits.max_message_bytes:
            limit = self._limits.max_message_bytes
            raise ImportTooLarge(unit="bytes", limit=limit, title=self._title)
        self._batch.append(content)
        self._batch_bytes += len(content)
        if self._batch_bytes > _BATCH_BYTES:
            self.send()

    def send(self, **about: object) -> None:
        """Write the messages taken since the last time, and this beside them."""
        self._write({**about, "nodes": b"[%s]" % b",".join(self._batch)})
        self._batch.clear()
        self._batch_bytes = 0

    def _sent(self, picture: FoundPicture) -> FoundPicture:
        """The picture by its SHA-256; "" for one that is not there or one too many."""
        content = picture.load()
        if not content:
            return picture
        sha256, is_ours = hashlib.sha256(content).hexdigest(), picture.receipt is not None
        if (sha256, is_ours) not in self._known:
            self._known[sha256, is_ours] = is_left = self._pictures_left > 0
            if is_left:
                self._pictures_left -= 1
                about = {"sha256": sha256, "name": picture.name, "is_ours": is_ours}
                self._write({"picture": {**about, "content": content}})
        return replace(picture, sha256=sha256) if self._known[sha256, is_ours] else picture


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), int(sys.argv[2]))
    except MemoryError:
        sys.exit(OUT_OF_MEMORY)

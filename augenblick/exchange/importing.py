"""From the bytes of a file to conversations that the store can write.

The file is parsed by a process of its own (`import_worker`). `read_conversations` gives each
conversation in pieces, so that no more than one picture or some messages are in memory, and one
conversation that is no good stops none of the others.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from augenblick.core.errors import (
    ImportDamaged,
    ImportMalformed,
    ImportRefused,
    ImportTooLarge,
)
from augenblick.core.language import Language
from augenblick.core.messages import (
    Attachment,
    ContentPart,
    ImagePart,
    Message,
    PreparedPicture,
    Role,
    TextPart,
    ToolRound,
)
from augenblick.exchange.import_limits import OUT_OF_MEMORY, ImportLimits
from augenblick.exchange.parsed import NODES, FoundNode, FoundPart, FoundPicture, answer_record
from augenblick.exchange.picture_files import take_in
from augenblick.pictures import PicturePool
from augenblick.pictures.processes import Deadline, pipe, spawn, terminate
from augenblick.pictures.worker_protocol import read_message, write_message
from augenblick.store.store_values import ImportedNode

_LIMITS = ImportLimits()
# Python with its libraries takes 100 MB of addresses, an export of 95 MB 300 to 700 more.
_MEMORY_LIMIT_BYTES = 1024 * 1024 * 1024
_CPU_SECONDS = 60  # an export of 95 MB takes 5
_SECONDS = 3600.0  # pictures and all; then the worker was forgotten by whoever asked
_TOO_MUCH = {  # by what a worker ends with
    OUT_OF_MEMORY: "memory",
    -9: "memory",  # SIGKILL: the system had no more, or our own deadline
    -24: "seconds",  # SIGXCPU
}


@dataclass(frozen=True, slots=True)
class ReadConversation:
    """A conversation, all pieces of which have been given.

    `missing_pictures` is how many pictures left a note in their place, `left_out` how many messages
    and parts of messages could not be taken over.
    """

    title: str
    leaf_id: str | None
    missing_pictures: int = 0
    left_out: int = 0


ImportPiece = PreparedPicture | tuple[ImportedNode, ...] | ReadConversation | ImportRefused


def read_conversations(
    content: bytes,
    *,
    pool: PicturePool,
    language: Language,
    person: str = "",
    limits: ImportLimits = _LIMITS,
) -> Iterator[ImportPiece]:
    """The conversations of a file in pieces; notes in them are in `language`.

    Of each come its pictures and messages, a picture before the first message that shows it, a
    message after its parent, and at last the ReadConversation; or, in place of the rest, the
    reason why it can't be taken. `person` is whose turn with the pool it is.

    Lets go of the file before it gives anything. Raises ImportUnknown, ImportDamaged or
    ImportTooLarge where the file as a whole is no good, at the latest in its middle.
    """
    if len(content) > limits.max_bytes:
        raise ImportTooLarge(unit="bytes", limit=limits.max_bytes)
    with _worker() as process:
        try:
            write_message(pipe(process.stdin), {"limits": limits, "content": content})
            del content
            intake = _Intake(pool, person, language)
            while "end" not in (message := read_message(pipe(process.stdout))):
                for piece in intake.take(message):
                    yield piece
                    if isinstance(piece, ReadConversation | ImportRefused):
                        intake = _Intake(pool, person, language)
        except (OSError, EOFError) as error:
            raise _how_it_died(process) from error
    if message["end"] is not None:
        raise _refusal(message["end"])


@contextmanager
def _worker() -> Iterator[subprocess.Popen[bytes]]:
    process = spawn("augenblick.exchange.import_worker", _MEMORY_LIMIT_BYTES, _CPU_SECONDS)
    try:
        with Deadline(process, _SECONDS):
            yield process
    finally:
        terminate(process)


def _how_it_died(process: subprocess.Popen[bytes]) -> ImportRefused:
    """Why a worker ended before it was done."""
    code = process.wait()
    if code in _TOO_MUCH:
        return ImportTooLarge(f"the worker ended with {code}", unit=_TOO_MUCH[code])
    return ImportDamaged(f"the worker ended with {code}")


def _refusal(failure: dict[str, Any]) -> ImportRefused:
    return ImportRefused.of(failure["code"], failure["detail"], **failure["params"])


class _Intake:
    """Takes in one conversation as it comes; a picture that can't be had leaves a note."""

    def __init__(self, pool: PicturePool, person: str, language: Language) -> None:
        self._pool = pool
        self._person = person
        self._language = language
        self._known: dict[tuple[str, bool], Attachment | None] = {}
        self._missing = 0
        self._is_broken = False

    def take(self, message: dict[str, Any]) -> Iterator[ImportPiece]:
        """What one message of the worker brings."""
        if "failure" in message:
            yield _refusal(message["failure"])
            return
        if "picture" in message:
            picture = self._take_picture(**message["picture"])
            if picture is not None:
                yield picture
            return
        try:
            nodes = tuple(map(self._node, NODES.validate_json(message["nodes"])))
        except ValueError:  # a record that the worker could read and we can't
            self._is_broken = True
        if not self._is_broken:
            yield nodes
        if "conversation" in message and self._is_broken:
            yield ImportMalformed("a message is no text", title=message["conversation"]["title"])
        elif "conversation" in message:
            yield ReadConversation(**message["conversation"], missing_pictures=self._missing)

    def _take_picture(
        self, content: bytes, *, sha256: str, name: str, is_ours: bool
    ) -> PreparedPicture | None:
        name = name or self._language.text("document.picture", number=len(self._known) + 1)
        picture = take_in(content, name=name, is_ours=is_ours, pool=self._pool, person=self._person)
        self._known[sha256, is_ours] = None if picture is None else picture.attachment
        return picture

    def _node(self, node: FoundNode) -> ImportedNode:
        if node.role is Role.ASSISTANT:
            return self._answer(node)
        parts = tuple(self._part(part) for part in node.parts)
        message = Message(node.role, parts)
        return ImportedNode(node.id, node.parent_id, message, node.created_at)

    def _answer(self, node: FoundNode) -> ImportedNode:
        """An answer is text: a picture in it leaves its note there."""
        record = node.record
        text = "\n\n".join(
            part.text if isinstance(part, TextPart) else self._note() for part in node.parts
        )
        if record is None or any(not isinstance(part, TextPart) for part in node.parts):
            record = answer_record(text, model=record.model if record else "")
        rounds = tuple(self._round(done, node) for done in record.rounds)
        pictures = (self._returned(part, node) for part in record.pictures)
        record = replace(record, rounds=rounds, pictures=tuple(filter(None, pictures)))
        text = record.picked.text
        message = Message(Role.ASSISTANT, (TextPart(text),) if text else ())
        return ImportedNode(node.id, node.parent_id, message, node.created_at, record)

    def _round(self, done: ToolRound, node: FoundNode) -> ToolRound:
        """A round with those of its pictures that are there; a missing one leaves no note."""
        return replace(
            done,
            results=tuple(
                replace(result, picture=self._returned(result.picture, node))
                for result in done.results
            ),
        )

    def _returned(self, claimed: ImagePart | None, node: FoundNode) -> ImagePart | None:
        found = node.called.get(claimed.attachment.sha256) if claimed is not None else None
        return self._image(found) if found is not None else None

    def _part(self, part: FoundPart) -> ContentPart:
        if isinstance(part, TextPart):
            return part
        return self._image(part) or TextPart(self._note())

    def _image(self, part: FoundPicture) -> ImagePart | None:
        attachment = self._known.get((part.sha256, part.receipt is not None))
        if attachment is None:
            return None
        if part.receipt is not None and attachment.sha256 == part.sha256:
            attachment = replace(attachment, receipt=part.receipt)
        return ImagePart(attachment, part.detail)

    def _note(self) -> str:
        self._missing += 1
        return self._language.text("import.picture_missing")

"""What a reader finds in a file, before any picture has been looked at.

It goes as JSON from the worker to the server: pictures (their bytes), and batches of messages that
name them, so that neither side ever decodes more than a batch at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from augenblick.core.conversations import ReplyRecord
from augenblick.core.errors import ImportMalformed
from augenblick.core.messages import ChoiceText, Detail, Provenance, ReplyEnd, Role, TextPart

IMPORTED = "import"  # stands where the name of an endpoint would
_OLDEST = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class FoundPicture:
    """A picture of a message. `load` gives its bytes, or None where the file does not have them.

    `receipt` is what our own export says about it. On its way it is known by the SHA-256 of the
    bytes in the file, "" where there are none.
    """

    load: Annotated[Callable[[], bytes | None], Field(exclude=True)] = lambda: None
    name: str = ""
    detail: Detail = Detail.AUTO
    receipt: Provenance | None = None
    sha256: str = ""


FoundPart = Annotated[TextPart | FoundPicture, Field(union_mode="left_to_right")]


@dataclass(frozen=True, slots=True)
class FoundNode:
    """A message at its place, ids as in the file."""

    id: str
    parent_id: str | None
    role: Role
    parts: tuple[FoundPart, ...]
    created_at: datetime | None = None
    record: ReplyRecord | None = None
    # What calls returned, by the SHA-256 that `record` has for it; nothing else of it is believed.
    called: Mapping[str, FoundPicture] = field(default_factory=dict)


NODE = TypeAdapter(FoundNode)
NODES = TypeAdapter(tuple[FoundNode, ...])


@dataclass(frozen=True, slots=True)
class FoundConversation:
    """A conversation of a file; without a title the store makes one of the first question.

    `left_out` is how many messages and parts were seen by people and can't be taken over.
    """

    title: str
    nodes: tuple[FoundNode, ...]
    leaf_id: str | None = None
    left_out: int = 0


def answer_record(text: str, *, model: str) -> ReplyRecord:
    """The record of an answer of which no more than its text is known."""
    choices = (ChoiceText(text, finish_reason="stop"),)
    return ReplyRecord(IMPORTED, model, ReplyEnd.COMPLETE, choices)


def record_of(role: Role, parts: Sequence[FoundPart], *, model: object) -> ReplyRecord | None:
    """The record of an answer whose parts are known; None for a question."""
    if role is not Role.ASSISTANT:
        return None
    text = "\n\n".join(part.text for part in parts if isinstance(part, TextPart))
    return answer_record(text, model=as_text(model))


def parents_first(nodes: Sequence[FoundNode]) -> tuple[FoundNode, ...]:
    """The nodes of a tree in their order, but each after its parent. Uses no recursion.

    Raises ImportMalformed for double ids, unknown parents and circles.
    """
    by_id = {node.id: node for node in nodes}
    if len(by_id) != len(nodes):
        raise ImportMalformed("an id stands twice")
    ordered: dict[str | None, FoundNode] = {}
    for node in nodes:
        waiting: dict[str, FoundNode] = {}
        place: str | None = node.id
        while place is not None and place not in ordered:
            if place in waiting or place not in by_id:
                raise ImportMalformed("a message hangs nowhere")
            waiting[place] = by_id[place]
            place = by_id[place].parent_id
        ordered.update(reversed(waiting.items()))
    return tuple(ordered.values())


def believable(when: datetime | None) -> datetime | None:
    """A time in the past of computers, with its zone; None for any other."""
    if when is None:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    try:
        when = when.astimezone(UTC)
    except OverflowError:
        return None
    return when if _OLDEST <= when <= datetime.now(UTC) + timedelta(days=1) else None


def moment_of(seconds: object) -> datetime | None:
    """The time so many seconds after 1970; None for anything else."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    try:
        return believable(datetime.fromtimestamp(seconds, UTC))
    except (OverflowError, ValueError, OSError):
        return None


def as_object(value: object, *keys: str) -> Mapping[str, Any]:
    """A JSON object, or the one under these keys, each in the object before; else an empty one."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def as_objects(value: object) -> list[Mapping[str, Any]]:
    """The objects in a JSON list; none in anything else."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def as_text(value: object) -> str:
    """A JSON string; "" in place of anything else."""
    return value if isinstance(value, str) else ""

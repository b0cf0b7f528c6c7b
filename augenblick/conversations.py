"""Conversations as values: a tree of messages, each answer with the record of how it came about.

Nothing is ever overwritten: asking again adds a sibling answer, editing a question adds a sibling
question. Which path through the tree is shown is the conversation's `leaf_id`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from augenblick.errors import Failure
from augenblick.messages import (
    Adjustment,
    ChoiceText,
    Message,
    ReplyEnd,
    Role,
    TextPart,
    Timings,
    Usage,
)


@dataclass(frozen=True, slots=True)
class ReplyRecord:
    """What is kept of a reply. `end` is None while it is being written."""

    provider: str
    model: str
    end: ReplyEnd | None = None
    choices: tuple[ChoiceText, ...] = ()
    usage: Usage | None = None
    timings: Timings = field(default_factory=Timings)
    failure: Failure | None = None
    adjustments: tuple[Adjustment, ...] = ()
    answered_model: str = ""  # the model the endpoint named in its chunks
    system_fingerprint: str = ""
    picked_choice: int = 0

    @property
    def is_live(self) -> bool:
        """Whether it is still being written."""
        return self.end is None

    @property
    def picked(self) -> ChoiceText:
        """The choice that goes on into later turns."""
        for_index = dict(enumerate(self.choices))
        return for_index.get(self.picked_choice, ChoiceText())


@dataclass(frozen=True, slots=True)
class Node:
    """A message at its place in the tree.

    An assistant's node carries its reply, and the node's id is the reply's id.
    """

    id: str
    parent_id: str | None
    message: Message
    created_at: datetime
    reply: ReplyRecord | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A saved dialogue. `nodes` come in order of creation."""

    id: str
    title: str
    created_at: datetime
    updated_at: datetime
    nodes: tuple[Node, ...] = ()
    leaf_id: str | None = None

    def path(self, leaf_id: str | None = None) -> tuple[Node, ...]:
        """The nodes from the first question down to `leaf_id` (the shown leaf by default)."""
        by_id = {node.id: node for node in self.nodes}
        found: list[Node] = []
        current = by_id.get(leaf_id or self.leaf_id or "")
        while current is not None:
            found.append(current)
            current = by_id.get(current.parent_id or "")
        return tuple(reversed(found))

    def siblings(self, node: Node) -> tuple[Node, ...]:
        """The alternatives at this place, the node itself among them, oldest first."""
        return tuple(
            other
            for other in self.nodes
            if other.parent_id == node.parent_id and other.message.role == node.message.role
        )

    @property
    def live_node(self) -> Node | None:
        """The answer that is being written, if there is one."""
        return next((node for node in self.nodes if node.reply and node.reply.is_live), None)


def as_wire_messages(path: tuple[Node, ...]) -> Iterator[Message]:
    """The messages of a path as they are sent: an answer with no text yet is left out."""
    for node in path:
        if node.message.role is not Role.ASSISTANT or node.reply is None:
            yield node.message
        elif node.reply.picked.text:
            yield Message(Role.ASSISTANT, (TextPart(node.reply.picked.text),))

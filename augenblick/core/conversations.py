"""Conversations as values: a tree of messages, each answer with the record of how it came about.

Nothing is ever overwritten: asking again adds a sibling answer, editing a question adds a sibling
question. Which path through the tree is shown is the conversation's `leaf_id`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime

from augenblick.core.errors import Failure
from augenblick.core.messages import (
    Adjustment,
    ChoiceText,
    ImagePart,
    Message,
    Rating,
    ReplyEnd,
    Role,
    TextPart,
    Timings,
    ToolRound,
    Usage,
)
from augenblick.core.settings import RequestSettings


@dataclass(frozen=True, slots=True)
class ReplyRecord:
    """What is kept of a reply. `end` is None while it is being written.

    `rounds` are what the model called before the answer that `choices` hold; `settings` is what it
    was asked with (None for answers from elsewhere).
    """

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
    rounds: tuple[ToolRound, ...] = ()
    settings: RequestSettings | None = None
    pictures: tuple[ImagePart, ...] = ()  # that the answer itself holds
    rating: Rating | None = None

    @property
    def is_live(self) -> bool:
        """Whether it is still being written."""
        return self.end is None

    @property
    def is_several(self) -> bool:
        """Whether several answers were asked for and came."""
        is_asked = self.settings is not None and self.settings.choice_count > 1
        return is_asked and len(self.choices) > 1

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
class PictureSelection:
    """Which pictures of earlier questions are sent again with the next one.

    `left_out` names pictures by node id and position among the parts of the message (from 0).
    `keep_last` keeps only the newest so many of the others (0 or more); None keeps all.
    """

    left_out: frozenset[tuple[str, int]] = frozenset()
    keep_last: int | None = None


_EVERYTHING = PictureSelection()
_LEFT_OUT = "[image omitted]"


@dataclass(frozen=True, slots=True)
class Conversation:
    """A saved dialogue. `nodes` come in order of creation."""

    id: str
    title: str
    created_at: datetime
    updated_at: datetime
    nodes: tuple[Node, ...] = ()
    leaf_id: str | None = None
    is_pinned: bool = False
    is_temporary: bool = False  # kept in memory only, never written anywhere
    pictures: PictureSelection = _EVERYTHING

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

    def newest_below(self, node_id: str) -> str:
        """The end of the newest path that goes through a node."""
        newest_child = {node.parent_id: node.id for node in self.nodes}
        current = node_id
        while current in newest_child:
            current = newest_child[current]
        return current

    @property
    def live_node(self) -> Node | None:
        """The answer that is being written, if there is one."""
        return next((node for node in self.nodes if node.reply and node.reply.is_live), None)


def pictures_sent(
    path: tuple[Node, ...], selection: PictureSelection = _EVERYTHING
) -> tuple[tuple[str, int, ImagePart], ...]:
    """The pictures that go along, oldest first: node id, position among its parts, the picture.

    Where the path ends with a question, the pictures of that question are not earlier ones:
    `keep_last` neither counts nor drops them.
    """
    wanted = [
        (node.id, position, part)
        for node in path
        if node.reply is None
        for position, part in enumerate(node.message.parts)
        if isinstance(part, ImagePart) and (node.id, position) not in selection.left_out
    ]
    if selection.keep_last is None:
        return tuple(wanted)
    newest_id = path[-1].id if path else ""
    earlier = [place for place in wanted if place[0] != newest_id]
    dropped = earlier[: max(0, len(earlier) - selection.keep_last)]
    return tuple(wanted[len(dropped) :])


def as_wire_messages(
    path: tuple[Node, ...], selection: PictureSelection = _EVERYTHING
) -> Iterator[Message]:
    """The messages of a path as they are sent, with the pictures of `pictures_sent`.

    An answer with no text yet is left out, and so are calls without results, which the API refuses.
    A question that keeps neither words nor pictures says so in a word, for many endpoints refuse an
    empty message.
    """
    sent = {place[:2] for place in pictures_sent(path, selection)}
    for node in path:
        if node.message.role is not Role.ASSISTANT or node.reply is None:
            yield _without_unsent(node, sent)
        else:
            for each in node.reply.rounds:
                yield from round_messages(each)
            if node.reply.picked.text:
                yield Message(Role.ASSISTANT, (TextPart(node.reply.picked.text),))


def round_messages(done: ToolRound) -> Iterator[Message]:
    """The messages of calls and their results: assistant, a tool message each, their pictures."""
    said = (TextPart(done.text),) if done.text else ()
    yield Message(Role.ASSISTANT, said, tool_calls=done.calls)
    for result in done.results:
        yield Message(Role.TOOL, (TextPart(result.content),), tool_call_id=result.call_id)
    if done.pictures:
        yield Message(Role.USER, done.pictures)


def called_pictures(record: ReplyRecord) -> Iterator[ImagePart]:
    """The pictures that the calls of an answer returned, then those of the answer itself."""
    for done in record.rounds:
        yield from done.pictures
    yield from record.pictures


def rounds_in_words(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The same messages with calls and results told in words, for who knows no tool messages.

    What was called is said by the assistant, what came back by the user, so roles still alternate.
    """
    told: list[Message] = []
    names: dict[str, str] = {}
    is_within = False
    for message in messages:
        if message.tool_calls:
            names |= {call.id: call.name for call in message.tool_calls}
            called = [f"I call {call.name} with {call.arguments}" for call in message.tool_calls]
            words = "\n".join(filter(None, [message.text, *called]))
            told.append(Message(Role.ASSISTANT, (TextPart(words),)))
        elif message.role is Role.TOOL:
            name = names.get(message.tool_call_id, "a call")
            result = TextPart(f"Result of {name}: {message.text}")
            before = told.pop().parts if is_within else ()
            told.append(Message(Role.USER, (*before, result)))
        elif is_within and message.role is Role.USER:  # the pictures that the calls returned
            told.append(Message(Role.USER, (*told.pop().parts, *message.parts)))
        else:
            told.append(message)
        is_within = message.role is Role.TOOL
    return tuple(told)


def _without_unsent(node: Node, sent: AbstractSet[tuple[str, int]]) -> Message:
    parts = tuple(
        part
        for position, part in enumerate(node.message.parts)
        if isinstance(part, TextPart) or (node.id, position) in sent
    )
    if node.message.attachments and not parts:
        parts = (TextPart(_LEFT_OUT),)
    return Message(node.message.role, parts)

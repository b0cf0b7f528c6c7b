"""Conversations of ChatGPT's export (`conversations.json`), with or without its picture files.

OpenAI documents the form nowhere; this reads what its exports hold: a list of conversations, each
with `mapping`, a tree of nodes by id. Nodes that no person has seen (instructions, tools, thoughts)
are left out, and what hangs below them hangs one place higher. What was seen and can't be read is
counted, and never costs the conversation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from augenblick.core.errors import ImportMalformed
from augenblick.core.messages import Role, TextPart
from augenblick.exchange import canvas
from augenblick.exchange.citations import without_marks
from augenblick.exchange.parsed import (
    FoundConversation,
    FoundNode,
    FoundPart,
    FoundPicture,
    as_object,
    as_objects,
    as_text,
    moment_of,
    record_of,
)

LoadAsset = Callable[[str], bytes | None]
"""The bytes of a picture file by its asset id; None where there is none."""

_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT}
_UNSEEN_ROLES = {"system", "tool", "developer", "critic", "discriminator"}
_UNSEEN = {  # kinds of content that were not on the page, or only folded
    "thoughts", "reasoning_recap", "user_editable_context", "model_editable_context",
    "execution_output", "computer_output", "system_error", "tether_quote",
    "tether_browsing_display", "sonic_webpage", "app_pairing_content", "super_widget",
}  # fmt: skip
_PICTURE = "image_asset_pointer"
_POINTER = re.compile(r"[a-z-]+://(?:[^#?]*/)?([\w.-]+)")
_LONGEST_POINTER = 1_000


def read_chatgpt(found: Mapping[str, Any], *, load_asset: LoadAsset) -> FoundConversation:
    """One conversation of the export. Raises ImportMalformed."""
    mapping = found.get("mapping")
    if not isinstance(mapping, dict):
        raise ImportMalformed("there is no mapping")
    reading = _Reading({each: as_object(node) for each, node in mapping.items()}, load_asset)
    kept = {node.id: node for node in map(reading.node, mapping) if node is not None}
    places = _Places(reading.mapping, kept)
    nodes = tuple(places.hung(node) for node in kept.values())
    leaf_id = places.at_or_above(found.get("current_node"))
    return FoundConversation(as_text(found.get("title")), nodes, leaf_id, reading.left_out)


class _Places:
    """Where kept nodes hang once the others are gone. Each step up is taken once."""

    def __init__(self, mapping: Mapping[str, Any], kept: Mapping[str, FoundNode]) -> None:
        self._mapping = mapping
        self._kept = kept
        self._known: dict[str, str | None] = {}

    def hung(self, node: FoundNode) -> FoundNode:
        """The node below its nearest kept ancestor."""
        return replace(node, parent_id=self.at_or_above(self._mapping[node.id].get("parent")))

    def at_or_above(self, node_id: object) -> str | None:
        """The nearest kept node from here upwards."""
        walked: list[str] = []
        current = node_id
        while isinstance(current, str) and current in self._mapping and current not in self._known:
            self._known[current] = current if current in self._kept else None
            if current in self._kept:
                break
            walked.append(current)
            current = self._mapping[current].get("parent")
        found = self._known.get(current) if isinstance(current, str) else None
        self._known.update(dict.fromkeys(walked, found))
        return found


@dataclass(slots=True)
class _Reading:
    """The messages of one conversation; what can't be taken over is counted."""

    mapping: Mapping[str, Mapping[str, Any]]
    load_asset: LoadAsset
    left_out: int = 0

    def node(self, node_id: str) -> FoundNode | None:
        """The node of a message; None for one that nobody has seen."""
        node = self.mapping[node_id]
        message = node.get("message")
        if not isinstance(message, dict):
            self.left_out += message is not None or not node
            return None
        name = as_text(as_object(message, "author").get("role"))
        role = _ROLES.get(name)
        if role is None:
            if name == "tool":
                return self._drawn(node_id, message) or self._canvas(node_id, message)
            self.left_out += name not in _UNSEEN_ROLES
            return None
        if message.get("recipient") not in (None, "", "all"):
            return self._canvas(node_id, message)
        if as_object(message, "metadata").get("is_visually_hidden_from_conversation"):
            return None
        return self._seen(node_id, role, message)

    def _seen(self, node_id: str, role: Role, message: Mapping[str, Any]) -> FoundNode | None:
        metadata, content = as_object(message, "metadata"), _content(message)
        if str(content.get("content_type")) in _UNSEEN:
            return None
        marked = tuple(self._parts(content))
        attachments = metadata.get("attachments")
        if isinstance(attachments, list):  # pictures are parts, too
            pictures = sum(isinstance(part, FoundPicture) for part in marked)
            self.left_out += max(0, len(attachments) - pictures)
        parts = tuple(part for each in marked if (part := _unmarked(each, metadata)) is not None)
        self.left_out += len(marked) - len(parts)
        return _node(node_id, role, message, parts) if parts else None

    def _drawn(self, node_id: str, message: Mapping[str, Any]) -> FoundNode | None:
        """Pictures that the model had drawn stand in a tool's messages; each leaves its note."""
        parts = as_objects(_content(message).get("parts"))
        drawn = tuple(FoundPicture() for part in parts if _is_picture(part))
        return _node(node_id, Role.ASSISTANT, message, drawn) if drawn else None

    def _canvas(self, node_id: str, message: Mapping[str, Any]) -> FoundNode | None:
        """A document beside the conversation: in the model's call, or in a message of the tool."""
        by_model = canvas.is_document(message.get("recipient"))
        if not by_model and not canvas.is_document(as_object(message, "author").get("name")):
            return None
        called = "".join(
            part.text for part in self._parts(_content(message)) if isinstance(part, TextPart)
        )
        text = canvas.document_in(called, shown_as=self._shown_as(node_id))
        if not text:
            self.left_out += by_model  # the tool only says that it is done
            return None
        return _node(node_id, Role.ASSISTANT, message, (TextPart(text),))

    def _shown_as(self, node_id: str) -> Mapping[str, Any]:
        """What the tool's answer says about a canvas document: `title`, `textdoc_type`, ..."""
        below = self.mapping[node_id].get("children")
        for child in below if isinstance(below, list) else ():
            node = self.mapping.get(child, {}) if isinstance(child, str) else {}
            about = as_object(node, "message", "metadata", "canvas")
            if about:
                return about
        return {}

    def _parts(self, content: Mapping[str, Any]) -> Iterator[FoundPart]:
        parts = content.get("parts")
        if parts is None:
            parts = content.get("text")
        if not isinstance(parts, list | dict | str):
            self.left_out += parts is not None
            return
        yield from filter(None, map(self._part, parts if isinstance(parts, list) else [parts]))

    def _part(self, part: object) -> FoundPart | None:
        """Text may be written as a number, or stand in an object, as what was spoken does."""
        if isinstance(part, dict) and _is_picture(part):
            pointer = _POINTER.fullmatch(str(part.get("asset_pointer"))[:_LONGEST_POINTER])
            return FoundPicture(partial(self.load_asset, pointer[1])) if pointer else FoundPicture()
        text = part.get("text") if isinstance(part, dict) else part
        if isinstance(text, int | float) and not isinstance(text, bool):
            text = str(text)
        if isinstance(text, str) and text.strip():
            return TextPart(text)
        self.left_out += text != "" and bool(part)
        return None


def _unmarked(part: FoundPart, metadata: Mapping[str, Any]) -> FoundPart | None:
    """A text without marks; None where it was nothing else."""
    if not isinstance(part, TextPart):
        return part
    references, citations = metadata.get("content_references"), metadata.get("citations")
    text = without_marks(part.text, references, citations)
    return TextPart(text) if text.strip() else None


def _node(
    node_id: str, role: Role, message: Mapping[str, Any], parts: tuple[FoundPart, ...]
) -> FoundNode:
    record = record_of(role, parts, model=as_object(message, "metadata").get("model_slug"))
    return FoundNode(node_id, None, role, parts, moment_of(message.get("create_time")), record)


def _content(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """The content of a message, an object with `parts` or `text`; a bare text is its text."""
    content = message.get("content")
    return content if isinstance(content, dict) else {"text": content}


def _is_picture(part: Mapping[str, Any]) -> bool:
    return part.get("content_type") == _PICTURE

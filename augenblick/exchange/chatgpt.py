"""Conversations of ChatGPT's export (`conversations.json`), with or without its picture files.

OpenAI documents the form nowhere; this reads what its exports hold: a list of conversations, each
with `mapping`, a tree of nodes by id. Nodes that no person has seen (instructions, tools, thoughts)
are left out, and what hangs below them hangs one place higher.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from augenblick.errors import ImportMalformed
from augenblick.exchange.found import (
    FoundConversation,
    FoundNode,
    FoundPart,
    FoundPicture,
    answer_record,
    moment_of,
)
from augenblick.messages import Role, TextPart

LoadAsset = Callable[[str], bytes | None]
"""The bytes of a picture file by its asset id; None where there is none."""

_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT}
_SEEN = {"text", "multimodal_text", "code"}  # kinds of content that were on the page
_PICTURE = "image_asset_pointer"
_POINTER = re.compile(r"[a-z-]+://(?:[^#?]*/)?([\w.-]+)")


def read_chatgpt(found: Mapping[str, Any], *, load_asset: LoadAsset) -> FoundConversation:
    """One conversation of the export. Raises ImportMalformed."""
    mapping = found.get("mapping")
    if not isinstance(mapping, dict):
        raise ImportMalformed("there is no mapping")
    if any(not isinstance(node, dict) for node in mapping.values()):
        raise ImportMalformed("a node is no object")
    kept: dict[str, FoundNode] = {}
    for node_id, node in mapping.items():
        seen = _node(node_id, node.get("message"), load_asset)
        if seen is not None:
            kept[node_id] = seen
    places = _Places(mapping, kept)
    nodes = tuple(places.hung(node) for node in kept.values())
    leaf_id = places.at_or_above(found.get("current_node"))
    title = found.get("title")
    return FoundConversation(title if isinstance(title, str) else "", nodes, leaf_id)


class _Places:
    """Where kept nodes hang once the others are gone. Each step up is taken once."""

    def __init__(self, mapping: Mapping[str, Any], kept: Mapping[str, FoundNode]) -> None:
        self._mapping = mapping
        self._kept = kept
        self._known: dict[str, str | None] = {}

    def hung(self, node: FoundNode) -> FoundNode:
        """The node below its nearest kept ancestor."""
        parent_id = self.at_or_above(self._mapping[node.id].get("parent"))
        return FoundNode(node.id, parent_id, node.role, node.parts, node.created_at, node.record)

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


def _node(node_id: str, message: object, load_asset: LoadAsset) -> FoundNode | None:
    """The node of a message; None for one that nobody has seen."""
    if message is None:
        return None
    if not isinstance(message, dict):
        raise ImportMalformed("a message is no object")
    metadata, content = _object(message, "metadata"), _object(message, "content")
    role = _ROLES.get(str(_object(message, "author").get("role")))
    if role is None:
        return _of_tool(node_id, message, content)
    is_hidden = bool(metadata.get("is_visually_hidden_from_conversation"))
    is_for_tool = message.get("recipient", "all") != "all"
    if is_hidden or is_for_tool or str(content.get("content_type")) not in _SEEN:
        return None
    parts = tuple(_parts(content, load_asset))
    if not parts:
        return None
    record = None
    if role is Role.ASSISTANT:
        text = "\n\n".join(part.text for part in parts if isinstance(part, TextPart))
        record = answer_record(text, model=str(metadata.get("model_slug") or ""))
    return FoundNode(node_id, None, role, parts, moment_of(message.get("create_time")), record)


def _of_tool(
    node_id: str, message: Mapping[str, Any], content: Mapping[str, Any]
) -> FoundNode | None:
    """Pictures that the model had drawn stand in the messages of a tool; each leaves its note."""
    if _object(message, "author").get("role") != "tool":
        return None
    drawn = tuple(part for part in _parts(content, _nothing) if isinstance(part, FoundPicture))
    if not drawn:
        return None
    when = moment_of(message.get("create_time"))
    return FoundNode(node_id, None, Role.ASSISTANT, drawn, when, answer_record("", model=""))


def _nothing(_asset: str) -> None:
    return None


def _parts(content: Mapping[str, Any], load_asset: LoadAsset) -> Iterator[FoundPart]:
    parts = content.get("parts", [content.get("text")])
    if not isinstance(parts, list):
        raise ImportMalformed("the parts of a message are no list")
    for part in parts:
        if isinstance(part, str) and part.strip():
            yield TextPart(part)
        elif isinstance(part, dict) and part.get("content_type") == _PICTURE:
            pointer = _POINTER.fullmatch(str(part.get("asset_pointer")))
            yield FoundPicture(partial(load_asset, pointer[1]) if pointer else lambda: None)


def _object(message: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = message.get(name)
    return found if isinstance(found, dict) else {}

"""The `augenblick` key of an exported JSON: the whole tree, from which the same comes back.

The bytes of pictures stand elsewhere in the file; here they are named by their SHA-256.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import TypeAdapter

from augenblick.core.conversations import Conversation, Node, ReplyRecord
from augenblick.core.messages import ContentPart, Detail, Provenance, Role, TextPart

KEY = "augenblick"


@dataclass(frozen=True, slots=True)
class TreeText:
    """Words."""

    text: str
    type: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class TreePicture:
    """A picture, named by its bytes."""

    sha256: str
    receipt: Provenance
    detail: Detail = Detail.AUTO
    type: Literal["picture"] = "picture"


@dataclass(frozen=True, slots=True)
class TreeNode:
    """A message at its place."""

    id: str
    parent_id: str | None
    role: Role
    created_at: datetime
    parts: tuple[TreeText | TreePicture, ...] = ()
    reply: ReplyRecord | None = None


@dataclass(frozen=True, slots=True)
class Tree:
    """A whole conversation. `version` rises when an older program could no longer read it."""

    title: str
    nodes: tuple[TreeNode, ...]
    leaf_id: str | None = None
    version: Literal[1] = 1


_TREE = TypeAdapter(Tree)


def tree_json(conversation: Conversation) -> dict[str, Any]:
    """The tree of a conversation as JSON values."""
    nodes = tuple(_tree_node(node) for node in conversation.nodes)
    tree = Tree(conversation.title, nodes, conversation.leaf_id)
    found: dict[str, Any] = _TREE.dump_python(tree, mode="json")
    return found


def read_tree(found: object) -> Tree:
    """The tree again. Raises ValueError for anything else."""
    return _TREE.validate_python(found)


def _tree_node(node: Node) -> TreeNode:
    parts = tuple(map(_tree_part, node.message.parts))
    return TreeNode(node.id, node.parent_id, node.message.role, node.created_at, parts, node.reply)


def _tree_part(part: ContentPart) -> TreeText | TreePicture:
    if isinstance(part, TextPart):
        return TreeText(part.text)
    return TreePicture(part.attachment.sha256, part.attachment.receipt, part.detail)

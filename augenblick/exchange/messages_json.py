"""Conversations in the messages form of the Chat Completions API, our own export among them."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from augenblick.core.conversations import called_pictures
from augenblick.core.errors import ImportMalformed
from augenblick.core.messages import Detail, Provenance, Role, TextPart
from augenblick.exchange.parsed import (
    FoundConversation,
    FoundNode,
    FoundPart,
    FoundPicture,
    as_object,
    as_objects,
    as_text,
    believable,
    record_of,
)
from augenblick.exchange.tree import KEY, TreeNode, TreeText, read_tree

_ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
}
_LEFT_OUT = {"tool", "function"}  # what programs said to the model
_TEXT_FIELDS = {"text": "text", "input_text": "text", "output_text": "text", "refusal": "refusal"}
_MOST_CHOICES = 128  # the largest `n` of the API
_PICTURES = {"image_url", "input_image"}


def read_document(document: Mapping[str, Any]) -> FoundConversation:
    """One conversation from `{"messages": …}`; where our tree stands beside it, that one.

    Raises ImportMalformed.
    """
    if KEY in document:
        return _read_own(document)
    messages = document.get("messages")
    if not isinstance(messages, list):
        raise ImportMalformed("the messages are no list")
    nodes: list[FoundNode] = []
    for message in messages:
        node = _node(message, len(nodes) + 1, document.get("model"))
        nodes += [node] if node is not None else []
    return FoundConversation(as_text(document.get("title")), tuple(nodes))


def picture_bytes(uri: object) -> bytes | None:
    """The bytes in a data URI; None for anything else. An address is never fetched."""
    if not isinstance(uri, str) or not uri.startswith("data:"):
        return None
    header, _, encoded = uri.partition(",")
    return _decoded(encoded) if header.endswith(";base64") else None


def _node(message: object, number: int, model: object) -> FoundNode | None:
    if not isinstance(message, dict):
        raise ImportMalformed("a message is no object")
    if message.get("role") in _LEFT_OUT:
        return None
    role = _ROLES.get(str(message.get("role")))
    if role is None:
        raise ImportMalformed("a message has an unknown role")
    parts = tuple(_parts(message.get("content")))
    if not parts:
        return None
    parent_id = str(number - 1) if number > 1 else None
    record = record_of(role, parts, model=model)
    return FoundNode(str(number), parent_id, role, parts, record=record)


def _parts(content: object) -> Iterator[FoundPart]:
    if isinstance(content, str):
        content = [content] if content else []
    if not isinstance(content, list | None):
        raise ImportMalformed("the content of a message is neither text nor a list")
    yield from filter(None, map(_part, content or ()))


def _part(part: object) -> FoundPart | None:
    if isinstance(part, str):
        return TextPart(part)
    if not isinstance(part, dict):
        raise ImportMalformed("a part of a message is no object")
    kind = str(part.get("type"))
    if kind in _PICTURES:
        return _picture(part)
    text = as_text(part.get(_TEXT_FIELDS.get(kind, "")))
    return TextPart(text) if text else None


def _picture(part: Mapping[str, Any]) -> FoundPicture:
    """`{"image_url": {"url", "detail"}}`, or the address alone as some write it."""
    found = part.get("image_url")
    fields = found if isinstance(found, dict) else {"url": found, "detail": part.get("detail")}
    detail = fields.get("detail")
    return FoundPicture(
        load=partial(picture_bytes, fields.get("url")),
        detail=Detail(detail) if detail in set(Detail) else Detail.AUTO,
    )


def _read_own(document: Mapping[str, Any]) -> FoundConversation:
    try:
        tree = read_tree(document[KEY])
    except ValueError as error:
        raise ImportMalformed("the tree does not have the form of ours") from error
    contents = _Contents(document)
    nodes = tuple(_own_node(node, contents) for node in tree.nodes)
    is_there = any(node.id == tree.leaf_id for node in tree.nodes)
    return FoundConversation(tree.title, nodes, tree.leaf_id if is_there else None)


def _own_node(node: TreeNode, contents: _Contents) -> FoundNode:
    parts: tuple[FoundPart, ...] = tuple(
        TextPart(part.text)
        if isinstance(part, TreeText)
        else contents.picture(part.sha256, part.receipt, part.detail)
        for part in node.parts
    )
    when = believable(node.created_at)
    record = node.reply
    if record is not None and record.picked_choice not in range(_MOST_CHOICES):
        record = replace(record, picked_choice=0)
    called = {
        part.attachment.sha256: contents.picture(
            part.attachment.sha256, part.attachment.receipt, part.detail
        )
        for part in (called_pictures(record) if record is not None else ())
    }
    return FoundNode(node.id, node.parent_id, node.role, parts, when, record, called)


class _Contents:
    """The pictures of one of our exports, by the SHA-256 of what is really there."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._by_sha256: dict[str, str] = {}  # base64
        for uri in _uris(document.get("messages")):
            self._add(uri.partition(",")[2])
        for picture in as_object(document, KEY, "pictures").values():
            self._add(as_text(as_object(picture).get("data")))

    def picture(self, sha256: str, receipt: Provenance, detail: Detail) -> FoundPicture:
        """A picture of the tree."""
        load = partial(self.load, sha256)
        return FoundPicture(load=load, name=receipt.source_name, detail=detail, receipt=receipt)

    def load(self, sha256: str) -> bytes | None:
        """The bytes of a picture."""
        return _decoded(self._by_sha256.get(sha256, "")) or None

    def _add(self, encoded: str) -> None:
        content = _decoded(encoded)
        if content:
            self._by_sha256[hashlib.sha256(content).hexdigest()] = encoded


def _uris(messages: object) -> Iterator[str]:
    for message in as_objects(messages):
        for part in as_objects(message.get("content")):
            uri = as_text(as_object(part, "image_url").get("url"))
            if uri.startswith("data:"):
                yield uri


def _decoded(encoded: str) -> bytes | None:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None

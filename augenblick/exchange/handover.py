"""What the worker hands to the server: small JSON values that stand for what it found.

A conversation comes as pictures (their bytes) and batches of messages that name them, so that
neither side ever decodes more than a batch at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import TypeAdapter

from augenblick.core.conversations import ReplyRecord
from augenblick.core.messages import Detail, Provenance, Role, TextPart

BATCH_BYTES = 64 * 1024
"""A batch ends when it is longer than this. The store writes each in one transaction, for some
30 ms."""

OUT_OF_MEMORY = 3
"""What a worker ends with that could not even say so."""


@dataclass(frozen=True, slots=True)
class SentPicture:
    """A picture of a message by the SHA-256 of the bytes in the file, "" where there are none."""

    sha256: str
    name: str = ""
    detail: Detail = Detail.AUTO
    receipt: Provenance | None = None


@dataclass(frozen=True, slots=True)
class SentNode:
    """A message at its place, as `found.FoundNode`."""

    id: str
    parent_id: str | None
    role: Role
    parts: tuple[TextPart | SentPicture, ...]
    created_at: datetime | None = None
    record: ReplyRecord | None = None
    called: Mapping[str, SentPicture] = field(default_factory=dict)


_NODE = TypeAdapter(SentNode)
_NODES = TypeAdapter(tuple[SentNode, ...])


def node_json(node: SentNode) -> bytes:
    """A message as JSON. Raises ValueError for one that is nested too deep."""
    return _NODE.dump_json(node)


def read_batch(content: bytes) -> tuple[SentNode, ...]:
    """The messages in a JSON list of `node_json`. Raises ValueError for anything else."""
    return _NODES.validate_json(content)

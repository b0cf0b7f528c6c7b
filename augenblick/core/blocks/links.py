"""Link definitions, which hold for a whole text and so for all of its blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from augenblick.core.blocks.structure import LABEL, START, advance

_BRACKETED = re.compile(LABEL)


def link_blocks(blocks: Sequence[str], *, most_bytes: int | None = None) -> tuple[str, ...]:
    """Put the link definitions of other blocks in front of each block that refers to them.

    Once all blocks would have more than `most_bytes`, by default four times their own, further
    references stay the words they are: one long definition may be referred to by every block.
    """
    definitions: dict[str, str] = {}
    for block in blocks:
        for label, line in _definitions(block):
            definitions.setdefault(label, line)
    if not definitions:
        return tuple(blocks)
    own_bytes = sum(len(block.encode()) for block in blocks)
    spare_bytes = (4 * own_bytes if most_bytes is None else most_bytes) - own_bytes
    linked: list[str] = []
    for block in blocks:
        added: list[str] = []
        for line in _missing(block, definitions):
            spare_bytes -= len(line.encode()) + 2
            if spare_bytes < 0:
                break
            added.append(line)
        linked.append("\n".join((*added, "", block)) if added else block)
    return tuple(linked)


def _missing(block: str, definitions: dict[str, str]) -> Iterator[str]:
    """The definitions that a block refers to and does not have."""
    own = dict(reversed(list(_definitions(block))))
    for label in dict.fromkeys(_plain_label(found) for found in _BRACKETED.findall(block)):
        if label in definitions and own.get(label) != definitions[label]:
            yield definitions[label]


def _definitions(text: str) -> Iterator[tuple[str, str]]:
    if "]:" not in text:
        return
    structure = START
    for line in text.split("\n"):
        structure = advance(structure, line)
        if structure.definition:
            start = line.index(structure.definition) if structure.definition in line else 0
            yield _plain_label(structure.definition), line[start:]


def _plain_label(label: str) -> str:
    return " ".join(label.casefold().split())

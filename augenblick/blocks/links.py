"""Link definitions, which hold for a whole text and so for all of its blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from augenblick.blocks.structure import LABEL, START, advance

_BRACKETED = re.compile(LABEL)


def link_blocks(blocks: Sequence[str]) -> tuple[str, ...]:
    """Put the link definitions of other blocks in front of each block that refers to them."""
    definitions: dict[str, str] = {}
    for block in blocks:
        for label, line in _definitions(block):
            definitions.setdefault(label, line)
    if not definitions:
        return tuple(blocks)
    return tuple(_linked(block, definitions) for block in blocks)


def _linked(block: str, definitions: dict[str, str]) -> str:
    own = dict(reversed(list(_definitions(block))))
    wanted = dict.fromkeys(_plain_label(found) for found in _BRACKETED.findall(block))
    added = [
        definitions[label]
        for label in wanted
        if label in definitions and own.get(label) != definitions[label]
    ]
    return "\n".join((*added, "", block)) if added else block


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

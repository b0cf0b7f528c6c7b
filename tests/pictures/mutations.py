"""Good files with something wrong in them, the same ones for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.pictures import corpus

_LARGEST_SEED_FILE = 20_000  # bytes; large files would only make it slower


def seeds() -> list[tuple[str, bytes]]:
    """Names and contents of the small files of the corpus, bombs included."""
    good = [(sample.name, sample.content) for sample in corpus.samples()]
    bad = [
        (case.name, case.content) for case in corpus.refused() if case.code != "image_unsupported"
    ]
    return [
        (name, content) for name, content in good + bad if 8 < len(content) < _LARGEST_SEED_FILE
    ]


def mutated(*, seed: int, count: int, ending: str = "") -> Iterator[tuple[str, bytes]]:
    """So many damaged files, named for what they were made from; of names that end so."""
    dice = random.Random(seed)
    originals = [original for original in seeds() if original[0].endswith(ending)]
    for number in range(count):
        name, content = dice.choice(originals)
        damaged = bytearray(content)
        for _ in range(dice.choice((1, 1, 2, 4, 12))):
            _damage(damaged, dice, originals)
        yield f"{number}-{name}", bytes(damaged)


def _damage(content: bytearray, dice: random.Random, originals: list[tuple[str, bytes]]) -> None:
    start = dice.randrange(len(content)) if dice.random() < 0.5 else _near_start(content, dice)
    stop = min(len(content), start + dice.choice((1, 1, 2, 4, 16, 64)))
    match dice.randrange(7):
        case 0:
            content[start] ^= 1 << dice.randrange(8)
        case 1:
            content[start:stop] = dice.randbytes(stop - start)
        case 2:
            content[start:stop] = bytes([dice.choice((0, 0x7F, 0x80, 0xFF))]) * (stop - start)
        case 3:
            del content[max(8, start) :]
        case 4:
            content[start:start] = content[start:stop] * dice.choice((1, 2, 50))
        case 5:
            del content[start:stop]
        case _:
            other = dice.choice(originals)[1]
            at = dice.randrange(len(other))
            content[start:stop] = other[at : at + dice.choice((4, 32, 256))]
    if len(content) < 8:
        content.extend(bytes(8))


def _near_start(content: bytearray, dice: random.Random) -> int:
    """Headers are where the interesting numbers stand."""
    return dice.randrange(min(len(content), 400))

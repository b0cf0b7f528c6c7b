"""Random byte streams for the parser: made of the pieces that parsers get wrong, cut anywhere."""

from __future__ import annotations

import random

_PIECES = (
    b"data: ", b"data:", b"data", b"data:  ", b"event: ", b"event", b"event:error", b"id: ", b"id",
    b"retry: 10", b"retry: x", b": ", b":", b"::", b"dat", b"DATA: ", b" data: ", b"foo: bar",
    b"[DONE]", b"data: [DONE]", b'{"a":', b'"b"}', b"{}", b"x", b" ", b"\t", b"0", b"\0", b"a:b",
    "ä".encode(), "🐻".encode(), "\u2028".encode(), "\u0085".encode(), "\ufeff".encode(),
    b"\x0b", b"\x0c", b"\x1c", b"\x1d", b"\x1e", b"\xff", b"\xc3", b"\xf0\x9f", b"\xed\xa0\x80",
    b"\xc0\x80", b"\xe2\x80",
)  # fmt: skip
_LINE_ENDS = (b"\n", b"\r", b"\r\n")
_BLANKS = tuple(first + second for first in _LINE_ENDS for second in _LINE_ENDS)


def random_stream(chance: random.Random) -> bytes:
    """A stream of up to about 60 pieces; half of the time all line ends are of one kind."""
    ends = (chance.choice(_LINE_ENDS),) if chance.random() < 0.5 else _LINE_ENDS
    content = bytearray(b"\xef\xbb\xbf" if chance.random() < 0.1 else b"")
    for _ in range(chance.randrange(60)):
        drawn = chance.random()
        if drawn < 0.55:
            content += chance.choice(_PIECES)
        elif drawn < 0.85:
            content += chance.choice(ends)
        elif drawn < 0.95:
            content += chance.choice(_BLANKS)
        else:
            content += chance.randbytes(chance.randrange(1, 6))
    return bytes(content)


def random_cuts(content: bytes, chance: random.Random) -> list[bytes]:
    """The stream in reads of random sizes, empty ones among them; sometimes byte by byte."""
    if chance.random() < 0.2:
        return [content[at : at + 1] for at in range(len(content))]
    cuts = sorted(chance.choices(range(len(content) + 1), k=chance.randrange(8)))
    return [content[a:b] for a, b in zip([0, *cuts], [*cuts, len(content)], strict=True)]

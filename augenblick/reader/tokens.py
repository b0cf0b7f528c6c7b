"""The reader's tokenizer, and where an answer is cut.

It has no vocabulary. A token is up to four letters or digits, or one other sign, each with the
blank space that follows it. That is close to what language models count for German and English,
and it makes `usage`, `max_tokens` and `stop` consistent with each other.

A picture counts as the API documents it for tiles of 512 pixels: 85, plus 170 a tile after fitting
the picture into 2048 x 2048 and its shorter side to 768; with `detail: low` it counts 85.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

TOKENS_PER_MESSAGE = 4
PICTURE_BASE = 85
PICTURE_TILE = 170

_TOKEN = re.compile(r"(?:\w{1,4}|[^\w\s])\s*|\s+")
_WORD = re.compile(r"\S+\s*|\s+")


def count_tokens(text: str) -> int:
    """How many tokens a text has."""
    return sum(1 for _ in _TOKEN.finditer(text))


def picture_tokens(width_px: int, height_px: int, *, detail: str) -> int:
    """How many tokens a picture counts."""
    if detail == "low":
        return PICTURE_BASE
    scale = min(1.0, 2048 / max(width_px, height_px))
    scale *= min(1.0, 768 / (min(width_px, height_px) * scale))
    tiles = math.ceil(width_px * scale / 512) * math.ceil(height_px * scale / 512)
    return PICTURE_BASE + PICTURE_TILE * tiles


@dataclass(slots=True)
class Cutter:
    """Takes text as it grows and gives it out in words, up to a stop sequence or the token limit.

    What could still become a stop sequence or a longer word is held back until it is clear.
    """

    stop: Sequence[str] = ()
    max_tokens: int | None = None
    finish_reason: str | None = None  # "stop" or "length" once the answer is cut
    tokens: int = 0
    _held: str = field(default="", repr=False)

    def feed(self, text: str) -> Iterator[str]:
        """The words that are certain now."""
        if self.finish_reason:
            return
        self._held += text
        if cut := self._stop_at():
            self._held = self._held[: cut - 1]
            yield from self._give(len(self._held))
            self.finish_reason = self.finish_reason or "stop"
            return
        yield from self._give(self._certain())

    def end(self) -> Iterator[str]:
        """What was held back; afterwards `finish_reason` is set."""
        if not self.finish_reason:
            yield from self._give(len(self._held))
            self.finish_reason = self.finish_reason or "stop"

    def _stop_at(self) -> int:
        """One more than the place of the first stop sequence, 0 for none."""
        places = [place for word in self.stop if (place := self._held.find(word)) >= 0]
        return min(places) + 1 if places else 0

    def _certain(self) -> int:
        """How much can't be part of a stop sequence, ended at a border between words."""
        reach = max((len(word) for word in self.stop), default=1) - 1
        free = len(self._held) - reach
        return max(
            (match.end() for match in _WORD.finditer(self._held)
             if match.end() <= free and match.end() < len(self._held)),
            default=0,
        )  # fmt: skip

    def _give(self, length: int) -> Iterator[str]:
        ready, self._held = self._held[:length], self._held[length:]
        for word in _WORD.findall(ready):
            pieces = _TOKEN.findall(word)
            if self.max_tokens is not None and self.tokens + len(pieces) > self.max_tokens:
                pieces = pieces[: self.max_tokens - self.tokens]
                self.finish_reason = "length"
            self.tokens += len(pieces)
            if pieces:
                yield "".join(pieces)
            if self.finish_reason:
                return

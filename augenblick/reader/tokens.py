"""The reader's tokenizer, and where an answer is cut.

It has no vocabulary. A token is up to four letters or digits, or one other sign, each with the
blank space that follows it. That is close to what language models count for German and English,
and it makes `usage`, `max_tokens` and `stop` consistent with each other.

What a picture counts stands in `pictures.token_costs`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

TOKENS_PER_MESSAGE = 4

_TOKEN = re.compile(r"(?:\w{1,4}|[^\w\s])\s*|\s+")
_WORD = re.compile(r"\S+\s*|\s+")


def count_tokens(text: str) -> int:
    """How many tokens a text has."""
    return sum(1 for _ in _TOKEN.finditer(text))


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
        if places := [place for word in self.stop if (place := self._held.find(word)) >= 0]:
            self._held = self._held[: min(places)]
            yield from self._give(len(self._held))
            self.finish_reason = self.finish_reason or "stop"
            return
        yield from self._give(self._certain())

    def end(self) -> Iterator[str]:
        """What was held back; afterwards `finish_reason` is set."""
        if not self.finish_reason:
            yield from self._give(len(self._held))
            self.finish_reason = self.finish_reason or "stop"

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

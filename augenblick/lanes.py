"""Sorting what a model says: replays are dropped, characters joined, thinking is set apart.

All work on pieces cut anywhere and never take back a piece that was handed out, with one
exception: `Sorted.is_all_reasoning`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

_LONG_CHARS = 16  # from here on a piece that begins with everything said so far is no accident
_PART_CHARS = 400
_TAGS = {"<think>": "</think>", "<thinking>": "</thinking>", "<thought>": "</thought>"}
_BARE_CLOSE = "</think>"


class ReplayFilter:
    """Drops what an endpoint sends twice: deltas that each hold the whole text so far.

    A piece is taken for a replay when it begins with everything before it and goes on, twice in a
    row; or when it repeats a text that came in two pieces or more and is long. A piece that may
    be the first of such a row is held until the next one comes or `flush`. True repeats ("na na
    na") stay.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._chars = 0
        self._count = 0
        self._held: list[str] = []
        self._is_cumulative = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing has come."""
        return not self._count and not self._held

    def take(self, piece: str) -> str:
        """What is new in a piece."""
        if not piece:
            return ""
        if self._is_cumulative and (new := self._continue(piece)) is not None:
            return new
        if not self._held:
            return self._take_first(piece)
        if len(piece) > len(self._held[-1]) and piece.startswith(self._held[-1]):
            self._held.append(piece)
            return self._confirm() if len(piece) >= _LONG_CHARS else ""
        return self._release() + self._take_first(piece)

    def flush(self) -> str:
        """What is still held, at the end."""
        if not self._held:
            return ""
        is_replay = len(self._held) > 1 or self._chars >= _LONG_CHARS
        return self._confirm() if is_replay else self._release()

    def _take_first(self, piece: str) -> str:
        if not self._chars or len(piece) < self._chars:
            return self._keep(piece)
        text = self._text()
        if not piece.startswith(text):
            return self._keep(piece)
        if self._count > 1 and self._chars >= _LONG_CHARS:
            return self._keep(piece[len(text) :])
        if len(piece) > len(text):
            self._held = [piece]
            return ""
        return self._keep(piece)

    def _continue(self, piece: str) -> str | None:
        """What a piece adds in a row of replays; None when the row has ended."""
        text = self._text()
        if piece.startswith(text):
            return self._keep(piece[len(text) :])
        if len(piece) >= _LONG_CHARS and text.startswith(piece):
            return ""
        self._is_cumulative = False
        return None

    def _confirm(self) -> str:
        new = self._held[-1][self._chars :]
        self._held, self._is_cumulative = [], True
        return self._keep(new)

    def _release(self) -> str:
        held, self._held = "".join(self._held), []
        return self._keep(held)

    def _keep(self, piece: str) -> str:
        if piece:
            add_to(self._parts, piece)
            self._chars += len(piece)
            self._count += 1
        return piece

    def _text(self) -> str:
        self._parts = ["".join(self._parts)]
        return self._parts[0]


def add_to(parts: list[str], piece: str) -> None:
    """Add a piece to a text in parts; short ones are joined, for each object costs fifty bytes."""
    if parts and len(parts[-1]) < _PART_CHARS:
        parts[-1] += piece
    else:
        parts.append(piece)


class WholeCharacters:
    """Joins the two halves of a character that JSON escapes spread over two pieces.

    Some servers cut an emoji between the two escapes it is written with. A half that stays alone
    becomes U+FFFD, for no encoder takes it.
    """

    def __init__(self) -> None:
        self._half = ""

    def take(self, piece: str) -> str:
        """The piece in whole characters; a first half at its end waits for the next one."""
        if not self._half and (piece.isascii() or piece == without_halves(piece)):
            return piece
        piece, self._half = self._half + piece, ""
        if piece and "\ud800" <= piece[-1] <= "\udbff":
            piece, self._half = piece[:-1], piece[-1]
        return without_halves(piece)

    def flush(self) -> str:
        """What is left at the end."""
        half, self._half = self._half, ""
        return without_halves(half)


def without_halves(text: str) -> str:
    """The text with surrogate pairs joined and lone halves replaced by U+FFFD."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


@dataclass(frozen=True, slots=True)
class Sorted:
    """A piece by lane. `is_all_reasoning`: what was handed out as text before was thinking, too."""

    reasoning: str = ""
    text: str = ""
    is_all_reasoning: bool = False


class ThinkSplitter:
    """Sets `<think>...</think>` at the start of an answer apart, wherever the pieces are cut.

    Some templates put the opening tag into the prompt, so that only `</think>` comes. It counts if
    it begins a line outside of a code block; otherwise, as everywhere in doubt, it is text.
    `said` returns the text handed out so far.
    """

    def __init__(self, said: Callable[[], str]) -> None:
        self._said = said
        self._pending = ""
        self._close = ""  # the tag that ends the thinking we are in
        self._has_started = False
        self._is_after_thinking = False
        self._seeks_bare_close = True

    def feed(self, piece: str) -> Sorted:
        """Sort a piece; what may be half a tag is held until the next one or `flush`."""
        piece, self._pending = self._pending + piece, ""
        if self._close:
            return self._think(piece)
        if not self._has_started:
            return self._start(piece)
        return self._answer(piece) if self._seeks_bare_close else Sorted(text=piece)

    def flush(self) -> Sorted:
        """What is still held, at the end."""
        rest, self._pending = self._pending, ""
        if self._close:
            return Sorted(reasoning=rest)
        return Sorted(text="" if self._is_after_thinking and not rest.strip() else rest)

    def stop_seeking(self) -> None:
        """The endpoint sets the thinking apart by itself; a bare tag is text then."""
        self._seeks_bare_close = False

    def _start(self, piece: str) -> Sorted:
        visible = piece.lstrip()
        for tag, close in _TAGS.items():
            if visible.startswith(tag):
                self._close = close
                return self._think(visible[len(tag) :])
        if not visible or any(tag.startswith(visible) for tag in _TAGS):
            self._pending = piece
            return Sorted()
        self._has_started = True
        if self._is_after_thinking:
            return Sorted(text=visible)
        return self._answer(piece) if self._seeks_bare_close else Sorted(text=piece)

    def _think(self, piece: str) -> Sorted:
        thought, tag, rest = piece.partition(self._close)
        if not tag:
            thought, self._pending = _hold_half(piece, self._close)
            return Sorted(reasoning=thought)
        self._leave_thinking()
        after = self._start(rest)
        return Sorted(thought + after.reasoning, after.text)

    def _answer(self, piece: str) -> Sorted:
        if "<" not in piece:
            return Sorted(text=piece)
        before, tag, rest = piece.partition(_BARE_CLOSE)
        if not tag:
            text, self._pending = _hold_half(piece, _BARE_CLOSE)
            return Sorted(text=text)
        said = self._said() + before
        self._seeks_bare_close = False
        if (said.strip() and not said.endswith("\n")) or said.count("```") % 2:
            return Sorted(text=piece)
        self._leave_thinking()
        after = self._start(rest)
        return Sorted(before + after.reasoning, after.text, is_all_reasoning=True)

    def _leave_thinking(self) -> None:
        self._close, self._has_started = "", False
        self._is_after_thinking, self._seeks_bare_close = True, False


def _hold_half(piece: str, tag: str) -> tuple[str, str]:
    """Cut off an ending that may be the first half of a tag."""
    for length in range(min(len(tag) - 1, len(piece)), 0, -1):
        if piece.endswith(tag[:length]):
            return piece[:-length], piece[-length:]
    return piece, ""

"""Growing text as `st.write_stream` takes it, cut into finished Markdown blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from augenblick.core.blocks import BlockCutter, Cut
from augenblick.ui.chat.drawn_answer import SHORTEST_BLOCK
from augenblick.ui.chat.filled_form import PartialJson
from augenblick.ui.chat.markdown_filter import MarkdownFilter

Piece = str | Callable[[], None]
"""Text for the open block, or a call that closes it."""


class Blocks:
    """What `st.write_stream` is to draw of a text.

    `open_characters` is the length of the open block, which is what the next frame will send again.
    """

    def __init__(self, *, is_form: bool = False, shortest: int = SHORTEST_BLOCK) -> None:
        self.open_characters = 0
        self.drawn: list[str] = []  # the blocks so far, the open one last
        self._is_closed = True
        self._json = PartialJson() if is_form else None
        self._markdown = MarkdownFilter()
        self._cutter = BlockCutter(shortest=shortest)

    def feed(self, text: str) -> Iterator[Piece]:
        """Give back what of the text so far is decided."""
        text = self._json.feed(text) if self._json is not None else text
        return self._joined(self._cutter.feed(self._markdown.feed(text)))

    def finish(self) -> Iterator[Piece]:
        """Give back what was held, at the end of the text."""
        rest = self._cutter.feed(self._markdown.finish())
        return self._joined((*rest, *self._cutter.finish()))

    def _joined(self, pieces: Iterable[str | Cut]) -> Iterator[Piece]:
        text = ""
        for piece in pieces:
            if isinstance(piece, str):
                text += piece
                continue
            if text:
                yield self._noted(text)
            yield _close_block
            text, self.open_characters, self._is_closed = "", 0, True
        if text:
            self.open_characters += len(text)
            yield self._noted(text)

    def _noted(self, text: str) -> str:
        if self._is_closed:
            self.drawn.append("")
        self.drawn[-1] += text
        self._is_closed = False
        return text


def _close_block() -> None:
    """Do nothing; a call between two strings has `st.write_stream` begin another element."""

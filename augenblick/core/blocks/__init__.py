"""Markdown cut into blocks that can be drawn one by one and look as if drawn together.

`BlockCutter` does it while the text comes, `cut` for a whole text; both find the same blocks. A cut
stands only after a blank line, where by CommonMark and GitHub's extensions nothing that came
before can change with what follows: never inside fences, lists, tables, quotes, indented code,
HTML or `$$` formulas, and nowhere after a footnote. `link_blocks` gives each block the link
definitions that stand in another one.

  structure  what one line decides about the next; tells code from text
  cutting    where blocks begin
  links      definitions
"""

from __future__ import annotations

from augenblick.core.blocks.cutting import CUT, BlockCutter, Cut, cut
from augenblick.core.blocks.links import link_blocks
from augenblick.core.blocks.structure import START, Structure, advance

__all__ = ["CUT", "START", "BlockCutter", "Cut", "Structure", "advance", "cut", "link_blocks"]

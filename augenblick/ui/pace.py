"""How often a growing answer is drawn.

Every frame sends the open block again, whole. So frames come rarely enough that a second of them
costs a bounded number of characters, however long the block grows, and that a busy server spends a
bounded share of its time on one reader.
"""

from __future__ import annotations

FRAME_SECONDS = 0.05
"""Between two frames of a small block on an idle server."""

_CHARACTERS_PER_SECOND = 50_000
_MOST_SHARE = 0.25  # of the time between two frames that drawing may take
_LONGEST_SECONDS = 2.0
_LONGEST_BUSY_SECONDS = 0.25  # of small blocks; a server busier than that is not helped by waiting


def frame_seconds(open_characters: int, *, drawing_seconds: float) -> float:
    """Return how long the frame just drawn stands.

    `open_characters` is the length of the open block, `drawing_seconds` the time that handing the
    frame to Streamlit took, which grows when many sessions draw at once.
    """
    by_size = min(open_characters / _CHARACTERS_PER_SECOND, _LONGEST_SECONDS)
    by_load = min(drawing_seconds / _MOST_SHARE, _LONGEST_BUSY_SECONDS)
    return max(FRAME_SECONDS, by_size, by_load)

"""How often a growing answer is drawn.

Every frame sends the open block again, whole. So frames come rarely enough that a second of them
costs a bounded number of characters, however long the block grows, and that a busy server spends a
bounded share of its time on one reader.

React throws away the drawing of what was loaded late whenever something new comes, and begins
again. So the frames of answers side by side fall on the same beats, with quiet between them, and a
page that has only just been opened gets few of them, and later a pause now and then: else its
buttons stay grey until the answer ends.
"""

from __future__ import annotations

FRAME_SECONDS = 0.05
"""Between two frames of a small block on an idle server."""

_CHARACTERS_PER_SECOND = 50_000
_MOST_SHARE = 0.25  # of the time between two frames that drawing may take
_LONGEST_SECONDS = 2.0
_LONGEST_BUSY_SECONDS = 0.25  # of small blocks; a server busier than that is not helped by waiting
_LOADING_SECONDS = 5.0  # a phone (a quarter of a desk's speed) takes about four, as measured
_STILL_LOADING_SECONDS = 60.0  # one in bad circumstances
_QUIET_BEATS = 20  # a second in which a page can finish what it has loaded
_BEATS_BETWEEN = 100


def frame_seconds(open_characters: int, *, drawing_seconds: float) -> float:
    """Return how long the frame just drawn stands.

    `open_characters` is the length of the open block, `drawing_seconds` the time that handing the
    frame to Streamlit took, which grows when many sessions draw at once.
    """
    by_size = min(open_characters / _CHARACTERS_PER_SECOND, _LONGEST_SECONDS)
    by_load = min(drawing_seconds / _MOST_SHARE, _LONGEST_BUSY_SECONDS)
    return max(FRAME_SECONDS, by_size, by_load)


def next_frame_at(began_at: float, seconds: float, *, beat: str, page_opened_at: float) -> float:
    """Return when the frame after one that began at `began_at` is due, all on the monotonic clock.

    `seconds` is what `frame_seconds` says. Frames with the same `beat` fall together.
    """
    offset = hash(beat) % 1000 / 1000 * FRAME_SECONDS  # so that not all answers draw at once
    last_beat = int((began_at - offset) / FRAME_SECONDS + 0.01)  # a frame begins no earlier
    beats = max(1, round(seconds / FRAME_SECONDS))
    age_seconds = began_at - page_opened_at
    is_pause = age_seconds < _STILL_LOADING_SECONDS and last_beat % _BEATS_BETWEEN < beats
    if age_seconds < _LOADING_SECONDS or is_pause:
        beats = max(beats, _QUIET_BEATS)
    return offset + (last_beat // beats + 1) * beats * FRAME_SECONDS

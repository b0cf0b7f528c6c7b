"""The text of an answer that is there, drawn at once in the places of one that is followed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from augenblick.chat.live import CallsSoFar
from augenblick.core.blocks import cut, link_blocks
from augenblick.core.conversations import ReplyRecord
from augenblick.endpoint.reply import end_of_choice
from augenblick.lab.form_reading import is_form
from augenblick.ui import i18n
from augenblick.ui.chat.filled_form import draw_filled
from augenblick.ui.chat.markdown_filter import fit_for_page
from augenblick.ui.chat.tool_rounds import draw_thinking

# An element of its own costs an envelope of about 130 bytes in every run, as measured, and work in
# the browser; characters of the open block are sent again with each of its frames.
SHORTEST_BLOCK = 150
# With each frame the browser goes through all neighbours of what has changed. So the blocks of a
# long answer stand in groups, of which it passes over the finished ones as a whole.
GROUP_BLOCKS = 8
_KEPT_CHARACTERS = 20_000  # answers no longer than this keep their blocks
_MOST_TIMES = 4  # how many times the bytes of an answer go to a page


@dataclass(frozen=True, slots=True)
class Places:
    """Where the parts of an answer stand: the same while it is written and when it is there."""

    unwritten: DeltaGenerator
    thinking: DeltaGenerator
    waiting: DeltaGenerator
    open_text: Callable[[], DeltaGenerator]
    open_below: Callable[[], DeltaGenerator]


def make_places(*, is_live: bool) -> Places:
    """Make the places; for a live answer they are empty at once, whatever stood there before.

    Both ways the same tree comes about, so no run leaves anything of another behind.
    """
    unwritten, thinking, waiting = st.empty(), st.empty(), st.empty()
    if is_live:
        return Places(unwritten, thinking, waiting, st.empty().container, st.empty().container)
    text, below = st.container(), st.container()
    return Places(unwritten, thinking, waiting, lambda: text, lambda: below)


def draw_answer(record: ReplyRecord, places: Places, *, key: str) -> None:
    """Draw the text of a finished answer, or the form it fills; `key` is of this answer alone."""
    draw_way(record, places)
    draw_text(record, places.open_text(), key=key)


def draw_text(record: ReplyRecord, text: DeltaGenerator, *, key: str) -> None:
    """Draw the text alone, in a place; `key` is of this answer alone."""
    if is_form(record):
        with text:
            if draw_filled(record, key=key):
                return
            st.caption(f":material/info: {i18n.t('form.not_in_form')}")
    blocks = blocks_of(record)
    for start in range(0, len(blocks), GROUP_BLOCKS):
        place = text.container() if start else text
        for block in blocks[start : start + GROUP_BLOCKS]:
            place.markdown(block)


def draw_way(record: ReplyRecord, places: Places) -> None:
    """Draw how the answer came about, folded away: what was thought, and what was called."""
    if record.picked.reasoning or record.rounds:
        with places.thinking.container():
            draw_thinking(CallsSoFar(record.rounds), record.picked.reasoning)


def as_choice(record: ReplyRecord, at: int) -> ReplyRecord:
    """One of several answers, as if it were the only one."""
    alone = replace(record, picked_choice=at)
    return replace(alone, end=end_of_choice(alone.picked, record.end))


def blocks_of(record: ReplyRecord) -> tuple[str, ...]:
    """The blocks in which the text is drawn, as a follower has drawn it too."""
    text = record.picked.text or record.picked.refusal
    return _cut_small(text) if len(text) < _KEPT_CHARACTERS else _cut(text)


def _cut(text: str) -> tuple[str, ...]:
    blocks = cut(fit_for_page(text), shortest=SHORTEST_BLOCK)
    return link_blocks(blocks, most_bytes=_MOST_TIMES * len(text.encode()))


_cut_small = lru_cache(maxsize=1024)(_cut)  # a conversation is drawn again with every click

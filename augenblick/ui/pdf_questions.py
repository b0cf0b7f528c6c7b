"""Questions with a PDF of several pages: each waits until its pages are chosen."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from augenblick.errors import TooManyUnchosen
from augenblick.ui.drafts import keep_as_drafts
from augenblick.ui.pdf_pages import WaitingQuestion, draw_page_choice
from augenblick.ui.resources import Services
from augenblick.ui.state import Tab, tab
from augenblick.ui.submission import Question

_MOST_WAITING = 10  # in one tab, each in a conversation of its own


def draw_waiting(parts: Services) -> None:
    """Draw the question that waits for the pages of a PDF, if one does in this conversation."""
    memory = tab()
    waiting = memory.waits_here
    if waiting is None:
        return
    with st.chat_message("user", avatar=":material/person:"):
        draw_page_choice(
            waiting,
            parts.pictures,
            room=parts.pictures.limits.max_count - _others(waiting.question, memory),
            go_on=_go_on,
            give_up=lambda given_up: _give_up(given_up, parts),
        )


def _others(question: Question, memory: Tab) -> int:
    """How many pictures go with a question besides its files."""
    return len(question.revision.pictures if question.revision else memory.drafts)


def have_wait(waiting: WaitingQuestion, memory: Tab) -> bool:
    """Keep a question until its pages are chosen; False where too many wait already.

    The same once more is a second click.
    """
    if any(waiting.question.likeness == other.question.likeness for other in memory.waiting):
        return True
    if len(memory.waiting) >= _MOST_WAITING:
        return False
    memory.waiting.append(waiting)
    return True


def refuse_to_wait(waiting: WaitingQuestion, memory: Tab, parts: Services) -> None:
    """Put a question back that can't wait, and say why."""
    _put_back(waiting, memory, parts)
    memory.failure = TooManyUnchosen(limit=_MOST_WAITING).failure


def _go_on(waiting: WaitingQuestion) -> None:
    """Have a question asked with the pages that were chosen for it."""
    memory = tab()
    memory.waiting.remove(waiting)
    question = replace(waiting.question, uploads=waiting.uploads, was_typed=False)
    memory.asked.append(question)


def _give_up(waiting: WaitingQuestion, parts: Services) -> None:
    """Put a question back into the input, and its other pictures beside it."""
    memory = tab()
    memory.waiting.remove(waiting)
    _put_back(waiting, memory, parts)


def _put_back(waiting: WaitingQuestion, memory: Tab, parts: Services) -> None:
    keep_as_drafts(waiting.others, memory, parts)
    memory.give_back_asked(waiting.question.text, waiting.question.revision)

"""Titles of conversations."""

from __future__ import annotations

from augenblick.core.messages import Message

TITLE_LENGTH = 60
MAX_TITLE_LENGTH = 200


def title_of(message: Message) -> str:
    """The first line of a question, cut on a word border to 60 characters; "" without words."""
    lines = (" ".join(line.split()) for line in message.text.splitlines())
    line = next((line for line in lines if line), "")
    if len(line) <= TITLE_LENGTH:
        return line
    head, space, _ = line[:TITLE_LENGTH].rpartition(" ")
    return (head if space else line[: TITLE_LENGTH - 1]) + "…"


def fit_title(title: str) -> str:
    """A title on one line, cut to 200 characters."""
    return " ".join(title.split())[:MAX_TITLE_LENGTH].rstrip()

"""What can be done with a message of the tree, and the way between its alternatives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import streamlit as st

from augenblick.conversations import Node
from augenblick.ui import words
from augenblick.ui.receipt import Sending

_STEPS = {
    "previous": ("answer.previous", ":material/chevron_left:"),
    "next": ("answer.next", ":material/chevron_right:"),
}


SendResults = Callable[[str, Mapping[str, str]], None]
"""Gets an answer's id and the results of calls that it waits for, by the call's id."""


@dataclass(frozen=True, slots=True)
class Actions:
    """What the buttons below a message do; each gets the message's id. And what a receipt says."""

    ask_again: Callable[[str], None]
    go_on: Callable[[str], None]
    show: Callable[[str], None]
    edit: Callable[[str], None]
    delete: Callable[[str], None]
    pick: Callable[[str, int], None]  # of several answers, by its number from 0
    send_results: SendResults
    sending: Callable[[Node], Sending]  # of a question: how its pictures were sent
    xray: Callable[[str], None] | None = None  # for experts


def draw_alternatives(
    node: Node, siblings: tuple[Node, ...], show: Callable[[str], None], *, label: str
) -> None:
    """Draw the way to the neighbours of a message, where it has some.

    `label` is the key of the text that says which of how many this is.
    """
    if len(siblings) < 2:  # noqa: PLR2004 - one is no choice
        return
    at = siblings.index(node)
    with st.container(horizontal=True, vertical_alignment="center", gap=None, width="content"):
        _draw_step(node, siblings, at - 1, show, name="previous")
        st.caption(words.say(label, number=at + 1, count=len(siblings)), width="content")
        _draw_step(node, siblings, at + 1, show, name="next")


def _draw_step(
    node: Node, siblings: tuple[Node, ...], to: int, show: Callable[[str], None], *, name: str
) -> None:
    st.button(
        words.say(_STEPS[name][0]),
        key=f"{name}_{node.id}",
        type="tertiary",
        icon=_STEPS[name][1],
        disabled=not 0 <= to < len(siblings),
        on_click=show,
        args=(siblings[max(0, min(to, len(siblings) - 1))].id,),
    )

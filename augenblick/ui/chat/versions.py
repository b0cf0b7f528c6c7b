"""What can be done with a message of the tree, and the way between its alternatives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import streamlit as st

from augenblick.chat.sight import Sight
from augenblick.core.conversations import Node, ReplyRecord
from augenblick.core.messages import Attachment
from augenblick.ui import i18n
from augenblick.ui.chat.model_choice import ModelChoice
from augenblick.ui.pictures.provenance import Sending

_NAME_CHARACTERS = 40  # of a question, in the names of buttons
_STEPS = {
    "previous": ("answer.previous", ":material/chevron_left:"),
    "next": ("answer.next", ":material/chevron_right:"),
}


SendResults = Callable[[str, Mapping[str, str]], None]
"""Gets an answer's id and the results of calls that it waits for, by the call's id."""


@dataclass(frozen=True, slots=True)
class TextInstead:
    """The way to ask a question anew with the text of its pictures in their place.

    `party` gets the pictures and reads them; it is empty for the built-in reader. `send` gives back
    the key of the reason why the question was not asked, empty where it was. Raises ProviderError,
    StoreError.
    """

    party: str
    send: Callable[[Node], str]


@dataclass(frozen=True, slots=True)
class Actions:
    """What the buttons below a message do; each gets the message's id. And what a receipt says."""

    conversation_id: str
    ask_again: Callable[[str, ModelChoice | None], None]  # None is who is chosen now
    others: Callable[[ReplyRecord], list[ModelChoice]]  # who else could be asked
    sharper: Callable[[Node], Callable[[], None] | None]  # of a question, where that can be
    go_on: Callable[[str], None]
    show: Callable[[str], None]
    edit: Callable[[str], None]
    delete: Callable[[str], None]
    pick: Callable[[str, int], None]  # of several answers, by its number from 0
    send_results: SendResults
    pictures_for: Callable[[Node], tuple[Attachment, ...]]  # those that a question is about
    is_checked: bool  # whether answers are looked up in the pictures of the conversation
    sight: Callable[[ReplyRecord], Sight]  # of the model that answered
    look_again: Callable[[ReplyRecord], None]  # whether it sees a test picture
    text_instead: Callable[[ReplyRecord], TextInstead | None]  # for the model that answered
    sending: Callable[[Node], Sending]  # of a question: how its pictures were sent
    xray: Callable[[str], None] | None = None  # for experts


def named(question: str) -> str:
    """The beginning of a question, for names of buttons; of one without words what it is."""
    words = " ".join(question.split()) or i18n.t("sidebar.untitled")
    return words if len(words) <= _NAME_CHARACTERS else f"{words[:_NAME_CHARACTERS].rstrip()} …"


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
        _draw_step(node, siblings, at - 1, show, name="previous", label=label)
        st.caption(i18n.t(label, number=at + 1, count=len(siblings)), width="content")
        _draw_step(node, siblings, at + 1, show, name="next", label=label)


def _draw_step(
    node: Node,
    siblings: tuple[Node, ...],
    to: int,
    show: Callable[[str], None],
    *,
    name: str,
    label: str,
) -> None:
    count = len(siblings)
    target = max(0, min(to, count - 1))
    st.button(
        f"{i18n.t(_STEPS[name][0])}: {i18n.t(label, number=target + 1, count=count)}",
        key=f"{name}_{node.id}",
        type="tertiary",
        icon=_STEPS[name][1],
        disabled=to != target,
        on_click=show,
        args=(siblings[target].id,),
    )

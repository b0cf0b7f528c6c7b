"""What a tab remembers between two runs of the script, and what stands in its address.

Streamlit stops a script at any `st.*` call or session_state access, so everything that must
survive an interruption sits in one plain object, `Tab`, whose fields can be set without either.
"""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import NoReturn

import streamlit as st

from augenblick.errors import Failure
from augenblick.messages import PreparedPicture
from augenblick.ui.submission import Likeness, Question, Submission

CONVERSATION_PARAM = "c"
COMPOSER_KEY = "composer"
_COME_BACK_SECONDS = 1.0
_LOOK_SECONDS = 0.1


@dataclass(slots=True)
class Tab:
    """One browser tab."""

    conversation_id: str | None = None
    submission: Submission | None = None  # a question on its way to the store
    left: list[Submission] = field(default_factory=list)  # on their way when the page was left
    drafts: list[PreparedPicture] = field(default_factory=list)  # from the camera, not yet sent
    restored_text: str = ""  # a question that could not be saved goes back to the input
    restored_at: float | None = None  # when that was drawn, on the monotonic clock
    asked: list[Question] = field(default_factory=list)  # submitted, not yet on their way
    newest: Likeness | None = None  # of the question that was sent off last
    refused: tuple[Failure, ...] = ()  # pictures of the last question that could not be used
    failure: Failure | None = None  # why the last act did not work
    camera_round: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)  # for `asked`

    def give_back(self, text: str) -> None:
        """Have words put into the input, after those that have not arrived there yet."""
        self.restored_text = "\n".join(filter(None, (self.restored_text, text)))
        self.restored_at = None

    @property
    def is_asking(self) -> bool:
        """Whether a question is on its way that the input itself knows nothing of."""
        return self.submission is not None or any(not asked.was_typed for asked in self.asked)


def tab() -> Tab:
    """Return this tab's memory."""
    if "tab" not in st.session_state:
        st.session_state["tab"] = Tab()
    memory = st.session_state["tab"]
    assert isinstance(memory, Tab)  # noqa: S101 - tells the type checker what we put there
    return memory


def follow_address() -> None:
    """Bring tab and address together: an address with a conversation wins over what was open."""
    memory = tab()
    in_address = st.query_params.get(CONVERSATION_PARAM)
    shown = st.session_state.get("shown_conversation")
    if in_address and in_address != shown:
        memory.conversation_id = in_address
    show_in_address(memory.conversation_id)


def show_in_address(conversation_id: str | None) -> None:
    """Write the open conversation into the address, so that a reload or another device finds it."""
    st.session_state["shown_conversation"] = conversation_id
    if conversation_id is None:
        st.query_params.pop(CONVERSATION_PARAM, None)
    elif st.query_params.get(CONVERSATION_PARAM) != conversation_id:
        st.query_params[CONVERSATION_PARAM] = conversation_id


def open_conversation(conversation_id: str | None) -> None:
    """Open a conversation, or an empty page; for callbacks of buttons."""
    memory = tab()
    if memory.submission is not None:  # it goes on, and comes back if it can't be saved
        memory.left.append(memory.submission)
    memory.conversation_id = conversation_id
    memory.submission = None
    memory.refused = ()
    memory.failure = None
    show_in_address(conversation_id)


def new_submission_id() -> str:
    """Make the id that lets a question be saved once however often it is submitted."""
    return secrets.token_urlsafe(12)


def end_run_if_unwanted() -> None:
    """Let Streamlit end this run when another is waiting; for loops that draw nothing for a while.

    Streamlit looks for that whenever the session's state is read.
    """
    _ = "tab" in st.session_state


def come_back_soon() -> NoReturn:
    """End this run and have another in a moment, unless the person does something before."""
    for _ in range(round(_COME_BACK_SECONDS / _LOOK_SECONDS)):
        time.sleep(_LOOK_SECONDS)
        end_run_if_unwanted()
    st.rerun()

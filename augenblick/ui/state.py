"""What a tab remembers between two runs of the script, and what stands in its address.

Streamlit stops a script at any `st.*` call or session_state access, so everything that must
survive an interruption sits in one plain object, `Tab`, whose fields can be set without either.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NoReturn

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from augenblick.budget import Budget
from augenblick.errors import AugenblickError, Failure
from augenblick.images import PictureSource
from augenblick.messages import PreparedPicture
from augenblick.settings import RequestSettings
from augenblick.ui import words
from augenblick.ui.experts.format_draft import FormatDraft
from augenblick.ui.experts.memory import PanelMemory
from augenblick.ui.holding import (
    HOLDINGS,
    of_pdfs,
    of_pictures,
    of_sources,
    of_submission,
)
from augenblick.ui.import_job import ImportJob
from augenblick.ui.pdf_pages import OpenPdf, WaitingQuestion
from augenblick.ui.picture_choice import PictureChoice
from augenblick.ui.runs import budget_of_runs
from augenblick.ui.submission import Likeness, Question, Revision, Submission

CONVERSATION_PARAM = "c"
COMPOSER_KEY = "composer"
LISTED_AT_FIRST = 30
_LOOKED_KEY = "has_looked_at_address"
_COME_BACK_SECONDS = 1.0
_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Deleted:
    """Conversations that were deleted together a moment ago and can be had back."""

    conversation_ids: tuple[str, ...]
    title: str  # of the first
    at: float  # on the monotonic clock
    was_open: str | None = None  # the one the page showed, and shows again


def _new_own_id() -> str:
    return f"tab-{secrets.token_urlsafe(16)}"


@dataclass(frozen=True, slots=True)
class Editing:
    """An earlier question that is open for a change, with what it begins with.

    `key` begins the keys of its widgets; another one is another beginning.
    """

    question_id: str
    text: str
    left_out: frozenset[int] = frozenset()  # positions of pictures among the message's parts
    is_empty: bool = False  # it was tried to send nothing at all
    key: str = field(default_factory=lambda: f"edit_{secrets.token_hex(4)}")


@dataclass(slots=True, weakref_slot=True)
class Tab:
    """One browser tab."""

    conversation_id: str | None = None
    submission: Submission | None = None  # a question on its way to the store
    left: list[Submission] = field(default_factory=list)  # on their way when the page was left
    drafts: list[PreparedPicture] = field(default_factory=list)  # from the camera, not yet sent
    restored_text: str = ""  # a question that could not be saved goes back to the input
    begun_id: str = ""  # the open conversation, if its first question was asked here and now
    restored_at: float | None = None  # when that was drawn, on the monotonic clock
    asked: list[Question] = field(default_factory=list)  # submitted, not yet on their way
    took_question: bool = False  # before this run: none has drawn the input since
    newest: Likeness | None = None  # of the question that was sent off last
    refused: tuple[Failure, ...] = ()  # pictures of the last question that could not be used
    failure: Failure | None = None  # why the last act did not work
    camera_round: int = 0
    earlier_shown: int = 0  # how many more messages than usual are drawn
    was_writing: bool = False  # whether an answer has been seen being written
    said: str = ""  # to screen readers, last
    said_count: int = 0
    own_id: str = field(default_factory=_new_own_id)  # who asks, where the browser has no cookie
    session_id: str = ""  # Streamlit's name for this tab
    person: str = ""  # who asks, as the composer was drawn for last
    deleted: Deleted | None = None  # just now; one click brings it back
    listed: int = LISTED_AT_FIRST  # how much of the list of conversations is shown
    is_picking: bool = False  # whether several of them are being chosen
    goes_to_chat: bool = False  # what was opened on another page is to be seen there
    picture_choice: PictureChoice = field(default_factory=PictureChoice)  # for all of this tab
    waiting: list[WaitingQuestion] = field(default_factory=list)  # for the pages of a PDF
    is_dialog_open: bool = False  # the one of the pictures
    dialog_round: int = 0
    dialog_refused: tuple[Failure, ...] = ()
    pdfs: list[OpenPdf] = field(default_factory=list)  # of the dialog
    to_prepare: list[PictureSource] = field(default_factory=list)  # in the dialog
    editing: Editing | None = None
    deleting: str | None = None  # the message whose deletion is to be confirmed
    menu_choice: str = ""  # of the conversation's menu, whose dialog is to be opened
    is_temporary: bool = False  # whether the next new conversation is to be kept nowhere
    import_job: ImportJob | None = None  # the file with conversations that came in last
    import_round: int = 0
    is_import_new: bool = False  # nothing that counts conversations knows of it yet
    text_shown: dict[str, int] = field(default_factory=dict)  # by question, of a long one
    answers_shown: dict[str, int] = field(default_factory=dict)  # by reply, of several
    is_expert: bool = False  # whether `settings` are used and what they need is drawn
    settings: RequestSettings = field(default_factory=lambda: RequestSettings(""))
    xray: str = ""  # the answer whose X-ray is open
    expectation: object = None  # what the next request will take, and what that was made of
    panel: PanelMemory = field(default_factory=PanelMemory)  # where `settings` are chosen
    answer_format: FormatDraft = field(default_factory=FormatDraft)
    unsent_of: str = ""  # the conversation whose unsent words the browser was last told to keep
    unsent_count: int = 0
    is_at_input: bool = False  # whether the page with the input was drawn last
    known_uploads: set[str] = field(default_factory=set)  # those that the input has nothing of
    forgets_unsent: bool = False  # whether the browser is to forget what was typed and not sent
    runs: Budget = field(default_factory=budget_of_runs)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)  # for `asked`

    def held(self) -> Iterable[bytes]:
        """Every file that is kept here. Lists are copied, for other threads may change them."""
        yield from of_pictures(list(self.drafts))
        yield from of_sources(list(self.to_prepare))
        yield from of_pdfs(list(self.pdfs))
        for question in list(self.asked):
            yield from of_sources(question.uploads)
        for waiting in list(self.waiting):
            yield from of_sources(waiting.question.uploads)
            yield from of_pdfs(list(waiting.pdfs.values()))
        for submission in [self.submission, *list(self.left)]:
            if submission is not None:
                yield from of_submission(submission)
        if self.import_job is not None:
            yield self.import_job.content

    def let_go(self) -> None:
        """Keep none of the files that wait for the person; what is on its way goes on."""
        with self.lock:
            self.asked, self.waiting = [], []
        self.drafts, self.to_prepare, self.pdfs = [], [], []

    def give_back(self, text: str) -> None:
        """Have words put into the input, after those that have not arrived there yet."""
        self.restored_text = "\n".join(filter(None, (self.restored_text, text)))
        self.restored_at = None

    def give_back_asked(self, text: str, revision: Revision | None) -> None:
        """Have the words of a question put back to where they were written."""
        if revision is None:
            self.give_back(text)
        else:
            self.editing = Editing(revision.question_id, text, revision.left_out)

    @property
    def waits_here(self) -> WaitingQuestion | None:
        """The question of the open conversation that waits for the pages of a PDF."""
        here = (each for each in self.waiting if each.conversation_id == self.conversation_id)
        return next(here, None)

    @property
    def is_asking(self) -> bool:
        """Whether a question is on its way that the input itself knows nothing of."""
        return self.submission is not None or any(not asked.was_typed for asked in self.asked)


def tab() -> Tab:
    """Return this tab's memory."""
    if "tab" not in st.session_state:
        st.session_state["tab"] = _watched(Tab(session_id=_session_id()))
    memory = st.session_state["tab"]
    assert isinstance(memory, Tab)  # noqa: S101 - tells the type checker what we put there
    return memory


def _watched(memory: Tab) -> Tab:
    HOLDINGS.watch(memory)
    return memory


def _session_id() -> str:
    context = get_script_run_ctx()
    return context.session_id if context is not None else ""


def follow_address() -> None:
    """Open what the address names, where the person went there, and write down what is open.

    That is the first look of a visit, and the browser's own back and forward. Any other run may
    have begun before the address was brought up to date.
    """
    memory = tab()
    in_address = st.query_params.get(CONVERSATION_PARAM)
    is_first_look = _LOOKED_KEY not in st.session_state
    has_gone_there = is_first_look or words.has_gone_back()
    if has_gone_there and in_address != memory.conversation_id:
        open_conversation(in_address)
    show_in_address(memory.conversation_id)


def show_in_address(conversation_id: str | None) -> None:
    """Write the open conversation into the address, so that a reload or another device finds it."""
    st.session_state[_LOOKED_KEY] = True
    if conversation_id is None:
        st.query_params.pop(CONVERSATION_PARAM, None)
    elif st.query_params.get(CONVERSATION_PARAM) != conversation_id:
        st.query_params[CONVERSATION_PARAM] = conversation_id


def address() -> dict[str, str]:
    """Return the query of the chat page's address for what is open."""
    conversation_id = tab().conversation_id
    return {CONVERSATION_PARAM: conversation_id} if conversation_id else {}


def open_conversation(conversation_id: str | None) -> None:
    """Open a conversation, or an empty page; for callbacks of buttons."""
    memory = tab()
    if memory.submission is not None:  # it goes on, and comes back if it can't be saved
        memory.left.append(memory.submission)
    memory.conversation_id = conversation_id
    memory.begun_id = ""
    memory.earlier_shown = 0
    memory.submission = None
    memory.refused = ()
    memory.failure = None
    memory.deleted = None
    memory.editing = None
    memory.deleting = None
    memory.menu_choice = ""
    memory.xray = ""
    memory.is_temporary = False
    show_in_address(conversation_id)


def forget_everything() -> None:
    """Let go of all that was open, written or chosen here, once it is deleted for good."""
    old = tab()
    new = Tab(own_id=old.own_id, session_id=old.session_id, forgets_unsent=True)
    st.session_state["tab"] = _watched(new)
    show_in_address(None)


@contextmanager
def said_on_the_page() -> Iterator[None]:
    """Turn an error of a button's act into a notice on the page; for callbacks."""
    memory = tab()
    memory.failure = None
    try:
        yield
    except AugenblickError as error:
        memory.failure = error.failure


def new_submission_id() -> str:
    """Make the id that lets a question be saved once however often it is submitted."""
    return secrets.token_urlsafe(12)


def end_run_if_unwanted() -> None:
    """Let Streamlit end this run when another is waiting; for loops that draw nothing for a while.

    Streamlit looks for that whenever the session's state is read.
    """
    _ = "tab" in st.session_state


def keep_pace() -> None:
    """Wait where this tab has the script run more often than a person can want."""
    time.sleep(tab().runs.take(now=time.monotonic()))


def come_back_soon() -> NoReturn:
    """End this run and have another in a moment, unless the person does something before."""
    for _ in range(round(_COME_BACK_SECONDS / _LOOK_SECONDS)):
        time.sleep(_LOOK_SECONDS)
        end_run_if_unwanted()
    st.rerun()

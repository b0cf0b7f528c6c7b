"""What a tab remembers between two runs of the script, and what stands in its address.

Streamlit stops a script at any `st.*` call or session_state access, so everything that must
survive an interruption sits in one plain object, `Tab`, whose fields can be set without either.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, NoReturn

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from augenblick.chat.live import LiveReply, StoredReply
from augenblick.core.errors import AugenblickError, Failure
from augenblick.core.language import DEFAULT_LANGUAGE, Language, language
from augenblick.core.settings import RequestSettings
from augenblick.core.token_bucket import TokenBucket
from augenblick.pictures import PictureLimits
from augenblick.pictures.tray import Tray
from augenblick.store.store_values import DeletedMessage
from augenblick.ui import i18n
from augenblick.ui.chat.question_draft import Likeness, Question, Revision
from augenblick.ui.chat.submit import Submission
from augenblick.ui.experts.expert_state import PanelMemory
from augenblick.ui.experts.format_draft import FormatDraft
from augenblick.ui.history.import_job import ImportJob
from augenblick.ui.pictures.pdf_pages import OpenPdf
from augenblick.ui.pictures.picture_choice import PictureChoice
from augenblick.ui.rerun_limit import rerun_bucket
from augenblick.ui.upload_accounting import (
    UPLOAD_MEMORY,
    of_pictures,
    of_sources,
    of_submission,
)
from augenblick.web.tray_tabs import PhoneCamera

CONVERSATION_PARAM = "c"
LISTED_AT_FIRST = 30
EARLIER_AT_FIRST = 24
_LOOKED_KEY = "has_looked_at_address"
_COME_BACK_SECONDS = 1.0
_LOOK_SECONDS = 0.1
_MOST_SENT = 50  # questions of a tab whose fate its page can still ask for


@dataclass(frozen=True, slots=True)
class Deleted:
    """What was deleted a moment ago and can be had back: conversations, or a message."""

    said: str  # the key of the sentence that says so
    count: int  # in that sentence
    title: str  # of the first conversation
    conversation_ids: tuple[str, ...]
    at: float  # on the monotonic clock
    was_open: str | None = None  # the one the page showed, and shows again
    message: DeletedMessage | None = None


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


@dataclass(frozen=True, slots=True)
class GivenBack:
    """Words of a question that was not asked. `id` is that of the question as the page knows it."""

    id: str
    text: str


@dataclass(slots=True)
class SentQuestions:
    """What became of the questions that a page sent, by the ids it gave them."""

    taken: deque[str] = field(default_factory=lambda: deque(maxlen=_MOST_SENT))
    stored: deque[str] = field(default_factory=lambda: deque(maxlen=_MOST_SENT))
    given_back: deque[GivenBack] = field(default_factory=lambda: deque(maxlen=_MOST_SENT))


def _new_tray() -> Tray:
    return Tray(max_count=PictureLimits().max_count)


@dataclass(slots=True, weakref_slot=True)
class Tab:
    """One browser tab."""

    opened_at: float = field(default_factory=time.monotonic)
    conversation_id: str | None = None
    submission: Submission | None = None  # a question on its way to the store
    left: list[Submission] = field(default_factory=list)  # on their way when the page was left
    live: LiveReply | StoredReply | None = None  # the answer that is being written here
    tray: Tray = field(default_factory=_new_tray)  # pictures that wait for their question
    phone: PhoneCamera | None = None  # that may send photos to the tray
    sent: SentQuestions = field(default_factory=SentQuestions)
    begun_id: str = ""  # the open conversation, if its first question was asked here and now
    asked: list[Question] = field(default_factory=list)  # submitted, not yet on their way
    newest: Likeness | None = None  # of the question that was sent off last
    refused: tuple[Failure, ...] = ()  # pictures of the last question that could not be used
    failure: Failure | None = None  # why the last act did not work
    camera_round: int = 0
    earlier_portion: int = 0  # which of the earlier messages are drawn, counted from the newest
    drawn_data: dict[str, Mapping[str, object]] = field(default_factory=dict)  # of components
    busy_count: int = 0  # how often the composer was drawn while an answer came
    was_writing: bool = False  # whether an answer has been seen being written
    own_id: str = field(default_factory=_new_own_id)  # who asks, where the browser has no cookie
    session_id: str = ""  # Streamlit's name for this tab
    person: str = ""  # who asks, as the composer was drawn for last
    browser: str = ""  # the cookie it was drawn for; empty where the browser keeps none
    language: Language = field(default_factory=lambda: language(DEFAULT_LANGUAGE))
    deleted: Deleted | None = None  # just now; one click brings it back
    listed: int = LISTED_AT_FIRST  # how much of the list of conversations is shown
    is_picking: bool = False  # whether several of them are being chosen
    goes_to: str = ""  # the page on which what was opened or searched for is to be seen
    picture_choice: PictureChoice = field(default_factory=PictureChoice)  # for all of this tab
    dialog: Literal["", "camera", "phone", "earlier", "options", "pages"] = ""  # which is open
    open_pdf: OpenPdf | None = None  # whose pages are being chosen
    earlier_shown: int = EARLIER_AT_FIRST  # how many earlier pictures there are to choose from
    editing: Editing | None = None
    menu_choice: str = ""  # of the conversation's menu, whose dialog is to be opened
    is_temporary: bool = False  # whether the next new conversation is to be kept nowhere
    import_job: ImportJob | None = None  # the file with conversations that came in last
    import_round: int = 0
    is_import_new: bool = False  # nothing that counts conversations knows of it yet
    text_shown: dict[str, int] = field(default_factory=dict)  # by question, of a long one
    answers_shown: dict[str, int] = field(default_factory=dict)  # by reply, of several
    is_expert: bool = False  # whether `settings` are used and what they need is drawn
    settings: RequestSettings = field(default_factory=lambda: RequestSettings(""))
    numbers_shown: set[str] = field(default_factory=set)  # answers that say their time
    aloud: str = ""  # where the answer is that was read aloud last
    aloud_count: int = 0
    xray: str = ""  # the answer whose X-ray is open
    expectation: object = None  # what the next request will take, and what that was made of
    panel: PanelMemory = field(default_factory=PanelMemory)  # where `settings` are chosen
    answer_format: FormatDraft = field(default_factory=FormatDraft)
    forgets_unsent: bool = False  # whether the browser is to forget what was typed and not sent
    runs: TokenBucket = field(default_factory=rerun_bucket)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)  # for `asked`

    def held(self) -> Iterable[bytes]:
        """Every file that is kept here. Lists are copied, for other threads may change them."""
        yield from self.tray.held()
        for question in list(self.asked):
            yield from of_sources(question.uploads)
            yield from of_pictures(question.pictures)
        for submission in [self.submission, *list(self.left)]:
            if submission is not None:
                yield from of_submission(submission)
        if self.import_job is not None:
            yield self.import_job.content

    def let_go(self) -> None:
        """Keep none of the files that wait for the person; what is on its way goes on."""
        with self.lock:
            self.asked = []
        self.tray.clear()
        self.phone = None
        self.open_pdf = None

    def give_back(self, text: str, revision: Revision | None, sent_id: str) -> None:
        """Have the words of a question put back to where they were written."""
        if revision is None:
            self.sent.given_back.append(GivenBack(sent_id or new_submission_id(), text))
        else:
            self.editing = Editing(revision.question_id, text, revision.left_out)

    def questions(self) -> Mapping[str, object]:
        """What became of the questions that were sent from here, as JSON."""
        sent = self.sent
        given_back = [{"id": each.id, "text": each.text} for each in list(sent.given_back)]
        return {"taken": list(sent.taken), "stored": list(sent.stored), "givenBack": given_back}

    @property
    def is_dialog_open(self) -> bool:
        """Whether one of the composer's dialogs is open."""
        return bool(self.dialog)

    @property
    def is_asking(self) -> bool:
        """Whether a question is on its way that is not stored yet."""
        return self.submission is not None or bool(self.asked)


def tab() -> Tab:
    """Return this tab's memory."""
    if "tab" not in st.session_state:
        st.session_state["tab"] = _watched(Tab(session_id=_session_id()))
    memory = st.session_state["tab"]
    assert isinstance(memory, Tab)  # noqa: S101 - tells the type checker what we put there
    return memory


def _watched(memory: Tab) -> Tab:
    UPLOAD_MEMORY.watch(memory)
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
    has_gone_there = is_first_look or i18n.has_gone_back()
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
    memory.earlier_portion = 0
    memory.submission = None
    memory.refused = ()
    memory.failure = None
    memory.deleted = None
    memory.editing = None
    memory.menu_choice = ""
    memory.xray = ""
    memory.is_temporary = False
    show_in_address(conversation_id)


def go_to(conversation_id: str | None) -> None:
    """Leave for the chat page and a conversation on it, or an empty one; for callbacks."""
    open_conversation(conversation_id)
    tab().goes_to = "chat"


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

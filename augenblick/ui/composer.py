"""Where a question is put together: text, uploads, camera, samples."""

from __future__ import annotations

import time
from contextlib import nullcontext
from functools import partial
from urllib.parse import urlsplit

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from augenblick.conversations import Conversation
from augenblick.errors import (
    Failure,
    ImageError,
    NoRoom,
    ReplyInProgress,
    SettingsInvalid,
    StoreError,
)
from augenblick.following import LiveReply, StoredReply
from augenblick.images import PictureSource
from augenblick.samples import SAMPLES
from augenblick.settings import RequestSettings
from augenblick.ui import notices, words
from augenblick.ui.choice import ModelChoice
from augenblick.ui.drafts import draw_drafts, keep_as_drafts
from augenblick.ui.experts.chosen import sendable_settings
from augenblick.ui.holding import HOLDINGS, take_in
from augenblick.ui.pdf_pages import WaitingQuestion, open_pdfs
from augenblick.ui.pdf_questions import have_wait, refuse_to_wait
from augenblick.ui.picture_choice import PictureChoice
from augenblick.ui.picture_dialog import open_dialog, prepare_files
from augenblick.ui.resources import Services, services
from augenblick.ui.state import COMPOSER_KEY, Tab, new_submission_id, tab
from augenblick.ui.submission import Draft, Question, Submission
from augenblick.web.limits import INPUT_FILE_MEGABYTES

_ARRIVES_SECONDS = 0.5  # after which what was drawn has been sent
_CARD_WIDTH_PX = 220  # three side by side on a desk; a phone scrolls sideways


def draw_composer(*, is_busy: bool, is_start: bool, model: str) -> DeltaGenerator:
    """Draw the input at the foot of the page; returns the place for a stop button.

    `model` is who will be asked.
    """
    memory = tab()
    memory.person = services().owner()
    restored = _words_to_restore(memory)
    if restored:
        st.session_state[COMPOSER_KEY] = restored
    with st.bottom:
        above_input = st.empty()  # always there, so that what stands below keeps its place
    if not memory.asked:
        with above_input.container():
            if memory.to_prepare and not memory.is_dialog_open:  # closed too early
                prepare_files(memory, services())
            draw_drafts(memory)
    with st.bottom if is_start else nullcontext():
        # outside of st.bottom the page scrolls along with the answer; the start page shall not
        submitted = st.chat_input(
            words.say("pdf.placeholder" if memory.waits_here else "chat.placeholder"),
            key=COMPOSER_KEY,
            accept_file="multiple",
            max_upload_size=INPUT_FILE_MEGABYTES,
            submit_mode="disable",
            disabled=is_busy or memory.waits_here is not None,
            on_submit=_take_question_before_run,
        )
    is_taken, memory.took_question = memory.took_question, False
    if submitted is not None and not is_taken:  # the server was started anew since it was drawn
        _take_question()
    if restored and memory.restored_at is None:
        memory.restored_at = time.monotonic()
    with (
        st.bottom,
        st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
        ),
    ):
        with st.container(horizontal=True, width="content"):
            _draw_ways_in()
        stop_place = st.empty()
    if memory.is_dialog_open:
        open_dialog(model)
    return stop_place


def _draw_ways_in() -> None:
    """Draw the buttons for other ways to add pictures than the input's own."""
    if st.button(
        words.say("camera.button"),
        key="camera_open",
        type="tertiary",
        icon=":material/photo_camera:",
        help=words.say("camera.help"),
    ):
        _open_camera()
    is_usual = tab().picture_choice == PictureChoice()
    st.button(
        words.say("pictures.button" if is_usual else "pictures.button_changed"),
        key="pictures_open",
        type="tertiary",
        icon=":material/tune:",
        help=words.say("pictures.help"),
        on_click=_open_pictures,
    )


def _open_pictures() -> None:
    tab().is_dialog_open = True


def _words_to_restore(memory: Tab) -> str:
    """What is to be put into the input; again and again until it has surely arrived.

    Streamlit throws away what an interrupted run has drawn but not yet sent.
    """
    if memory.restored_at is not None and time.monotonic() - memory.restored_at > _ARRIVES_SECONDS:
        memory.restored_text, memory.restored_at = "", None
    return memory.restored_text


def _take_question_before_run() -> None:
    """Take over what was submitted before the script runs, so that no later run can cut it off."""
    tab().took_question = True
    _take_question()


def _take_question() -> None:
    memory = tab()
    submitted = st.session_state[COMPOSER_KEY]  # from here on nothing may end this run
    files = tuple(PictureSource(file.name, file.getvalue()) for file in submitted.files)
    if not submitted.text.strip() and not files and not memory.drafts:
        return
    if submitted.text == memory.restored_text:
        memory.restored_text, memory.restored_at = "", None
    question = Question(new_submission_id(), submitted.text, files)
    try:
        take_in(memory, files, partial(memory.asked.append, question))
    except NoRoom as error:
        memory.give_back(question.text)
        memory.failure = error.failure


def draw_stop(place: DeltaGenerator, live: LiveReply | StoredReply) -> None:
    """Draw the button that ends the answer being written here; what came is kept."""
    place.button(
        words.say("chat.stop"),
        key=f"stop_{live.reply_id}",
        icon=":material/stop_circle:",
        on_click=_stop,
        args=(live,),
    )


def _stop(live: LiveReply | StoredReply) -> None:
    try:
        live.stop()
    except StoreError as error:  # another process writes it, and can't be told now
        tab().failure = error.failure


def draw_welcome() -> None:
    """Draw the empty page: what to do here, and the samples with a question each."""
    st.title(words.say("chat.welcome"), anchor=False)
    st.markdown(words.say("chat.welcome_more"))
    cards = st.container(horizontal=True, wrap=False, gap="small")
    for sample in SAMPLES:
        with cards.container(border=True, width=_CARD_WIDTH_PX, height="stretch"):
            st.image(str(sample.card_path), alt=words.say(sample.title_key), width="stretch")
            st.space("stretch")
            st.button(
                words.say(sample.question_key),
                key=f"sample_{sample.name}",
                width="stretch",
                wrap=True,
                on_click=_click_sample,
                args=(sample.name,),
            )


def _click_sample(name: str) -> None:
    memory = tab()
    sample = next(sample for sample in SAMPLES if sample.name == name)
    upload = PictureSource(sample.path.name, sample.path.read_bytes())
    question = words.say(sample.question_key)
    memory.asked.append(Question(new_submission_id(), question, (upload,), was_typed=False))


def submit(*, conversation: Conversation | None, choice: ModelChoice, parts: Services) -> bool:
    """Send off what this tab was asked; returns whether the input is to be drawn anew.

    While one question is on its way or being answered, another goes back to the person with the
    reason; the same once more is a second click and nothing happens. So does one for which a
    setting stands in the panel that can't be sent. One with a PDF of several pages waits until
    they are chosen.
    """
    memory = tab()
    if not memory.asked:
        return False
    try:
        settings = sendable_settings(choice.model)
    except SettingsInvalid as error:
        give_back_asked(error.failure, parts)
        return True
    return _submit_each(conversation, choice, parts, settings)


def _submit_each(
    conversation: Conversation | None,
    choice: ModelChoice,
    parts: Services,
    settings: RequestSettings,
) -> bool:
    memory = tab()
    is_answering = conversation is not None and conversation.live_node is not None
    given_back: list[Question] = []
    refused: list[WaitingQuestion] = []
    is_changed = False
    for question in list(memory.asked):
        draft = _draft(question, memory, conversation, choice, parts, settings=settings)
        pdfs = open_pdfs(draft.uploads, parts.pictures, key=f"pdf_{question.submission_id}")
        with memory.lock:
            if question not in memory.asked or draft.conversation_id != memory.conversation_id:
                continue  # another run of this tab was here first
            if pdfs:
                is_changed = True
                waiting = WaitingQuestion(question, draft.conversation_id, pdfs)
                if not have_wait(waiting, memory):
                    refused.append(waiting)
            elif memory.submission is None and not is_answering:
                _send_off(question, draft, memory, parts)
            elif question.likeness != memory.newest:
                given_back.append(question)
            memory.asked.remove(question)
    for question in given_back:
        _give_back(question, ReplyInProgress().failure, memory, parts)
    for waiting in refused:
        refuse_to_wait(waiting, memory, parts)
    return is_changed or bool(given_back)


def give_back_asked(failure: Failure, parts: Services) -> None:
    """Give back whatever this tab was asked, because nothing can be sent off."""
    memory = tab()
    with memory.lock:
        asked, memory.asked = memory.asked, []
    for question in asked:
        _give_back(question, failure, memory, parts)


def _draft(
    question: Question,
    memory: Tab,
    conversation: Conversation | None,
    choice: ModelChoice,
    parts: Services,
    *,
    settings: RequestSettings,
) -> Draft:
    revision = question.revision
    leaf_id = conversation.leaf_id if conversation else None
    drafts = () if revision else tuple(memory.drafts)
    count = len(question.uploads) + len(revision.pictures if revision else drafts)
    return Draft(
        submission_id=question.submission_id,
        owner=parts.owner(),
        conversation_id=conversation.id if conversation else None,
        parent_id=revision.parent_id if revision else leaf_id,
        text=question.text,
        text_if_empty=words.say("chat.question_if_empty", count=count),
        uploads=memory.picture_choice.of(question.uploads),
        pictures=drafts,
        provider=choice.provider,
        settings=settings,
        detail=memory.picture_choice.detail,
        revision=revision,
        is_temporary=memory.is_temporary,
    )


def _send_off(question: Question, draft: Draft, memory: Tab, parts: Services) -> None:
    """Hand a question to a thread of its own, together with the pictures from the camera."""
    memory.submission = Submission(draft, prepare=parts.prepare, ask=parts.ask).start()
    memory.newest = question.likeness
    memory.drafts = [picture for picture in memory.drafts if picture not in draft.pictures]
    memory.refused = ()
    memory.failure = None


def _give_back(question: Question, failure: Failure, memory: Tab, parts: Services) -> None:
    """Put words and pictures back to where they came from."""
    keep_as_drafts(question.uploads, memory, parts)
    memory.give_back_asked(question.text, question.revision)
    memory.failure = failure


def _open_camera() -> None:
    @st.dialog(words.say("camera.title"))
    def camera() -> None:
        _draw_camera()

    camera()


def _draw_camera() -> None:
    if not _is_camera_allowed():
        st.info(words.say("camera.forbidden"), icon=":material/no_photography:")
        return
    memory = tab()
    photo = st.camera_input(
        words.say("camera.label"),
        key=f"camera_{memory.camera_round}",
        label_visibility="collapsed",
        resolution="1080p",
    )
    if photo is None:
        return
    memory.known_uploads.add(photo.file_id)
    source = PictureSource(words.say("camera.file_name"), photo.getvalue())
    sources = memory.picture_choice.of([source])
    (result,) = services().prepare(sources, already=len(memory.drafts))
    if isinstance(result, ImageError):
        notices.show_refused_pictures((result.failure,))
        return
    try:
        HOLDINGS.take(memory, [result.content], partial(memory.drafts.append, result))
    except NoRoom as error:
        notices.show_failure(error.failure)
        return
    memory.camera_round += 1
    st.rerun()


def _is_camera_allowed() -> bool:
    """Browsers give the camera only to https and to the own machine."""
    forwarded = st.context.headers.get("X-Forwarded-Proto") if st.context.headers else None
    address = urlsplit(st.context.url or "")
    host = address.hostname or ""
    is_own_machine = host in {"localhost", "::1"} or host.startswith("127.")
    return address.scheme == "https" or forwarded == "https" or is_own_machine

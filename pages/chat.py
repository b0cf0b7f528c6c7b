"""Ask about photos, see the answer stream in."""

import streamlit as st

from augenblick.errors import AugenblickError, StoreUnavailable
from augenblick.ui import (
    chat,
    composer,
    context_strip,
    conversation_bar,
    deleting,
    my_data,
    notices,
    pdf_questions,
    state,
    status,
    transcript,
    unsent,
    unsent_files,
)
from augenblick.ui.experts import expectation
from augenblick.ui.resources import services
from augenblick.ui.sidebar import draw_recent, draw_sidebar

memory = state.tab()
state.follow_address()
unsent_files.begin_at_input()
chat.settle_left()
if memory.submission is not None and memory.submission.done.is_set():
    chat.settle_submission(memory.submission)

parts = services()
if not parts.browser():
    memory.is_temporary = True  # nobody could ever find or delete it again
try:
    conversation = chat.load_open_conversation(parts)
    beside = draw_sidebar(parts, conversation)
except StoreUnavailable as error:
    composer.give_back_asked(error.failure, parts)
    raise
except AugenblickError as error:
    notices.show_failure(error.failure)
    st.stop()

live = chat.find_live(parts, conversation)
was_busy = live is not None or memory.is_asking
is_start = conversation is None and memory.submission is None and not memory.asked
context_strip.draw_strip(conversation, parts, model=beside.choice.model)
stop_place = composer.draw_composer(
    is_busy=was_busy, is_start=is_start and not memory.waits_here, model=beside.choice.model
)
expectation.draw_expectation(conversation, parts, beside.choice)
unsent.keep_unsent(conversation)
if is_start:
    conversation_bar.draw_temporary_switch(stop_place)
if composer.submit(conversation=conversation, choice=beside.choice, parts=parts):
    st.rerun()

actions = chat.actions(parts, conversation, beside.choice)
above = st.empty()  # always the first element: the welcome goes the moment a question comes
earlier_place = st.empty()
submission = memory.submission
is_welcome = conversation is None and submission is None and not memory.waits_here
if conversation is not None:
    with above.container():
        conversation_bar.draw_bar(conversation, parts)
    conversation_bar.open_dialog(conversation, parts)
    path = chat.path_to_draw(conversation, submission)
    transcript.draw_finished(
        conversation, path, parts.store, actions, earlier_place=earlier_place, is_busy=was_busy
    )
elif is_welcome:
    deleting.draw_undo(parts)
    with above.container():
        notices.show_troubles(memory.refused, memory.failure)  # where the page begins
        composer.draw_welcome()
        my_data.draw_cookie_notice(parts)

pdf_questions.draw_waiting(parts)
if submission is not None:
    transcript.draw_submission(submission, parts.store, actions)
    if not chat.settle_submission(submission):
        st.rerun()
    is_new = conversation is None
    conversation = chat.load_open_conversation(parts)
    live = chat.find_live(parts, conversation)
    if conversation is None or live is None:  # answered already, before this run could follow
        st.rerun()
    if is_new:
        with above.container():
            conversation_bar.draw_bar(conversation, parts)

draw_recent(beside.recent_place, parts)
if not is_welcome:
    notices.show_troubles(memory.refused, memory.failure)

status_place = status.draw_status(is_writing=live is not None)
if live is not None:
    composer.draw_stop(stop_place, live)
    transcript.draw_live(live)
    status.say_ended(status_place)
    stop_place.empty()
if was_busy or submission is not None:
    st.rerun()  # what stands around the messages knows of the new ones only then

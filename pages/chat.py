"""Ask about photos, see the answer stream in."""

import streamlit as st

from augenblick.errors import AugenblickError, StoreUnavailable
from augenblick.ui import chat, composer, notices, state, transcript
from augenblick.ui.resources import services
from augenblick.ui.sidebar import draw_recent, draw_sidebar

memory = state.tab()
state.follow_address()
chat.settle_left()
if memory.submission is not None and memory.submission.done.is_set():
    chat.settle_submission(memory.submission)

parts = services()
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
stop_place = composer.draw_composer(is_busy=was_busy, is_start=is_start)
if composer.submit(conversation=conversation, choice=beside.choice, parts=parts):
    st.rerun()

actions = chat.actions(parts, conversation, beside.choice)
welcome = st.empty()  # always the first element, so that it goes the moment a question comes
if conversation is not None:
    transcript.draw_finished(conversation, parts.store, actions)
elif memory.submission is None:
    with welcome.container():
        composer.draw_welcome()

submission = memory.submission
if submission is not None:
    transcript.draw_submission(submission, parts.store, drawn=conversation)
    if not chat.settle_submission(submission):
        st.rerun()
    conversation = chat.load_open_conversation(parts)
    live = chat.find_live(parts, conversation)
    if live is None:  # answered already, before this run could follow
        st.rerun()
    actions = chat.actions(parts, conversation, beside.choice)

draw_recent(beside.recent_place, parts)
notices.show_refused_pictures(memory.refused)
if memory.failure is not None:
    notices.show_failure(memory.failure)

if live is not None:
    composer.draw_stop(stop_place, live)
    transcript.draw_live(live, parts.store, actions)
    stop_place.empty()
if was_busy:
    st.rerun()

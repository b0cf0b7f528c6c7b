"""Ask about photos, see the answer stream in.

A run either shows what is there, or takes a question along: it waits until that is stored, and then
follows the answer (`draw_live`) or runs again where the page around the messages changes.
"""

import streamlit as st

from augenblick.core.errors import AugenblickError, StoreUnavailable
from augenblick.ui import notices, tab_state
from augenblick.ui.browser import frame
from augenblick.ui.chat import (
    answer_row,
    composer,
    context_strip,
    conversation_bar,
    local_offer,
    steps,
    transcript,
)
from augenblick.ui.chat.model_choice import draw_choice
from augenblick.ui.experts import panel
from augenblick.ui.history import delete_with_undo, my_data
from augenblick.ui.pictures import viewer
from augenblick.ui.resources import services
from augenblick.ui.sidebar import draw_recent, draw_sidebar
from augenblick.ui.top_bar import draw_bar

memory = tab_state.tab()
tab_state.follow_address()
steps.settle_left()
if memory.submission is not None and memory.submission.done.is_set():
    steps.settle_submission(memory.submission)

beside = draw_sidebar()
bar = draw_bar(tab_state.open_conversation)
parts = services()
if not parts.browser():
    memory.is_temporary = True  # nobody could ever find or delete it again
try:
    conversation = steps.load_open_conversation(parts)
    local = parts.local.found
    with beside.choice_place:
        choice = draw_choice(parts, conversation)
    panel.begin(parts, choice)
except StoreUnavailable as error:
    composer.give_back_asked(error.failure, parts)
    raise
except AugenblickError as error:
    notices.show_failure(error.failure)
    st.stop()

conversation_bar.draw_title(bar, conversation, parts)
live = memory.live = steps.find_live(parts, conversation)
was_busy = live is not None or memory.is_asking
context_strip.draw_strip(conversation, parts, model=choice.model)
composer.draw_composer(conversation, is_busy=was_busy, model=choice.model)
panel.draw_panel(parts, choice, conversation, bar.place)
if composer.submit(conversation=conversation, choice=choice, parts=parts):
    st.rerun()  # something was given back

answer_row.draw_style()
actions = steps.actions(parts, conversation, choice)
above = st.empty()  # always the first element: the welcome goes the moment a question comes
submission = memory.submission
path = steps.path_to_draw(conversation, submission) if conversation is not None else ()
viewer_place = viewer.make_room(path, submission.draft if submission is not None else None)
earlier_place = st.empty()
is_welcome = conversation is None and submission is None
delete_with_undo.draw_undo(parts)
if conversation is not None:
    conversation_bar.open_dialog(conversation, parts)
    if submission is None:
        viewer.draw_viewer(viewer_place, conversation, path)
    transcript.draw_finished(
        conversation, path, parts.store, actions, earlier_place=earlier_place, is_busy=was_busy
    )
elif is_welcome:
    with above.container():
        notices.show_troubles(memory.refused, memory.failure)  # where the page begins
        composer.draw_welcome(choice, parts)
        my_data.draw_cookie_notice(parts)

if submission is not None:
    transcript.draw_submission(submission, actions)
    if not steps.settle_submission(submission):
        st.rerun()
    question, is_first = submission.draft.question, conversation is None
    conversation = steps.load_open_conversation(parts)
    live = memory.live = steps.find_live(parts, conversation)
    is_new_around = is_first or question.picture_count or question.revision is not None
    if conversation is None or live is None or is_new_around:
        st.rerun()  # what stands around the messages knows of the new ones only then
    viewer.draw_viewer(viewer_place, conversation, conversation.path())

draw_recent(beside.recent_place, parts)
if not is_welcome:
    notices.show_troubles(memory.refused, memory.failure)

frame.say_state(bar.status_place, conversation, is_live=live is not None)
if live is not None:
    is_whole = transcript.draw_live(live, lambda: steps.reload(parts, choice))
    if not is_whole or memory.is_expert or memory.editing is not None:
        st.rerun()
    frame.say_state(bar.status_place, steps.load_open_conversation(parts), is_live=False)
elif was_busy:
    st.rerun()
elif is_welcome:
    local_offer.follow_look(local, parts)

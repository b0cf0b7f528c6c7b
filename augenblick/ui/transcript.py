"""The conversation on the page, message by message."""

from __future__ import annotations

import time

import streamlit as st

from augenblick.conversations import Conversation
from augenblick.following import LiveReply, StoredReply
from augenblick.messages import Message, Role
from augenblick.store import ConversationStore
from augenblick.ui import words
from augenblick.ui.answer import Actions, draw_answer, draw_below, follow_answer, make_places
from augenblick.ui.receipt import draw_pictures
from augenblick.ui.state import end_run_if_unwanted
from augenblick.ui.submission import Submission

_LOOK_SECONDS = 0.05
USER_AVATAR = ":material/person:"
READER_AVATAR = ":material/visibility:"


def draw_finished(conversation: Conversation, store: ConversationStore, actions: Actions) -> None:
    """Draw the shown path of a conversation, without an answer that is still being written."""
    path = conversation.path()
    for node in path:
        if node.message.role is Role.USER:
            draw_question(node.message, store, key=node.id)
        elif node.reply is not None and not node.reply.is_live:
            with st.chat_message("assistant", avatar=READER_AVATAR):
                places = make_places(is_live=False)
                siblings = conversation.siblings(node)
                draw_answer(node, places)
                draw_below(node, siblings, actions, places, is_last=node is path[-1])


def draw_question(message: Message, store: ConversationStore, *, key: str) -> None:
    """Draw a question with its pictures as they were sent."""
    # the same places as in draw_submission, so that nothing stands twice while a run goes on
    with st.container(), st.chat_message("user", avatar=USER_AVATAR):
        pictures = st.empty()
        if message.attachments:
            with pictures.container():
                draw_pictures(message.attachments, store, key=key)
        st.text(message.text)


def draw_submission(
    submission: Submission, store: ConversationStore, *, drawn: Conversation | None
) -> None:
    """Show a question on its way until it is saved or refused, then as it was saved.

    Where it had been saved when the conversation was read, `drawn` shows it already.
    """
    draft = submission.draft
    place = st.empty()
    with place.container(), st.chat_message("user", avatar=USER_AVATAR):
        pictures = st.empty()
        text = st.empty()
        if draft.text:
            text.text(draft.text)
        if draft.uploads:
            label = words.say("chat.preparing", count=len(draft.uploads))
            pictures.markdown(f":shimmer[{label}]")
        while not submission.done.wait(_LOOK_SECONDS):
            end_run_if_unwanted()
        if submission.opened is None or submission.message is None:
            return
        if drawn and any(node.id == submission.opened.question_id for node in drawn.nodes):
            place.empty()
            return
        if submission.message.attachments:
            with pictures.container():
                draw_pictures(
                    submission.message.attachments, store, key=submission.opened.question_id
                )
        text.text(submission.message.text)


def draw_live(live: LiveReply | StoredReply, store: ConversationStore, actions: Actions) -> None:
    """Follow an answer to its end and finish it off with what belongs below it."""
    with st.chat_message("assistant", avatar=READER_AVATAR):
        places = make_places(is_live=True)
        if not follow_answer(live, places):
            st.rerun()
        time.sleep(0.02)  # lets the last text leave before the run ends (measured: 147 ms less lag)
        conversation = store.load_conversation(live.conversation_id)
        done = next((node for node in conversation.nodes if node.id == live.reply_id), None)
        if done is not None:
            draw_below(done, conversation.siblings(done), actions, places, is_last=True)

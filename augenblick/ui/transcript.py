"""The conversation on the page, message by message."""

from __future__ import annotations

import time
from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from augenblick.conversations import Conversation, Node
from augenblick.following import LiveReply, StoredReply
from augenblick.messages import Role
from augenblick.store import ConversationStore
from augenblick.ui import words
from augenblick.ui.alternatives import Actions, draw_alternatives
from augenblick.ui.answer import draw_answer, draw_below, follow_answer, make_places
from augenblick.ui.editing import draw_editing
from augenblick.ui.receipt import Sending, draw_pictures
from augenblick.ui.several import draw_answers, follow_answers
from augenblick.ui.state import end_run_if_unwanted, tab
from augenblick.ui.submission import Submission

_LOOK_SECONDS = 0.05
_FEWEST_SHOWN = 30  # messages; earlier ones are drawn when somebody asks for them
_FOLD_STEP = 10  # an even number: what is drawn begins with a question
_EARLIER_STEP = 50
# A question of a million characters costs the server 7 ms or more with each run, and a browser too.
_LONG_CHARACTERS = 20_000
_BEGINNING_CHARACTERS = 2_000
_LONGER_STEP = 10  # times as much with each click
USER_AVATAR = ":material/person:"
READER_AVATAR = ":material/visibility:"


def draw_finished(
    conversation: Conversation,
    path: tuple[Node, ...],
    store: ConversationStore,
    actions: Actions,
    *,
    earlier_place: DeltaGenerator,
    is_busy: bool,
) -> None:
    """Draw a path of a conversation, without an answer that is still being written.

    `earlier_place` is for what is folded away; it stands above the messages in every run, so that
    the first question of a conversation is drawn where it stays.
    """
    for node in path[_draw_earlier(len(path), earlier_place) :]:
        siblings = conversation.siblings(node)
        if node.message.role is Role.USER:
            draw_question(node, siblings, store, actions, is_busy=is_busy)
        elif node.reply is not None and not node.reply.is_live:
            with st.chat_message("assistant", avatar=READER_AVATAR):
                places = make_places(is_live=False)
                if node.reply.is_several:
                    draw_answers(node.id, node.reply, actions, places)
                else:
                    draw_answer(node.reply, places, key=node.id)
                draw_below(node, siblings, actions, places, is_last=node is path[-1])


def _draw_earlier(count: int, place: DeltaGenerator) -> int:
    """Offer what is folded away; returns how many messages at the beginning are not drawn.

    Folded in steps, so that not every new question moves all messages to other places.
    """
    shown = _FEWEST_SHOWN + tab().earlier_shown
    hidden = max(0, (count - shown) // _FOLD_STEP * _FOLD_STEP)
    if hidden:
        place.button(
            words.say("chat.earlier", count=hidden),
            key="show_earlier",
            type="tertiary",
            icon=":material/history:",
            on_click=_show_earlier,
        )
    return hidden


def _show_earlier() -> None:
    tab().earlier_shown += _EARLIER_STEP


def draw_question(
    node: Node,
    siblings: tuple[Node, ...],
    store: ConversationStore,
    actions: Actions,
    *,
    is_busy: bool,
) -> None:
    """Draw a question with its pictures as they were sent, or opened for a change."""
    editing = tab().editing
    # the same places as in draw_submission, so that nothing stands twice while a run goes on
    with st.container(), st.chat_message("user", avatar=USER_AVATAR):
        if editing is not None and editing.question_id == node.id:
            draw_editing(node, editing, store, actions, is_busy=is_busy)
            return
        pictures = st.empty()
        if node.message.attachments:
            with pictures.container():
                draw_pictures(node.message, store, key=node.id, sending=actions.sending(node))
        _draw_words(node.message.text, node.id, _open_words(), actions.edit, is_busy=is_busy)
        draw_alternatives(node, siblings, actions.show, label="edit.which")


def _open_words() -> tuple[DeltaGenerator, DeltaGenerator]:
    """Make the places of a question's words and of the button beside them."""
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="top"):
        return st.empty(), st.empty()


def _draw_words(
    text: str,
    question_id: str,
    places: tuple[DeltaGenerator, DeltaGenerator],
    edit: Callable[[str], None],
    *,
    is_busy: bool,
) -> None:
    shown = _beginning(text, clicks=tab().text_shown.get(question_id, 0))
    if shown == text:
        places[0].text(text, width="stretch")
    else:
        with places[0].container():
            st.text(shown, width="stretch")
            _draw_longer(text, question_id)
    places[1].button(
        words.say("edit.button"),
        key=f"pencil_{question_id}",
        type="tertiary",
        icon=":material/edit:",
        disabled=is_busy,
        on_click=edit,
        args=(question_id,),
    )


def _beginning(text: str, *, clicks: int = 0) -> str:
    """A question's text, a long one cut; each click shows ten times as much."""
    end = _BEGINNING_CHARACTERS * _LONGER_STEP**clicks
    return text if len(text) <= max(_LONG_CHARACTERS, end) else f"{text[:end]} …"


def _draw_longer(text: str, question_id: str) -> None:
    characters = words.current().number(len(text))
    st.button(
        words.say("chat.whole_text", characters=characters),
        key=f"longer_{question_id}",
        type="tertiary",
        icon=":material/unfold_more:",
        on_click=_show_longer,
        args=(question_id,),
    )


def _show_longer(question_id: str) -> None:
    shown = tab().text_shown
    shown[question_id] = shown.get(question_id, 0) + 1


def draw_submission(submission: Submission, store: ConversationStore, actions: Actions) -> None:
    """Show a question on its way until it is saved or refused, then as it was saved."""
    draft = submission.draft
    with st.container(), st.chat_message("user", avatar=USER_AVATAR):
        pictures = st.empty()
        places = _open_words()
        if draft.text:
            places[0].text(_beginning(draft.text), width="stretch")
        label = ""
        while not submission.done.is_set():
            if draft.uploads and label != (label := _preparing(submission)):
                pictures.markdown(f":shimmer[{label}]")
            end_run_if_unwanted()
            submission.done.wait(_LOOK_SECONDS)
        if submission.opened is None or submission.message is None:
            return
        if submission.message.attachments:
            with pictures.container():
                draw_pictures(
                    submission.message,
                    store,
                    key=submission.opened.question_id,
                    sending=Sending(model=draft.settings.model),
                )
        question_id = submission.opened.question_id
        _draw_words(submission.message.text, question_id, places, actions.edit, is_busy=True)


def _preparing(submission: Submission) -> str:
    """Say how far the pictures of a question on its way are."""
    count = len(submission.draft.uploads)
    if count == 1 or not submission.ready:
        return words.say("chat.preparing", count=count)
    return words.say("pictures.progress", ready=submission.ready, count=count)


def draw_live(live: LiveReply | StoredReply) -> None:
    """Follow an answer to its end; what belongs below it is drawn by the run to come."""
    with st.chat_message("assistant", avatar=READER_AVATAR):
        places = make_places(is_live=True)
        if live.choice_count > 1:
            follow_answers(live, places)
        else:
            follow_answer(live, places)
    time.sleep(0.02)  # lets the last text leave before the run ends (measured: 147 ms less lag)

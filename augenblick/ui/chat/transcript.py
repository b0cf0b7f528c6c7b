"""The conversation on the page, message by message."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from augenblick.chat.live import LiveReply, StoredReply
from augenblick.core.conversations import Conversation, Node
from augenblick.core.messages import Role
from augenblick.store import Store
from augenblick.ui import i18n
from augenblick.ui.chat.answer_row import draw_below
from augenblick.ui.chat.drawn_answer import draw_answer, make_places
from augenblick.ui.chat.editing import draw_editing
from augenblick.ui.chat.follow import follow_answer
from augenblick.ui.chat.markdown_filter import literal
from augenblick.ui.chat.parallel_answers import draw_answers, follow_answers
from augenblick.ui.chat.submit import Submission
from augenblick.ui.chat.versions import Actions, draw_alternatives, named
from augenblick.ui.pictures.provenance import Sending, draw_pictures
from augenblick.ui.tab_state import end_run_if_unwanted, tab

_LOOK_SECONDS = 0.05
_LAST_TEXT_SECONDS = 0.02  # in which the last text leaves (measured: 147 ms less lag)
_FEWEST_SHOWN = 30  # messages; earlier ones are drawn when somebody asks for them
_FOLD_STEP = 10  # an even number: what is drawn begins with a question
_EARLIER_STEP = 50
# A question of a million characters costs the server 7 ms or more with each run, and a browser too.
_LONG_CHARACTERS = 20_000
_BEGINNING_CHARACTERS = 2_000
_LONGER_STEP = 10  # times as much with each click
USER_AVATAR = ":material/person:"
ASSISTANT_AVATAR = ":material/visibility:"


def draw_finished(
    conversation: Conversation,
    path: tuple[Node, ...],
    store: Store,
    actions: Actions,
    *,
    earlier_place: DeltaGenerator,
    is_busy: bool,
) -> None:
    """Draw a path of a conversation, without an answer that is still being written.

    `earlier_place` is for what is folded away; it stands above the messages in every run, so that
    the first question of a conversation is drawn where it stays.
    """
    for at in _draw_folded(len(path), earlier_place):
        node = path[at]
        siblings = conversation.siblings(node)
        if node.message.role is Role.USER:
            draw_question(
                node,
                siblings,
                store,
                actions,
                conversation_id=conversation.id,
                is_busy=is_busy,
            )
        elif node.reply is not None and not node.reply.is_live:
            with st.chat_message("assistant", avatar=ASSISTANT_AVATAR):
                places = make_places(is_live=False)
                if node.reply.is_several:
                    draw_answers(node.id, node.reply, actions, places)
                else:
                    draw_answer(node.reply, places, key=node.id)
                draw_below(
                    node, siblings, actions, places, question=path[at - 1], is_last=node is path[-1]
                )


def _draw_folded(count: int, place: DeltaGenerator) -> Iterator[int]:
    """Give back the places of the messages to draw, with the ways to the others around them.

    Folded in steps, so that not every new question moves all messages to other places. Of what is
    folded one portion is drawn at a time: a click costs the same however long the conversation is.
    """
    hidden = max(0, (count - _FEWEST_SHOWN) // _FOLD_STEP * _FOLD_STEP)
    end = max(0, hidden - _EARLIER_STEP * (tab().earlier_portion - 1))
    begin = max(0, end - _EARLIER_STEP) if tab().earlier_portion else hidden
    if begin:
        label = i18n.t("chat.earlier", count=min(begin, _EARLIER_STEP))
        _draw_turn(place, label, "show_earlier", 1)
    yield from range(begin, min(end, hidden))
    if begin < hidden and end < hidden:
        _draw_turn(st.container(), i18n.t("chat.later"), "show_later", -1)
    yield from range(hidden, count)


def _draw_turn(place: DeltaGenerator, label: str, key: str, step: int) -> None:
    place.button(
        label,
        key=key,
        type="tertiary",
        icon=":material/history:" if step > 0 else ":material/update:",
        on_click=_turn,
        args=(step,),
    )


def _turn(step: int) -> None:
    tab().earlier_portion += step


def draw_question(
    node: Node,
    siblings: tuple[Node, ...],
    store: Store,
    actions: Actions,
    *,
    conversation_id: str,
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
                draw_pictures(
                    node.message, conversation_id, key=node.id, sending=actions.sending(node)
                )
        _draw_words(node.message.text, node.id, _open_words(), actions.edit)
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
    drawn: str = "",
) -> None:
    """Draw a question's text and its button; `drawn` is what stands there already."""
    shown = _beginning(text, clicks=tab().text_shown.get(question_id, 0))
    if shown != text:
        with places[0].container():
            st.text(shown, width="stretch")
            _draw_longer(text, question_id)
    elif text != drawn:
        places[0].text(text, width="stretch")
    places[1].button(
        i18n.t("edit.button", question=literal(named(text))),
        key=f"pencil_{question_id}",
        type="tertiary",
        icon=":material/edit:",
        on_click=edit,
        args=(question_id,),
    )


def _beginning(text: str, *, clicks: int = 0) -> str:
    """A question's text, a long one cut; each click shows ten times as much."""
    end = _BEGINNING_CHARACTERS * _LONGER_STEP**clicks
    return text if len(text) <= max(_LONG_CHARACTERS, end) else f"{text[:end]} …"


def _draw_longer(text: str, question_id: str) -> None:
    characters = i18n.current().number(len(text))
    st.button(
        i18n.t("chat.whole_text", characters=characters),
        key=f"longer_{question_id}",
        type="tertiary",
        icon=":material/unfold_more:",
        on_click=_show_longer,
        args=(question_id,),
    )


def _show_longer(question_id: str) -> None:
    shown = tab().text_shown
    shown[question_id] = shown.get(question_id, 0) + 1


def draw_submission(submission: Submission, actions: Actions) -> None:
    """Show a question on its way until it is saved or refused, then as it was saved."""
    draft, asked = submission.draft, submission.draft.question
    with st.container(), st.chat_message("user", avatar=USER_AVATAR):
        pictures = st.empty()
        places = _open_words()
        if asked.text:
            places[0].text(_beginning(asked.text), width="stretch")
        label = ""
        while not submission.done.is_set():
            if asked.uploads and label != (label := _preparing(submission)):
                pictures.markdown(f":shimmer[{label}]")
            end_run_if_unwanted()
            submission.done.wait(_LOOK_SECONDS)
        if submission.opened is None or submission.message is None:
            return
        if submission.message.attachments:
            with pictures.container():
                draw_pictures(
                    submission.message,
                    submission.opened.conversation_id,
                    key=submission.opened.question_id,
                    sending=Sending(model=draft.settings.model),
                )
        question_id = submission.opened.question_id
        text = submission.message.text
        _draw_words(text, question_id, places, actions.edit, drawn=asked.text)


def _preparing(submission: Submission) -> str:
    """Say how far the pictures of a question on its way are."""
    count = len(submission.draft.question.uploads)
    if count == 1 or not submission.ready:
        return i18n.t("chat.preparing", count=count)
    return i18n.t("pictures.progress", ready=submission.ready, count=count)


def draw_live(
    live: LiveReply | StoredReply, load: Callable[[], tuple[Conversation | None, Actions]]
) -> bool:
    """Follow an answer to its end and draw what belongs below it; returns whether that is all.

    Else the page is to be drawn anew: several answers are compared only then. `load` gives the
    conversation as it is at the end.
    """
    with st.chat_message("assistant", avatar=ASSISTANT_AVATAR):
        places = make_places(is_live=True)
        if live.choice_count > 1:
            follow_answers(live, places)
            return False
        follow_answer(live, places)
        time.sleep(_LAST_TEXT_SECONDS)
        conversation, actions = load()
        path = conversation.path() if conversation is not None else ()
        if conversation is None or not path or path[-1].id != live.reply_id:
            return False
        siblings = conversation.siblings(path[-1])
        draw_below(path[-1], siblings, actions, places, question=path[-2], is_last=True)
    return True

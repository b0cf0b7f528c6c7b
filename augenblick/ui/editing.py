"""An earlier question, opened in its place to be asked in another way.

Nothing is overwritten: what is sent becomes another version beside the one that was there.
"""

from __future__ import annotations

from functools import partial

import streamlit as st

from augenblick.conversations import Conversation, Node
from augenblick.errors import NoRoom
from augenblick.images import PictureSource
from augenblick.messages import ImagePart
from augenblick.store import ConversationStore
from augenblick.ui import words
from augenblick.ui.alternatives import Actions
from augenblick.ui.holding import take_in
from augenblick.ui.picture_switch import draw_switch
from augenblick.ui.state import Editing, new_submission_id, tab
from augenblick.ui.submission import Question, Revision
from augenblick.web.limits import INPUT_FILE_MEGABYTES


def begin_editing(conversation: Conversation | None, question_id: str) -> None:
    """Open a question for a change; for callbacks of buttons."""
    memory = tab()
    for node in conversation.nodes if conversation else ():
        if node.id == question_id:
            memory.editing = Editing(question_id, node.message.text)


def draw_editing(
    node: Node, editing: Editing, store: ConversationStore, actions: Actions, *, is_busy: bool
) -> None:
    """Draw a question as something that can be changed and sent again."""
    _draw_known_pictures(node, editing, store)
    _draw_words_and_files(editing)
    if editing.is_empty:
        st.caption(f":material/info: {words.say('edit.empty')}")
    _draw_buttons(node, editing, actions, is_busy=is_busy)
    st.caption(words.say("edit.hint"))


def _draw_words_and_files(editing: Editing) -> None:
    st.text_area(
        words.say("edit.text"),
        value=editing.text,
        key=f"{editing.key}_text",
        label_visibility="collapsed",
        height="content",
        on_change="ignore",  # a run at this moment would swallow the click that took the focus
        persist_state="session",  # also while another page is looked at
    )
    with st.expander(words.say("edit.add"), type="compact", icon=":material/add_photo_alternate:"):
        st.file_uploader(
            words.say("edit.add"),
            accept_multiple_files=True,
            max_upload_size=INPUT_FILE_MEGABYTES,
            key=f"{editing.key}_files",
            label_visibility="collapsed",
        )


def _draw_known_pictures(node: Node, editing: Editing, store: ConversationStore) -> None:
    pictures = _pictures(node)
    if not pictures:
        return
    with st.container(horizontal=True, gap="small"):
        for position, part in pictures.items():
            key = f"{editing.key}_{position}"
            st.session_state.setdefault(key, position not in editing.left_out)
            draw_switch(part, store, key=key, on_change="ignore")


def _draw_buttons(node: Node, editing: Editing, actions: Actions, *, is_busy: bool) -> None:
    with st.container(horizontal=True, gap="small"):
        st.button(
            words.say("edit.send"),
            key="edit_send",
            type="primary",
            icon=":material/arrow_upward:",
            disabled=is_busy,
            on_click=_send,
            args=(node, editing),
        )
        st.button(words.say("edit.cancel"), key="edit_cancel", on_click=_cancel)
        st.space("stretch")
        st.button(
            words.say("edit.delete"),
            key="edit_delete",
            type="tertiary",
            icon=":material/delete:",
            disabled=is_busy,
            on_click=actions.delete,
            args=(node.id,),
        )


def _send(node: Node, editing: Editing) -> None:
    """Take over what was changed before the script runs, as the input does."""
    memory = tab()
    pictures = _pictures(node)
    left_out = frozenset(
        position
        for position in pictures
        if not st.session_state.get(f"{editing.key}_{position}", True)
    )
    kept = tuple(part for position, part in pictures.items() if position not in left_out)
    files = st.session_state.get(f"{editing.key}_files") or ()
    memory.known_uploads |= {file.file_id for file in files}
    uploads = tuple(PictureSource(file.name, file.getvalue()) for file in files)
    text = str(st.session_state.get(f"{editing.key}_text") or "")
    if not text.strip() and not kept and not uploads:
        memory.editing = Editing(node.id, "", left_out, is_empty=True)
        return
    revision = Revision(node.id, node.parent_id, kept, left_out)
    question = Question(new_submission_id(), text, uploads, was_typed=False, revision=revision)
    try:
        take_in(memory, uploads, partial(memory.asked.append, question))
    except NoRoom as error:  # all of it still stands in its widgets
        memory.failure = error.failure
        return
    memory.editing = None


def _cancel() -> None:
    tab().editing = None


def _pictures(node: Node) -> dict[int, ImagePart]:
    """The pictures of a question by their position among its parts."""
    return {at: part for at, part in enumerate(node.message.parts) if isinstance(part, ImagePart)}

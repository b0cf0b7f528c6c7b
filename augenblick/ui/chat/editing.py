"""An earlier question, opened in its place to be asked in another way.

Nothing is overwritten: what is sent becomes another version beside the one that was there.
"""

from __future__ import annotations

from functools import partial
from html import escape

import streamlit as st

from augenblick.core.conversations import Conversation, Node
from augenblick.core.errors import NoRoom
from augenblick.core.messages import ImagePart
from augenblick.pictures import PictureSource
from augenblick.store import Store
from augenblick.ui import i18n
from augenblick.ui.chat.question_draft import Question, Revision
from augenblick.ui.chat.versions import Actions
from augenblick.ui.pictures.picture_switch import draw_switch
from augenblick.ui.tab_state import Editing, new_submission_id, tab
from augenblick.ui.upload_accounting import take_in
from augenblick.web.upload_limits import INPUT_FILE_MEGABYTES


def begin_editing(conversation: Conversation | None, question_id: str) -> None:
    """Open a question for a change; for callbacks of buttons."""
    memory = tab()
    for node in conversation.nodes if conversation else ():
        if node.id == question_id:
            memory.editing = Editing(question_id, node.message.text)


def draw_editing(
    node: Node, editing: Editing, store: Store, actions: Actions, *, is_busy: bool
) -> None:
    """Draw a question as something that can be changed and sent again."""
    st.html(f'<h2 class="edit-title">{escape(i18n.t("edit.text"))}</h2>')
    _draw_known_pictures(node, editing, store)
    _draw_words_and_files(editing)
    if editing.is_empty:
        st.caption(f":material/info: {i18n.t('edit.empty')}")
    _draw_buttons(node, editing, actions, is_busy=is_busy)
    st.caption(i18n.t("edit.hint"))


def _draw_words_and_files(editing: Editing) -> None:
    st.text_area(
        i18n.t("edit.text"),
        value=editing.text,
        key=f"{editing.key}_text",
        label_visibility="collapsed",
        height="content",
        on_change="ignore",  # a run at this moment would swallow the click that took the focus
        persist_state="session",  # also while another page is looked at
    )
    with st.expander(i18n.t("edit.add"), type="compact", icon=":material/add_photo_alternate:"):
        st.file_uploader(
            i18n.t("edit.add"),
            accept_multiple_files=True,
            max_upload_size=INPUT_FILE_MEGABYTES,
            key=f"{editing.key}_files",
            label_visibility="collapsed",
        )


def _draw_known_pictures(node: Node, editing: Editing, store: Store) -> None:
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
            i18n.t("edit.send"),
            key="edit_send",
            type="primary",
            icon=":material/arrow_upward:",
            disabled=is_busy,
            on_click=_send,
            args=(node, editing),
        )
        st.button(i18n.t("edit.cancel"), key="edit_cancel", on_click=_cancel)
        st.space("stretch")
        st.button(
            i18n.t("edit.delete"),
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
    uploads = tuple(PictureSource(file.name, file.getvalue()) for file in files)
    text = str(st.session_state.get(f"{editing.key}_text") or "")
    if not text.strip() and not kept and not uploads:
        memory.editing = Editing(node.id, "", left_out, is_empty=True)
        return
    revision = Revision(node.id, node.parent_id, kept, left_out)
    question = Question(new_submission_id(), text, uploads, revision=revision)
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

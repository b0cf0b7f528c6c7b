"""Which pictures of earlier questions go along with the next one, in a line above the input.

The line alone is drawn until somebody opens it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import streamlit as st

from augenblick.core.conversations import Conversation, Node, PictureSelection, pictures_sent
from augenblick.core.messages import ImagePart, Message, Role
from augenblick.core.providers import READER_MODEL
from augenblick.pictures.token_costs import estimate_pictures
from augenblick.ui import i18n
from augenblick.ui.pictures.picture_switch import draw_switch
from augenblick.ui.resources import Services
from augenblick.ui.tab_state import said_on_the_page, tab

_KEEP_LAST = (None, 1, 2, 3, 5)
_STRIP_KEY = "context_strip"
_KEEP_KEY = "keep_last"
_ALL = "all"

Place = tuple[str, int]  # node id, and position among the parts of its message


def draw_strip(conversation: Conversation | None, parts: Services, *, model: str) -> None:
    """Draw the line, and the pictures with their switches once it is opened."""
    with st.bottom, st.container():  # always there, so that the input keeps its place
        earlier = _earlier(conversation) if conversation else {}
        if conversation is None or not earlier:
            return
        sent = _sent(conversation)
        if tab().asked:  # what was chosen here is on its way
            st.session_state[_STRIP_KEY] = False
        with st.expander(
            _summary(len(earlier), list(sent.values()), model),
            key=_STRIP_KEY,
            type="compact",
            icon=":material/photo_library:",
            on_change="rerun",
        ) as opened:
            if opened.open:
                _draw_switches(conversation, earlier, set(sent), parts)


def _earlier(conversation: Conversation) -> dict[Place, ImagePart]:
    """All pictures of the shown path, chosen or not."""
    return _going(conversation, PictureSelection())


def _sent(conversation: Conversation) -> dict[Place, ImagePart]:
    """Those that go along with the next question."""
    return _going(conversation, conversation.pictures)


def _going(conversation: Conversation, selection: PictureSelection) -> dict[Place, ImagePart]:
    next_question = Node("", None, Message(Role.USER, ()), conversation.updated_at)
    going = pictures_sent((*conversation.path(), next_question), selection)
    return {(node_id, position): part for node_id, position, part in going}


def _summary(earlier: int, sent: list[ImagePart], model: str) -> str:
    if not sent:
        return i18n.t("context.none")
    if len(sent) == earlier:
        what = i18n.t("context.all", count=earlier)
    else:
        what = i18n.t("context.some", count=earlier, sent=str(len(sent)))
    sizes = [(part.attachment.width_px, part.attachment.height_px, part.detail) for part in sent]
    estimate = None if model == READER_MODEL else estimate_pictures(model, sizes)
    if estimate is None:
        return what
    return i18n.t("context.tokens", what=what, count=_roughly(estimate.tokens))


def _roughly(count: int) -> int:
    """Round to two digits; more would pretend to know more."""
    return round(count, 2 - len(str(count)))


def _draw_switches(
    conversation: Conversation, earlier: dict[Place, ImagePart], sent: set[Place], parts: Services
) -> None:
    selection = conversation.pictures
    st.caption(i18n.t("context.explained"))
    with st.container(horizontal=True, wrap=False, gap="small"):
        for (node_id, position), part in earlier.items():
            key = f"goes_{node_id.encode().hex()}_{position}"
            is_on = (node_id, position) in sent
            st.session_state[key] = is_on
            draw_switch(
                part,
                parts.store,
                key=key,
                is_locked=not is_on and (node_id, position) not in selection.left_out,
                on_change=partial(_switch, parts, conversation, (node_id, position), key),
            )
    if len(earlier) > 1:
        _draw_keep_last(conversation, len(earlier), parts)


def _draw_keep_last(conversation: Conversation, earlier: int, parts: Services) -> None:
    kept = conversation.pictures.keep_last
    useful = tuple(count for count in _KEEP_LAST if count is None or count < earlier)
    options = useful if kept in useful else (*useful, kept)
    st.session_state[_KEEP_KEY] = _word(kept)
    st.segmented_control(
        i18n.t("context.keep_last"),
        [_word(count) for count in options],
        key=_KEEP_KEY,
        required=True,
        format_func=lambda word: i18n.t("context.keep_all") if word == _ALL else word,
        on_change=partial(_keep_last, parts, conversation),
    )


def _word(count: int | None) -> str:
    """A choice as the control holds it, which takes None for no choice at all."""
    return _ALL if count is None else str(count)


def _switch(parts: Services, conversation: Conversation, place: Place, key: str) -> None:
    left_out = conversation.pictures.left_out
    left_out = left_out - {place} if st.session_state[key] else left_out | {place}
    _select(parts, conversation, replace(conversation.pictures, left_out=left_out))


def _keep_last(parts: Services, conversation: Conversation) -> None:
    word = st.session_state[_KEEP_KEY]
    keep_last = None if word == _ALL else int(word)
    _select(parts, conversation, replace(conversation.pictures, keep_last=keep_last))


def _select(parts: Services, conversation: Conversation, selection: PictureSelection) -> None:
    with said_on_the_page():
        parts.store.select_pictures(conversation.id, selection, owner=parts.owner())

"""What is said below an answer about a picture whose model sees no pictures."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from augenblick.chat.sight import Sight
from augenblick.core.conversations import Node, ReplyRecord
from augenblick.core.errors import StoreError
from augenblick.ui import i18n, notices
from augenblick.ui.chat.markdown_filter import literal
from augenblick.ui.chat.versions import Actions

_LOOK_SECONDS = 1.5


def draw_sight(record: ReplyRecord, actions: Actions, question: Node, *, is_last: bool) -> None:
    """Warn where the model has not seen a test picture, as soon as that is known.

    For the last answer only, and where it is about pictures.
    """
    if not (is_last and record.picked.text and actions.pictures_for(question)):
        return
    known = actions.sight(record)
    if known is Sight.CHECKING:
        _wait(record, actions)
    elif known is Sight.BLIND:
        st.warning(
            i18n.t("sight.blind", model=literal(record.model)), icon=":material/visibility_off:"
        )
        with st.container(horizontal=True, gap="small"):
            if actions.send_text is not None and question.message.attachments:
                _draw_way_out(question, actions.send_text)
            st.button(
                i18n.t("sight.again"),
                key=f"sight_{question.id}",
                type="tertiary",
                icon=":material/refresh:",
                on_click=actions.look_again,
                args=(record,),
            )


def _draw_way_out(question: Node, send_text: Callable[[Node], str]) -> None:
    """Offer to send the text in the pictures instead; it stands in the question that is asked."""
    if st.button(
        i18n.t("sight.send_text"), key=f"text_{question.id}", icon=":material/text_fields:"
    ):
        try:
            with st.spinner(i18n.t("evidence.reading")):
                why_not = send_text(question)
        except StoreError as error:
            notices.show_failure(error.failure)
            return
        if not why_not:
            st.rerun()
        st.caption(i18n.t(why_not))


@st.fragment(run_every=_LOOK_SECONDS)
def _wait(record: ReplyRecord, actions: Actions) -> None:
    if actions.sight(record) is not Sight.CHECKING:
        st.rerun()

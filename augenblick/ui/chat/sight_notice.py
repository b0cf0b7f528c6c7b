"""What is said below an answer about a picture whose model sees no pictures."""

from __future__ import annotations

import streamlit as st

from augenblick.chat.sight import Sight
from augenblick.core.conversations import Node, ReplyRecord
from augenblick.core.errors import ProviderError, StoreError
from augenblick.core.handed_text import parties_of
from augenblick.ui import i18n, notices
from augenblick.ui.chat.markdown_filter import literal
from augenblick.ui.chat.versions import Actions, TextInstead

_LOOK_SECONDS = 1.5


def draw_source(question: Node) -> None:
    """Say whose text of the pictures an answer goes by, where the question hands it over."""
    for party in parties_of(question.message.text):
        key = "sight.source_party" if party else "sight.source"
        st.caption(f":material/text_fields: {i18n.t(key, party=literal(party))}")


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
        draw_text_instead(record, actions, question)
        st.button(
            i18n.t("sight.again"),
            key=f"sight_{question.id}",
            type="tertiary",
            icon=":material/refresh:",
            on_click=actions.look_again,
            args=(record,),
        )


def draw_text_instead(record: ReplyRecord, actions: Actions, question: Node) -> None:
    """Offer to send the text in the pictures instead; it stands in the question that is asked.

    Who else would get the pictures is said before.
    """
    instead = actions.text_instead(record)
    if instead is None or not question.message.attachments:
        return
    label = i18n.t("sight.send_text")
    if instead.party:
        count = len(question.message.attachments)
        names = {"party": literal(instead.party), "model": literal(record.model)}
        st.caption(i18n.t("sight.consent", count=count, **names))
        label = i18n.t("sight.send_text_party", party=literal(instead.party))
    if st.button(label, key=f"text_{question.id}", icon=":material/text_fields:"):
        _send(instead, question)


def _send(instead: TextInstead, question: Node) -> None:
    try:
        with st.spinner(i18n.t("evidence.reading")):
            why_not = instead.send(question)
    except (ProviderError, StoreError) as error:
        if instead.party:
            st.caption(i18n.t("sight.not_read", party=literal(instead.party)))
        notices.show_failure(error.failure)
        return
    if not why_not:
        st.rerun()
    st.caption(i18n.t(why_not))


@st.fragment(run_every=_LOOK_SECONDS)
def _wait(record: ReplyRecord, actions: Actions) -> None:
    if actions.sight(record) is not Sight.CHECKING:
        st.rerun()

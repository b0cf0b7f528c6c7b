"""Of an X-ray: the request as code to copy, and the same question sent elsewhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from augenblick.core.conversations import Conversation, Node
from augenblick.core.errors import ImageError
from augenblick.core.settings import RequestSettings
from augenblick.endpoint.trace import WirePicture, WireRequest
from augenblick.lab.snippets import Kind, write_snippet
from augenblick.lab.tools import without_retired
from augenblick.pictures import PictureOptions
from augenblick.ui import i18n
from augenblick.ui.browser.copying import copy_button
from augenblick.ui.chat.model_choice import all_choices
from augenblick.ui.resources import Services
from augenblick.ui.tab_state import new_submission_id, said_on_the_page

_NAMES = {
    Kind.CURL: ("curl", "bash"),
    Kind.OPENAI: ("Python · openai", "python"),
    Kind.REQUESTS: ("Python · requests", "python"),
    Kind.FETCH: ("JavaScript", "javascript"),
}
_MOST_COPIED = 3_000_000  # characters a button may carry to the browser; above it, a file
_MOST_SHOWN = 20_000
_JPEG = "image/jpeg"


def draw_code(request: WireRequest, conversation: Conversation, parts: Services) -> None:
    """Draw the request as code, with pictures shortened on the screen and whole when taken."""
    if not request.is_whole:
        st.info(i18n.t("xray.body_cut"))
        return
    kind = st.segmented_control(
        i18n.t("xray.code_for"),
        list(Kind),
        default=Kind.CURL,
        required=True,
        format_func=lambda kind: _NAMES[kind][0],
        key="xray_kind",
        label_visibility="collapsed",
    )
    try:
        uris = {each: _data_uri(each, conversation, parts) for each in set(request.pictures)}
    except KeyError:
        st.info(i18n.t("xray.pictures_gone"))
        return
    whole = write_snippet(kind, request, request.unfold(uris.__getitem__))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if len(whole.text) <= _MOST_COPIED:
            copy_button(whole.text)
        st.download_button(
            i18n.t("xray.download"),
            whole.text,
            file_name=whole.file_name,
            mime="text/plain",
            on_click="ignore",
            type="tertiary",
            icon=":material/download:",
            key=f"xray_file_{kind.value}",
        )
    shown = whole.text
    for picture, uri in uris.items():  # base64 is written the same in all four
        shown = shown.replace(uri, _short_uri(picture))
    if len(shown) > _MOST_SHOWN:
        shown = f"{shown[:_MOST_SHOWN]}\n…"
    with st.container(key="xray_code"):
        st.code(shown, language=_NAMES[kind][1], wrap_lines=True, height=360)
    st.caption(i18n.t("xray.code_more"))


def draw_replay(
    node: Node, conversation: Conversation, parts: Services, *, close: Callable[[], None]
) -> None:
    """Offer to send the same question with the recorded settings to any model."""
    record = node.reply
    if record is None or node.parent_id is None:
        return
    choices = {choice.name: choice for choice in all_choices(parts) if choice.model}
    st.markdown(i18n.t("xray.replay_explained"))
    name = st.selectbox(
        i18n.t("model.label"),
        list(choices),
        format_func=lambda name: choices[name].label,
        key="xray_model",
    )
    typed = st.text_input(i18n.t("xray.other_model"), key="xray_other_model")
    is_pressed = st.button(
        i18n.t("xray.replay_send"),
        key="xray_send",
        type="primary",
        icon=":material/replay:",
        disabled=name is None,
    )
    if not is_pressed or name is None:
        return
    settings = record.settings or RequestSettings(record.model)
    with said_on_the_page():
        parts.answering.ask_again(
            conversation.id,
            node.parent_id,
            owner=parts.owner(),
            submission_id=new_submission_id(),
            provider=parts.provider(choices[name].provider),
            settings=replace(without_retired(settings), model=typed.strip() or choices[name].model),
        )
    close()
    st.rerun()


def _short_uri(picture: WirePicture) -> str:
    size = i18n.current().bytes(picture.byte_count)
    return f"data:{picture.media_type};base64,({size})".replace("\N{NO-BREAK SPACE}", " ")


def _data_uri(picture: WirePicture, conversation: Conversation, parts: Services) -> str:
    """The picture as it was sent. Raises KeyError where it can't be had any more."""
    try:
        content = parts.store.load_content(picture.sha256)
    except KeyError:
        content = _made_again(picture, conversation, parts)
    return f"data:{picture.media_type};base64,{base64.b64encode(content).decode('ascii')}"


def _made_again(picture: WirePicture, conversation: Conversation, parts: Services) -> bytes:
    """A picture that was made to fit for the request is not stored, but comes out the same again.

    Raises KeyError where none of the stored ones becomes it.
    """
    options = PictureOptions(
        longest_side_px=max(picture.width_px, picture.height_px),
        always_jpeg=picture.media_type == _JPEG,
    )
    stored = {each.sha256 for node in conversation.nodes for each in node.message.attachments}
    for sha256 in stored:
        content = parts.store.load_content(sha256)
        try:
            made = parts.pictures.prepare(content, name="", options=options, person=parts.owner())
        except ImageError:
            continue
        if hashlib.sha256(made.content).hexdigest() == picture.sha256:
            return made.content
    raise KeyError(picture.sha256)

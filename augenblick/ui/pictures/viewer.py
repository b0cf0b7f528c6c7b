"""The pictures of a conversation, to look at closely, and the small ones beside their questions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from augenblick.core.conversations import Conversation, Node
from augenblick.core.messages import Attachment
from augenblick.ui import i18n
from augenblick.ui.browser.component_data import dated
from augenblick.ui.chat.question_draft import Draft
from augenblick.ui.pictures.picture_names import picture_name
from augenblick.web.addresses import base_path
from augenblick.web.own_routes import picture_path

_HERE = Path(__file__).parent
_BUTTONS = {  # in the order of the keyboard, each with the paths of its sign
    "out": "M5 12h14",
    "in": "M5 12h14M12 5v14",
    "fit": "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
    "whole": "M14 4h6v6M20 4l-7 7M10 20H4v-6M4 20l7-7",
    "close": "M6 6l12 12M18 6L6 18",
    "previous": "M15 5l-7 7 7 7",
    "next": "M9 5l7 7-7 7",
}


def _button(act: str) -> str:
    sign = f'<svg viewBox="0 0 24 24" aria-hidden="true"><path d="{_BUTTONS[act]}"/></svg>'
    return f'<button type="button" data-act="{act}">{sign}</button>'


_HTML = f"""
<div class="viewer-home">
  <section class="viewer-box">
    <div class="viewer-head"><p class="viewer-caption" aria-live="polite"></p>
      {"".join(map(_button, ("out", "in", "fit", "whole", "close")))}</div>
    <div class="viewer-middle">
      <div class="viewer-stage" tabindex="0" role="group"><div class="viewer-layer"></div></div>
      {_button("previous")}{_button("next")}
    </div>
    <div class="viewer-thumbs"></div>
  </section>
</div>
<dialog class="viewer-dialog"></dialog>
"""

_component = st.components.v2.component(
    "augenblick_viewer",
    html=_HTML,
    js=(_HERE / "viewer.js").read_text("utf-8"),
    isolate_styles=False,  # its look depends on the page's width
)
# The page is measured where pictures can stand beside the conversation, and only there: answers
# side by side need the room themselves.
_BESIDE = "<style>.stMain { container: beside / inline-size; }</style>"
_ROOM = '<div class="viewer-room"></div>'


def make_room(path: Sequence[Node], coming: Draft | None) -> DeltaGenerator:
    """Make the place of the viewer, below the bar; with pictures it takes its room at once.

    `coming` is a question on its way. Until `draw_viewer` is called the place shows what it showed
    before.
    """
    st.html(_HERE / "viewer.css")
    place = st.container(key="viewer", gap=None)
    is_coming = coming is not None and coming.question.picture_count > 0
    if is_coming or any(True for node in path for _ in _pictures_of(node)):
        place.html(_ROOM)
        if not any(map(_is_wide, path)) and (coming is None or coming.settings.choice_count == 1):
            st.html(_BESIDE)
    return place


def _is_wide(node: Node) -> bool:
    """Whether several answers stand, or are about to stand, side by side here."""
    reply = node.reply
    if reply is None or not reply.is_live:
        return reply is not None and reply.is_several
    return reply.settings is not None and reply.settings.choice_count > 1


def draw_viewer(place: DeltaGenerator, conversation: Conversation, path: Sequence[Node]) -> None:
    """Draw the pictures of a path, those of the newest question first; nothing without any."""
    by_node = {node.id: found for node in path if (found := list(_pictures_of(node)))}
    if not by_node:
        return
    turn = ([node.id for node in path if node.message.attachments] or list(by_node))[-1]
    every = [_picture(*each, conversation.id) for found in by_node.values() for each in found]
    with place:
        _component(
            key="viewer_pictures",
            data=dated(
                "viewer",
                {
                    "pictures": list({each["sha256"]: each for each in every}.values()),
                    "newest": by_node[turn][0][0].sha256,
                    "turn": turn,
                    "labels": _labels(),
                },
            ),
            height="content",
        )


def draw_links(
    attachments: Iterable[Attachment],
    conversation_id: str,
    *,
    name: str = "",
    is_large: bool = False,
) -> None:
    """Draw pictures side by side, each of which opens in the viewer.

    Their places are kept while they load. Without a `name` they have those of their files.
    """
    links = "".join(
        _link(each, name or picture_name(each), conversation_id) for each in attachments
    )
    kind = "pictures is-large" if is_large else "pictures"
    st.html(f'<div class="{kind}">{links}</div>')


def draw_download(attachment: Attachment, conversation_id: str) -> None:
    """Draw the link that saves a picture as it was sent."""
    ending = attachment.media_type.removeprefix("image/").replace("jpeg", "jpg")
    name = f"{Path(attachment.receipt.source_name).stem}.{ending}"
    st.html(
        f'<a class="picture-download" href="{picture_address(attachment, conversation_id)}"'
        f' download="{escape(name)}">{escape(i18n.t("receipt.download"))}</a>'
    )


def picture_address(attachment: Attachment, conversation_id: str, *, is_small: bool = False) -> str:
    """Where a browser finds a picture of one of its conversations."""
    path = picture_path(conversation_id, attachment.sha256, is_small=is_small)
    return base_path(st.get_option("server.baseUrlPath")) + path


def _link(attachment: Attachment, name: str, conversation_id: str) -> str:
    """A link, so that the browser's own ways to open and keep a picture work too."""
    return (
        f'<a data-picture="{attachment.sha256}" target="_blank"'
        f' href="{picture_address(attachment, conversation_id)}"'
        f' aria-label="{escape(i18n.t("viewer.open", name=name))}">'
        f'<img src="{picture_address(attachment, conversation_id, is_small=True)}"'
        f' width="{attachment.width_px}" height="{attachment.height_px}"'
        f' alt="{escape(name)}"></a>'
    )


def _pictures_of(node: Node) -> Iterator[tuple[Attachment, str]]:
    """The pictures of a question, or those that came with an answer, with their names."""
    for attachment in node.message.attachments:
        yield attachment, picture_name(attachment)
    if node.reply is not None:
        for result in (result for done in node.reply.rounds for result in done.results):
            if result.picture is not None:
                yield result.picture.attachment, i18n.t("call.picture")
        for part in node.reply.pictures:
            yield part.attachment, i18n.t("answer.picture")


def _picture(attachment: Attachment, name: str, conversation_id: str) -> dict[str, object]:
    return {
        "sha256": attachment.sha256,
        "src": picture_address(attachment, conversation_id),
        "small": picture_address(attachment, conversation_id, is_small=True),
        "name": name,
        "width": attachment.width_px,
        "height": attachment.height_px,
    }


def _labels() -> dict[str, str]:
    acts = {act: i18n.t(f"viewer.{act}") for act in _BUTTONS}
    return {
        **acts,
        "viewer": i18n.t("viewer.title"),
        "stage": i18n.t("viewer.stage"),
        "show": i18n.t("viewer.show", name="{name}"),
    }

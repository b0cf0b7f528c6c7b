"""A small picture with a switch below it: sent with the next question, or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import streamlit as st

from augenblick.messages import Attachment, ImagePart
from augenblick.store import ConversationStore
from augenblick.ui import words
from augenblick.ui.thumbnails import thumbnails

_HEIGHT_PX = 80
_NARROWEST_PX, _WIDEST_PX = 104, 130  # the word below must fit


def draw_switch(
    part: ImagePart,
    store: ConversationStore,
    *,
    key: str,
    on_change: Callable[[], None] | Literal["ignore"],
    is_locked: bool = False,
) -> None:
    """Draw a picture of an earlier question with its switch, whose state stands under `key`."""
    attachment = part.attachment
    with st.container(width=_width_px(attachment), gap="xxsmall"):
        st.image(
            thumbnails().get(attachment.sha256, store.load_thumbnail),
            width="stretch",
            alt=attachment.receipt.source_name,
        )
        st.checkbox(words.say("picture.goes"), key=key, disabled=is_locked, on_change=on_change)


def _width_px(attachment: Attachment) -> int:
    by_height = round(_HEIGHT_PX * attachment.width_px / attachment.height_px)
    return max(_NARROWEST_PX, min(_WIDEST_PX, by_height))

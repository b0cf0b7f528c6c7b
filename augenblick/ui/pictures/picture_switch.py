"""A small picture with a switch below it: sent with the next question, or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import streamlit as st

from augenblick.core.messages import Attachment, ImagePart
from augenblick.store import Store
from augenblick.ui import i18n
from augenblick.ui.pictures.thumbnails import thumbnails

_HEIGHT_PX = 80
_NARROWEST_PX, _WIDEST_PX = 104, 130  # the word below must fit


def draw_switch(
    part: ImagePart,
    store: Store,
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
        st.checkbox(i18n.t("picture.goes"), key=key, disabled=is_locked, on_change=on_change)


def _width_px(attachment: Attachment) -> int:
    by_height = round(_HEIGHT_PX * attachment.width_px / attachment.height_px)
    return max(_NARROWEST_PX, min(_WIDEST_PX, by_height))

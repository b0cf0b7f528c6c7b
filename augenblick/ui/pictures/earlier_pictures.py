"""Pictures of this browser's earlier questions, to be asked about once more."""

from __future__ import annotations

import time
from functools import partial

import streamlit as st

from augenblick.core.errors import AugenblickError
from augenblick.store.store_values import EarlierPicture
from augenblick.ui import i18n, notices
from augenblick.ui.chat.markdown_filter import literal
from augenblick.ui.resources import Services
from augenblick.ui.tab_state import EARLIER_AT_FIRST, tab
from augenblick.ui.upload_accounting import UPLOAD_MEMORY
from augenblick.web.own_routes import picture_path

_PICTURE_WIDTH_PX = 84  # three in a row on a phone


def draw_earlier(parts: Services) -> bool:
    """Draw them, the newest first; a tap puts one into the tray, another takes it out again.

    Returns whether there are any. Raises StoreError.
    """
    memory = tab()
    count = memory.earlier_shown
    listed = parts.store.list_earlier_pictures(parts.owner(), limit=count + 1)
    if not listed:
        st.info(i18n.t("earlier.none"), icon=":material/photo_library:")
        return False
    st.markdown(i18n.t("earlier.explain"))
    with st.container(key="earlier"):
        grid = st.grid(min_column_width=_PICTURE_WIDTH_PX)
        for number, picture in enumerate(listed[:count], start=1):
            with grid.cell():
                _draw_picture(picture, number, parts)
    if memory.tray.room() < 1:
        st.caption(i18n.t("pdf.full", limit=str(memory.tray.max_count)))
    if len(listed) > count:
        st.button(i18n.t("earlier.more"), key="earlier_more", on_click=_show_more)
    return True


def _show_more() -> None:
    tab().earlier_shown += EARLIER_AT_FIRST


def _draw_picture(picture: EarlierPicture, number: int, parts: Services) -> None:
    tray = tab().tray
    chosen = [
        item.id
        for item in tray.items
        if item.picture is not None and item.picture.attachment.sha256 == picture.sha256
    ]
    path = picture_path(picture.conversation_id, picture.sha256, is_small=True)
    title = literal(picture.title) or i18n.t("sidebar.untitled")
    name = i18n.t("earlier.chosen" if chosen else "earlier.picture", number=number, title=title)
    is_clicked = st.button(
        f"![{name}]({path.removeprefix('/')})",  # below wherever the pages stand
        key=f"earlier_{picture.sha256}",
        type="primary" if chosen else "tertiary",
        width="stretch",
        disabled=not chosen and tray.room() < 1,
    )
    if not is_clicked:
        return
    for item_id in chosen:
        tray.remove(item_id)
    if not chosen:
        try:
            _put_in(picture.sha256, parts)
        except AugenblickError as error:
            notices.show_failure(error.failure)
            return
    st.rerun(scope="fragment")


def _put_in(sha256: str, parts: Services) -> None:
    """Put a picture into the tray; nothing happens if it was deleted meanwhile."""
    memory = tab()
    picture = parts.store.find_earlier_picture(parts.owner(), sha256)
    if picture is None:
        return
    number = time.time_ns() // 1_000_000  # as the page numbers its files
    keep = partial(memory.tray.put, [picture], file=number)
    UPLOAD_MEMORY.take(memory, [picture.content, picture.thumbnail], keep)

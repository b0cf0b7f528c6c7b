"""Pictures that wait beside the input for their question: from the camera, prepared, given back."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from augenblick.errors import ImageError
from augenblick.images import PictureSource
from augenblick.messages import PreparedPicture
from augenblick.ui import words
from augenblick.ui.resources import Services
from augenblick.ui.state import Tab, new_submission_id, tab
from augenblick.ui.submission import Question

_DRAFT_PX = 110


def draw_drafts(memory: Tab) -> None:
    """Draw them small in one row, each with a way out, and a way to ask without words."""
    if not memory.drafts:
        return
    row = st.container(
        horizontal=True, wrap=False, gap="small", vertical_alignment="bottom", key="drafts"
    )
    with row:
        for number, picture in enumerate(memory.drafts):
            with st.container(width=_DRAFT_PX, gap="xxsmall"):
                draw_thumbnail(picture, longest_px=_DRAFT_PX, alt=_alt(picture))
                st.button(
                    words.say("camera.remove"),
                    key=f"draft_{picture.attachment.sha256[:12]}_{number}",
                    type="tertiary",
                    icon=":material/close:",
                    on_click=take_out,
                    args=(picture,),
                )
    st.button(words.say("camera.ask"), key="ask_about_drafts", on_click=_ask_about_drafts)


def _ask_about_drafts() -> None:
    tab().asked.append(Question(new_submission_id(), "", was_typed=False))


def take_out(picture: PreparedPicture) -> None:
    """Take a picture out of the question that is being put together."""
    memory = tab()
    memory.drafts = [draft for draft in memory.drafts if draft is not picture]


def draw_thumbnail(picture: PreparedPicture, *, longest_px: int, alt: str) -> None:
    """Draw a small picture that is neither wider nor taller than `longest_px`, but never a line."""
    shape = picture.thumbnail_width_px / picture.thumbnail_height_px
    with st.container(width=max(16, min(longest_px, round(longest_px * shape)))):
        st.image(picture.thumbnail, width="stretch", alt=alt)  # stretched it is sharp on phones


def _alt(picture: PreparedPicture) -> str:
    name = picture.attachment.receipt.source_name
    if name == words.say("camera.file_name"):
        return words.say("camera.photo")
    return words.say("drafts.picture", name=name)


def keep_as_drafts(uploads: Sequence[PictureSource], memory: Tab, parts: Services) -> None:
    """Have files wait as drafts whose question was given back; those that can't are named."""
    sources = memory.picture_choice.of(uploads)
    results = parts.prepare(sources, already=len(memory.drafts)) if sources else ()
    memory.drafts += [result for result in results if isinstance(result, PreparedPicture)]
    refused = [result.failure for result in results if isinstance(result, ImageError)]
    memory.refused = (*memory.refused, *refused)

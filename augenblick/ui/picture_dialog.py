"""The dialog in which pictures are looked at and adjusted before they are sent.

What it prepares are drafts like those of the camera: they wait beside the input for the question.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from augenblick.errors import NoRoom
from augenblick.images import PictureSource
from augenblick.messages import Detail, PreparedPicture
from augenblick.ui import notices, words
from augenblick.ui.holding import take_in
from augenblick.ui.pdf_pages import OpenPdf, draw_pages, open_pdfs
from augenblick.ui.picture_card import adjust_drafts, draw_card, tokens_of
from augenblick.ui.picture_choice import QUALITIES, SIDES_PX, PictureChoice
from augenblick.ui.resources import Services, services
from augenblick.ui.state import Tab, new_submission_id, tab
from augenblick.web.limits import INPUT_FILE_MEGABYTES

_AT_ONCE = 2  # prepared between two looks at the progress: as many as the pool has workers
_MEGABYTE = 1024 * 1024
_DETAIL_KEY, _SIDE_KEY, _QUALITY_KEY = "picture_detail", "picture_side", "picture_quality"


def open_dialog(model: str) -> None:
    """Open the dialog, once per run of the script. `model` is who would be asked."""

    @st.dialog(words.say("pictures.title"), width="medium", on_dismiss=close_dialog)
    def pictures() -> None:
        _draw(model)

    pictures()


def close_dialog() -> None:
    """Forget what only the open dialog needs."""
    memory = tab()
    memory.is_dialog_open = False
    memory.dialog_refused = ()
    memory.pdfs = []


def _draw(model: str) -> None:
    memory, parts = tab(), services()
    if memory.pdfs:
        _draw_pdf(memory, parts)
        return
    _draw_uploader(memory, parts)
    prepare_files(memory, parts)
    notices.show_refused_pictures(memory.dialog_refused)
    adjust_drafts(memory, parts)
    for number, picture in enumerate(memory.drafts):
        draw_card(picture, number, memory, model)
    _draw_settings(memory.picture_choice)
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(words.say("pictures.done"), key="pictures_done", type="primary"):
            close_dialog()
            st.rerun()
        if memory.drafts:
            st.caption(_sum(memory, model))


def _draw_uploader(memory: Tab, parts: Services) -> None:
    limits = parts.pictures.limits
    most = str(limits.max_bytes // _MEGABYTE)
    key = f"pictures_{memory.dialog_round}"
    st.file_uploader(
        words.say("pictures.upload", size=most, count=str(limits.max_count)),
        accept_multiple_files=True,
        max_upload_size=INPUT_FILE_MEGABYTES,
        key=key,
        on_change=_take_files,
        args=(key,),
    )


def _take_files(key: str) -> None:
    """Take over what was uploaded before anything is drawn, and have the uploader empty again."""
    memory = tab()
    uploaded = st.session_state[key] or ()
    memory.known_uploads |= {file.file_id for file in uploaded}
    memory.dialog_refused = ()
    memory.dialog_round += 1
    try:
        take_files(memory, [PictureSource(file.name, file.getvalue()) for file in uploaded])
    except NoRoom as error:
        memory.dialog_refused = (error.failure,)


def take_files(memory: Tab, files: Sequence[PictureSource]) -> None:
    """Have files wait to be prepared, and PDFs of several pages for a choice of them.

    Raises NoRoom; then nothing has changed.
    """
    sources = memory.picture_choice.of(files)
    pdfs = open_pdfs(sources, services().pictures, key=f"pdf_{new_submission_id()}")

    def keep() -> None:
        memory.pdfs = [*memory.pdfs, *pdfs.values()]
        others = (source for place, source in enumerate(sources) if place not in pdfs)
        memory.to_prepare = [*memory.to_prepare, *others]

    take_in(memory, sources, keep)


def _draw_pdf(memory: Tab, parts: Services) -> None:
    """Draw the choice of pages in place of everything else, one PDF after the other."""
    pdf = memory.pdfs[0]
    limit = parts.pictures.limits.max_count
    room = limit - len(memory.drafts) - len(memory.to_prepare) - len(pdf.chosen)
    draw_pages(pdf, parts.pictures, room=room)
    if room <= 0:
        st.caption(words.say("pdf.full", limit=str(limit)))
    with st.container(horizontal=True):
        st.button(
            words.say("pdf.take", count=len(pdf.chosen)),
            key="pdf_take",
            type="primary",
            disabled=not pdf.chosen,
            on_click=_take_pages,
            args=(pdf,),
        )
        st.button(
            words.say("pdf.cancel"),
            key="pdf_leave",
            type="tertiary",
            on_click=_leave_pdf,
            args=(pdf,),
        )


def _take_pages(pdf: OpenPdf) -> None:
    memory = tab()
    memory.to_prepare = [*memory.to_prepare, *pdf.pages]
    _leave_pdf(pdf)


def _leave_pdf(pdf: OpenPdf) -> None:
    memory = tab()
    memory.pdfs = [other for other in memory.pdfs if other is not pdf]


def prepare_files(memory: Tab, parts: Services) -> None:
    """Prepare what was uploaded as drafts, saying how many are done.

    A run that is ended meanwhile leaves the rest to the next.
    """
    total = len(memory.to_prepare)
    place = st.empty()
    while memory.to_prepare:
        ready = total - len(memory.to_prepare)
        place.progress(ready / total, words.say("pictures.progress", ready=ready, count=total))
        sources = memory.to_prepare[:_AT_ONCE]
        outcomes = parts.prepare(sources, already=len(memory.drafts))
        memory.to_prepare = memory.to_prepare[_AT_ONCE:]
        for outcome in outcomes:
            if isinstance(outcome, PreparedPicture):
                memory.drafts = [*memory.drafts, outcome]
            else:
                memory.dialog_refused = (*memory.dialog_refused, outcome.failure)
    place.empty()


def _sum(memory: Tab, model: str) -> str:
    attachments = [draft.attachment for draft in memory.drafts]
    said = words.say(
        "pictures.sum",
        count=len(attachments),
        size=words.current().bytes(sum(each.byte_count for each in attachments)),
    )
    return said + tokens_of(attachments, memory.picture_choice.detail, model)


def _draw_settings(choice: PictureChoice) -> None:
    """Draw what holds for all pictures of this tab."""
    state = st.session_state  # a `default` that changes would make another widget of it
    state.setdefault(_DETAIL_KEY, choice.detail)
    state.setdefault(_SIDE_KEY, choice.longest_side_px)
    state.setdefault(_QUALITY_KEY, choice.quality)
    with st.expander(words.say("pictures.settings"), expanded=choice != PictureChoice()):
        st.segmented_control(
            words.say("pictures.detail"),
            list(Detail),
            format_func=lambda detail: words.say(f"detail.{detail.value}"),
            help=words.say("pictures.detail_help"),
            key=_DETAIL_KEY,
            required=True,
            on_change=_choose,
        )
        st.segmented_control(
            words.say("pictures.side"),
            SIDES_PX,
            format_func=_side_name,
            help=words.say("pictures.side_help"),
            key=_SIDE_KEY,
            required=True,
            on_change=_choose,
        )
        st.segmented_control(
            words.say("pictures.quality"),
            list(QUALITIES),
            format_func=lambda quality: words.say(f"quality.{quality}"),
            help=words.say("pictures.quality_help"),
            key=_QUALITY_KEY,
            required=True,
            on_change=_choose,
        )
        st.caption(words.say("pictures.settings_more"))


def _choose() -> None:
    """Take over the settings before the pictures are drawn by them."""
    state = st.session_state
    tab().picture_choice = PictureChoice(state[_DETAIL_KEY], state[_SIDE_KEY], state[_QUALITY_KEY])


def _side_name(side_px: int) -> str:
    if side_px == SIDES_PX[-1]:
        return words.say("pictures.side_original")
    return words.say("pictures.side_px", side=str(side_px))

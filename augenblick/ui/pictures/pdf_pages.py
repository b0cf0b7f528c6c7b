"""Which pages of a PDF are asked about: small pictures of the pages, each with a box to tick."""

from __future__ import annotations

from dataclasses import dataclass, field

import streamlit as st

from augenblick.core.errors import ImageError
from augenblick.pictures import PageThumbnail, PicturePool, PictureSource
from augenblick.ui import i18n
from augenblick.ui.chat.markdown_filter import literal

_AT_ONCE = 12  # pages in view
_PAGE_WIDTH_PX = 88  # three in a row on a phone


@dataclass(slots=True)
class OpenPdf:
    """A PDF whose pages are being chosen. Pages count from 0."""

    key: str  # begins the keys of its widgets
    item_id: str  # of one of its pages in the tray
    source: PictureSource
    page_count: int
    person: str  # whose it is
    chosen: set[int]
    thumbnails: dict[int, PageThumbnail] = field(default_factory=dict, repr=False)


def draw_pages(pdf: OpenPdf, pool: PicturePool, *, room: int) -> None:
    """Draw the pages to choose from. `room` is how many more pictures the question can hold."""
    name = literal(pdf.source.name)
    st.markdown(i18n.t("pdf.which", name=name, count=pdf.page_count))
    views = -(-pdf.page_count // _AT_ONCE)
    view = st.pagination(views, key=f"{pdf.key}_view") - 1 if views > 1 else 0
    in_view = range(view * _AT_ONCE, min(pdf.page_count, (view + 1) * _AT_ONCE))
    _load_thumbnails(pdf, in_view, pool)
    grid = st.grid(min_column_width=_PAGE_WIDTH_PX)
    for page in in_view:
        with grid.cell(), st.container(gap="xxsmall"):
            _draw_page(pdf, page, has_room=room > 0)


def _load_thumbnails(pdf: OpenPdf, pages: range, pool: PicturePool) -> None:
    if pages.start in pdf.thumbnails:
        return
    try:
        first, count = pages.start, len(pages)
        loaded = pool.pdf_pages(pdf.source, first=first, count=count, person=pdf.person)
    except ImageError:
        return  # the number alone can be chosen too; preparing the page says what is wrong
    pdf.thumbnails |= {thumbnail.page: thumbnail for thumbnail in loaded.thumbnails}


def _draw_page(pdf: OpenPdf, page: int, *, has_room: bool) -> None:
    label = i18n.t("pdf.page", number=str(page + 1))
    thumbnail = pdf.thumbnails.get(page)
    if thumbnail is not None:
        st.image(thumbnail.content, width="stretch", alt=label)
    key = f"{pdf.key}_page_{page}"
    st.checkbox(
        label,
        value=page in pdf.chosen,
        key=key,
        disabled=not has_room and page not in pdf.chosen,
        on_change=_note_choice,  # before anything is drawn, so that the boxes know of each other
        args=(pdf, page, key),
    )


def _note_choice(pdf: OpenPdf, page: int, key: str) -> None:
    if st.session_state[key]:
        pdf.chosen.add(page)
    else:
        pdf.chosen.discard(page)

"""Which pages of a PDF are asked about: small pictures of the pages, each with a box to tick.

A PDF with one page is like a picture and never comes here. A question whose PDF has several waits
in `Tab.waiting` until its pages are chosen; then it goes on as if they had been pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import streamlit as st

from augenblick.errors import ImageError
from augenblick.images import (
    PageThumbnail,
    PictureOptions,
    PicturePool,
    PictureSource,
    picture_format,
)
from augenblick.ui import words
from augenblick.ui.markdown import literal
from augenblick.ui.submission import Question

_AT_ONCE = 12  # pages in view
_PAGE_WIDTH_PX = 88  # three in a row on a phone


@dataclass(slots=True)
class OpenPdf:
    """A PDF whose pages are being chosen. Pages count from 0."""

    key: str  # begins the keys of its widgets
    source: PictureSource
    page_count: int
    chosen: set[int] = field(default_factory=lambda: {0})
    thumbnails: dict[int, PageThumbnail] = field(default_factory=dict, repr=False)

    @property
    def pages(self) -> tuple[PictureSource, ...]:
        """The chosen pages as files of their own, in order."""
        options = self.source.options or PictureOptions()
        return tuple(
            replace(self.source, options=replace(options, page=page))
            for page in sorted(self.chosen)
        )


@dataclass(slots=True)
class WaitingQuestion:
    """A question that goes on when pages are chosen. `pdfs` are by place among its uploads."""

    question: Question
    conversation_id: str | None
    pdfs: dict[int, OpenPdf]

    @property
    def uploads(self) -> tuple[PictureSource, ...]:
        """The question's files, of PDFs the chosen pages, in their order."""
        found: list[PictureSource] = []
        for place, upload in enumerate(self.question.uploads):
            found.extend(self.pdfs[place].pages if place in self.pdfs else (upload,))
        return tuple(found)

    @property
    def others(self) -> tuple[PictureSource, ...]:
        """The files that need no choice."""
        uploads = enumerate(self.question.uploads)
        return tuple(upload for place, upload in uploads if place not in self.pdfs)


def open_pdfs(
    sources: Sequence[PictureSource], pool: PicturePool, *, key: str
) -> dict[int, OpenPdf]:
    """Those files that are PDFs with several pages, by place.

    One that can't be opened is not among them: preparing it says why.
    """
    found = {}
    for place, source in enumerate(sources):
        if source.options is not None and source.options.page is not None:
            continue
        page_count = _page_count(source, pool)
        if page_count > 1:
            found[place] = OpenPdf(f"{key}_{place}", source, page_count)
    return found


def _page_count(source: PictureSource, pool: PicturePool) -> int:
    if picture_format(source.content) != "PDF":
        return 1
    try:
        return pool.look(source).page_count
    except ImageError:
        return 1


def draw_pages(pdf: OpenPdf, pool: PicturePool, *, room: int) -> None:
    """Draw the pages to choose from. `room` is how many more pictures the question can hold."""
    name = literal(pdf.source.name)
    st.markdown(words.say("pdf.which", name=name, count=pdf.page_count))
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
        loaded = pool.pdf_pages(pdf.source, first=pages.start, count=len(pages))
    except ImageError:
        return  # the number alone can be chosen too; preparing the page says what is wrong
    pdf.thumbnails |= {thumbnail.page: thumbnail for thumbnail in loaded.thumbnails}


def _draw_page(pdf: OpenPdf, page: int, *, has_room: bool) -> None:
    label = words.say("pdf.page", number=str(page + 1))
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


def draw_page_choice(
    waiting: WaitingQuestion,
    pool: PicturePool,
    *,
    room: int,
    go_on: Callable[[WaitingQuestion], None],
    give_up: Callable[[WaitingQuestion], None],
) -> None:
    """Draw a question that waits for its pages, with what to do. `room` is without its files."""
    if waiting.question.text:
        st.text(waiting.question.text)
    with st.container(border=True, key="pdf_choice"):
        _draw_choice(waiting, pool, room, go_on, give_up)


@st.fragment
def _draw_choice(
    waiting: WaitingQuestion,
    pool: PicturePool,
    room: int,
    go_on: Callable[[WaitingQuestion], None],
    give_up: Callable[[WaitingQuestion], None],
) -> None:
    for pdf in waiting.pdfs.values():
        draw_pages(pdf, pool, room=room - len(waiting.uploads))
    count = sum(len(pdf.chosen) for pdf in waiting.pdfs.values())
    if len(waiting.uploads) >= room:
        st.caption(words.say("pdf.full", limit=str(pool.limits.max_count)))
    with st.container(horizontal=True):
        label = words.say("pdf.ask", count=count)
        if st.button(label, key="pdf_ask", type="primary", disabled=not count):
            go_on(waiting)
            st.rerun()
        if st.button(words.say("pdf.cancel"), key="pdf_cancel", type="tertiary"):
            give_up(waiting)
            st.rerun()

"""Of an X-ray: the request, the response and its events, as they went over the wire."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

import streamlit as st

from augenblick.core.conversations import Conversation
from augenblick.core.messages import Attachment
from augenblick.endpoint.trace import WireExchange, WirePicture, WireRequest
from augenblick.ui import i18n
from augenblick.ui.chat.markdown_filter import literal
from augenblick.ui.pictures.thumbnails import thumbnails
from augenblick.ui.resources import Services

_PAGE = 500
_MOST_CHARACTERS = 50_000  # of an answer in one piece that is drawn
_THUMBNAIL_PX = 132
_DATA_PX = 900  # wider than any screen's rest: what comes first is read, the rest by scrolling


def draw_request(exchange: WireExchange, conversation: Conversation, parts: Services) -> None:
    """Draw what was sent: line, headers, body, and the pictures that are only named in it."""
    request = exchange.request
    known = _pictures_of(conversation)
    sent = i18n.on_the_clock(datetime.fromtimestamp(exchange.started_at, UTC))
    st.caption(i18n.t("xray.sent_at", moment=f"{sent:%Y-%m-%d %H:%M:%S}"))
    _draw_lines([f"{request.method} {request.url}", *_lines(request.headers)])
    body = request.folded(lambda number, picture: _name(number, picture, known))
    if body is None:
        st.info(i18n.t("xray.body_cut"))
        return
    st.json(body, expanded=6)
    if request.pictures:
        _draw_pictures(request, known, parts)


def draw_response(exchange: WireExchange) -> None:
    """Draw what came back besides events."""
    if not exchange.status:
        st.info(i18n.t("xray.no_response", code=exchange.end))
        return
    _draw_lines([f"HTTP {exchange.status}", *_lines(exchange.headers)])
    if exchange.content:
        text = exchange.content.decode("utf-8", "replace")
        try:
            st.json(json.loads(text), expanded=4)
        except (ValueError, RecursionError):
            st.code(text[:_MOST_CHARACTERS], language=None, wrap_lines=True)
    st.caption(i18n.t("xray.end", how=literal(exchange.end)))


def draw_events(exchange: WireExchange) -> None:
    """Draw every event with its time and the time since the one before, a page at once."""
    events = exchange.events
    if not events:
        st.info(i18n.t("xray.no_events"))
        return
    pages = (len(events) - 1) // _PAGE + 1
    page = 1
    if pages > 1:
        page = st.number_input(
            i18n.t("xray.page", count=pages), 1, pages, step=1, key="xray_page", width=220
        )
    start = (page - 1) * _PAGE
    shown = events[start : start + _PAGE]
    before = (events[start - 1].at_seconds if start else 0.0, *(e.at_seconds for e in shown))
    st.dataframe(
        {
            "#": range(start + 1, start + len(shown) + 1),
            i18n.t("xray.time"): [event.at_seconds for event in shown],
            i18n.t("xray.gap"): [
                (event.at_seconds - earlier) * 1000
                for event, earlier in zip(shown, before, strict=False)
            ],
            i18n.t("xray.data"): [
                f": {event.data}" if event.is_comment else event.data for event in shown
            ],
            i18n.t("xray.event"): [_kind(event.event, event.id) for event in shown],
        },
        column_config={
            "#": st.column_config.NumberColumn(width=50),
            i18n.t("xray.time"): st.column_config.NumberColumn(format="%.3f", width=70),
            i18n.t("xray.gap"): st.column_config.NumberColumn(format="%.1f", width=80),
            i18n.t("xray.data"): st.column_config.TextColumn(width=_DATA_PX),
        },
        hide_index=True,
        height=min(460, 36 * len(shown) + 40),
        key=f"xray_events_{page}",
    )


def _kind(event: str, identity: str) -> str:
    return f"{event} · {identity}" if identity else event


def _draw_lines(lines: Iterable[str]) -> None:
    st.code("\n".join(lines), language="http", wrap_lines=True)


def _lines(headers: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{name}: {value}" for name, value in headers]


def _pictures_of(conversation: Conversation) -> dict[str, Attachment]:
    """The pictures of a conversation, those that calls returned among them, by their bytes."""
    found = {each.sha256: each for node in conversation.nodes for each in node.message.attachments}
    for node in conversation.nodes:
        for done in node.reply.rounds if node.reply else ():
            pictures = (result.picture for result in done.results)
            found |= {each.attachment.sha256: each.attachment for each in pictures if each}
    return found


def _name(number: int, picture: WirePicture, known: dict[str, Attachment]) -> str:
    """How a picture is named in the body that is shown."""
    attachment = known.get(picture.sha256)
    source = f"{attachment.receipt.source_name} · " if attachment is not None else ""
    return i18n.t(
        "xray.picture",
        number=str(number + 1),
        source=source,
        width=str(picture.width_px),
        height=str(picture.height_px),
        size=i18n.current().bytes(picture.byte_count),
    )


def _draw_pictures(request: WireRequest, known: dict[str, Attachment], parts: Services) -> None:
    st.caption(i18n.t("xray.pictures"))
    with st.container(horizontal=True, gap="small"):
        for number, picture in enumerate(request.pictures):
            with st.container(width=_THUMBNAIL_PX, gap="xxsmall"):
                if picture.sha256 in known:
                    thumbnail = thumbnails().get(picture.sha256, parts.store.load_thumbnail)
                    source = known[picture.sha256].receipt.source_name
                    st.image(thumbnail, width="stretch", alt=source)
                st.caption(literal(_name(number, picture, known)))
                st.caption(f"`sha256 {picture.sha256[:12]}…`")

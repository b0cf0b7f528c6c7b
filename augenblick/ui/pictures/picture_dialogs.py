"""The dialogs of the composer: cameras, earlier pictures, options of pictures, pages of a PDF."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from html import escape
from urllib.parse import urlsplit

import streamlit as st

from augenblick.core.errors import AugenblickError, ImageError, NoRoom, StoreError
from augenblick.core.messages import Attachment, Detail, PreparedPicture, Provenance
from augenblick.core.providers import READER_MODEL
from augenblick.pictures import MAX_PARTS, PictureSource, plan_tiles, would_lose_detail
from augenblick.pictures.token_costs import estimate_pictures
from augenblick.pictures.tray import TrayItem, choose_pages, origin, prepare_anew, prepare_file
from augenblick.ui import i18n, notices
from augenblick.ui.chat.markdown_filter import literal
from augenblick.ui.link_for_others import address_for_others, draw_code, is_only_here
from augenblick.ui.pictures.earlier_pictures import draw_earlier
from augenblick.ui.pictures.pdf_pages import OpenPdf, draw_pages
from augenblick.ui.pictures.picture_choice import QUALITIES, SIDES_PX, PictureChoice
from augenblick.ui.pictures.picture_names import picture_name
from augenblick.ui.resources import services
from augenblick.ui.tab_state import EARLIER_AT_FIRST, tab
from augenblick.ui.upload_accounting import UPLOAD_MEMORY
from augenblick.web.phone_camera import camera_path
from augenblick.web.tray_routes import phone_said
from augenblick.web.tray_tabs import new_phone

_THUMBNAIL_PX = 88
_PHONE_CODE_PX, _PHONE_TEXT_PX = 260, 320
_FEWEST_PARTS = 2
_DETAIL_KEY, _SIDE_KEY, _QUALITY_KEY = "picture_detail", "picture_side", "picture_quality"


def draw_dialog(model: str) -> None:
    """Open the dialog that was asked for, once per run. `model` is who would be asked."""
    memory = tab()
    drawn: dict[str, tuple[str, Callable[[], None]]] = {
        "camera": ("camera.title", _draw_camera),
        "phone": ("phone.title", _draw_phone),
        "earlier": ("earlier.title", _draw_earlier),
        "options": ("pictures.title", partial(_draw_options, model)),
        "pages": ("pdf.title", _draw_pages),
    }
    if not memory.dialog:
        return
    title, draw = drawn[memory.dialog]
    st.dialog(i18n.t(title), width="medium", on_dismiss=_close)(draw)()


def _close() -> None:
    memory = tab()
    memory.dialog, memory.open_pdf = "", None


def _done() -> None:
    _close()
    st.rerun()


def _draw_camera() -> None:
    if not _is_camera_allowed():
        st.info(i18n.t("camera.forbidden"), icon=":material/no_photography:")
        return
    memory = tab()
    photo = st.camera_input(
        i18n.t("camera.label"),
        key=f"camera_{memory.camera_round}",
        label_visibility="collapsed",
        resolution="1080p",
    )
    if photo is None:
        return
    source = PictureSource(i18n.t("camera.file_name"), photo.getvalue())
    number = time.time_ns() // 1_000_000
    try:
        memory.tray.begin(number, source.name)
        take = partial(UPLOAD_MEMORY.take, memory)
        pool, person = services().pictures, services().owner()
        prepare_file(memory.tray, pool, source, file=number, person=person, take=take)
    except AugenblickError as error:
        memory.tray.refuse(number, source.name, error.failure)
    memory.camera_round += 1
    _done()


def _is_camera_allowed() -> bool:
    """Browsers give the camera only to https and to the own machine."""
    forwarded = st.context.headers.get("X-Forwarded-Proto") if st.context.headers else None
    address = urlsplit(st.context.url or "")
    host = address.hostname or ""
    is_own_machine = host in {"localhost", "::1"} or host.startswith("127.")
    return address.scheme == "https" or forwarded == "https" or is_own_machine


def open_phone() -> None:
    """Let a phone send photos to the tray, where one can reach us; for callbacks.

    Closing the dialog leaves that as it is, so that more photos can come.
    """
    memory = tab()
    memory.dialog = "phone"
    is_new = memory.phone is None or not memory.phone.is_open
    if is_new and not is_only_here(address_for_others("")):
        memory.phone = new_phone(memory.browser)


def _draw_phone() -> None:
    phone = tab().phone
    if phone is None or not phone.is_open:
        key = "phone.unreachable" if is_only_here(address_for_others("")) else "phone.ended.what"
        st.info(i18n.t(key), icon=":material/mobile_off:")
        return
    with st.container(horizontal=True, gap="medium"):
        url = address_for_others(camera_path(phone.token))
        draw_code(url, alt=i18n.t("phone.qr"), width_px=_PHONE_CODE_PX)
        with st.container(width=_PHONE_TEXT_PX):
            st.markdown(i18n.t("phone.explain"))
            st.html(f'<p class="phone-said" role="status">{escape(phone_said(tab()))}</p>')
            st.caption(i18n.t("phone.stays"))
            if st.button(i18n.t("phone.end"), key="phone_end"):
                tab().phone = None
                _done()


def open_earlier() -> None:
    """Open the choice of earlier pictures; for callbacks."""
    memory = tab()
    memory.dialog, memory.earlier_shown = "earlier", EARLIER_AT_FIRST


def _draw_earlier() -> None:
    try:
        has_any = draw_earlier(services())
    except StoreError as error:
        notices.show_failure(error.failure)
        return
    if has_any and st.button(i18n.t("pictures.done"), key="earlier_done", type="primary"):
        _done()


def open_pages(item_id: str) -> None:
    """Open the choice of pages for the PDF of an item in the tray; for callbacks."""
    memory = tab()
    item = memory.tray.item(item_id)
    if item is None or item.pdf is None:
        return
    same = [other.picture for other in memory.tray.items if other.file == item.file]
    pages = [each.attachment.receipt.source_page for each in same if each is not None]
    memory.open_pdf = OpenPdf(
        f"pdf_{item.id}",
        item_id,
        item.pdf.source,
        item.pdf.page_count,
        services().owner(),
        {page - 1 for page in pages if page},
    )
    memory.dialog = "pages"


def _draw_pages() -> None:
    memory, pool = tab(), services().pictures
    pdf = memory.open_pdf
    item = memory.tray.item(pdf.item_id) if pdf else None
    if pdf is None or item is None:
        return
    room = memory.tray.room(besides=item.file) - len(pdf.chosen)
    draw_pages(pdf, pool, room=room)
    if room <= 0:
        st.caption(i18n.t("pdf.full", limit=str(memory.tray.max_count)))
    label = i18n.t("pdf.take", count=len(pdf.chosen))
    if st.button(label, key="pdf_take", type="primary", disabled=not pdf.chosen):
        take = partial(UPLOAD_MEMORY.take, memory)
        try:
            choose_pages(memory.tray, pool, item, sorted(pdf.chosen), person=pdf.person, take=take)
        except NoRoom as error:
            notices.show_failure(error.failure)
            return
        _done()


def _draw_options(model: str) -> None:
    memory = tab()
    _draw_settings(memory.picture_choice)
    for item in memory.tray.items:
        if item.picture is not None:
            _draw_picture(item, item.picture, model)
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(i18n.t("pictures.done"), key="pictures_done", type="primary"):
            _done()
        if memory.tray.pictures:
            st.caption(_sum(model))


def _sum(model: str) -> str:
    memory = tab()
    attachments = [picture.attachment for picture in memory.tray.pictures]
    said = i18n.t(
        "pictures.sum",
        count=len(attachments),
        size=i18n.current().bytes(sum(each.byte_count for each in attachments)),
    )
    return said + _tokens_of(attachments, memory.picture_choice.detail, model)


def _draw_settings(choice: PictureChoice) -> None:
    """Draw what holds for all pictures of this tab."""
    state = st.session_state  # a `default` that changes would make another widget of it
    state.setdefault(_DETAIL_KEY, choice.detail)
    state.setdefault(_SIDE_KEY, choice.longest_side_px)
    state.setdefault(_QUALITY_KEY, choice.quality)
    st.segmented_control(
        i18n.t("pictures.detail"),
        list(Detail),
        format_func=lambda detail: i18n.t(f"detail.{detail.value}"),
        help=i18n.t("pictures.detail_help"),
        key=_DETAIL_KEY,
        required=True,
        on_change=_choose,
    )
    st.segmented_control(
        i18n.t("pictures.side"),
        SIDES_PX,
        format_func=_side_name,
        help=i18n.t("pictures.side_help"),
        key=_SIDE_KEY,
        required=True,
        on_change=_choose,
    )
    st.segmented_control(
        i18n.t("pictures.quality"),
        list(QUALITIES),
        format_func=lambda quality: i18n.t(f"quality.{quality}"),
        help=i18n.t("pictures.quality_help"),
        key=_QUALITY_KEY,
        required=True,
        on_change=_choose,
    )
    st.caption(i18n.t("pictures.settings_more"))


def _choose() -> None:
    """Take over the settings, and prepare by them what waits already."""
    state, memory = st.session_state, tab()
    memory.picture_choice = PictureChoice(state[_DETAIL_KEY], state[_SIDE_KEY], state[_QUALITY_KEY])
    pool, person = services().pictures, services().owner()
    prepare_anew(memory.tray, pool, memory.picture_choice.options, person=person)


def _side_name(side_px: int) -> str:
    if side_px == SIDES_PX[-1]:
        return i18n.t("pictures.side_original")
    return i18n.t("pictures.side_px", side=str(side_px))


def _draw_picture(item: TrayItem, picture: PreparedPicture, model: str) -> None:
    """Draw a prepared picture with what will be sent of it."""
    attachment = picture.attachment
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, wrap=False, gap="small"):
            with st.container(width=_THUMBNAIL_PX):
                st.image(picture.thumbnail, width="stretch", alt=item.name)
            with st.container(gap="xsmall"):
                st.markdown(f"**{literal(picture_name(attachment))}**")
                st.caption(_size(attachment, tab().picture_choice.detail, model))
        if attachment.receipt.tile is None:
            _draw_parts_offer(item, attachment.receipt)
        elif not attachment.receipt.tile.index:
            label, icon = i18n.t("pictures.whole"), ":material/crop_free:"
            key = f"whole_{item.id}"
            st.button(label, key=key, icon=icon, on_click=_put_together, args=(item.id,))


def _size(attachment: Attachment, detail: Detail, model: str) -> str:
    receipt = attachment.receipt
    said = i18n.t(
        "pictures.size",
        width=str(attachment.width_px),
        height=str(attachment.height_px),
        size=i18n.current().bytes(attachment.byte_count),
    )
    source = _upright(receipt)
    is_smaller = source != (attachment.width_px, attachment.height_px)
    if is_smaller and receipt.source_page is None:  # a page has no pixels of its own
        width, height = str(source[0]), str(source[1])
        said += " " + i18n.t("pictures.source", width=width, height=height)
    return said + _tokens_of([attachment], detail, model)


def _tokens_of(attachments: list[Attachment], detail: Detail, model: str) -> str:
    """Say after a dot about how many tokens pictures cost, or that nobody knows.

    Those of the built-in reader cost nobody anything.
    """
    if model == READER_MODEL:
        return ""
    sizes = [(each.width_px, each.height_px, detail) for each in attachments]
    estimate = estimate_pictures(model, sizes)
    if estimate is None:
        return f" · {i18n.t('pictures.tokens_unknown')}"
    return f" · {i18n.t('pictures.tokens', count=estimate.tokens)}"


def _draw_parts_offer(item: TrayItem, receipt: Provenance) -> None:
    """Offer to send a large picture in parts where small print would be lost."""
    memory = tab()
    width_px, height_px = _upright(receipt)
    options = memory.picture_choice.options
    if not would_lose_detail(width_px, height_px, options):
        return
    st.caption(i18n.t("pictures.parts_why"))
    most = _most_parts()
    if most < _FEWEST_PARTS:
        return
    side_px = options.longest_side_px
    count = len(plan_tiles(width_px, height_px, longest_side_px=side_px, max_parts=most))
    st.button(
        i18n.t("pictures.parts", count=str(count)),
        key=f"parts_{item.id}",
        icon=":material/grid_on:",
        on_click=_cut_up,
        args=(item.id,),
    )


def _most_parts() -> int:
    """Into how many parts one of the pictures may be cut; its overview takes its own place."""
    return min(MAX_PARTS, tab().tray.room())


def _upright(receipt: Provenance) -> tuple[int, int]:
    size = receipt.source_width_px, receipt.source_height_px
    return size[::-1] if receipt.rotation_degrees % 180 else size


def _cut_up(item_id: str) -> None:
    memory, parts = tab(), services()
    item = memory.tray.item(item_id)
    if item is None or item.picture is None:
        return
    source = origin(item.picture, parts.pictures, memory.tray.options)
    try:
        tiles = parts.pictures.prepare_tiles(source, max_parts=_most_parts(), person=parts.owner())
    except ImageError as error:
        memory.failure = error.failure
        return
    memory.tray.replace(item_id, tiles)


def _put_together(item_id: str) -> None:
    """Have one picture again instead of the parts of it."""
    memory, parts = tab(), services()
    item = memory.tray.item(item_id)
    if item is None or item.picture is None:
        return
    source = origin(item.picture, parts.pictures, memory.tray.options)
    whole = replace(source, options=replace(source.options, tile=None))
    (outcome,) = parts.prepare([whole], person=parts.owner())
    if isinstance(outcome, PreparedPicture):
        memory.tray.finish(item.file, item.name, [outcome])

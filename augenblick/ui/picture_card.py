"""One picture in the dialog: what will be sent of it, turning it, cutting it into parts."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from augenblick.errors import ImageError
from augenblick.images import (
    MAX_PARTS,
    PictureOptions,
    PictureSource,
    plan_tiles,
    would_lose_detail,
)
from augenblick.messages import Attachment, Detail, PictureReceipt, PreparedPicture
from augenblick.providers import READER_MODEL
from augenblick.ui import words
from augenblick.ui.drafts import draw_thumbnail, take_out
from augenblick.ui.markdown import literal
from augenblick.ui.picture_choice import PictureChoice
from augenblick.ui.resources import Services, services
from augenblick.ui.state import Tab, tab
from augenblick.usage import estimate_pictures

_THUMBNAIL_PX = 88
_FEWEST_PARTS = 2


def draw_card(picture: PreparedPicture, number: int, memory: Tab, model: str) -> None:
    """Draw a prepared picture. `model` is who would be asked about it."""
    attachment = picture.attachment
    key = f"{attachment.sha256[:12]}_{number}"
    with st.container(border=True, key=f"prepared_{number}", gap="xsmall"):
        with st.container(horizontal=True, wrap=False, gap="small"):
            name = attachment.receipt.source_name
            with st.container(width=_THUMBNAIL_PX):
                draw_thumbnail(picture, longest_px=_THUMBNAIL_PX, alt=name)
            with st.container(gap="xsmall"):
                st.markdown(f"**{literal(name)}**{_part_of(attachment)}")
                st.caption(_size(attachment, memory.picture_choice.detail, model))
        _draw_tile_offer(picture, memory, key)
        _draw_acts(picture, key)


def _part_of(attachment: Attachment) -> str:
    """Which page or part it is, in words, beginning with a separator."""
    receipt, said = attachment.receipt, ""
    if receipt.source_page is not None and (receipt.source_page_count or 1) > 1:
        said += " · " + words.say("pdf.page", number=str(receipt.source_page))
    if receipt.tile is not None:
        said += " · " + tile_name(receipt)
    return said


def tile_name(receipt: PictureReceipt) -> str:
    """Name a part of a large picture."""
    tile = receipt.tile
    if tile is None or not tile.index:
        return words.say("pictures.overview")
    return words.say("pictures.part", number=str(tile.index), count=str(tile.count))


def _size(attachment: Attachment, detail: Detail, model: str) -> str:
    receipt = attachment.receipt
    said = words.say(
        "pictures.size",
        width=str(attachment.width_px),
        height=str(attachment.height_px),
        size=words.current().bytes(attachment.byte_count),
    )
    source = _upright(receipt)
    is_smaller = source != (attachment.width_px, attachment.height_px)
    if is_smaller and receipt.source_page is None:  # a page has no pixels of its own
        width, height = str(source[0]), str(source[1])
        said += " " + words.say("pictures.source", width=width, height=height)
    return said + tokens_of([attachment], detail, model)


def tokens_of(attachments: list[Attachment], detail: Detail, model: str) -> str:
    """Say after a dot about how many tokens pictures cost, or that nobody knows.

    Those of the built-in reader cost nobody anything.
    """
    return "" if model == READER_MODEL else f" · {_tokens(attachments, detail, model)}"


def _tokens(attachments: list[Attachment], detail: Detail, model: str) -> str:
    estimate = estimate_pictures(
        model, [(each.width_px, each.height_px, detail) for each in attachments]
    )
    if estimate is None:
        return words.say("pictures.tokens_unknown")
    return words.say("pictures.tokens", count=estimate.tokens)


def _draw_tile_offer(picture: PreparedPicture, memory: Tab, key: str) -> None:
    """Offer to send a large picture in parts where small print would be lost."""
    receipt = picture.attachment.receipt
    width_px, height_px = _upright(receipt)
    options = memory.picture_choice.options
    if receipt.tile is not None or not would_lose_detail(width_px, height_px, options):
        return
    st.caption(words.say("pictures.parts_why"))
    most = _most_parts(memory)
    if most < _FEWEST_PARTS:
        return
    side_px = options.longest_side_px
    count = len(plan_tiles(width_px, height_px, longest_side_px=side_px, max_parts=most))
    st.button(
        words.say("pictures.parts", count=str(count)),
        key=f"parts_{key}",
        icon=":material/grid_on:",
        on_click=_cut_up,
        args=(picture,),
    )


def _most_parts(memory: Tab) -> int:
    """Into how many parts one of the pictures may be cut; its overview takes its own place."""
    return min(MAX_PARTS, services().pictures.limits.max_count - len(memory.drafts))


def _upright(receipt: PictureReceipt) -> tuple[int, int]:
    size = receipt.source_width_px, receipt.source_height_px
    return size[::-1] if receipt.rotation_degrees % 180 else size


def _draw_acts(picture: PreparedPicture, key: str) -> None:
    tile = picture.attachment.receipt.tile
    with st.container(horizontal=True, gap="xsmall"):
        if tile is None:
            for label, told, icon, degrees in (
                ("pictures.left", "pictures.left_help", "ccw", 270),
                ("pictures.right", "pictures.right_help", "cw", 90),
            ):
                st.button(
                    words.say(label),
                    key=f"turn_{icon}_{key}",
                    type="tertiary",
                    icon=f":material/rotate_90_degrees_{icon}:",
                    help=words.say(told),
                    on_click=_rotate,
                    args=(picture, degrees),
                )
        elif tile.index == 0:
            st.button(
                words.say("pictures.whole"),
                key=f"whole_{key}",
                type="tertiary",
                icon=":material/crop_free:",
                on_click=_put_together,
                args=(picture,),
            )
        st.button(
            words.say("camera.remove"),
            key=f"take_out_{key}",
            type="tertiary",
            icon=":material/close:",
            on_click=take_out,
            args=(picture,),
        )


def _rotate(picture: PreparedPicture, degrees: int) -> None:
    parts = services()
    source, options = _origin(picture, parts)
    turned = replace(options, rotate_degrees=(options.rotate_degrees + degrees) % 360)
    _replace(picture, (_prepared(picture, source, turned, parts),))


def _cut_up(picture: PreparedPicture) -> None:
    parts = services()
    source, options = _origin(picture, parts)
    try:
        tiles = parts.pictures.prepare_tiles(source, options=options, max_parts=_most_parts(tab()))
    except ImageError as error:
        tab().dialog_refused = (error.failure,)
        return
    _replace(picture, tiles)


def _put_together(picture: PreparedPicture) -> None:
    """Have one picture again instead of the parts of it."""
    memory, parts = tab(), services()
    source, options = _origin(picture, parts)
    whole = _prepared(picture, source, replace(options, tile=None), parts)
    _replace(picture, (whole,))
    same = replace(picture.attachment.receipt, tile=None)
    memory.drafts = [
        draft
        for draft in memory.drafts
        if draft is whole or replace(draft.attachment.receipt, tile=None) != same
    ]


def _replace(picture: PreparedPicture, others: tuple[PreparedPicture, ...]) -> None:
    memory = tab()
    drafts: list[PreparedPicture] = []
    for draft in memory.drafts:
        drafts.extend(others if draft is picture else (draft,))
    memory.drafts = drafts


def adjust_drafts(memory: Tab, parts: Services) -> None:
    """Prepare drafts anew that were prepared before size or quality were chosen."""
    adjusted = [_adjusted(draft, memory.picture_choice, parts) for draft in memory.drafts]
    if any(new is not old for new, old in zip(adjusted, memory.drafts, strict=True)):
        memory.drafts = adjusted


def _adjusted(draft: PreparedPicture, choice: PictureChoice, parts: Services) -> PreparedPicture:
    source, options = _origin(draft, parts)
    wanted = choice.applied_to(options)
    return draft if wanted == options else _prepared(draft, source, wanted, parts)


def _origin(draft: PreparedPicture, parts: Services) -> tuple[PictureSource, PictureOptions]:
    """The file and how it was prepared; the draft itself where the file is no longer kept."""
    found = parts.pictures.original(draft.attachment)
    if found is not None:
        return found
    options = tab().picture_choice.options
    return PictureSource(draft.attachment.receipt.source_name, draft.content), options


def _prepared(
    draft: PreparedPicture, source: PictureSource, options: PictureOptions, parts: Services
) -> PreparedPicture:
    try:
        return parts.pictures.prepare(source.content, name=source.name, options=options)
    except ImageError as error:
        tab().dialog_refused = (error.failure,)
        return draft

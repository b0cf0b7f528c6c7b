"""What was done to the pictures of a question before the model got them: the receipt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from augenblick.core.conversations import ReplyRecord
from augenblick.core.messages import Attachment, ImagePart, Message, Provenance
from augenblick.core.providers import READER_MODEL
from augenblick.pictures.token_costs import estimate_pictures
from augenblick.ui import i18n
from augenblick.ui.chat.markdown_filter import literal
from augenblick.ui.pictures.picture_names import tile_name
from augenblick.ui.pictures.sharper import Sharper, has_more_detail
from augenblick.ui.pictures.viewer import draw_download, draw_links
from augenblick.ui.tab_state import tab


@dataclass(frozen=True, slots=True)
class Sending:
    """What a receipt says about the request a picture was sent with.

    `reply` is the answer to the question, `sharper` says what can be done to see more.
    """

    model: str = ""
    reply: ReplyRecord | None = None
    sharper: Callable[[int], Sharper] | None = None  # by place among the parts of the message


def draw_pictures(
    message: Message, conversation_id: str, *, key: str, sending: Sending | None = None
) -> None:
    """Draw the pictures side by side, and below them in one sentence what was done to them.

    The sentence opens, where it stands, to all there is to say.
    """
    sending = sending or Sending()
    with st.container(gap="xsmall", key=f"pictures_{key}"):
        draw_links(message.attachments, conversation_id)
        with st.expander(
            receipt_sentence(message.attachments),
            key=f"receipt_{key}",
            type="compact",
            icon=":material/info:",
            on_change="rerun",
        ) as opened:
            for place, part in enumerate(message.parts):
                if opened.open and isinstance(part, ImagePart):
                    with st.container(gap="xxsmall"):
                        for line in receipt_lines(part, sending):
                            st.caption(line)
                        _draw_acts(part.attachment, conversation_id, sending, place, key)


def receipt_sentence(attachments: Sequence[Attachment]) -> str:
    """Say in a few words what was done to pictures, and only what is true of them."""
    regions = sum(map(_is_region, attachments))
    whole = [each for each in attachments if not _is_region(each)]
    pages = sum(each.receipt.source_page is not None for each in whole)
    photos = [each for each in whole if each.receipt.source_page is None]
    smaller = sum(map(has_more_detail, photos))
    said = [i18n.t("receipt.pages", count=pages)] if pages else []
    if smaller and smaller < len(photos):
        said.append(i18n.t("receipt.some_smaller", smaller=str(smaller), count=str(len(photos))))
    elif photos:
        said.append(i18n.t("receipt.smaller" if smaller else "receipt.whole"))
    if regions:
        said.append(i18n.t("pictures.regions", count=regions))
    if any("location" in each.receipt.removed for each in attachments):
        said.append(i18n.t("receipt.no_location"))
    if pixelated := _pixelated(attachments):
        said.append(i18n.t("receipt.pixelated", count=pixelated))
    return " · ".join(said)


def _is_region(attachment: Attachment) -> bool:
    """Whether it is what was cut out for a region that was marked."""
    tile = attachment.receipt.tile
    return tile is not None and tile.is_region and tile.index > 0


def _pixelated(attachments: Sequence[Attachment]) -> int:
    """In how many regions; those of a picture once, also where it was sent in parts."""
    return sum(
        {
            (each.source_name, each.source_bytes, each.source_page): each.pixelated
            for each in (attachment.receipt for attachment in attachments)
        }.values()
    )


def _draw_acts(
    attachment: Attachment, conversation_id: str, sending: Sending, place: int, key: str
) -> None:
    sharper = sending.sharper(place) if sending.sharper is not None else Sharper()
    with st.container(horizontal=True, vertical_alignment="center"):
        if sharper.act is not None:
            st.button(
                i18n.t("receipt.sharper"),
                key=f"sharper_{key}_{place}",
                type="tertiary",
                icon=":material/zoom_in:",
                help=i18n.t("receipt.sharper_help"),
                on_click=sharper.act,
            )
        draw_download(attachment, conversation_id)
    if sharper.is_original_gone:
        st.caption(i18n.t("receipt.original_gone"))


def receipt_lines(part: ImagePart, sending: Sending) -> list[str]:
    """Say in words what was sent and what was done before; to experts also what it cost."""
    detail = i18n.t("receipt.detail", detail=i18n.t(f"detail.{part.detail.value}"))
    return [
        _sent(part.attachment),
        *_origin(part.attachment.receipt),
        *_changes(part.attachment.receipt),
        *([detail, *_cost(part, sending)] if tab().is_expert else []),
    ]


def _sent(attachment: Attachment) -> str:
    return i18n.t(
        "receipt.sent",
        name=literal(attachment.receipt.source_name),
        width=str(attachment.width_px),
        height=str(attachment.height_px),
        size=i18n.current().bytes(attachment.byte_count),
        kind=attachment.media_type.removeprefix("image/").upper(),
    )


def _origin(receipt: Provenance) -> list[str]:
    size = i18n.current().bytes(receipt.source_bytes)
    if receipt.source_page is not None and receipt.source_page_count is not None:
        number, count = str(receipt.source_page), str(receipt.source_page_count)
        source = i18n.t("receipt.page", number=number, count=count, size=size)
    else:
        source = i18n.t(
            "receipt.source",
            width=str(receipt.source_width_px),
            height=str(receipt.source_height_px),
            size=size,
            kind=receipt.source_format,
        )
    return [source, _tile(receipt)] if receipt.tile is not None else [source]


def _tile(receipt: Provenance) -> str:
    tile = receipt.tile
    if tile is not None and tile.is_region and not tile.index:
        return i18n.t("receipt.regions", count=tile.count)
    if tile is None or not tile.index:
        return i18n.t("receipt.overview", count=str(tile.count if tile else 0))
    return i18n.t(
        "receipt.tile",
        part=tile_name(receipt),
        width=str(tile.width_px),
        height=str(tile.height_px),
        left=str(tile.left_px),
        top=str(tile.top_px),
    )


def _changes(receipt: Provenance) -> list[str]:
    lines = []
    if receipt.rotation_degrees:
        lines.append(i18n.t("receipt.rotated", degrees=str(receipt.rotation_degrees)))
    if receipt.was_mirrored:
        lines.append(i18n.t("receipt.mirrored"))
    if receipt.pixelated:
        lines.append(i18n.t("receipt.pixelated_before", count=receipt.pixelated))
    lines += [i18n.t(f"receipt.remarks.{what}") for what in receipt.remarks]
    return lines + [i18n.t(f"receipt.removed.{what}") for what in receipt.removed]


def _cost(part: ImagePart, sending: Sending) -> list[str]:
    """Say what the picture is likely to have cost, and what the whole request did."""
    if sending.model == READER_MODEL:  # its tokens cost nobody anything
        return []
    lines = []
    if sending.model:
        size = (part.attachment.width_px, part.attachment.height_px, part.detail)
        estimate = estimate_pictures(sending.model, [size])
        if estimate is None:
            lines.append(i18n.t("receipt.tokens_unknown"))
        else:
            family = literal(estimate.family)
            lines.append(i18n.t("receipt.tokens", count=estimate.tokens, family=family))
    usage = sending.reply.usage if sending.reply is not None else None
    if usage is not None and usage.prompt_tokens is not None:
        lines.append(i18n.t("receipt.cost", count=usage.prompt_tokens))
    return lines

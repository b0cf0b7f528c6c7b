"""The pictures of a question, each as the model got it, with what was done to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from augenblick.conversations import ReplyRecord
from augenblick.messages import Attachment, ImagePart, Message, PictureReceipt
from augenblick.providers import READER_MODEL
from augenblick.store import ConversationStore
from augenblick.ui import words
from augenblick.ui.markdown import literal
from augenblick.ui.picture_card import tile_name
from augenblick.ui.sharper import Sharper
from augenblick.ui.thumbnails import thumbnails
from augenblick.usage import estimate_pictures

_FEW = 2
_FEW_PX = 220  # the longest side of a thumbnail
_WHOLE_PX = 320  # of the exact picture, which can be enlarged to the whole screen
_MANY_PX = 132  # two side by side on a phone
_LABEL_PX = 132  # so much the size below a picture needs in one line


@dataclass(frozen=True, slots=True)
class Sending:
    """What a receipt says about the request a picture was sent with.

    `reply` is the answer to the question, `sharper` says what can be done to see more.
    """

    model: str = ""
    reply: ReplyRecord | None = None
    sharper: Callable[[int], Sharper] | None = None  # by place among the parts of the message


def draw_pictures(
    message: Message, store: ConversationStore, *, key: str, sending: Sending | None = None
) -> None:
    """Draw the pictures side by side; a click on the line below shows the exact picture."""
    sending = sending or Sending()
    longest_px = _FEW_PX if len(message.attachments) <= _FEW else _MANY_PX
    with st.container(horizontal=True, gap="small"):
        for place, part in enumerate(message.parts):
            if isinstance(part, ImagePart):
                width_px = _width_px(part.attachment, longest_px)
                with st.container(width=max(_LABEL_PX, width_px), gap="xxsmall"):
                    _draw_thumbnail(part.attachment, store, width_px=width_px)
                    _draw_receipt(part, place, store, key=f"{key}_{place}", sending=sending)
    if any("location" in each.receipt.removed for each in message.attachments):
        st.caption(f":material/location_off: {words.say('receipt.no_location')}")


def _draw_thumbnail(attachment: Attachment, store: ConversationStore, *, width_px: int) -> None:
    with st.container(width=width_px):
        st.image(
            thumbnails().get(attachment.sha256, store.load_thumbnail),
            width="stretch",  # an exact width would be scaled down here, blurred on phones
            alt=attachment.receipt.source_name,
        )


def _draw_receipt(
    part: ImagePart, place: int, store: ConversationStore, *, key: str, sending: Sending
) -> None:
    attachment = part.attachment
    label = words.say(
        "receipt.size", width=str(attachment.width_px), height=str(attachment.height_px)
    )
    with st.popover(
        label,
        key=f"receipt_{key}",
        type="tertiary",
        icon=":material/visibility:",
        help=words.say("receipt.help"),
        on_change="rerun",
    ) as opened:
        if not opened.open:
            return
        with st.container(width=_width_px(attachment, _WHOLE_PX)):
            st.image(
                store.load_content(attachment.sha256),
                alt=attachment.receipt.source_name,
                width="stretch",
            )
        if sending.sharper is not None:
            _draw_sharper(sending.sharper(place), key)
        with st.container(gap="xxsmall"):
            for line in receipt_lines(part, sending):
                st.caption(line)


def _draw_sharper(sharper: Sharper, key: str) -> None:
    if sharper.act is not None:
        st.button(
            words.say("receipt.sharper"),
            key=f"sharper_{key}",
            icon=":material/zoom_in:",
            help=words.say("receipt.sharper_help"),
            on_click=sharper.act,
        )
    elif sharper.is_original_gone:
        st.caption(words.say("receipt.original_gone"))


def receipt_lines(part: ImagePart, sending: Sending) -> list[str]:
    """Say in words what was sent, what was done before, and what it cost."""
    return [
        _sent(part.attachment),
        *_origin(part.attachment.receipt),
        *_changes(part.attachment.receipt),
        words.say("receipt.detail", detail=words.say(f"detail.{part.detail.value}")),
        *_cost(part, sending),
    ]


def _sent(attachment: Attachment) -> str:
    return words.say(
        "receipt.sent",
        name=literal(attachment.receipt.source_name),
        width=str(attachment.width_px),
        height=str(attachment.height_px),
        size=words.current().bytes(attachment.byte_count),
        kind=attachment.media_type.removeprefix("image/").upper(),
    )


def _origin(receipt: PictureReceipt) -> list[str]:
    size = words.current().bytes(receipt.source_bytes)
    if receipt.source_page is not None and receipt.source_page_count is not None:
        number, count = str(receipt.source_page), str(receipt.source_page_count)
        source = words.say("receipt.page", number=number, count=count, size=size)
    else:
        source = words.say(
            "receipt.source",
            width=str(receipt.source_width_px),
            height=str(receipt.source_height_px),
            size=size,
            kind=receipt.source_format,
        )
    return [source, _tile(receipt)] if receipt.tile is not None else [source]


def _tile(receipt: PictureReceipt) -> str:
    tile = receipt.tile
    if tile is None or not tile.index:
        return words.say("receipt.overview", count=str(tile.count if tile else 0))
    return words.say(
        "receipt.tile",
        part=tile_name(receipt),
        width=str(tile.width_px),
        height=str(tile.height_px),
        left=str(tile.left_px),
        top=str(tile.top_px),
    )


def _changes(receipt: PictureReceipt) -> list[str]:
    lines = []
    if receipt.rotation_degrees:
        lines.append(words.say("receipt.rotated", degrees=str(receipt.rotation_degrees)))
    if receipt.was_mirrored:
        lines.append(words.say("receipt.mirrored"))
    return lines + [words.say(f"receipt.removed.{what}") for what in receipt.removed]


def _cost(part: ImagePart, sending: Sending) -> list[str]:
    """Say what the picture is likely to have cost, and what the whole request did."""
    if sending.model == READER_MODEL:  # its tokens cost nobody anything
        return []
    lines = []
    if sending.model:
        size = (part.attachment.width_px, part.attachment.height_px, part.detail)
        estimate = estimate_pictures(sending.model, [size])
        if estimate is None:
            lines.append(words.say("receipt.tokens_unknown"))
        else:
            family = literal(estimate.family)
            lines.append(words.say("receipt.tokens", count=estimate.tokens, family=family))
    usage = sending.reply.usage if sending.reply is not None else None
    if usage is not None and usage.prompt_tokens is not None:
        lines.append(words.say("receipt.cost", count=usage.prompt_tokens))
    return lines


def _width_px(attachment: Attachment, longest_px: int) -> int:
    """Return the width at which the thumbnail is drawn: no taller than wide pictures are wide."""
    by_height = longest_px * attachment.width_px / attachment.height_px
    return max(24, min(longest_px, round(by_height)))

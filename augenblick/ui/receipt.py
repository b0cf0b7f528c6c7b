"""The pictures of a question, each as the model got it, with what was done to it."""

from __future__ import annotations

import streamlit as st

from augenblick.messages import Attachment
from augenblick.store import ConversationStore
from augenblick.ui import words
from augenblick.ui.markdown import literal

_THUMBNAIL_PX = 220
_TALLEST_PX = 220


def draw_pictures(
    attachments: tuple[Attachment, ...], store: ConversationStore, *, key: str
) -> None:
    """Draw the pictures side by side; a click on the line below shows the exact picture."""
    with st.container(horizontal=True, gap="small"):
        for number, attachment in enumerate(attachments):
            with st.container(width=_width_px(attachment), gap="xxsmall"):
                st.image(
                    store.load_thumbnail(attachment.sha256),
                    width="stretch",  # an exact width would be scaled down here, blurred on phones
                    alt=attachment.receipt.source_name,
                )
                _draw_receipt(attachment, store, key=f"{key}_{number}")


def _draw_receipt(attachment: Attachment, store: ConversationStore, *, key: str) -> None:
    language = words.current()
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
        st.image(
            store.load_content(attachment.sha256),
            alt=attachment.receipt.source_name,
            width="stretch",
        )
        st.caption(
            words.say(
                "receipt.sent",
                name=literal(attachment.receipt.source_name),
                width=str(attachment.width_px),
                height=str(attachment.height_px),
                size=language.bytes(attachment.byte_count),
                kind=attachment.media_type.removeprefix("image/").upper(),
            )
        )
        for line in receipt_lines(attachment):
            st.caption(line)


def receipt_lines(attachment: Attachment) -> list[str]:
    """Say in words what was done between the file and the sent picture."""
    receipt = attachment.receipt
    language = words.current()
    lines = [
        words.say(
            "receipt.source",
            width=str(receipt.source_width_px),
            height=str(receipt.source_height_px),
            size=language.bytes(receipt.source_bytes),
            kind=receipt.source_format,
        )
    ]
    if receipt.rotation_degrees:
        lines.append(words.say("receipt.rotated", degrees=str(receipt.rotation_degrees)))
    lines.extend(words.say(f"receipt.removed.{what}") for what in receipt.removed)
    return lines


def _width_px(attachment: Attachment) -> int:
    """Return the width at which the thumbnail is drawn: no taller than wide pictures are wide."""
    by_height = _TALLEST_PX * attachment.width_px / attachment.height_px
    return max(72, min(_THUMBNAIL_PX, round(by_height)))

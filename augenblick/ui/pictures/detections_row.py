"""Boxes and points that a model gave, below its answer: shown in the viewer, listed, saved."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path

import streamlit as st

from augenblick.core.messages import Attachment
from augenblick.lab.detections import Detection, as_coco, as_csv, find_detections
from augenblick.ui import i18n
from augenblick.ui.pictures.picture_names import picture_name

_MOST_LISTED = 24
_LEAST_SIDE = 1 / 60  # of the picture: what a point is drawn as


def draw_detections(text: str, attachments: Sequence[Attachment], *, model: str, key: str) -> None:
    """Draw what is found in an answer's text; nothing where it gives none.

    `attachments` are the pictures the answer is about; the person says in which of several.
    """
    found = {
        each: interpretations
        for each in attachments
        if (interpretations := find_detections(
            text, model=model, width_px=each.width_px, height_px=each.height_px
        ))
    }  # fmt: skip
    if not found:
        return
    attachment = _chosen(list(found), key)
    interpretations = found[attachment]
    interpretation = interpretations[0]
    if len(interpretations) > 1:
        by_scale = {each.scale: each for each in interpretations}
        scale = st.segmented_control(
            i18n.t("places.scale"),
            list(by_scale),
            default=interpretation.scale,
            required=True,
            format_func=lambda scale: i18n.t(f"places.{scale}"),
            key=f"scale_{key}",
        )
        interpretation = by_scale[scale]
    st.html(_buttons(interpretation.detections, attachment))
    _draw_downloads(interpretation.detections, attachment, key)


def _chosen(attachments: Sequence[Attachment], key: str) -> Attachment:
    if len(attachments) == 1:
        return attachments[0]
    return st.selectbox(
        i18n.t("places.picture"), attachments, format_func=picture_name, key=f"in_{key}"
    )


def _buttons(detections: Sequence[Detection], attachment: Attachment) -> str:
    """A button for all detections and one for each; the viewer's script listens."""
    all_of_them = _button(
        i18n.t("places.show", count=len(detections)), _outlines(detections, attachment), attachment
    )
    several = detections[:_MOST_LISTED] if len(detections) > 1 else ()
    each = (
        _button(
            detection.label or i18n.t("places.unnamed", number=number),
            _outlines([detection], attachment),
            attachment,
        )
        for number, detection in enumerate(several, 1)
    )
    more = len(detections) - len(several)
    rest = f"<li>{i18n.t('places.more', count=more)}</li>" if several and more else ""
    listed = "".join(f"<li>{button}</li>" for button in each)
    return f'<div class="places">{all_of_them}<ul>{listed}{rest}</ul></div>'


def _button(label: str, outlines: list[dict[str, object]], attachment: Attachment) -> str:
    return (
        f'<button type="button" data-outlined="{attachment.sha256}"'
        f' data-outlines="{escape(json.dumps(outlines))}">{escape(label)}</button>'
    )


def _outlines(detections: Iterable[Detection], attachment: Attachment) -> list[dict[str, object]]:
    least = max(attachment.width_px, attachment.height_px) * _LEAST_SIDE
    return [
        asdict(detection)
        if detection.width
        else {
            "label": detection.label,
            "x": detection.x - least / 2,
            "y": detection.y - least / 2,
            "width": least,
            "height": least,
        }
        for detection in detections
    ]


def _draw_downloads(detections: Sequence[Detection], attachment: Attachment, key: str) -> None:
    stem = Path(attachment.receipt.source_name).stem
    coco = as_coco(
        detections,
        file_name=attachment.receipt.source_name,
        width_px=attachment.width_px,
        height_px=attachment.height_px,
    )
    with st.container(horizontal=True, gap="small", key=f"saved_{key}"):
        for name, content, ending in (
            ("csv", as_csv(detections), "csv"),
            ("coco", json.dumps(coco, ensure_ascii=False, indent=1), "json"),
        ):
            st.download_button(
                i18n.t(f"places.{name}"),
                content,
                file_name=f"{stem}-places.{ending}",
                key=f"{name}_{key}",
                type="tertiary",
                icon=":material/download:",
                on_click="ignore",
            )

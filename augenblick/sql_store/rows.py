"""Values to columns and back. What is JSON in a column is made and read here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Row

from augenblick.conversations import PictureSelection, ReplyRecord
from augenblick.errors import Failure
from augenblick.messages import (
    Adjustment,
    Attachment,
    ChoiceText,
    ContentPart,
    Detail,
    ImagePart,
    Message,
    PictureReceipt,
    PreparedPicture,
    ReplyEnd,
    Role,
    TextPart,
    Timings,
    ToolCall,
    ToolResult,
    ToolRound,
    Usage,
)
from augenblick.settings import RequestSettings
from augenblick.store import ReplyDelta

TITLE_LENGTH = 60
MAX_TITLE_LENGTH = 200
MAX_CHOICES = 128  # the largest `n` of the API; an endpoint that counts higher is not believed
Values = dict[str, Any]
LaneTexts = Mapping[tuple[int, str], str]
"""Text by choice index and lane."""


def title_of(message: Message) -> str:
    """The first line of a question, cut on a word border to 60 characters; "" without words."""
    lines = (" ".join(line.split()) for line in message.text.splitlines())
    line = next((line for line in lines if line), "")
    if len(line) <= TITLE_LENGTH:
        return line
    head, space, _ = line[:TITLE_LENGTH].rpartition(" ")
    return (head if space else line[: TITLE_LENGTH - 1]) + "…"


def fit_title(title: str) -> str:
    """A title on one line, cut to 200 characters."""
    return " ".join(title.split())[:MAX_TITLE_LENGTH].rstrip()


def selection_values(selection: PictureSelection) -> Values | None:
    """The column `selection`; null when everything is sent."""
    if selection == PictureSelection():
        return None
    return {"left_out": sorted(selection.left_out), "keep_last": selection.keep_last}


def read_selection(column: Values | None) -> PictureSelection:
    """A selection from its column."""
    if column is None:
        return PictureSelection()
    left_out = frozenset((node_id, position) for node_id, position in column["left_out"])
    return PictureSelection(left_out, column["keep_last"])


def part_values(node_id: str, message: Message) -> list[Values]:
    """Rows of `part` for a message."""
    return [
        {"node_id": node_id, "position": position, **part_columns(part)}
        for position, part in enumerate(message.parts)
    ]


def part_columns(part: ContentPart) -> Values:
    """What a part holds, as columns of `part`."""
    if isinstance(part, TextPart):
        return {"text": part.text, "picture_sha256": None, "detail": None,
                "receipt": None}  # fmt: skip
    receipt = asdict(part.attachment.receipt)
    return {"text": None, "picture_sha256": part.attachment.sha256, "detail": part.detail.value,
            "receipt": receipt}  # fmt: skip


def picture_values(picture: PreparedPicture) -> Values:
    """The row of `picture`."""
    attachment = picture.attachment
    return {
        "sha256": attachment.sha256,
        "media_type": attachment.media_type,
        "width_px": attachment.width_px,
        "height_px": attachment.height_px,
        "byte_count": attachment.byte_count,
        "thumbnail_width_px": picture.thumbnail_width_px,
        "thumbnail_height_px": picture.thumbnail_height_px,
    }


def picture_bytes_values(picture: PreparedPicture) -> Values:
    """The row of `picture_bytes`."""
    return {
        "sha256": picture.attachment.sha256,
        "thumbnail": picture.thumbnail,
        "content": picture.content,
    }


def read_part(row: Row[*tuple[Any, ...]]) -> ContentPart:
    """A part of a message from the columns of `part` and, for a picture, of `picture`."""
    if row.sha256 is None:
        return TextPart(row.text)
    attachment = Attachment(
        sha256=row.sha256,
        media_type=row.media_type,
        width_px=row.width_px,
        height_px=row.height_px,
        byte_count=row.byte_count,
        receipt=PictureReceipt.from_fields(row.receipt),
    )
    return ImagePart(attachment, Detail(row.detail))


def reply_values(record: ReplyRecord) -> Values:
    """The columns of `reply` that a record fills."""
    if record.end is None:
        raise ValueError("the record of a finished reply needs its end")
    return {
        "provider": record.provider,
        "model": record.model,
        "ended_as": record.end.value,
        "choices": choices_json(record.choices),
        "usage": asdict(record.usage) if record.usage else None,
        "timings": asdict(record.timings),
        "failure": asdict(record.failure) if record.failure else None,
        "adjustments": [asdict(item) for item in record.adjustments],
        "answered_model": record.answered_model,
        "system_fingerprint": record.system_fingerprint,
        "picked_choice": record.picked_choice,
        "rounds": rounds_json(record.rounds),
        "settings": record.settings.as_fields() if record.settings else None,
    }


def rounds_json(rounds: Iterable[ToolRound]) -> list[Values] | None:
    """The column `rounds`; a picture is named by its bytes and stands among the reply's parts."""
    return [_round_json(each) for each in rounds] or None


def _round_json(done: ToolRound) -> Values:
    plain = replace(done, results=tuple(replace(one, picture=None) for one in done.results))
    values = asdict(plain)
    for written, result in zip(values["results"], done.results, strict=True):
        written["picture"] = result.picture.attachment.sha256 if result.picture else None
    return values


def _read_round(column: Values, pictures: Mapping[str, ImagePart]) -> ToolRound:
    results = tuple(
        ToolResult(**{**item, "picture": pictures.get(item["picture"] or "")})
        for item in column["results"]
    )
    calls = tuple(ToolCall(**call) for call in column["calls"])
    return ToolRound(**{**column, "calls": calls, "results": results})


def read_settings(column: Values) -> RequestSettings:
    """Request settings from their column."""
    return RequestSettings.from_fields(column)


def choices_json(choices: Iterable[ChoiceText]) -> list[Values]:
    """The column `choices`."""
    return [asdict(choice) for choice in choices]


def read_reply(
    row: Row[*tuple[Any, ...]], texts: LaneTexts, parts: Iterable[ContentPart]
) -> ReplyRecord:
    """A reply from its columns; `texts` is what has been appended to an open one.

    `parts` are the pictures that its calls returned.
    """
    pictures = {part.attachment.sha256: part for part in parts if isinstance(part, ImagePart)}
    return ReplyRecord(
        provider=row.provider,
        model=row.model,
        end=ReplyEnd(row.ended_as) if row.ended_as else None,
        choices=_read_choices(row.choices or []) if row.ended_as else choices_of(texts),
        usage=Usage(**row.usage) if row.usage else None,
        timings=Timings(**(row.timings or {})),
        failure=Failure(**row.failure) if row.failure else None,
        adjustments=tuple(Adjustment(**item) for item in row.adjustments or ()),
        answered_model=row.answered_model,
        system_fingerprint=row.system_fingerprint,
        picked_choice=row.picked_choice,
        rounds=tuple(_read_round(item, pictures) for item in row.rounds or ()),
        settings=read_settings(row.settings) if row.settings else None,
    )


def picked_text(choices: Sequence[Values] | None, picked_choice: int) -> str:
    """The text that goes on into later turns, from the columns of an ended reply."""
    for_index = dict(enumerate(choices or ()))
    return str(for_index.get(picked_choice, {}).get("text", ""))


def _read_choices(column: Iterable[Values]) -> tuple[ChoiceText, ...]:
    return tuple(
        ChoiceText(**{**item, "tool_calls": tuple(ToolCall(**call) for call in item["tool_calls"])})
        for item in column
    )


def choices_of(texts: LaneTexts) -> tuple[ChoiceText, ...]:
    """The choices an open reply has so far; one that has said nothing yet is empty."""
    count = max((index + 1 for index, _ in texts), default=0)
    return tuple(
        ChoiceText(
            text=texts.get((index, "text"), ""),
            reasoning=texts.get((index, "reasoning"), ""),
            refusal=texts.get((index, "refusal"), ""),
        )
        for index in range(count)
    )


def answer_message(record: ReplyRecord) -> Message:
    """The message of an answer: the text of the picked choice."""
    text = record.picked.text
    return Message(Role.ASSISTANT, (TextPart(text),) if text else ())


def delta_values(deltas: Sequence[ReplyDelta], *, batch: int) -> list[Values]:
    """What one commit has to write: one row for each reply, choice and lane, in one order."""
    texts: dict[tuple[str, int, str], list[str]] = {}
    for delta in deltas:
        if delta.text and 0 <= delta.choice_index < MAX_CHOICES:
            key = (delta.reply_id, delta.choice_index, delta.lane)
            texts.setdefault(key, []).append(delta.text)
    return [
        {"reply_id": reply_id, "batch": batch, "choice_index": index, "lane": lane,
         "text": "".join(texts[reply_id, index, lane])}
        for reply_id, index, lane in sorted(texts)
    ]  # fmt: skip

"""The changes that can be made to the pictures of a request, each with its sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from augenblick.chat.request_changes import Fallback, Request, question_positions
from augenblick.core.messages import Adjustment, Attachment, ContentPart, ImagePart, Message
from augenblick.pictures.variants import PictureVariants

# Names of quirks, as they are stored.
SIDE = "pictures.longest_side_px"
COUNT = "pictures.max_count"
FORMAT = "pictures.format"

_JPEG: Final = "image/jpeg"


def shrunk(request: Request, side_px: int, pictures: PictureVariants) -> Fallback | None:
    """Every picture whose longer side is above `side_px`, prepared smaller."""
    if side_px <= 0:
        return None

    def smaller(picture: Attachment) -> Attachment:
        return pictures.shrink(picture, side_px) if side_of(picture) > side_px else picture

    changed, count = _each_changed(request, smaller)
    adjustment = Adjustment("shrank_pictures", {"count": count, "side_px": side_px})
    return Fallback(changed, adjustment, {SIDE: str(side_px)}) if count else None


def as_jpeg(request: Request, pictures: PictureVariants) -> Fallback | None:
    """Every picture that is no JPEG, as one."""

    def converted(picture: Attachment) -> Attachment:
        return pictures.to_jpeg(picture) if picture.media_type != _JPEG else picture

    changed, count = _each_changed(request, converted)
    adjustment = Adjustment("converted_pictures", {"count": count})
    return Fallback(changed, adjustment, {FORMAT: "jpeg"}) if count else None


def newest_pictures(request: Request, limit: int) -> Fallback | None:
    """Only the newest `limit` pictures; None where that drops nothing, or all there are.

    Of pictures that were sent in parts the parts go before the whole.
    """
    total = len(pictures_of(request))
    if not 0 < limit < total:
        return None
    messages, dropped = _dropping(request.messages, total - limit)
    changed = replace(request, messages=messages)
    return Fallback(changed, _left_out(request, dropped, limit), {COUNT: str(limit)})


def _left_out(before: Request, dropped: Sequence[Attachment], limit: int) -> Adjustment:
    """Say which pictures were left out; regions of the question by their numbers."""
    params: dict[str, str | int | float] = {"count": len(dropped), "limit": limit}
    older = len(pictures_of(before)) - picture_count_of_last(before)
    parts = [tile for each in dropped if (tile := each.receipt.tile) is not None and tile.index]
    if len(dropped) <= older or not parts:
        return Adjustment("dropped_pictures", params)
    numbers = sorted({part.index for part in parts if part.is_region})
    tiles = [each.receipt.tile for each in pictures_of(before)]
    has_overview = any(tile is not None and tile.is_region and not tile.index for tile in tiles)
    if len(numbers) < len(dropped) or not has_overview:  # others as well, or of two pictures
        return Adjustment("dropped_parts", params)
    return Adjustment("dropped_regions", {**params, "numbers": ", ".join(map(str, numbers))})


def without_older_pictures(request: Request) -> Fallback | None:
    """Only the pictures of the last question that had any."""
    older = len(pictures_of(request)) - picture_count_of_last(request)
    if not older:
        return None
    changed = replace(request, messages=_dropping(request.messages, older)[0])
    return Fallback(changed, Adjustment("dropped_older_pictures", {"count": older}))


def _each_changed(
    request: Request, change: Callable[[Attachment], Attachment]
) -> tuple[Request, int]:
    """The request with every picture changed, and how many really are."""
    count = 0
    messages = []
    for message in request.messages:
        parts: list[ContentPart] = []
        for part in message.parts:
            if isinstance(part, ImagePart):
                changed = change(part.attachment)
                count += changed != part.attachment
                parts.append(replace(part, attachment=changed))
            else:
                parts.append(part)
        messages.append(replace(message, parts=tuple(parts)))
    return replace(request, messages=tuple(messages)), count


def _dropping(
    messages: tuple[Message, ...], count: int
) -> tuple[tuple[Message, ...], list[Attachment]]:
    """The messages without `count` pictures, and these; a message left empty says nothing and goes.

    The oldest go first; of one message the parts of pictures, the last ones first, for the whole
    shows all of them.
    """
    kept, dropped = [], list[Attachment]()
    for message in messages:
        pictures = {
            at: part.attachment
            for at, part in enumerate(message.parts)
            if isinstance(part, ImagePart)
        }
        gone = sorted(pictures, key=lambda at: -_part_number(pictures[at]))[: count - len(dropped)]
        dropped += [pictures[at] for at in gone]
        parts = tuple(part for at, part in enumerate(message.parts) if at not in gone)
        if parts or message.tool_calls:
            kept.append(replace(message, parts=parts))
    return tuple(kept), dropped


def _part_number(picture: Attachment) -> int:
    """Which part of a picture it is, from 1; 0 for a whole one."""
    tile = picture.receipt.tile
    return tile.index if tile is not None else 0


def pictures_of(request: Request) -> list[Attachment]:
    """All pictures, oldest first."""
    return [picture for message in request.messages for picture in message.attachments]


def picture_count_of_last(request: Request) -> int:
    """How many pictures the last question has, with those that calls returned after it."""
    questions = question_positions(request.messages)
    from_last = request.messages[questions[-1] :] if questions else ()
    return sum(len(message.attachments) for message in from_last)


def side_of(picture: Attachment) -> int:
    """The longer side in px."""
    return max(picture.width_px, picture.height_px)

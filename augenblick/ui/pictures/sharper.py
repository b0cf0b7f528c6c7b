"""Asking the same question again with more of a picture to see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from augenblick.core.conversations import Conversation, Node
from augenblick.core.errors import AugenblickError
from augenblick.core.messages import Attachment, Detail, ImagePart, PreparedPicture
from augenblick.pictures import PictureSource, sharper
from augenblick.store.store_values import NewQuestion
from augenblick.ui.chat.model_choice import ModelChoice
from augenblick.ui.experts.active_settings import sendable_settings
from augenblick.ui.resources import Services
from augenblick.ui.tab_state import new_submission_id, tab


@dataclass(frozen=True, slots=True)
class Sharper:
    """What can be done to have a picture seen more sharply; nothing where it is as sharp as can be.

    `is_original_gone` says that there may be more to see, but the file is no longer at hand.
    """

    act: Callable[[], None] | None = None
    is_original_gone: bool = False


def find_sharper(
    node: Node, place: int, *, parts: Services, conversation: Conversation, choice: ModelChoice
) -> Sharper:
    """What can be done for the picture at this place among the parts of a question."""
    part = node.message.parts[place]
    if not isinstance(part, ImagePart) or conversation.live_node is not None:
        return Sharper()
    source = parts.pictures.original(part.attachment)
    if source is None:
        return Sharper(is_original_gone=has_more_detail(part.attachment))
    wanted = sharper(source.options, part.attachment.receipt)
    if wanted is None:
        return Sharper()
    again = _Again(node, place, replace(source, options=wanted))
    return Sharper(partial(_ask_sharper, again, parts, conversation, choice))


def has_more_detail(attachment: Attachment) -> bool:
    """Whether the file had more pixels than were sent."""
    receipt = attachment.receipt
    shown = receipt.tile
    there = (
        (receipt.source_width_px, receipt.source_height_px)
        if shown is None
        else (shown.width_px, shown.height_px)
    )
    return max(there) > max(attachment.width_px, attachment.height_px)


@dataclass(frozen=True, slots=True)
class _Again:
    """A question, and how the picture at one place of it is to be prepared now."""

    node: Node
    place: int
    source: PictureSource


def _ask_sharper(
    again: _Again, parts: Services, conversation: Conversation, choice: ModelChoice
) -> None:
    memory = tab()
    memory.failure = None
    try:
        picture = parts.pictures.prepare(
            again.source.content,
            name=again.source.name,
            options=again.source.options,
            person=parts.owner(),
        )
        question = _question(again, picture, parts, conversation, choice)
        parts.ask(question, sendable_settings(choice.model))
    except AugenblickError as error:
        memory.failure = error.failure


def _question(
    again: _Again,
    picture: PreparedPicture,
    parts: Services,
    conversation: Conversation,
    choice: ModelChoice,
) -> NewQuestion:
    """The same question in the same place, the picture exchanged; the others are stored already."""
    message = again.node.message
    contents = list(message.parts)
    contents[again.place] = _seen_closely(contents[again.place], picture)
    return NewQuestion(
        submission_id=new_submission_id(),
        owner=parts.owner(),
        conversation_id=conversation.id,
        parent_id=again.node.parent_id,
        message=replace(message, parts=tuple(contents)),
        pictures=(picture,),
        provider=choice.provider,
        model=choice.model,
    )


def _seen_closely(part: object, picture: PreparedPicture) -> ImagePart:
    """The new picture; looked at closely where the old one was only glanced at."""
    was_glance = isinstance(part, ImagePart) and part.detail is Detail.LOW
    detail = part.detail if isinstance(part, ImagePart) and not was_glance else Detail.HIGH
    return ImagePart(picture.attachment, detail)

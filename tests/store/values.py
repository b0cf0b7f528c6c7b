"""Questions, pictures and records for the tests of the store."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import count

from augenblick.core.conversations import ReplyRecord
from augenblick.core.messages import (
    Attachment,
    ChoiceText,
    Detail,
    ImagePart,
    Message,
    PreparedPicture,
    Provenance,
    ReplyEnd,
    Role,
    TextPart,
)
from augenblick.store import Store
from augenblick.store.store_values import ImportedNode, NewQuestion, ReplyDelta

_numbers = count()


def a_picture(content: bytes = b"picture", *, name: str = "cat.jpg") -> PreparedPicture:
    """A picture that is none: the store doesn't look into the bytes."""
    receipt = Provenance(name, "JPEG", 4000, 640, 480, removed=("location", "camera"))
    sha256 = hashlib.sha256(content).hexdigest()
    attachment = Attachment(sha256, "image/jpeg", 640, 480, len(content), receipt)
    return PreparedPicture(attachment, content, b"small " + content, 64, 48)


def import_conversation(
    store: Store,
    *,
    owner: str,
    title: str,
    nodes: Sequence[ImportedNode],
    pictures: Sequence[PreparedPicture],
    leaf_id: str | None = None,
) -> str:
    """Write a whole conversation from elsewhere and return its id."""
    saved = store.begin_import(owner=owner)
    for picture in pictures:
        saved.add_picture(picture)
    saved.add(nodes)
    return saved.finish(title=title, leaf_id=leaf_id)


def a_question(
    text: str = "What is this?",
    *,
    pictures: tuple[PreparedPicture, ...] = (),
    conversation_id: str | None = None,
    parent_id: str | None = None,
    submission_id: str | None = None,
    owner: str = "me",
    is_temporary: bool = False,
) -> NewQuestion:
    """A question with its pictures before its words."""
    parts = (
        *(ImagePart(picture.attachment, Detail.HIGH) for picture in pictures),
        *((TextPart(text),) if text else ()),
    )
    return NewQuestion(
        submission_id=submission_id or f"submission-{next(_numbers)}",
        owner=owner,
        conversation_id=conversation_id,
        parent_id=parent_id,
        message=Message(Role.USER, parts),
        pictures=pictures,
        provider="reader",
        model="look",
        is_temporary=is_temporary,
    )


def a_record(text: str = "A cat.", end: ReplyEnd = ReplyEnd.COMPLETE) -> ReplyRecord:
    """How a reply with one choice ended."""
    return ReplyRecord("reader", "look", end, (ChoiceText(text, finish_reason="stop"),))


def words(reply_id: str, text: str, *, channel: str = "text", choice_index: int = 0) -> ReplyDelta:
    """Text for an open reply."""
    return ReplyDelta(reply_id, choice_index, channel, text)

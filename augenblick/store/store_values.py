"""What goes into the store and comes out of it besides the values of `core`. No SQL here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from augenblick.core.conversations import ReplyRecord
from augenblick.core.messages import Message, PreparedPicture, Timings, Usage
from augenblick.core.settings import RequestSettings


class StoreOutage(StrEnum):
    """Why nothing can be written now; stands in `params["reason"]` of StoreUnavailable."""

    FULL = "full"
    READ_ONLY = "read_only"
    LOCKED = "locked"  # somebody else holds the database longer than we wait
    UNREACHABLE = "unreachable"  # the server or the file is not there
    DAMAGED = "damaged"
    LOST = "lost"  # the file was deleted, replaced or cut off while it was in use
    SLOW = "slow"  # a write has been under way for too long
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class RatingCount:
    """How many answers of a model people liked, and how many not."""

    provider: str
    model: str
    up: int
    down: int


@dataclass(frozen=True, slots=True)
class NewQuestion:
    """A question about to be saved, together with the answer that is opened for it.

    `submission_id` is made by the page, once per submit: saving the same one twice saves once.
    `owner` is who asks: a new conversation is listed for them, an existing one must be theirs.
    `conversation_id` None starts one; `parent_id` None puts the question at its root.
    `is_temporary` says that the new conversation shall never be written to a disk.
    """

    submission_id: str
    owner: str
    conversation_id: str | None
    parent_id: str | None
    message: Message
    pictures: tuple[PreparedPicture, ...]
    provider: str
    model: str
    is_temporary: bool = False


@dataclass(frozen=True, slots=True)
class OpenedReply:
    """Where an answer will be written. `is_new` is False when this submit had been saved before."""

    conversation_id: str
    question_id: str
    reply_id: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class ReplyDelta:
    """Text to be added to an open reply. `channel` is "text", "reasoning" or "refusal".

    `choice_index` counts from 0 to 127, as the API does; text of any other choice is not kept.
    """

    reply_id: str
    choice_index: int
    channel: str
    text: str


@dataclass(frozen=True, slots=True)
class EarlierPicture:
    """A picture that was asked about, in the conversation where that happened last."""

    sha256: str
    conversation_id: str
    title: str  # of the conversation


@dataclass(frozen=True, slots=True)
class ConversationSummary:
    """A line in the list of conversations."""

    id: str
    title: str
    updated_at: datetime
    is_pinned: bool = False
    question_count: int = 0
    thumbnail_sha256: str | None = None  # of the first picture


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A conversation in which the searched words stand, with the best place.

    `excerpt` alternates: even pieces are plain, odd ones matched the search.
    """

    conversation: ConversationSummary
    node_id: str | None  # None where only the title matched
    excerpt: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """A link with which anybody may read one path of a conversation, as it was when shared."""

    token: str  # the secret part of the link
    conversation_id: str
    leaf_id: str
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class ImportedNode:
    """A message to be written as it came from elsewhere; `id` and `parent_id` within the import."""

    id: str
    parent_id: str | None
    message: Message
    created_at: datetime | None = None
    record: ReplyRecord | None = None  # for answers


@dataclass(frozen=True, slots=True)
class DeletedMessage:
    """What brings a deleted message back, with all that hung below it."""

    conversation_id: str
    kept_in: str  # a deleted conversation that holds nothing else
    parent_id: str | None
    leaf_id: str | None  # the end of the path that was shown
    title: str  # of the conversation
    title_left: str  # without the message


@dataclass(frozen=True, slots=True)
class StorageStats:
    """How much is stored about a person."""

    conversations: int = 0
    questions: int = 0
    pictures: int = 0
    picture_bytes: int = 0
    shares: int = 0
    oldest_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Preset:
    """Request settings that a person has given a name; the model is not part of it."""

    name: str
    settings: RequestSettings


@dataclass(frozen=True, slots=True)
class Figures:
    """What an earlier answer took, and nothing of what it said."""

    usage: Usage
    timings: Timings

"""What the core asks of a store. `sql_store` is the real one; nothing here knows of SQL.

Guarantees every store gives: a call that returned has been written durably (a power cut loses
nothing); a call that raised wrote nothing, with one exception that no database can avoid: when the
connection breaks during the commit itself, nobody knows. So every call here may be repeated after
StoreUnavailable, and repeating never writes twice. Ids can't be guessed; any thread may call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from augenblick.conversations import Conversation, ReplyRecord
from augenblick.messages import Message, PreparedPicture


class Trouble(StrEnum):
    """Why nothing can be written now; stands in `params["reason"]` of StoreUnavailable."""

    FULL = "full"
    READ_ONLY = "read_only"
    LOCKED = "locked"  # somebody else holds the database longer than we wait
    UNREACHABLE = "unreachable"  # the server or the file is not there
    DAMAGED = "damaged"
    SLOW = "slow"  # a write has been under way for too long
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class NewQuestion:
    """A question about to be saved, together with the answer that is opened for it.

    `submission_id` is made by the page, once per submit: saving the same one twice saves once.
    `owner` is who a new conversation is listed for; an existing one goes on for whoever knows its
    id. `conversation_id` None starts one; `parent_id` None puts the question at its root.
    """

    submission_id: str
    owner: str
    conversation_id: str | None
    parent_id: str | None
    message: Message
    pictures: tuple[PreparedPicture, ...]
    provider: str
    model: str


@dataclass(frozen=True, slots=True)
class OpenedReply:
    """Where an answer will be written. `is_new` is False when this submit had been saved before."""

    conversation_id: str
    question_id: str
    reply_id: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class ReplyDelta:
    """Text to be added to an open reply. `lane` is "text", "reasoning" or "refusal".

    `choice_index` counts from 0 to 127, as the API does; text of any other choice is not kept.
    """

    reply_id: str
    choice_index: int
    lane: str
    text: str


@dataclass(frozen=True, slots=True)
class ConversationSummary:
    """A line in the list of conversations."""

    id: str
    title: str
    updated_at: datetime


class ConversationStore(Protocol):
    """Conversations, attachments and replies, kept for good."""

    def save_question(self, question: NewQuestion) -> OpenedReply:
        """Write question, pictures and an open reply in one transaction.

        Of all calls with the same submission, in any thread or process, one comes back with
        `is_new`: whoever gets it asks the endpoint. Both become the shown path. An empty list of
        pictures is right for pictures that were saved with an earlier question.

        Raises ReplyInProgress when another reply of the conversation is open, ConversationNotFound
        for an unknown id or parent or a conversation of another owner, StoreUnavailable when
        nothing could be written.
        """
        ...

    def open_reply(
        self,
        *,
        submission_id: str,
        conversation_id: str,
        question_id: str,
        provider: str,
        model: str,
    ) -> OpenedReply:
        """Open another answer to a question that is already there. Raises as `save_question`."""
        ...

    def append(self, deltas: Sequence[ReplyDelta], *, batch: int | None = None) -> None:
        """Add text to open replies in one commit; text for a reply that has ended is ignored.

        `batch` numbers the call: numbers rise, and repeating a call with its number adds nothing
        twice, whether or not the first try was committed. None lets the store number it.
        """
        ...

    def finish_reply(self, reply_id: str, record: ReplyRecord) -> None:
        """Write the whole record, `end` set. Finishing twice keeps the first end."""
        ...

    def load_conversation(self, conversation_id: str) -> Conversation:
        """The whole tree; an open reply comes with the text appended so far.

        The message of an answer holds the text of the picked choice, so that it reads like any
        other message. Raises ConversationNotFound.
        """
        ...

    def list_conversations(self, owner: str, *, limit: int = 50) -> Sequence[ConversationSummary]:
        """The newest conversations of an owner, newest first."""
        ...

    def show_leaf(self, conversation_id: str, leaf_id: str) -> None:
        """Remember which path of the tree is shown. Raises ConversationNotFound."""
        ...

    def load_content(self, sha256: str) -> bytes:
        """The prepared bytes of an attachment. Raises KeyError for an unknown one."""
        ...

    def load_thumbnail(self, sha256: str) -> bytes:
        """The small picture of an attachment. Raises KeyError for an unknown one."""
        ...

    def interrupt_open_replies(self) -> int:
        """Mark open replies whose process has died INTERRUPTED, keeping their text.

        For start-up, and right at any other time: replies of this process and of other live
        processes on the same database are left alone. Returns how many were marked.
        """
        ...

    def load_lessons(self, provider: str, model: str) -> Mapping[str, str]:
        """What was learnt about an endpoint and model (`remedies`)."""
        ...

    def save_lesson(self, provider: str, model: str, name: str, value: str) -> None:
        """Remember one thing about an endpoint and model."""
        ...

    def is_writable(self) -> bool:
        """Whether a write succeeds now, found out by writing; never raises."""
        ...

    def close(self) -> None:
        """Release every connection."""
        ...

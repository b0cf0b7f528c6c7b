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

from augenblick.conversations import Conversation, PictureSelection, ReplyRecord
from augenblick.messages import ImagePart, Message, PreparedPicture, Timings, ToolRound, Usage
from augenblick.settings import RequestSettings


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
    is_pinned: bool = False
    message_count: int = 0
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
class Holdings:
    """What is stored about a person."""

    conversations: int = 0
    messages: int = 0
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


class ConversationStore(Protocol):
    """Conversations, attachments and replies, kept for good.

    `owner` is who asks: a call about a conversation of somebody else raises ConversationNotFound,
    exactly as for one that does not exist.
    """

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
        owner: str,
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

    def add_reply_picture(
        self, reply_id: str, part: ImagePart, picture: PreparedPicture | None
    ) -> None:
        """Keep a picture that a call of an open reply returned; twice is once.

        `picture` None is for one that is stored already; where it is not, nothing happens.
        It belongs to the reply and goes with it. Nothing happens for a reply that has ended.
        """
        ...

    def keep_rounds(self, reply_id: str, rounds: Sequence[ToolRound]) -> None:
        """Keep what an open reply has called so far, in place of what was kept before.

        Their texts stand in the text of the reply until it ends. Nothing happens for a reply that
        has ended.
        """
        ...

    def pick_choice(self, reply_id: str, choice_index: int, *, owner: str) -> None:
        """Say which choice of an ended reply goes on into later turns, and is found by a search.

        Raises ConversationNotFound for a reply or a choice that is not there.
        """
        ...

    def save_trace(self, reply_id: str, content: bytes) -> None:
        """Keep what went over the wire for a reply, in place of what was kept before.

        Nothing happens for a reply that is not there.
        """
        ...

    def load_trace(self, reply_id: str, *, owner: str) -> bytes | None:
        """What `save_trace` kept. Raises ConversationNotFound."""
        ...

    def recent_figures(self, provider: str, model: str, *, limit: int = 30) -> Sequence[Figures]:
        """What the last whole answers of a model took, newest first, whoever asked.

        Only of answers whose endpoint counted tokens.
        """
        ...

    def save_preset(self, preset: Preset, *, owner: str) -> None:
        """Keep request settings under a name (1 to 80 characters), in place of older ones."""
        ...

    def list_presets(self, owner: str) -> Sequence[Preset]:
        """The presets of an owner by name."""
        ...

    def delete_preset(self, name: str, *, owner: str) -> None:
        """Forget a preset; one that is not there is forgotten already."""
        ...

    def request_stop(self, reply_id: str, *, owner: str) -> None:
        """Ask whichever process writes this open reply to stop it; repeating is harmless.

        Raises ConversationNotFound for a reply that is not there.
        """
        ...

    def stop_requests(self, reply_ids: Sequence[str]) -> set[str]:
        """Those of these open replies that somebody asked to stop, or deleted for good."""
        ...

    def load_conversation(self, conversation_id: str, *, owner: str | None = None) -> Conversation:
        """The whole tree; an open reply comes with the text appended so far.

        The message of an answer holds the text of the picked choice, so that it reads like any
        other message. `owner` None is the server itself, which may read everything; a page always
        says who asks. Raises ConversationNotFound.
        """
        ...

    def list_conversations(
        self, owner: str, *, limit: int = 50, offset: int = 0
    ) -> Sequence[ConversationSummary]:
        """The conversations of an owner: pinned ones first, then the newest first."""
        ...

    def search(self, owner: str, words: str, *, limit: int = 50) -> Sequence[SearchHit]:
        """Conversations in whose title, questions or answers all these words stand, best first.

        Words match from their beginning, whatever their case and accents; text in quotes
        matches as a whole. Anything a person types is accepted; nothing searchable finds nothing.
        """
        ...

    def show_leaf(self, conversation_id: str, leaf_id: str, *, owner: str) -> None:
        """Remember which path of the tree is shown. Raises ConversationNotFound."""
        ...

    def rename(self, conversation_id: str, title: str, *, owner: str) -> None:
        """Give another title (1 to 200 characters; longer ones are cut, empty ones ignored)."""
        ...

    def set_pinned(self, conversation_id: str, *, owner: str, is_pinned: bool) -> None:
        """Keep a conversation at the top of the list, or not."""
        ...

    def select_pictures(
        self, conversation_id: str, selection: PictureSelection, *, owner: str
    ) -> None:
        """Remember which earlier pictures are sent again."""
        ...

    def delete_message(self, conversation_id: str, node_id: str, *, owner: str) -> None:
        """Delete a message and all that hangs below it, for good, pictures included.

        The shown path goes on with the newest sibling, or ends above. Raises ReplyInProgress while
        an answer below is being written.
        """
        ...

    def delete_conversation(self, conversation_id: str, *, owner: str) -> None:
        """Take a conversation out of every list, search and share at once.

        Until `purge` comes by, at the earliest a minute later, `restore_conversation` brings it
        back. A reply that is being written in it is asked to stop.
        """
        ...

    def restore_conversation(self, conversation_id: str, *, owner: str) -> None:
        """Undo a deletion. Raises ConversationNotFound when it is too late."""
        ...

    def delete_everything(self, owner: str) -> None:
        """Delete all that is stored about an owner, for good and at once.

        When it raises, some of it may be gone already; repeating it, or `purge`, does the rest.
        """
        ...

    def purge(self, *, deleted_before: datetime, unused_since: datetime | None = None) -> int:
        """Remove for good what was deleted before, and what nobody went on with since.

        Pictures go with the last conversation that uses them. Pinned conversations grow old
        too. Returns the number of conversations removed.
        """
        ...

    def list_pictures(self, owner: str, *, conversation_id: str | None = None) -> frozenset[str]:
        """The SHA-256 of every picture of an owner, or of those in one conversation.

        What is deleted has none, and neither has a conversation of somebody else.
        """
        ...

    def holdings(self, owner: str) -> Holdings:
        """What is stored about an owner; what was deleted and waits for `purge` does not count."""
        ...

    def import_conversation(
        self,
        *,
        owner: str,
        title: str,
        nodes: Sequence[ImportedNode],
        pictures: Sequence[PreparedPicture],
        leaf_id: str | None = None,
    ) -> str:
        """Write a whole conversation from elsewhere and return its new id.

        Raises ValueError for a tree with unknown parents, circles or double ids.
        """
        ...

    def create_share(
        self, conversation_id: str, *, owner: str, leaf_id: str, expires_at: datetime | None
    ) -> Share:
        """Make a link to the path that ends at a leaf. Raises ConversationNotFound."""
        ...

    def find_share(self, token: str) -> Share:
        """Return what a link leads to.

        Raises ShareExpired for one that has expired or was revoked, ConversationNotFound for one
        that never was or whose conversation or leaf is deleted.
        """
        ...

    def list_shares(self, owner: str, *, conversation_id: str | None = None) -> Sequence[Share]:
        """The links of an owner that still lead somewhere, newest first."""
        ...

    def revoke_share(self, token: str, *, owner: str) -> None:
        """Let a link lead nowhere from now on."""
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

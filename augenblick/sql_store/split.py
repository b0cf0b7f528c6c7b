"""One store made of two: conversations that are kept, and temporary ones that are in memory only.

Ids tell which is which. Lists, searches, shares, imports, holdings and lessons know what is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from augenblick.conversations import Conversation, PictureSelection, ReplyRecord
from augenblick.messages import ImagePart, PreparedPicture, ToolRound
from augenblick.sql_store.store import TEMPORARY, SqlStore
from augenblick.store import (
    ConversationSummary,
    Figures,
    Holdings,
    ImportedNode,
    NewQuestion,
    OpenedReply,
    Preset,
    ReplyDelta,
    SearchHit,
    Share,
)

IDLE = timedelta(hours=6)
"""A temporary conversation that nobody went on with for so long is gone."""


class SplitStore:
    """A `ConversationStore` that sends each call to where the conversation is."""

    def __init__(self, kept: SqlStore) -> None:
        """Put a store in memory beside this one; closing this closes both."""
        self._kept = kept
        self._temporary = SqlStore(None)

    def _of(self, identity: str) -> SqlStore:
        return self._temporary if identity.startswith(TEMPORARY) else self._kept

    def save_question(self, question: NewQuestion) -> OpenedReply:
        """Write question, pictures and an open reply, where the conversation is or shall be."""
        if question.conversation_id is not None:
            return self._of(question.conversation_id).save_question(question)
        store = self._temporary if question.is_temporary else self._kept
        return store.save_question(question)

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
        """Open another answer to a question that is already there."""
        return self._of(conversation_id).open_reply(
            owner=owner,
            submission_id=submission_id,
            conversation_id=conversation_id,
            question_id=question_id,
            provider=provider,
            model=model,
        )

    def append(self, deltas: Sequence[ReplyDelta], *, batch: int | None = None) -> None:
        """Add text to open replies; in one commit where the replies are kept.

        What is in memory comes first, for it can't fail when the disk does, and repeating a batch
        adds nothing twice.
        """
        for store in (self._temporary, self._kept):
            if mine := [delta for delta in deltas if self._of(delta.reply_id) is store]:
                store.append(mine, batch=batch)

    def finish_reply(self, reply_id: str, record: ReplyRecord) -> None:
        """Write the whole record, `end` set. Finishing twice keeps the first end."""
        self._of(reply_id).finish_reply(reply_id, record)

    def add_reply_picture(
        self, reply_id: str, part: ImagePart, picture: PreparedPicture | None
    ) -> None:
        """Keep a picture that a call of an open reply returned."""
        self._of(reply_id).add_reply_picture(reply_id, part, picture)

    def keep_rounds(self, reply_id: str, rounds: Sequence[ToolRound]) -> None:
        """Keep what an open reply has called so far."""
        self._of(reply_id).keep_rounds(reply_id, rounds)

    def pick_choice(self, reply_id: str, choice_index: int, *, owner: str) -> None:
        """Say which choice of an ended reply goes on."""
        self._of(reply_id).pick_choice(reply_id, choice_index, owner=owner)

    def save_trace(self, reply_id: str, content: bytes) -> None:
        """Keep what went over the wire for a reply, where the reply is."""
        self._of(reply_id).save_trace(reply_id, content)

    def load_trace(self, reply_id: str, *, owner: str) -> bytes | None:
        """What `save_trace` kept."""
        return self._of(reply_id).load_trace(reply_id, owner=owner)

    def recent_figures(self, provider: str, model: str, *, limit: int = 30) -> Sequence[Figures]:
        """What the last whole answers of a model took; temporary ones leave nothing behind."""
        return self._kept.recent_figures(provider, model, limit=limit)

    def save_preset(self, preset: Preset, *, owner: str) -> None:
        """Keep request settings under a name."""
        self._kept.save_preset(preset, owner=owner)

    def list_presets(self, owner: str) -> Sequence[Preset]:
        """The presets of an owner by name."""
        return self._kept.list_presets(owner)

    def delete_preset(self, name: str, *, owner: str) -> None:
        """Forget a preset."""
        self._kept.delete_preset(name, owner=owner)

    def request_stop(self, reply_id: str, *, owner: str) -> None:
        """Ask whichever process writes this open reply to stop it."""
        self._of(reply_id).request_stop(reply_id, owner=owner)

    def stop_requests(self, reply_ids: Sequence[str]) -> set[str]:
        """Those of these open replies that somebody asked to stop."""
        found: set[str] = set()
        for store in (self._temporary, self._kept):
            mine = [reply_id for reply_id in reply_ids if self._of(reply_id) is store]
            found |= store.stop_requests(mine)
        return found

    def load_conversation(self, conversation_id: str, *, owner: str | None = None) -> Conversation:
        """The whole tree; an open reply comes with the text appended so far."""
        return self._of(conversation_id).load_conversation(conversation_id, owner=owner)

    def list_conversations(
        self, owner: str, *, limit: int = 50, offset: int = 0
    ) -> Sequence[ConversationSummary]:
        """The kept conversations of an owner."""
        return self._kept.list_conversations(owner, limit=limit, offset=offset)

    def search(self, owner: str, words: str, *, limit: int = 50) -> Sequence[SearchHit]:
        """Kept conversations in which all these words stand."""
        return self._kept.search(owner, words, limit=limit)

    def show_leaf(self, conversation_id: str, leaf_id: str, *, owner: str) -> None:
        """Remember which path of the tree is shown."""
        self._of(conversation_id).show_leaf(conversation_id, leaf_id, owner=owner)

    def rename(self, conversation_id: str, title: str, *, owner: str) -> None:
        """Give another title."""
        self._of(conversation_id).rename(conversation_id, title, owner=owner)

    def set_pinned(self, conversation_id: str, *, owner: str, is_pinned: bool) -> None:
        """Keep a conversation at the top of the list, or not."""
        self._of(conversation_id).set_pinned(conversation_id, owner=owner, is_pinned=is_pinned)

    def select_pictures(
        self, conversation_id: str, selection: PictureSelection, *, owner: str
    ) -> None:
        """Remember which earlier pictures are sent again."""
        self._of(conversation_id).select_pictures(conversation_id, selection, owner=owner)

    def delete_message(self, conversation_id: str, node_id: str, *, owner: str) -> None:
        """Delete a message and all that hangs below it."""
        self._of(conversation_id).delete_message(conversation_id, node_id, owner=owner)

    def delete_conversation(self, conversation_id: str, *, owner: str) -> None:
        """Take a conversation away; it can be restored until `purge` comes by."""
        self._of(conversation_id).delete_conversation(conversation_id, owner=owner)

    def restore_conversation(self, conversation_id: str, *, owner: str) -> None:
        """Undo a deletion."""
        self._of(conversation_id).restore_conversation(conversation_id, owner=owner)

    def delete_everything(self, owner: str) -> None:
        """Delete all that there is about an owner, for good and at once."""
        self._kept.delete_everything(owner)
        self._temporary.delete_everything(owner)

    def purge(self, *, deleted_before: datetime, unused_since: datetime | None = None) -> int:
        """Remove what was deleted or left alone; temporary conversations go after some hours."""
        idle_since = datetime.now(UTC) - IDLE
        if unused_since is not None:
            idle_since = max(idle_since, unused_since)
        gone = self._temporary.purge(deleted_before=deleted_before, unused_since=idle_since)
        return gone + self._kept.purge(deleted_before=deleted_before, unused_since=unused_since)

    def list_pictures(self, owner: str, *, conversation_id: str | None = None) -> frozenset[str]:
        """The SHA-256 of every picture of an owner, of temporary conversations as well."""
        stores = (self._temporary, self._kept)
        found = (store.list_pictures(owner, conversation_id=conversation_id) for store in stores)
        return frozenset().union(*found)

    def holdings(self, owner: str) -> Holdings:
        """What is kept about an owner."""
        return self._kept.holdings(owner)

    def import_conversation(
        self,
        *,
        owner: str,
        title: str,
        nodes: Sequence[ImportedNode],
        pictures: Sequence[PreparedPicture],
        leaf_id: str | None = None,
    ) -> str:
        """Write a whole conversation from elsewhere, to be kept."""
        return self._kept.import_conversation(
            owner=owner, title=title, nodes=nodes, pictures=pictures, leaf_id=leaf_id
        )

    def create_share(
        self, conversation_id: str, *, owner: str, leaf_id: str, expires_at: datetime | None
    ) -> Share:
        """Make a link to a path. Raises ConversationNotFound, for a temporary one as well."""
        return self._kept.create_share(
            conversation_id, owner=owner, leaf_id=leaf_id, expires_at=expires_at
        )

    def find_share(self, token: str) -> Share:
        """Return what a link leads to."""
        return self._kept.find_share(token)

    def list_shares(self, owner: str, *, conversation_id: str | None = None) -> Sequence[Share]:
        """The links of an owner that still lead somewhere."""
        return self._kept.list_shares(owner, conversation_id=conversation_id)

    def revoke_share(self, token: str, *, owner: str) -> None:
        """Let a link lead nowhere from now on."""
        self._kept.revoke_share(token, owner=owner)

    def load_content(self, sha256: str) -> bytes:
        """The prepared bytes of an attachment, wherever they are."""
        try:
            return self._temporary.load_content(sha256)
        except KeyError:
            return self._kept.load_content(sha256)

    def load_thumbnail(self, sha256: str) -> bytes:
        """The small picture of an attachment, wherever it is."""
        try:
            return self._temporary.load_thumbnail(sha256)
        except KeyError:
            return self._kept.load_thumbnail(sha256)

    def interrupt_open_replies(self) -> int:
        """Mark kept replies whose process has died; temporary ones died with it."""
        return self._kept.interrupt_open_replies()

    def load_lessons(self, provider: str, model: str) -> Mapping[str, str]:
        """What was learnt about an endpoint and model."""
        return self._kept.load_lessons(provider, model)

    def save_lesson(self, provider: str, model: str, name: str, value: str) -> None:
        """Remember one thing about an endpoint and model."""
        self._kept.save_lesson(provider, model, name, value)

    def is_writable(self) -> bool:
        """Whether what is to be kept can be written now."""
        return self._kept.is_writable()

    def close(self) -> None:
        """Release every connection and forget what is temporary."""
        self._temporary.close()
        self._kept.close()

"""Deleting, at once and with a way back.

With a picture goes what this process holds of it in memory: the file it was made from, too. Whoever
else shows the same picture has it read from the store again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress

import streamlit as st

from augenblick.core.conversations import Conversation, Node
from augenblick.core.errors import ConversationNotFound
from augenblick.core.messages import Role
from augenblick.store.store_values import ConversationSummary
from augenblick.ui import i18n
from augenblick.ui.history.entries import shown_title
from augenblick.ui.resources import Services
from augenblick.ui.tab_state import Deleted, open_conversation, said_on_the_page, tab

_OFFERED_SECONDS = 300  # well below the time after which the store deletes for good


def delete_conversations(
    parts: Services, conversations: Sequence[ConversationSummary | Conversation]
) -> None:
    """Delete conversations and offer to undo that; for callbacks. The open one closes."""
    memory = tab()
    gone: list[ConversationSummary | Conversation] = []
    with said_on_the_page():
        for conversation in conversations:
            with suppress(ConversationNotFound):  # in another tab they were quicker
                _delete_conversation(parts, conversation.id)
                gone.append(conversation)
    if not gone:
        return
    ids = tuple(conversation.id for conversation in gone)
    was_open = memory.conversation_id if memory.conversation_id in ids else None
    if was_open is not None:
        failure = memory.failure
        open_conversation(None)
        memory.failure = failure
    memory.deleted = Deleted(
        "history.deleted", len(ids), gone[0].title, ids, time.monotonic(), was_open
    )


def delete_message(parts: Services, node_id: str) -> None:
    """Delete a message with all below it and offer to undo that; for callbacks.

    With the last message goes the conversation.
    """
    memory = tab()
    with said_on_the_page():
        conversation = parts.store.load_conversation(
            memory.conversation_id or "", owner=parts.owner()
        )
        node = next((node for node in conversation.nodes if node.id == node_id), None)
        if node is None:  # in another tab they were quicker
            return
        going = _subtree(conversation, node)
        if len(going) == len(conversation.nodes):
            delete_conversations(parts, [conversation])
            return
        deleted = parts.store.delete_message(conversation.id, node_id, owner=parts.owner())
        _forget_pictures(parts, _only_in(conversation, going))
        memory.editing = None
        below = sum(other.message.role is Role.USER for other in going[1:])
        kind = "question" if node.message.role is Role.USER else "answer"
        said = f"delete.{kind}_below" if below else f"delete.{kind}"
        memory.deleted = Deleted(
            said, below, conversation.title, (), time.monotonic(), conversation.id, deleted
        )


def _delete_conversation(parts: Services, conversation_id: str) -> None:
    owner = parts.owner()
    pictures = parts.store.list_pictures(owner, conversation_id=conversation_id)
    parts.store.delete_conversation(conversation_id, owner=owner)
    _forget_pictures(parts, pictures)


def delete_everything(parts: Services) -> None:
    """Delete all there is about the visitor, for good. Raises StoreError."""
    memory, owner = tab(), parts.owner()
    if memory.import_job is not None:
        memory.import_job.stop()
    pictures = parts.store.list_pictures(owner)
    parts.store.delete_everything(owner)
    _forget_pictures(parts, pictures)
    _forget_pictures(parts, (picture.attachment.sha256 for picture in memory.tray.pictures))


def _forget_pictures(parts: Services, pictures: Iterable[str]) -> None:
    for sha256 in pictures:
        parts.forget_picture(sha256)


def draw_undo(parts: Services) -> None:
    """Say at the foot of the page what was deleted last, with a button that brings it back."""
    deleted = tab().deleted
    if deleted is None or time.monotonic() - deleted.at > _OFFERED_SECONDS:
        return
    with (
        st.bottom,
        st.container(
            key="undo", horizontal=True, vertical_alignment="center", border=True, wrap=False
        ),
    ):
        title = shown_title(deleted.title)
        st.markdown(i18n.t(deleted.said, count=deleted.count, title=title), wrap=False)
        st.button(
            i18n.t("history.undo"),
            key="undo_delete",
            icon=":material/undo:",
            type="tertiary",
            on_click=_restore,
            args=(parts,),
        )


def _restore(parts: Services) -> None:
    """Bring back what is still there; where the store fails, it can be tried again."""
    memory = tab()
    deleted = memory.deleted
    if deleted is None:
        return
    with said_on_the_page():
        if deleted.message is not None:
            parts.store.restore_message(deleted.message, owner=parts.owner())
            open_conversation(deleted.was_open)
            return
        back: list[str] = []
        for conversation_id in deleted.conversation_ids:
            with suppress(ConversationNotFound):  # deleted for good meanwhile
                parts.store.restore_conversation(conversation_id, owner=parts.owner())
                back.append(conversation_id)
        memory.deleted = None
        if deleted.was_open in back:
            open_conversation(deleted.was_open)
        if len(back) < len(deleted.conversation_ids):
            raise ConversationNotFound


def _subtree(conversation: Conversation, node: Node) -> list[Node]:
    """The node and all that hangs below it; children come after their parents in `nodes`."""
    ids = {node.id}
    found = [node]
    for other in conversation.nodes:
        if other.parent_id in ids:
            ids.add(other.id)
            found.append(other)
    return found


def _only_in(conversation: Conversation, going: list[Node]) -> set[str]:
    """The pictures that no other message of the conversation shows."""
    ids = {node.id for node in going}
    staying = {
        picture.sha256
        for node in conversation.nodes
        if node.id not in ids
        for picture in node.message.attachments
    }
    return {picture.sha256 for node in going for picture in node.message.attachments} - staying

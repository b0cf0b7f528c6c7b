"""Conversations: how they are read, and what their owners set; how titles are made.

Reading takes few statements, and none that reads the bytes of a picture. They are made once: to
make one and prepare its result takes ten times as long as to run it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BindParameter, Connection, Row, bindparam, select

from augenblick.core.conversations import Conversation, Node, PictureSelection, ReplyRecord
from augenblick.core.errors import ConversationNotFound
from augenblick.core.messages import (
    ContentPart,
    Detail,
    ImagePart,
    Message,
    Rating,
    ReplyEnd,
    Role,
    TextPart,
    Timings,
)
from augenblick.store import search_index
from augenblick.store import tables as t
from augenblick.store.attachments import read_attachment
from augenblick.store.databases import Concern
from augenblick.store.deltas import ChannelTexts, choices_of, load_texts
from augenblick.store.json_columns import read_rounds
from augenblick.store.statements import change, check_node, check_own, is_there

_TITLE_LENGTH = 60  # of one that is made of a question
_MAX_TITLE_LENGTH = 200


class Conversations(Concern):
    """Reads conversations and sets what is shown, named, pinned and chosen."""

    def load_conversation(self, conversation_id: str, *, owner: str | None = None) -> Conversation:
        """The whole tree; an open reply comes with the text appended so far.

        The message of an answer holds the text of the picked choice, so that it reads like any
        other message. `owner` None is the server itself, which may read everything; a page always
        says who asks. Raises ConversationNotFound.
        """
        database = self._databases.of(conversation_id)
        wanted = _ANYBODYS if owner is None else _OWN
        given = {"conversation_id": conversation_id, "owner": owner}
        with database.reading() as connection:
            found = connection.execute(wanted, given).one_or_none()
            if found is None:
                raise ConversationNotFound
            nodes = load_nodes(connection, conversation_id)
        return Conversation(
            id=found.id,
            title=found.title,
            created_at=found.created_at,
            updated_at=found.updated_at,
            nodes=nodes,
            leaf_id=found.leaf_id,
            is_pinned=found.is_pinned,
            is_temporary=database.is_in_memory,
            pictures=found.selection or PictureSelection(),
        )

    def show_leaf(self, conversation_id: str, leaf_id: str, *, owner: str) -> None:
        """Remember which path of the tree is shown. Raises ConversationNotFound."""
        with self._databases.of(conversation_id).writing() as connection:
            change(connection, conversation_id, owner, leaf_id=leaf_id)
            check_node(connection, conversation_id, leaf_id)

    def rename(self, conversation_id: str, title: str, *, owner: str) -> None:
        """Give another title (1 to 200 characters; longer ones are cut, empty ones ignored)."""
        wanted = fit_title(title)
        with self._databases.of(conversation_id).writing() as connection:
            if wanted:
                change(connection, conversation_id, owner, title=wanted)
                search_index.index_title(connection, conversation_id, wanted)
            else:
                check_own(connection, conversation_id, owner)

    def set_pinned(self, conversation_id: str, *, owner: str, is_pinned: bool) -> None:
        """Keep a conversation at the top of the list, or not."""
        with self._databases.of(conversation_id).writing() as connection:
            change(connection, conversation_id, owner, is_pinned=is_pinned)

    def select_pictures(
        self, conversation_id: str, selection: PictureSelection, *, owner: str
    ) -> None:
        """Remember which earlier pictures are sent again."""
        with self._databases.of(conversation_id).writing() as connection:
            change(connection, conversation_id, owner, selection=selection)


def title_of(message: Message) -> str:
    """The first line of a question, cut on a word border to 60 characters; "" without words."""
    lines = (" ".join(line.split()) for line in message.text.splitlines())
    line = next((line for line in lines if line), "")
    if len(line) <= _TITLE_LENGTH:
        return line
    head, space, _ = line[:_TITLE_LENGTH].rpartition(" ")
    return (head if space else line[: _TITLE_LENGTH - 1]) + "…"


def fit_title(title: str) -> str:
    """A title on one line, cut to 200 characters."""
    return " ".join(title.split())[:_MAX_TITLE_LENGTH].rstrip()


def load_nodes(connection: Connection, conversation_id: str) -> tuple[Node, ...]:
    """Every node of a conversation in order of creation; an open reply with its text so far."""
    given = {"conversation_id": conversation_id}
    parts: dict[str, list[ContentPart]] = {}  # of questions, and pictures that calls returned
    for row in connection.execute(_PARTS, given):
        parts.setdefault(row.node_id, []).append(_read_part(row))
    found = connection.execute(_NODES, given).all()
    open_ids = [row.id for row in found if row.node_id and row.ended_as is None]
    texts = load_texts(connection, open_ids)
    return tuple(_read_node(row, parts.get(row.id, ()), texts.get(row.id, {})) for row in found)


def _read_part(row: Row[*tuple[Any, ...]]) -> ContentPart:
    if row.sha256 is None:
        return TextPart(row.text)
    return ImagePart(read_attachment(row), Detail(row.detail))


def _read_node(
    row: Row[*tuple[Any, ...]], parts: Sequence[ContentPart], texts: ChannelTexts
) -> Node:
    if row.node_id is None:
        message = Message(Role(row.role), tuple(parts))
        return Node(row.id, row.parent_id, message, row.created_at)
    record = _read_reply(row, parts, texts)
    text = record.picked.text
    message = Message(Role.ASSISTANT, (TextPart(text),) if text else ())
    return Node(row.id, row.parent_id, message, row.created_at, record)


def _read_reply(
    row: Row[*tuple[Any, ...]], parts: Sequence[ContentPart], texts: ChannelTexts
) -> ReplyRecord:
    """A reply from its columns, its pictures, and its text while open.

    The pictures are those that its calls returned, and those of the answer itself.
    """
    pictures = {part.attachment.sha256: part for part in parts if isinstance(part, ImagePart)}
    rounds = read_rounds(row.rounds, pictures)
    returned = {each.attachment.sha256 for done in rounds for each in done.pictures}
    return ReplyRecord(
        provider=row.provider,
        model=row.model,
        end=ReplyEnd(row.ended_as) if row.ended_as else None,
        choices=(row.choices or ()) if row.ended_as else choices_of(texts),
        usage=row.usage,
        timings=row.timings or Timings(),
        failure=row.failure,
        adjustments=row.adjustments or (),
        answered_model=row.answered_model,
        system_fingerprint=row.system_fingerprint,
        picked_choice=row.picked_choice,
        rounds=rounds,
        settings=row.settings,
        pictures=tuple(part for sha256, part in pictures.items() if sha256 not in returned),
        rating=Rating(row.rating) if row.rating in set(Rating) else None,
    )


_ID: BindParameter[str] = bindparam("conversation_id")
_ANYBODYS = select(t.conversation).where(is_there(_ID, None))
_OWN = _ANYBODYS.where(t.conversation.c.owner == bindparam("owner"))
_UNREAD = {
    "conversation_id",
    "submission_id",
    "owner_process",
    "ended_at",
    "is_stop_requested",
}
_NODES = (  # `node_id` is null where there is no reply
    select(
        t.node.c.id,
        t.node.c.parent_id,
        t.node.c.role,
        t.node.c.created_at,
        *(column for column in t.reply.c if column.key not in _UNREAD),
    )
    .outerjoin(t.reply, t.reply.c.node_id == t.node.c.id)
    .where(t.node.c.conversation_id == _ID)
    .order_by(t.node.c.position)
)
_PARTS = (
    select(t.part, t.picture)
    .join(t.node, t.node.c.id == t.part.c.node_id)
    .outerjoin(t.picture, t.picture.c.sha256 == t.part.c.picture_sha256)
    .where(t.node.c.conversation_id == _ID)
    .order_by(t.part.c.node_id, t.part.c.position)
)

"""How things go for good: rows in the order in which they hang on each other, pictures at the end.

A picture goes with the last part that shows it, in the same transaction. The rows of its pictures
are locked before anybody looks for other parts, and whoever adds a part locks them as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, exists, or_, select, update

from augenblick.errors import ConversationNotFound, ReplyInProgress
from augenblick.messages import Role
from augenblick.sql_store.indexing import forget, index_title
from augenblick.sql_store.reading import load_nodes
from augenblick.sql_store.rows import title_of
from augenblick.sql_store.statements import change, check_node, now
from augenblick.sql_store.tables import (
    ConversationRow,
    DeltaRow,
    NodeRow,
    PartRow,
    PictureBytesRow,
    PictureRow,
    ReplyRow,
    SearchRow,
    ShareRow,
    TraceRow,
)

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class _Place(NamedTuple):
    """Where a node stands."""

    id: str
    parent_id: str | None
    role: str


def is_old(deleted_before: datetime, unused_since: datetime | None) -> ColumnElement[bool]:
    """Whether a conversation was deleted before, or nobody went on with it since."""
    was_deleted = ConversationRow.deleted_at < deleted_before
    if unused_since is None:
        return was_deleted
    return or_(was_deleted, ConversationRow.updated_at < unused_since)


def restore(connection: Connection, conversation_id: str, owner: str) -> None:
    """Undo a deletion. Raises ConversationNotFound when it is too late."""
    mine = (ConversationRow.id == conversation_id) & (ConversationRow.owner == owner)
    statement = update(ConversationRow).where(mine).values(deleted_at=None)
    if connection.execute(statement).rowcount == 0:
        raise ConversationNotFound


def doom_all(connection: Connection, *, owner: str) -> None:
    """Take all of an owner out of every list, to be removed by the next purge at the latest."""
    mine = ConversationRow.owner == owner
    connection.execute(update(ConversationRow).where(mine).values(deleted_at=_LONG_AGO))


def delete_all(which: ColumnElement[bool], connection: Connection) -> int:
    """Remove whole conversations and return how many there were."""
    query = select(ConversationRow.id).where(which).order_by(ConversationRow.id).with_for_update()
    conversation_ids = connection.scalars(query).all()
    if not conversation_ids:
        return 0
    of_these = ConversationRow.id.in_(conversation_ids)
    connection.execute(delete(ShareRow).where(ShareRow.conversation_id.in_(conversation_ids)))
    forget(connection, SearchRow.conversation_id.in_(conversation_ids))
    _remove_nodes(connection, NodeRow.conversation_id.in_(conversation_ids))
    connection.execute(delete(ConversationRow).where(of_these))
    return len(conversation_ids)


def delete_message(
    conversation_id: str, node_id: str, connection: Connection, *, owner: str
) -> int:
    """Remove a message with all below it, show what is left, and return how many went."""
    change(connection, conversation_id, owner, updated_at=now())
    check_node(connection, conversation_id, node_id)
    places = _load_places(connection, conversation_id)
    doomed = _with_all_below(places, node_id)
    _refuse_if_answering(connection, doomed)
    leaf_id, title = connection.execute(
        select(ConversationRow.leaf_id, ConversationRow.title).where(
            ConversationRow.id == conversation_id
        )
    ).one()
    if leaf_id in doomed:
        left = _leaf_without(places, doomed, node_id)
        change(connection, conversation_id, owner, leaf_id=left)
    fitting = _title_without(connection, conversation_id, title, doomed)
    if fitting != title:
        change(connection, conversation_id, owner, title=fitting)
        index_title(connection, conversation_id, fitting)
    _remove_nodes(connection, NodeRow.id.in_(doomed))
    return len(doomed)


def _title_without(
    connection: Connection, conversation_id: str, title: str, doomed: set[str]
) -> str:
    """The title; one that was made of a question that goes is made of the first that stays."""
    made = {
        node.id: title_of(node.message)
        for node in load_nodes(connection, conversation_id)
        if node.message.role is Role.USER
    }
    if title not in {made[node_id] for node_id in made.keys() & doomed}:
        return title
    return next((other for node_id, other in made.items() if node_id not in doomed), "")


def _load_places(connection: Connection, conversation_id: str) -> dict[str, _Place]:
    """Every node of a conversation in order of creation."""
    query = (
        select(NodeRow.id, NodeRow.parent_id, NodeRow.role)
        .where(NodeRow.conversation_id == conversation_id)
        .order_by(NodeRow.position)
    )
    return {row.id: _Place(*row) for row in connection.execute(query)}


def _with_all_below(places: Mapping[str, _Place], node_id: str) -> set[str]:
    """A node and everything that hangs on it; parents are older than their children."""
    found = {node_id}
    found.update(place.id for place in places.values() if place.parent_id in found)
    return found


def _leaf_without(places: Mapping[str, _Place], doomed: set[str], node_id: str) -> str | None:
    """The end of the path to show: down the newest sibling that stays, or the parent."""
    gone = places[node_id]
    staying = [place for place in places.values() if place.id not in doomed]
    siblings = [p for p in staying if (p.parent_id, p.role) == (gone.parent_id, gone.role)]
    if not siblings:
        return gone.parent_id
    newest_child = {place.parent_id: place.id for place in staying}
    current = siblings[-1].id
    while current in newest_child:
        current = newest_child[current]
    return current


def _refuse_if_answering(connection: Connection, node_ids: set[str]) -> None:
    query = select(ReplyRow.node_id).where(
        ReplyRow.node_id.in_(node_ids), ReplyRow.ended_as.is_(None)
    )
    if (reply_id := connection.scalar(query)) is not None:
        raise ReplyInProgress(reply_id=reply_id)


def _remove_nodes(connection: Connection, which: ColumnElement[bool]) -> None:
    """Remove nodes with all that hangs on them."""
    nodes = select(NodeRow.id).where(which)
    lock = select(ReplyRow.node_id).where(ReplyRow.node_id.in_(nodes))
    connection.execute(lock.order_by(ReplyRow.node_id).with_for_update())
    shown = select(PartRow.picture_sha256).where(
        PartRow.node_id.in_(nodes), PartRow.picture_sha256.is_not(None)
    )
    pictures = connection.scalars(shown.distinct()).all()
    connection.execute(delete(ShareRow).where(ShareRow.leaf_id.in_(nodes)))
    forget(connection, SearchRow.node_id.in_(nodes))
    connection.execute(delete(DeltaRow).where(DeltaRow.reply_id.in_(nodes)))
    connection.execute(delete(TraceRow).where(TraceRow.reply_id.in_(nodes)))
    connection.execute(delete(ReplyRow).where(ReplyRow.node_id.in_(nodes)))
    connection.execute(delete(PartRow).where(PartRow.node_id.in_(nodes)))
    connection.execute(delete(NodeRow).where(which))
    if pictures:
        _remove_unused([picture for picture in pictures if picture], connection)


def _remove_unused(pictures: Sequence[str], connection: Connection) -> None:
    lock = select(PictureRow.sha256).where(PictureRow.sha256.in_(pictures))
    connection.execute(lock.order_by(PictureRow.sha256).with_for_update())
    unused = connection.scalars(
        select(PictureRow.sha256).where(
            PictureRow.sha256.in_(pictures),
            ~exists().where(PartRow.picture_sha256 == PictureRow.sha256),
        )
    ).all()
    connection.execute(delete(PictureBytesRow).where(PictureBytesRow.sha256.in_(unused)))
    connection.execute(delete(PictureRow).where(PictureRow.sha256.in_(unused)))

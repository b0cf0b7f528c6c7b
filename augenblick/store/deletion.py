"""Hard deletion: rows in the order of their foreign keys, pictures at the end.

A picture goes with the last part that shows it, in the same transaction. The rows of its pictures
are locked before anybody looks for other parts, and whoever adds a part locks them as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import ColumnElement, Connection, delete, exists, func, insert, select, update

from augenblick.core.conversations import Conversation, Node
from augenblick.core.errors import ConversationNotFound, StoreError
from augenblick.core.messages import Role
from augenblick.store import search_index
from augenblick.store import tables as t
from augenblick.store.database import Database
from augenblick.store.databases import Concern, Databases
from augenblick.store.replies import stop_open_reply
from augenblick.store.saved_conversations import load_nodes, title_of
from augenblick.store.search_index import forget, index_title
from augenblick.store.statements import change, check_node, now
from augenblick.store.store_values import DeletedMessage

IDLE = timedelta(hours=6)
"""A temporary conversation that nobody went on with for so long is gone."""

_REMOVED_AT_ONCE = 10  # conversations; measured 30 ms for 200 messages
_PAGES_AT_ONCE = 300  # of the index: measured 45 ms
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""What was deleted then, the next purge removes."""


class Deletion(Concern):
    """Takes conversations away, brings them back, and removes them for good."""

    def __init__(self, databases: Databases) -> None:
        super().__init__(databases)
        # whose index may hold deleted words; perhaps by a process that ended before its purge
        self._with_deleted_words = {each for each in databases.both if each.is_sqlite}

    def delete_message(self, conversation_id: str, node_id: str, *, owner: str) -> DeletedMessage:
        """Take a message and all that hangs below it out of a conversation, its shares too.

        Until `purge` comes by, `restore_message` brings it back. The shown path goes on with the
        newest sibling, or ends above. Raises StoreError while an answer below is being written.
        """
        database = self._databases.of(conversation_id)
        kept_in = self._databases.new_id(database)
        work = partial(_set_aside, conversation_id, node_id, kept_in=kept_in, owner=owner)
        deleted = database.retrying(work)
        if database.is_sqlite:  # the title may have lost words
            self._with_deleted_words.add(database)
        return deleted

    def restore_message(self, deleted: DeletedMessage, *, owner: str) -> None:
        """Undo a deletion. Raises ConversationNotFound when it is too late."""
        database = self._databases.of(deleted.conversation_id)
        database.retrying(partial(_put_back, deleted, owner=owner))

    def delete_conversation(self, conversation_id: str, *, owner: str) -> None:
        """Take a conversation out of every list, search and share at once.

        Until `purge` comes by, at the earliest a minute later, `restore_conversation` brings it
        back. A reply that is being written in it is asked to stop.
        """
        with self._databases.of(conversation_id).writing() as connection:
            change(connection, conversation_id, owner, deleted_at=now())
            stop_open_reply(connection, conversation_id)

    def restore_conversation(self, conversation_id: str, *, owner: str) -> None:
        """Undo a deletion. Raises ConversationNotFound when it is too late."""
        mine = (t.conversation.c.id == conversation_id) & (t.conversation.c.owner == owner)
        statement = update(t.conversation).where(mine).values(deleted_at=None)
        with self._databases.of(conversation_id).writing() as connection:
            if connection.execute(statement).rowcount == 0:
                raise ConversationNotFound

    def delete_everything(self, owner: str) -> None:
        """Delete all that is stored about an owner, for good and at once.

        Out of every list in one transaction, then a few conversations at a time. When it raises,
        some of it may be gone already; repeating it, or `purge`, does the rest.
        """
        mine = t.conversation.c.owner == owner
        for database in self._databases.both:
            database.retrying(partial(mark_all_deleted, owner=owner))
            self._remove_each(database, mine)
            database.truncate_wal()

    def purge(self, *, deleted_before: datetime, unused_since: datetime | None = None) -> int:
        """Remove for good what was deleted before, and what nobody went on with since.

        Pictures go with the last conversation that uses them. Pinned conversations grow old
        too; temporary ones last no longer than `IDLE`. Returns the number of conversations removed.

        A few conversations go in a transaction of their own, so that nobody waits for many. On
        SQLite the words and pictures of whatever was deleted until now leave the files, too.
        """
        idle_since = now() - IDLE
        limits = {
            self._databases.temporary: max(idle_since, unused_since or idle_since),
            self._databases.kept: unused_since,
        }
        removed = 0
        for database, unused in limits.items():
            old = t.conversation.c.deleted_at < deleted_before
            if unused is not None:
                old |= t.conversation.c.updated_at < unused
            removed += self._remove_each(database, old)
            self._rewrite_index(database)
            database.truncate_wal()
        return removed

    def _remove_each(self, database: Database, which: ColumnElement[bool]) -> int:
        """Remove these conversations, a few at a time, and return how many there were."""
        with database.reading() as connection:
            found = connection.scalars(select(t.conversation.c.id).where(which)).all()
        removed = 0
        for first in range(0, len(found), _REMOVED_AT_ONCE):
            few = t.conversation.c.id.in_(found[first : first + _REMOVED_AT_ONCE])
            count = database.retrying(partial(_delete_all, few & which))
            if count and database.is_sqlite:
                self._with_deleted_words.add(database)
            removed += count
        return removed

    def _rewrite_index(self, database: Database) -> None:
        """Have the index of an SQLite database lose deleted words, a piece at a time."""
        if database not in self._with_deleted_words:
            return
        self._with_deleted_words.discard(database)
        pages = -_PAGES_AT_ONCE
        is_more_left = True
        try:
            while is_more_left:
                with database.writing() as connection:
                    is_more_left = search_index.merge_index(connection, pages)
                pages = _PAGES_AT_ONCE
        except StoreError:
            self._with_deleted_words.add(database)  # the next purge begins again
            raise


def mark_all_deleted(connection: Connection, *, owner: str) -> None:
    """Take all of an owner out of every list, to be removed by the next purge at the latest."""
    mine = t.conversation.c.owner == owner
    connection.execute(update(t.conversation).where(mine).values(deleted_at=LONG_AGO))
    connection.execute(delete(t.preset).where(t.preset.c.owner == owner))


def _delete_all(which: ColumnElement[bool], connection: Connection) -> int:
    """Remove whole conversations and return how many there were."""
    query = select(t.conversation.c.id).where(which).order_by(t.conversation.c.id).with_for_update()
    conversation_ids = connection.scalars(query).all()
    if not conversation_ids:
        return 0
    of_these = t.conversation.c.id.in_(conversation_ids)
    connection.execute(delete(t.share).where(t.share.c.conversation_id.in_(conversation_ids)))
    forget(connection, t.search_text.c.conversation_id.in_(conversation_ids))
    remove_nodes(connection, t.node.c.conversation_id.in_(conversation_ids))
    connection.execute(delete(t.conversation).where(of_these))
    return len(conversation_ids)


def _set_aside(
    conversation_id: str, node_id: str, connection: Connection, *, kept_in: str, owner: str
) -> DeletedMessage:
    """Move a message and its descendants to a deleted conversation, and show what is left."""
    change(connection, conversation_id, owner, updated_at=now())
    nodes = load_nodes(connection, conversation_id)
    gone = next((node for node in nodes if node.id == node_id), None)
    if gone is None:
        raise ConversationNotFound
    removed = {node_id}  # with its descendants, which are younger
    removed.update(node.id for node in nodes if node.parent_id in removed)
    for node in nodes:
        if node.id in removed and node.reply is not None and node.reply.is_live:
            raise StoreError(code="reply_in_progress", reply_id=node.id)
    mine = select(t.conversation).where(t.conversation.c.id == conversation_id)
    before = connection.execute(mine).one()
    left = _title_without(nodes, removed, before.title)
    if before.leaf_id in removed:  # down the newest sibling that stays, or it ends above
        staying = tuple(node for node in nodes if node.id not in removed)
        tree = Conversation(before.id, left, before.created_at, before.updated_at, staying)
        siblings = tree.siblings(gone)
        leaf_id = tree.newest_below(siblings[-1].id) if siblings else gone.parent_id
        change(connection, conversation_id, owner, leaf_id=leaf_id)
    _set_title(connection, conversation_id, owner, before.title, left)
    connection.execute(
        insert(t.conversation).values(
            id=kept_in, owner=owner, title="", created_at=now(), updated_at=now(), deleted_at=now()
        )
    )
    _move(connection, t.node.c.id.in_(removed), kept_in)
    connection.execute(update(t.node).where(t.node.c.id == node_id).values(parent_id=None))
    return DeletedMessage(
        conversation_id,
        kept_in=kept_in,
        parent_id=gone.parent_id,
        leaf_id=before.leaf_id,
        title=before.title,
        title_left=left,
    )


def _put_back(deleted: DeletedMessage, connection: Connection, *, owner: str) -> None:
    identity = deleted.conversation_id
    change(connection, identity, owner, updated_at=now())
    if deleted.parent_id is not None:
        check_node(connection, identity, deleted.parent_id)
    in_there, here = (
        t.node.c.conversation_id == deleted.kept_in,
        t.node.c.conversation_id == identity,
    )
    root = update(t.node).where(in_there, t.node.c.parent_id.is_(None))
    connection.execute(root.values(parent_id=deleted.parent_id))
    taken = select(t.node.c.position).where(here)
    is_taken = connection.scalar(select(exists().where(in_there, t.node.c.position.in_(taken))))
    after = connection.scalar(select(func.max(t.node.c.position) + 1).where(here))
    _move(connection, in_there, identity, by=(after or 0) if is_taken else 0)
    aside = (t.conversation.c.id == deleted.kept_in) & (t.conversation.c.owner == owner)
    if connection.execute(delete(t.conversation).where(aside)).rowcount == 0:
        raise ConversationNotFound
    is_open = (t.reply.c.conversation_id == identity) & t.reply.c.ended_as.is_(None)
    if not connection.scalar(select(exists().where(is_open))):
        change(connection, identity, owner, leaf_id=deleted.leaf_id)
    title = connection.scalar(select(t.conversation.c.title).where(t.conversation.c.id == identity))
    if title == deleted.title_left:  # nobody has given it another one since
        _set_title(connection, identity, owner, title, deleted.title)


def _set_title(
    connection: Connection, conversation_id: str, owner: str, before: str, title: str
) -> None:
    if title != before:
        change(connection, conversation_id, owner, title=title)
        index_title(connection, conversation_id, title)


def _move(connection: Connection, which: ColumnElement[bool], to: str, *, by: int = 0) -> None:
    """Have nodes, with all that hangs on them, belong to another conversation."""
    nodes = select(t.node.c.id).where(which)
    for table, its_node in (
        (t.reply, t.reply.c.node_id),
        (t.search_text, t.search_text.c.node_id),
        (t.share, t.share.c.leaf_id),
    ):
        connection.execute(update(table).where(its_node.in_(nodes)).values(conversation_id=to))
    moved = update(t.node).where(which)
    connection.execute(moved.values(conversation_id=to, position=t.node.c.position + by))


def _title_without(nodes: Sequence[Node], removed: set[str], title: str) -> str:
    """The title; one that was made of a question that goes is made of the first that stays."""
    made = {node.id: title_of(node.message) for node in nodes if node.message.role is Role.USER}
    if title not in {made[node_id] for node_id in made.keys() & removed}:
        return title
    return next((other for node_id, other in made.items() if node_id not in removed), "")


def remove_nodes(connection: Connection, which: ColumnElement[bool]) -> None:
    """Remove nodes with all that hangs on them."""
    nodes = select(t.node.c.id).where(which)
    lock = select(t.reply.c.node_id).where(t.reply.c.node_id.in_(nodes))
    connection.execute(lock.order_by(t.reply.c.node_id).with_for_update())
    shown = select(t.part.c.picture_sha256).where(
        t.part.c.node_id.in_(nodes), t.part.c.picture_sha256.is_not(None)
    )
    pictures = connection.scalars(shown.distinct()).all()
    connection.execute(delete(t.share).where(t.share.c.leaf_id.in_(nodes)))
    forget(connection, t.search_text.c.node_id.in_(nodes))
    connection.execute(delete(t.delta).where(t.delta.c.reply_id.in_(nodes)))
    connection.execute(delete(t.trace).where(t.trace.c.reply_id.in_(nodes)))
    connection.execute(delete(t.reply).where(t.reply.c.node_id.in_(nodes)))
    connection.execute(delete(t.part).where(t.part.c.node_id.in_(nodes)))
    connection.execute(delete(t.node).where(which))
    if pictures:
        _remove_unused([picture for picture in pictures if picture], connection)


def _remove_unused(pictures: Sequence[str], connection: Connection) -> None:
    lock = select(t.picture.c.sha256).where(t.picture.c.sha256.in_(pictures))
    connection.execute(lock.order_by(t.picture.c.sha256).with_for_update())
    unused = connection.scalars(
        select(t.picture.c.sha256).where(
            t.picture.c.sha256.in_(pictures),
            ~exists().where(t.part.c.picture_sha256 == t.picture.c.sha256),
        )
    ).all()
    for table in (t.picture_text, t.picture_bytes, t.picture):
        connection.execute(delete(table).where(table.c.sha256.in_(unused)))

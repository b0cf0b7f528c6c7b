"""The store itself: every call is one transaction."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL, ColumnElement, Connection, bindparam, select

from augenblick.conversations import Conversation, PictureSelection, ReplyRecord
from augenblick.errors import (
    AugenblickError,
    ReplyInProgress,
    StoreError,
    StoreUnavailable,
)
from augenblick.messages import ImagePart, PreparedPicture, ReplyEnd, ToolRound
from augenblick.sql_store import (
    deleting,
    importing,
    indexing,
    keeping,
    listing,
    reading,
    rows,
    searching,
    sharing,
    statements,
)
from augenblick.sql_store.appending import delta_writer
from augenblick.sql_store.database import Conflict, Database
from augenblick.sql_store.presence import show_presence
from augenblick.sql_store.schema import upgrade
from augenblick.sql_store.tables import (
    ConversationRow,
    LessonRow,
    PictureBytesRow,
    PictureRow,
    ProbeRow,
    ReplyRow,
)
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
    Trouble,
)

_TRIES = 3
"""How often a submit is tried that meets another one or somebody else's lock: a person waits six
seconds rather than hear that nothing could be saved."""

TEMPORARY = "temporary-"
"""How the ids in a store in memory begin; no other id does, for it would have to be guessed."""

_REMOVED_AT_ONCE = 10  # conversations; measured 30 ms for 200 messages
_PAGES_AT_ONCE = 300  # of the index: measured 45 ms
_LESSONS = select(LessonRow.name, LessonRow.value).where(  # read before each request
    LessonRow.provider == bindparam("provider"), LessonRow.model == bindparam("model")
)

T = TypeVar("T")


class SqlStore:
    """A `ConversationStore` on SQLite or PostgreSQL. Any thread may call."""

    def __init__(self, url: str | URL | None) -> None:
        """Open the database at an SQLAlchemy URL and bring its tables up to date.

        `sqlite:///PATH` (a missing folder is made, for this user only), or `postgresql://`,
        also written `postgres://`. None keeps everything in memory until the store is closed: the
        conversations are temporary ones, and their ids begin with `TEMPORARY`.

        Raises ConfigurationError for a URL that can't be used or a database of a newer version,
        StoreUnavailable when the database does not answer.
        """
        self._database = Database(url)
        try:
            self._database.make_folder()
            upgrade(self._database)
            self._presence = show_presence(self._database)
        except AugenblickError:
            self._database.close()
            raise
        self._write_deltas = delta_writer(self._database)
        self._batches = count(time.time_ns())
        self._unsure: set[str] = set()
        self._unsure_lock = threading.Lock()
        self._has_deleted_words = True  # perhaps, by a process that ended before its purge

    def save_question(self, question: NewQuestion) -> OpenedReply:
        """Write question, pictures and an open reply in one transaction."""
        opened = OpenedReply(
            conversation_id=question.conversation_id or self._new_id(),
            question_id=self._new_id(),
            reply_id=self._new_id(),
            is_new=True,
        )

        def write(connection: Connection) -> None:
            if question.conversation_id is None:
                self._add_conversation(connection, question, opened)
            else:
                now = statements.now()
                statements.change(
                    connection, opened.conversation_id, question.owner, updated_at=now
                )
            if question.parent_id is not None:
                statements.check_node(connection, opened.conversation_id, question.parent_id)
            shown = {attachment.sha256 for attachment in question.message.attachments}
            self._add_pictures(connection, question.pictures, shown)
            statements.add_question(connection, question, opened)
            self._add_reply(
                connection, opened, question.submission_id, question.provider, question.model
            )

        return self._open_once(question.submission_id, opened, write, owner=question.owner)

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
        opened = OpenedReply(conversation_id, question_id, self._new_id(), is_new=True)

        def write(connection: Connection) -> None:
            statements.change(connection, conversation_id, owner, updated_at=statements.now())
            statements.check_node(connection, conversation_id, question_id)
            self._add_reply(connection, opened, submission_id, provider, model)

        return self._open_once(submission_id, opened, write, owner=owner)

    def append(self, deltas: Sequence[ReplyDelta], *, batch: int | None = None) -> None:
        """Add text to open replies in one commit; text for a reply that has ended is ignored."""
        number = next(self._batches) if batch is None else batch
        if values := rows.delta_values(deltas, batch=number):
            self._write_deltas(values)

    def finish_reply(self, reply_id: str, record: ReplyRecord) -> None:
        """Write the whole record, `end` set. Finishing twice keeps the first end.

        Raises ValueError for a record without an end.
        """
        values = rows.reply_values(record)
        with self._writing() as connection:
            if statements.lock_open_reply(connection, reply_id):
                statements.end_reply(connection, reply_id, values)

    def add_reply_picture(
        self, reply_id: str, part: ImagePart, picture: PreparedPicture | None
    ) -> None:
        """Keep a picture that a call of an open reply returned; twice is once."""
        with self._writing() as connection:
            if statements.lock_open_reply(connection, reply_id):
                new = [picture] if picture is not None else []
                self._add_pictures(connection, new, {part.attachment.sha256})
                keeping.add_part(connection, reply_id, part)

    def keep_rounds(self, reply_id: str, rounds: Sequence[ToolRound]) -> None:
        """Keep what an open reply has called so far, in place of what was kept before."""
        with self._writing() as connection:
            if statements.lock_open_reply(connection, reply_id):
                keeping.keep_rounds(connection, reply_id, rounds)

    def pick_choice(self, reply_id: str, choice_index: int, *, owner: str) -> None:
        """Say which choice of an ended reply goes on. Raises ConversationNotFound."""
        with self._writing() as connection:
            keeping.pick_choice(connection, reply_id, choice_index, owner)

    def save_trace(self, reply_id: str, content: bytes) -> None:
        """Keep what went over the wire for a reply, in place of what was kept before."""
        with self._writing() as connection:
            keeping.save_trace(connection, self._database, reply_id, content)

    def load_trace(self, reply_id: str, *, owner: str) -> bytes | None:
        """What `save_trace` kept. Raises ConversationNotFound."""
        with self._database.reading() as connection:
            return keeping.load_trace(connection, reply_id, owner)

    def recent_figures(self, provider: str, model: str, *, limit: int = 30) -> Sequence[Figures]:
        """What the last whole answers of a model took, newest first."""
        with self._database.reading() as connection:
            return keeping.recent_figures(connection, provider, model, limit)

    def save_preset(self, preset: Preset, *, owner: str) -> None:
        """Keep request settings under a name, in place of older ones. Raises ValueError."""
        with self._writing() as connection:
            keeping.save_preset(connection, self._database, preset, owner)

    def list_presets(self, owner: str) -> Sequence[Preset]:
        """The presets of an owner by name."""
        with self._database.reading() as connection:
            return keeping.list_presets(connection, owner)

    def delete_preset(self, name: str, *, owner: str) -> None:
        """Forget a preset; one that is not there is forgotten already."""
        with self._writing() as connection:
            keeping.delete_presets(connection, owner=owner, name=name)

    def request_stop(self, reply_id: str, *, owner: str) -> None:
        """Ask whichever process writes this open reply to stop it; repeating is harmless.

        Raises ConversationNotFound for a reply that is not there or somebody else's.
        """
        with self._writing() as connection:
            statements.request_stop(connection, reply_id, owner)

    def stop_requests(self, reply_ids: Sequence[str]) -> set[str]:
        """Those of these open replies that somebody asked to stop, or deleted for good."""
        if not reply_ids:
            return set()
        query = select(ReplyRow.node_id, ReplyRow.is_stop_requested, ReplyRow.ended_as).where(
            ReplyRow.node_id.in_(reply_ids)
        )
        with self._database.reading() as connection:
            found = connection.execute(query).all()
        going_on = {row.node_id for row in found if row.ended_as or not row.is_stop_requested}
        return set(reply_ids) - going_on

    def load_conversation(self, conversation_id: str, *, owner: str | None = None) -> Conversation:
        """The whole tree; an open reply comes with the text appended so far."""
        with self._database.reading() as connection:
            found = reading.load_conversation(connection, conversation_id, owner)
        return replace(found, is_temporary=self._database.is_in_memory)

    def list_conversations(
        self, owner: str, *, limit: int = 50, offset: int = 0
    ) -> Sequence[ConversationSummary]:
        """The conversations of an owner: pinned ones first, then the newest first."""
        with self._database.reading() as connection:
            return listing.list_conversations(connection, owner, limit=limit, offset=offset)

    def search(self, owner: str, words: str, *, limit: int = 50) -> Sequence[SearchHit]:
        """Conversations in whose title, questions or answers all these words stand, best first."""
        with self._database.reading() as connection:
            return searching.search(connection, owner, words, limit=limit)

    def show_leaf(self, conversation_id: str, leaf_id: str, *, owner: str) -> None:
        """Remember which path of the tree is shown."""
        with self._writing() as connection:
            statements.change(connection, conversation_id, owner, leaf_id=leaf_id)
            statements.check_node(connection, conversation_id, leaf_id)

    def rename(self, conversation_id: str, title: str, *, owner: str) -> None:
        """Give another title (1 to 200 characters; longer ones are cut, empty ones ignored)."""
        wanted = rows.fit_title(title)
        with self._writing() as connection:
            if wanted:
                statements.change(connection, conversation_id, owner, title=wanted)
                indexing.index_title(connection, conversation_id, wanted)
            else:
                statements.check_own(connection, conversation_id, owner)

    def set_pinned(self, conversation_id: str, *, owner: str, is_pinned: bool) -> None:
        """Keep a conversation at the top of the list, or not."""
        with self._writing() as connection:
            statements.change(connection, conversation_id, owner, is_pinned=is_pinned)

    def select_pictures(
        self, conversation_id: str, selection: PictureSelection, *, owner: str
    ) -> None:
        """Remember which earlier pictures are sent again."""
        values = rows.selection_values(selection)
        with self._writing() as connection:
            statements.change(connection, conversation_id, owner, selection=values)

    def delete_message(self, conversation_id: str, node_id: str, *, owner: str) -> None:
        """Delete a message and all that hangs below it, for good, pictures included."""
        self._delete(partial(deleting.delete_message, conversation_id, node_id, owner=owner))
        self._database.empty_log()

    def delete_conversation(self, conversation_id: str, *, owner: str) -> None:
        """Take a conversation out of every list, search and share at once."""
        with self._writing() as connection:
            now = statements.now()
            statements.change(connection, conversation_id, owner, deleted_at=now)
            statements.stop_open_reply(connection, conversation_id)

    def restore_conversation(self, conversation_id: str, *, owner: str) -> None:
        """Undo a deletion. Raises ConversationNotFound when it is too late."""
        with self._writing() as connection:
            deleting.restore(connection, conversation_id, owner)

    def delete_everything(self, owner: str) -> None:
        """Delete all that is stored about an owner, for good and at once.

        Out of every list in one transaction, then a few at a time as in `purge`, which goes on with
        what is left where this is interrupted.
        """
        self._patiently(partial(deleting.doom_all, owner=owner))
        self._patiently(partial(keeping.delete_presets, owner=owner))
        self._remove_each(ConversationRow.owner == owner)
        self._database.empty_log()

    def purge(self, *, deleted_before: datetime, unused_since: datetime | None = None) -> int:
        """Remove for good what was deleted before, and what nobody went on with since.

        A few conversations go in a transaction of their own, so that nobody waits for many. On
        SQLite the words and pictures of whatever was deleted until now leave the files, too.
        """
        removed = self._remove_each(deleting.is_old(deleted_before, unused_since))
        self._rewrite_index()
        self._database.empty_log()
        return removed

    def _remove_each(self, which: ColumnElement[bool]) -> int:
        """Remove these conversations, a few at a time, and return how many there were."""
        with self._database.reading() as connection:
            found = connection.scalars(select(ConversationRow.id).where(which)).all()
        removed = 0
        for first in range(0, len(found), _REMOVED_AT_ONCE):
            few = ConversationRow.id.in_(found[first : first + _REMOVED_AT_ONCE])
            removed += self._delete(partial(deleting.delete_all, few & which))
        return removed

    def _delete(self, work: Callable[[Connection], int]) -> int:
        """Do it in one transaction, again where it meets somebody else's locks."""
        count = self._patiently(work)
        self._has_deleted_words = self._has_deleted_words or count > 0
        return count

    def _rewrite_index(self) -> None:
        """Have the index of an SQLite database lose deleted words, a piece at a time."""
        if not self._has_deleted_words or not self._database.is_sqlite:
            return
        self._has_deleted_words = False
        pages = -_PAGES_AT_ONCE
        is_more_left = True
        try:
            while is_more_left:
                with self._writing() as connection:
                    is_more_left = indexing.merge_index(connection, pages)
                pages = _PAGES_AT_ONCE
        except StoreError:
            self._has_deleted_words = True  # the next purge begins again
            raise

    def list_pictures(self, owner: str, *, conversation_id: str | None = None) -> frozenset[str]:
        """The SHA-256 of every picture of an owner, or of those in one conversation."""
        with self._database.reading() as connection:
            return listing.list_pictures(connection, owner, conversation_id)

    def holdings(self, owner: str) -> Holdings:
        """What is stored about an owner."""
        with self._database.reading() as connection:
            return listing.count_holdings(connection, owner)

    def import_conversation(
        self,
        *,
        owner: str,
        title: str,
        nodes: Sequence[ImportedNode],
        pictures: Sequence[PreparedPicture],
        leaf_id: str | None = None,
    ) -> str:
        """Write a whole conversation from elsewhere and return its new id."""
        planned = importing.plan(nodes, leaf_id=leaf_id, process=self._presence.number)

        def write(connection: Connection) -> str:
            self._add_pictures(connection, pictures, planned.picture_hashes)
            return importing.write(connection, planned, owner=owner, title=title)

        return self._patiently(write)

    def create_share(
        self, conversation_id: str, *, owner: str, leaf_id: str, expires_at: datetime | None
    ) -> Share:
        """Make a link to the path that ends at a leaf. Raises ConversationNotFound."""
        with self._writing() as connection:
            statements.check_own(connection, conversation_id, owner)
            statements.check_node(connection, conversation_id, leaf_id)
            return sharing.create(connection, conversation_id, leaf_id, expires_at)

    def find_share(self, token: str) -> Share:
        """Return what a link leads to. Raises ShareExpired or ConversationNotFound."""
        with self._database.reading() as connection:
            return sharing.find(connection, token)

    def list_shares(self, owner: str, *, conversation_id: str | None = None) -> Sequence[Share]:
        """The links of an owner that still lead somewhere, newest first."""
        with self._database.reading() as connection:
            return sharing.list_shares(connection, owner, conversation_id)

    def revoke_share(self, token: str, *, owner: str) -> None:
        """Let a link lead nowhere from now on."""
        with self._writing() as connection:
            sharing.revoke(connection, token, owner)

    def load_content(self, sha256: str) -> bytes:
        """The prepared bytes of an attachment. Raises KeyError for an unknown one."""
        query = select(PictureBytesRow.content).where(PictureBytesRow.sha256 == sha256)
        with self._database.reading() as connection:
            found = connection.scalar(query)
        if found is None:
            raise KeyError(sha256)
        return found

    def load_thumbnail(self, sha256: str) -> bytes:
        """The small picture of an attachment. Raises KeyError for an unknown one."""
        query = select(PictureBytesRow.thumbnail).where(PictureBytesRow.sha256 == sha256)
        with self._database.reading() as connection:
            found = connection.scalar(query)
        if found is None:
            raise KeyError(sha256)
        return found

    def interrupt_open_replies(self) -> int:
        """Mark open replies whose process has died INTERRUPTED, keeping their text.

        On PostgreSQL it waits three seconds when there are any (`presence` says why).
        """
        writers = select(ReplyRow.owner_process).where(ReplyRow.ended_as.is_(None)).distinct()
        with self._database.reading() as connection:
            numbers = set(connection.scalars(writers))
        dead = self._presence.find_dead(numbers)
        if not dead:
            return 0
        left = select(ReplyRow.node_id).where(
            ReplyRow.ended_as.is_(None), ReplyRow.owner_process.in_(dead)
        )
        with self._database.reading() as connection:
            reply_ids = connection.scalars(left).all()
        return sum(self._interrupt(reply_id) for reply_id in reply_ids)

    def _interrupt(self, reply_id: str) -> bool:
        with self._writing() as connection:
            if not statements.lock_open_reply(connection, reply_id):
                return False
            texts = reading.load_texts(connection, [reply_id])[reply_id]
            choices = rows.choices_json(rows.choices_of(texts))
            ending = {"ended_as": ReplyEnd.INTERRUPTED.value, "choices": choices}
            statements.end_reply(connection, reply_id, ending)
        return True

    def load_lessons(self, provider: str, model: str) -> Mapping[str, str]:
        """What was learnt about an endpoint and model."""
        given = {"provider": provider, "model": model}
        with self._database.reading() as connection:
            return {row.name: row.value for row in connection.execute(_LESSONS, given)}

    def save_lesson(self, provider: str, model: str, name: str, value: str) -> None:
        """Remember one thing about an endpoint and model; the newest value counts."""
        statement = self._database.insert(LessonRow).values(
            provider=provider, model=model, name=name, value=value
        )
        with self._writing() as connection:
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[LessonRow.provider, LessonRow.model, LessonRow.name],
                    set_={"value": statement.excluded.value},
                )
            )

    def is_writable(self) -> bool:
        """Whether a write succeeds now, found out by writing; never raises."""
        statement = self._database.insert(ProbeRow).values(id=1, written_at=statements.now())
        try:
            with self._writing() as connection:
                connection.execute(
                    statement.on_conflict_do_update(
                        index_elements=[ProbeRow.id],
                        set_={"written_at": statement.excluded.written_at},
                    )
                )
        except StoreError:
            return False
        return True

    def close(self) -> None:
        """Release every connection; replies still open count as left by a dead process."""
        self._presence.close()
        self._database.close()

    def _patiently(self, write: Callable[[Connection], T]) -> T:
        """One transaction, tried again where it met another one: nothing of it was written then."""
        failure = StoreError()
        for _ in range(_TRIES):
            try:
                with self._database.writing() as connection:
                    return write(connection)
            except Conflict as error:
                failure = StoreError(str(error))
            except StoreUnavailable as error:
                failure = error
                if error.params.get("reason") != Trouble.LOCKED:
                    raise
        raise failure

    def _new_id(self) -> str:
        prefix = TEMPORARY if self._database.is_in_memory else ""
        return prefix + secrets.token_urlsafe(16)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        try:
            with self._database.writing() as connection:
                yield connection
        except Conflict as conflict:
            raise StoreError(str(conflict)) from None

    def _open_once(
        self,
        submission_id: str,
        opened: OpenedReply,
        write: Callable[[Connection], None],
        *,
        owner: str,
    ) -> OpenedReply:
        """Write a submit unless it is there already; the database decides between two at once."""
        failure = StoreError()
        for _ in range(_TRIES):
            try:
                with self._database.writing() as connection:
                    if (
                        found := statements.find_submission(connection, submission_id, owner)
                    ) is None:
                        write(connection)
                        return opened
                return self._as_own(found)
            except Conflict as error:
                failure = StoreError(str(error))
            except StoreUnavailable as error:
                failure = error
                if error.params.get("reason") != Trouble.LOCKED:
                    self._remember_unsure(opened.reply_id)
                    raise
            if not isinstance(failure, StoreUnavailable):
                self._refuse_if_answering(submission_id, opened.conversation_id)
        raise failure

    def _refuse_if_answering(self, submission_id: str, conversation_id: str) -> None:
        """After a broken constraint: raise ReplyInProgress if another submit is being answered.

        If not, the same submit was first, or the other reply has just ended: both are worth a try.
        """
        query = select(ReplyRow.node_id).where(
            ReplyRow.conversation_id == conversation_id,
            ReplyRow.ended_as.is_(None),
            ReplyRow.submission_id != submission_id,
        )
        with self._database.reading() as connection:
            other = connection.scalar(query)
        if other is not None:
            raise ReplyInProgress(reply_id=other)

    def _remember_unsure(self, reply_id: str) -> None:
        with self._unsure_lock:
            self._unsure.add(reply_id)

    def _as_own(self, found: OpenedReply) -> OpenedReply:
        """New after all, once, if our own try failed with the commit already done."""
        with self._unsure_lock:
            if found.reply_id not in self._unsure:
                return found
            self._unsure.discard(found.reply_id)
        return replace(found, is_new=True)

    def _add_conversation(
        self, connection: Connection, question: NewQuestion, opened: OpenedReply
    ) -> None:
        now = statements.now()
        title = rows.title_of(question.message)
        statements.add_conversation(
            connection,
            id=opened.conversation_id,
            owner=question.owner,
            title=title,
            created_at=now,
            updated_at=now,
        )
        indexing.index_title(connection, opened.conversation_id, title)

    def _add_pictures(
        self,
        connection: Connection,
        pictures: Sequence[PreparedPicture],
        shown: AbstractSet[str],
    ) -> None:
        """Add the pictures that are shown and aren't there, and keep the others from going.

        Always in one order, so that two writers can't block each other. `deleting` locks likewise.
        """
        by_hash = {picture.attachment.sha256: picture for picture in pictures}
        if not shown:
            return
        keep = select(PictureRow.sha256).where(PictureRow.sha256.in_(shown))
        keep = keep.order_by(PictureRow.sha256).with_for_update(read=True, key_share=True)
        known = set(connection.scalars(keep))
        missing = [by_hash[sha256] for sha256 in sorted(shown & by_hash.keys() - known)]
        if missing:
            connection.execute(
                self._database.insert_new(PictureRow),
                [rows.picture_values(picture) for picture in missing],
            )
            connection.execute(
                self._database.insert_new(PictureBytesRow),
                [rows.picture_bytes_values(picture) for picture in missing],
            )

    def _add_reply(
        self,
        connection: Connection,
        opened: OpenedReply,
        submission_id: str,
        provider: str,
        model: str,
    ) -> None:
        statements.add_reply(
            connection,
            opened,
            submission_id=submission_id,
            owner_process=self._presence.number,
            provider=provider,
            model=model,
        )


def open_store(environ: Mapping[str, str]) -> SqlStore:
    """The store the configuration asks for.

    `AUGENBLICK_DATABASE_URL`, else the file `augenblick.db` in `AUGENBLICK_DATA_DIR` (`data`).
    """
    if url := environ.get("AUGENBLICK_DATABASE_URL", "").strip():
        return SqlStore(url)
    folder = Path(environ.get("AUGENBLICK_DATA_DIR", "").strip() or "data")
    return SqlStore(URL.create("sqlite", database=str(folder / "augenblick.db")))

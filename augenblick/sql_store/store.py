"""The store itself: every call is one transaction."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

from sqlalchemy import URL, Connection, insert, select, update

from augenblick.conversations import Conversation, ReplyRecord
from augenblick.errors import (
    AugenblickError,
    ConversationNotFound,
    ReplyInProgress,
    StoreError,
    StoreUnavailable,
)
from augenblick.messages import PreparedPicture, ReplyEnd, Role
from augenblick.sql_store import reading, rows, statements
from augenblick.sql_store.database import Conflict, Database
from augenblick.sql_store.presence import show_presence
from augenblick.sql_store.schema import upgrade
from augenblick.sql_store.tables import (
    ConversationRow,
    DeltaRow,
    LessonRow,
    PictureBytesRow,
    PictureRow,
    ProbeRow,
    ReplyRow,
)
from augenblick.store import (
    ConversationSummary,
    NewQuestion,
    OpenedReply,
    ReplyDelta,
    Trouble,
)

_TRIES = 3
"""How often a submit is tried that meets another one or somebody else's lock: a person waits six
seconds rather than hear that nothing could be saved."""


class SqlStore:
    """A `ConversationStore` on SQLite or PostgreSQL. Any thread may call."""

    def __init__(self, url: str | URL) -> None:
        """Open the database at an SQLAlchemy URL and bring its tables up to date.

        `sqlite:///PATH` (a missing folder is made, for this user only), or `postgresql://`,
        also written `postgres://`.

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
        self._batches = count(time.time_ns())
        self._unsure: set[str] = set()
        self._unsure_lock = threading.Lock()

    def save_question(self, question: NewQuestion) -> OpenedReply:
        """Write question, pictures and an open reply in one transaction."""
        opened = OpenedReply(
            conversation_id=question.conversation_id or _new_id(),
            question_id=_new_id(),
            reply_id=_new_id(),
            is_new=True,
        )

        def write(connection: Connection) -> None:
            if question.conversation_id is None:
                self._add_conversation(connection, question, opened)
            else:
                statements.touch(connection, opened.conversation_id)
            if question.parent_id is not None:
                statements.check_node(connection, opened.conversation_id, question.parent_id)
            self._add_pictures(connection, question.pictures)
            statements.add_question(connection, question, opened)
            self._add_reply(
                connection, opened, question.submission_id, question.provider, question.model
            )

        return self._open_once(question.submission_id, opened, write, owner=question.owner)

    def open_reply(
        self,
        *,
        submission_id: str,
        conversation_id: str,
        question_id: str,
        provider: str,
        model: str,
    ) -> OpenedReply:
        """Open another answer to a question that is already there."""
        opened = OpenedReply(conversation_id, question_id, _new_id(), is_new=True)

        def write(connection: Connection) -> None:
            statements.touch(connection, conversation_id)
            statements.check_node(connection, conversation_id, question_id)
            self._add_reply(connection, opened, submission_id, provider, model)

        return self._open_once(submission_id, opened, write)

    def append(self, deltas: Sequence[ReplyDelta], *, batch: int | None = None) -> None:
        """Add text to open replies in one commit; text for a reply that has ended is ignored."""
        texts = rows.join_deltas(deltas)
        if not texts:
            return
        number = next(self._batches) if batch is None else batch
        with self._writing() as connection:
            # Shared locks, in one order everywhere: nobody can end a reply between look and write.
            still_open = connection.scalars(
                select(ReplyRow.node_id)
                .where(ReplyRow.node_id.in_(texts), ReplyRow.ended_as.is_(None))
                .order_by(ReplyRow.node_id)
                .with_for_update(read=True)
            )
            values = [
                {"reply_id": reply_id, "batch": number, "choice_index": index, "lane": lane,
                 "text": text}
                for reply_id in still_open
                for (index, lane), text in texts[reply_id].items()
            ]  # fmt: skip
            if values:
                connection.execute(self._database.insert_new(DeltaRow), values)

    def finish_reply(self, reply_id: str, record: ReplyRecord) -> None:
        """Write the whole record, `end` set. Finishing twice keeps the first end.

        Raises ValueError for a record without an end.
        """
        values = rows.reply_values(record)
        with self._writing() as connection:
            if statements.lock_open_reply(connection, reply_id):
                statements.end_reply(connection, reply_id, values)

    def load_conversation(self, conversation_id: str) -> Conversation:
        """The whole tree; an open reply comes with the text appended so far."""
        with self._database.reading() as connection:
            found = connection.execute(
                select(
                    ConversationRow.id,
                    ConversationRow.title,
                    ConversationRow.created_at,
                    ConversationRow.updated_at,
                    ConversationRow.leaf_id,
                ).where(ConversationRow.id == conversation_id)
            ).one_or_none()
            if found is None:
                raise ConversationNotFound
            nodes = reading.load_nodes(connection, conversation_id)
        identity, title, created_at, updated_at, leaf_id = found
        return Conversation(identity, title, created_at, updated_at, nodes, leaf_id)

    def list_conversations(self, owner: str, *, limit: int = 50) -> Sequence[ConversationSummary]:
        """The newest conversations of an owner, newest first."""
        query = (
            select(ConversationRow.id, ConversationRow.title, ConversationRow.updated_at)
            .where(ConversationRow.owner == owner)
            .order_by(ConversationRow.updated_at.desc())
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [ConversationSummary(*row) for row in connection.execute(query)]

    def show_leaf(self, conversation_id: str, leaf_id: str) -> None:
        """Remember which path of the tree is shown."""
        with self._writing() as connection:
            statements.check_node(connection, conversation_id, leaf_id)
            connection.execute(
                update(ConversationRow)
                .where(ConversationRow.id == conversation_id)
                .values(leaf_id=leaf_id)
            )

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
        query = select(LessonRow.name, LessonRow.value).where(
            LessonRow.provider == provider, LessonRow.model == model
        )
        with self._database.reading() as connection:
            return {row.name: row.value for row in connection.execute(query)}

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
        owner: str | None = None,
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
        connection.execute(
            insert(ConversationRow).values(
                id=opened.conversation_id,
                owner=question.owner,
                title=rows.title_of(question.message),
                created_at=now,
                updated_at=now,
            )
        )

    def _add_pictures(self, connection: Connection, pictures: Sequence[PreparedPicture]) -> None:
        """Add the pictures that aren't there; in one order, so that two writers can't block."""
        by_hash = {picture.attachment.sha256: picture for picture in pictures}
        known = set(
            connection.scalars(
                select(PictureBytesRow.sha256).where(PictureBytesRow.sha256.in_(by_hash))
            )
        )
        missing = [by_hash[sha256] for sha256 in sorted(by_hash.keys() - known)]
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
        statements.add_node(
            connection, opened.conversation_id, opened.reply_id, opened.question_id, Role.ASSISTANT
        )
        connection.execute(
            insert(ReplyRow).values(
                node_id=opened.reply_id,
                conversation_id=opened.conversation_id,
                submission_id=submission_id,
                owner_process=self._presence.number,
                provider=provider,
                model=model,
                answered_model="",
                system_fingerprint="",
                picked_choice=0,
            )
        )
        connection.execute(
            update(ConversationRow)
            .where(ConversationRow.id == opened.conversation_id)
            .values(leaf_id=opened.reply_id)
        )


def open_store(environ: Mapping[str, str]) -> SqlStore:
    """The store the configuration asks for.

    `AUGENBLICK_DATABASE_URL`, else the file `augenblick.db` in `AUGENBLICK_DATA_DIR` (`data`).
    """
    if url := environ.get("AUGENBLICK_DATABASE_URL", "").strip():
        return SqlStore(url)
    folder = Path(environ.get("AUGENBLICK_DATA_DIR", "").strip() or "data")
    return SqlStore(URL.create("sqlite", database=str(folder / "augenblick.db")))


def _new_id() -> str:
    return secrets.token_urlsafe(16)

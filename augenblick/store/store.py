"""The store: every call is one transaction, whichever of two databases it is in."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import URL

from augenblick.core.errors import AugenblickError, StoreError
from augenblick.store import tables as t
from augenblick.store.attachments import Attachments
from augenblick.store.database import Database
from augenblick.store.databases import Databases
from augenblick.store.deletion import Deletion
from augenblick.store.engines import configured_url
from augenblick.store.imports import Imports
from augenblick.store.library import Library
from augenblick.store.model_records import ModelRecords
from augenblick.store.presence import show_presence
from augenblick.store.questions import Questions
from augenblick.store.replies import Replies
from augenblick.store.saved_answers import Answers
from augenblick.store.saved_conversations import Conversations
from augenblick.store.saved_presets import Presets
from augenblick.store.schema import upgrade
from augenblick.store.search import Search
from augenblick.store.sharing import Sharing
from augenblick.store.statements import now


class Store(
    Questions,
    Replies,
    Answers,
    Conversations,
    Attachments,
    Library,
    Search,
    Sharing,
    Deletion,
    Imports,
    Presets,
    ModelRecords,
):
    """Conversations, attachments and replies on SQLite or PostgreSQL; temporary ones in memory.

    A call that returned has been written durably (a power cut loses nothing); a call that raised
    wrote nothing, with one exception that no database can avoid: when the connection breaks during
    the commit itself, nobody knows. So every call may be repeated after StoreUnavailable, and
    repeating never writes twice. Ids can't be guessed; any thread may call.

    `owner` is who asks: a call about a conversation of somebody else raises ConversationNotFound,
    exactly as for one that does not exist.
    """

    def __init__(self, url: str | URL) -> None:
        """Open the database at an SQLAlchemy URL and bring its tables up to date.

        `sqlite:///PATH` (a missing folder is made, for this user only), or `postgresql://`,
        also written `postgres://`.

        Raises ConfigurationError for a URL that can't be used or a database of a newer version,
        StoreUnavailable when the database does not answer.
        """
        super().__init__(_open_databases(url))

    def is_writable(self) -> bool:
        """Whether what is to be kept can be written now, found out by writing; never raises."""
        database = self._databases.kept
        try:
            with database.writing() as connection:
                connection.execute(database.upsert(t.probe, id=1, written_at=now()))
        except StoreError:
            return False
        return True

    def close(self) -> None:
        """Release every connection and forget what is temporary.

        Replies still open count as left by a dead process.
        """
        self._databases.temporary.close()
        self._databases.presence.close()
        self._databases.kept.close()


def _open_databases(url: str | URL) -> Databases:
    """Open the database at a URL, its tables brought up to date, and one in memory."""
    kept = Database(url)
    try:
        kept.make_folder()
        upgrade(kept)
        kept.watch_file()
        presence = show_presence(kept)
    except AugenblickError:
        kept.close()
        raise
    temporary = Database(None)
    upgrade(temporary)
    return Databases(kept, temporary, presence)


def open_store(environ: Mapping[str, str]) -> Store:
    """The store the configuration asks for; raises as `Store`."""
    return Store(configured_url(environ))

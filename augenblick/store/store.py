"""The store: every call is one transaction, whichever of two databases it is in."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import URL

from augenblick.core.errors import StoreError
from augenblick.store import tables as t
from augenblick.store.attachments import Attachments
from augenblick.store.databases import open_databases
from augenblick.store.deletion import Deletion
from augenblick.store.engines import configured_url
from augenblick.store.imports import Imports
from augenblick.store.library import Library
from augenblick.store.questions import Questions
from augenblick.store.ratings import Ratings
from augenblick.store.replies import Replies
from augenblick.store.saved_conversations import Conversations
from augenblick.store.saved_model_cards import ModelCards
from augenblick.store.saved_presets import Presets
from augenblick.store.saved_quirks import SavedQuirks
from augenblick.store.search import Search
from augenblick.store.sharing import Sharing
from augenblick.store.statements import now
from augenblick.store.traces import Traces


class Store(
    Questions,
    Replies,
    Ratings,
    Conversations,
    Attachments,
    Library,
    Search,
    Sharing,
    Deletion,
    Imports,
    Traces,
    Presets,
    SavedQuirks,
    ModelCards,
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
        super().__init__(open_databases(url))

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
        self._databases.close()


def open_store(environ: Mapping[str, str]) -> Store:
    """The store the configuration asks for; raises as `Store`."""
    return Store(configured_url(environ))

"""The two databases of a store, and which of them a conversation is in.

Temporary conversations are in one in memory and leave no byte on a disk. The ids of such a
conversation and of all in it say so, so every call finds its database from the id it is given.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from augenblick.store.database import Database
from augenblick.store.presence import Presence

TEMPORARY = "temporary-"
"""How the ids of what is temporary begin; no other id does, for it would have to be guessed."""


@dataclass(frozen=True, slots=True)
class Databases:
    """Where conversations are kept, and where temporary ones are."""

    kept: Database
    temporary: Database
    presence: Presence  # of this process on what is kept

    @property
    def both(self) -> tuple[Database, Database]:
        """What is in memory comes first, for it can't fail when the disk does."""
        return self.temporary, self.kept

    def of(self, identity: str) -> Database:
        """Where a conversation, or a question or an answer in one, is."""
        return self.temporary if identity.startswith(TEMPORARY) else self.kept

    def new_id(self, database: Database) -> str:
        """An id for something in a database."""
        prefix = TEMPORARY if database is self.temporary else ""
        return prefix + secrets.token_urlsafe(16)


class Concern:
    """A group of calls of the store; `Store` has those of all groups."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases

"""The real store: SQLite in a file, or PostgreSQL by URL, behind the same class.

SQLAlchemy appears here and in `augenblick.migrations`, nowhere else. `SqlStore(url)` opens a store
and brings its tables up to date; `open_store(environ)` does so as the configuration says.

  tables      what is kept, as typed tables
  database    connections, transactions and what goes wrong with them
  presence    which processes are alive, so that only the replies of dead ones are interrupted
  schema      migrations, run when a store is opened
  rows        values to columns and back
  statements  the steps that transactions share
  reading     how a conversation is read
  listing     what an owner has
  indexing    which words can be found
  searching   how they are found
  deleting    how things go for good
  sharing     links to a path
  importing   conversations that come from elsewhere
  store       the store itself
  split       two of them: what is kept, and what is in memory only
"""

from __future__ import annotations

from augenblick.sql_store.split import SplitStore
from augenblick.sql_store.store import SqlStore, open_store

__all__ = ["SplitStore", "SqlStore", "open_store"]

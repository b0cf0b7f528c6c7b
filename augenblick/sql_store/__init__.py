"""The real store: SQLite in a file, or PostgreSQL by URL, behind the same class.

SQLAlchemy appears here and in `augenblick.migrations`, nowhere else. `SqlStore(url)` opens a store
and brings its tables up to date; `open_store(environ)` does so as the configuration says.

  tables      what is kept, as typed tables
  database    connections, transactions and what goes wrong with them
  presence    which processes are alive, so that only the replies of dead ones are interrupted
  schema      migrations, run when a store is opened
  rows        values to columns and back
  reading     how a conversation is read
  statements  the steps that transactions share
  store       the store itself
"""

from __future__ import annotations

from augenblick.sql_store.store import SqlStore, open_store

__all__ = ["SqlStore", "open_store"]

"""What is kept: SQLite in a file, or PostgreSQL by URL, behind one class.

SQLAlchemy appears in this room and nowhere else. `Store(url)` opens a store and brings its tables
up to date; `open_store(environ)` does so as the configuration says. Each group of calls is a class
that stands beside its SQL; `Store` is all of them.

  questions            questions, and the replies that are opened for them
  replies              replies while they are written, and their end
  saved_answers        what is kept with one: the picked choice, its rating, its trace
  saved_conversations  how a conversation is read; its title, pin, shown path
  attachments          the bytes of pictures
  library, search      what an owner has, and finding it by words
  sharing, deletion    links to a path; undo, and removal for good
  imports              conversations that come from elsewhere
  model_records        what is known of models: quirks, cards, figures, ratings
  saved_presets        request settings that have a name

  store_values         what goes in and comes out
  tables, json_columns, deltas     what is kept, as tables; values as JSON; text of open replies
  schema, migrations   making the tables, and bringing older ones up to date
  databases            what is kept and what is temporary, and which of both a call is about
  database, engines, driver_errors  transactions; connections; what goes wrong with them
  presence             which processes are alive, so that only replies of dead ones are interrupted
  file_watch           notices that the file was deleted, replaced or cut off
"""

from __future__ import annotations

from augenblick.store.store import Store, open_store

__all__ = ["Store", "open_store"]

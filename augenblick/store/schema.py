"""Makes the tables of a new database, and brings those of an older version up to date."""

from __future__ import annotations

import logging
import threading

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, select

from augenblick.core.errors import ConfigurationError
from augenblick.store import tables as t
from augenblick.store.database import Database
from augenblick.store.saved_conversations import load_nodes
from augenblick.store.search_index import index_texts, index_title

_UPGRADE_LOCK = 0x6175676E
"""The advisory lock under which one process at a time migrates a PostgreSQL database."""

_WITHOUT_SEARCH = {"0001"}

_one_at_a_time = threading.Lock()  # Alembic keeps what it works on in its modules

_log = logging.getLogger(__name__)


def upgrade(database: Database) -> None:
    """Bring the tables to the newest state, in one transaction; several processes may try at once.

    Raises ConfigurationError for a database of a newer version of the program.
    """
    config = _config()
    scripts = ScriptDirectory.from_config(config)
    head = scripts.get_current_head()
    with database.reading() as connection:
        if _revision(connection) == head:
            return
    with _one_at_a_time, database.writing() as connection:
        if not database.is_sqlite:
            connection.exec_driver_sql("SET LOCAL lock_timeout = '60s'")
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            connection.execute(select(func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
        current = _revision(connection)
        if current == head:
            return  # another process was first
        if current is not None and current not in known_revisions():
            raise ConfigurationError(
                "The database was written by a newer version of Augenblick "
                f"(tables {current}, this version knows them up to {head}). Start that version, "
                "or restore a backup made with this one.",
                code="database_too_new",
            )
        if current is None:
            t.metadata.create_all(connection, checkfirst=False)
            MigrationContext.configure(connection).stamp(scripts, "head")
        else:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        if current in _WITHOUT_SEARCH:
            _index_everything(connection)
    if current is not None:
        _log.info("The tables of the database were upgraded from %s to %s.", current, head)
    elif not database.is_in_memory:
        _log.info("A new database was made (tables %s).", head)


def known_revisions() -> set[str]:
    """Every state of the tables that this version can open."""
    scripts = ScriptDirectory.from_config(_config())
    return {script.revision for script in scripts.walk_revisions()}


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "augenblick.store:migrations")
    return config


def _index_everything(connection: Connection) -> None:
    """Make all conversations findable, none of which has been so far."""
    titles = select(t.conversation.c.id, t.conversation.c.title)
    for conversation_id, title in connection.execute(titles).all():
        texts = [
            (node.id, node.message.text)
            for node in load_nodes(connection, conversation_id)
            if node.reply is None or not node.reply.is_live
        ]
        index_title(connection, conversation_id, title)
        index_texts(connection, conversation_id, texts)


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()

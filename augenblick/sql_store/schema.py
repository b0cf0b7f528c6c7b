"""Brings the tables of a database up to date with the migrations that come with the code."""

from __future__ import annotations

import logging
import threading

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, select

from augenblick.errors import ConfigurationError
from augenblick.sql_store.database import Database
from augenblick.sql_store.indexing import index_everything

_UPGRADE_LOCK = 0x6175676E
"""The advisory lock under which one process at a time migrates a PostgreSQL database."""

_WITHOUT_SEARCH = {"0001"}

_one_at_a_time = threading.Lock()  # Alembic keeps what it works on in its modules

_log = logging.getLogger(__name__)


def upgrade(database: Database) -> None:
    """Bring the tables to the newest state, in one transaction; several processes may try at once.

    Raises ConfigurationError for a database of a newer version of the program.
    """
    config = Config()
    config.set_main_option("script_location", "augenblick:migrations")
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
        if current is not None and current not in _revisions(scripts):
            raise ConfigurationError("the database was written by a newer version")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if current in _WITHOUT_SEARCH:
            index_everything(connection)
    _log.info("database upgraded from %s to %s", current or "nothing", head)


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _revisions(scripts: ScriptDirectory) -> set[str]:
    return {script.revision for script in scripts.walk_revisions()}

"""A real PostgreSQL server for tests, from the system's package (Debian: postgresql)."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

_ACCOUNT = "postgres"  # the server refuses to run as root; the package makes this account


class PostgresServer:
    """A cluster in a temporary folder, reached over a Unix socket only."""

    def __init__(self, programs: Path, folder: Path, *, syncs: bool) -> None:
        self._syncs = syncs
        self._programs = programs
        self._folder = folder
        self._numbers = count()

    def create(self) -> None:
        """Make the cluster and start it."""
        if os.geteuid() == 0:
            shutil.chown(self._folder, _ACCOUNT)
        self._run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync")
        self.start()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = f"-c listen_addresses='' -c unix_socket_directories={self._folder}"
        if not self._syncs:
            options += " -c fsync=off"
        self._run("pg_ctl", "-w", "-t", "60", "-o", options, "-l", f"{self._folder}/log", "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it; "immediate" is what a crash is, "fast" what an administrator does."""
        self._run("pg_ctl", "-w", "-t", "60", "-m", mode, "stop")

    @property
    def socket(self) -> str:
        """The path of its Unix socket."""
        return f"{self._folder}/.s.PGSQL.5432"

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"test_{next(self._numbers)}"
        self.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return f"postgresql://postgres@/{name}?host={self._folder}"

    def execute(self, statement: sql.Composed) -> None:
        """Run one statement as the superuser."""
        with psycopg.connect(
            host=str(self._folder), user="postgres", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement)

    def _run(self, program: str, *arguments: str) -> None:
        user = ["runuser", "-u", _ACCOUNT, "--"] if os.geteuid() == 0 else []
        command = [*user, str(self._programs / program), "-D", str(self._folder / "data")]
        with (self._folder / "out").open("a") as output:
            subprocess.run(
                [*command, *arguments], check=True, stdout=output, stderr=output, cwd=self._folder
            )


def find_programs() -> Path | None:
    """The folder of initdb and pg_ctl, of the newest version that is installed."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return debian[-1].parent if debian else None


@contextmanager
def running_postgres(programs: Path, *, syncs: bool = True) -> Iterator[PostgresServer]:
    """A server that lives as long as the block.

    Without `syncs` it is fast, and still loses nothing when it is killed: only a power cut would.
    """
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # a short path: a socket's may have 107 bytes
    server = PostgresServer(programs, folder, syncs=syncs)
    try:
        server.create()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)

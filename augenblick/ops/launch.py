"""Start the server with one command: `python -m augenblick.launch [--share]`.

Only chooses address, port and allowed hosts together and then becomes `streamlit run app.py`;
everything else stands in `.streamlit/config.toml`. An argument goes before Streamlit's own
variables (STREAMLIT_SERVER_PORT), these before its files. With `--workers N` it stays, and keeps N
of them, nginx and a reader running (`replicas`).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from augenblick.core.config_files import read_toml
from augenblick.core.errors import ConfigurationError
from augenblick.core.paths import PROJECT_DIR
from augenblick.core.providers import wants_reader
from augenblick.core.switches import is_yes
from augenblick.ops.launch_options import ServerOptions
from augenblick.ops.replicas import Front, free_ports, run_workers
from augenblick.web.addresses import (
    EVERYWHERE,
    LOOPBACK_HOSTS,
    announcement,
    free_port,
    host_names,
    is_host_name,
    lan_addresses,
)

DEFAULT_PORT = 8501
_PORTS_TO_TRY = 20


@dataclass(frozen=True, slots=True)
class Start:
    """How to start, as asked for by arguments and environment."""

    address: str
    port: int  # 0 for any
    hosts: tuple[str, ...]
    base_path: str
    workers: int
    passed_on: tuple[str, ...]

    def command(self, *, address: str, port: int) -> tuple[str, ...]:
        """The command line of one server at an address."""
        return (
            *(sys.executable, "-m", "streamlit", "run", str(PROJECT_DIR / "app.py")),
            f"--server.address={address}",
            f"--server.port={port}",
            *(f"--server.allowedHosts={host}" for host in self.hosts),
            *self.passed_on,
        )


def read_start(arguments: Sequence[str], *, environ: Mapping[str, str]) -> Start:
    """What was asked for: by arguments, else by Streamlit's own variables and files.

    Raises SystemExit with a sentence where that is impossible.
    """
    asked, passed_on = _parser().parse_known_args(arguments)
    is_shared = asked.share or is_yes(environ.get("AUGENBLICK_SHARE", ""))
    names = asked.host or environ.get("AUGENBLICK_HOSTS", "").replace(",", " ").split()
    if asked.workers < 1:
        sys.exit("--workers: at least one server is needed.")
    try:
        options = ServerOptions(environ)
        address = asked.address or options.address
        address = address or (EVERYWHERE if is_shared else "127.0.0.1")
        port = _port(asked.port, options.port, address=address)
    except ConfigurationError as error:
        sys.exit(error.detail)
    is_open = address not in LOOPBACK_HOSTS
    hosts = _allowed_hosts(names, is_open=is_open) or options.allowed_hosts
    if names or is_open or asked.workers > 1:
        hosts = tuple(dict.fromkeys((*hosts, *options.allowed_hosts, *LOOPBACK_HOSTS)))
    return Start(address, port, hosts, options.base_path, asked.workers, tuple(passed_on))


def main() -> None:
    """Become the server, or keep several of them."""
    start = read_start(sys.argv[1:], environ=os.environ)
    if start.workers > 1:
        sys.exit(_run_workers(start))
    command = start.command(address=start.address, port=start.port)
    os.execv(command[0], command)  # noqa: S606  # our own command, no shell


def _run_workers(start: Start) -> int:
    outside, reader_port, *inside = free_ports(start.workers + 2)
    front = Front(start.address, start.port or outside, tuple(inside), start.base_path)
    text = announcement(start.hosts, address=front.address, port=front.port)
    return run_workers(
        front,
        command=lambda port: start.command(address="127.0.0.1", port=port),
        announce=lambda: print(text, flush=True),  # noqa: T201  # for the person at the terminal
        environ=os.environ,
        reader_port=reader_port if _wants_reader() else None,
    )


def _wants_reader() -> bool:
    """Whether the servers will want the reader, as far as their usual files say.

    One that finds another file wanting it starts one of its own.
    """
    secrets: dict[str, Any] = {}
    try:
        for folder in (Path.home(), Path.cwd(), PROJECT_DIR):  # as Streamlit looks for them
            secrets |= read_toml(folder / ".streamlit" / "secrets.toml")
        return wants_reader(os.environ, secrets)
    except ConfigurationError:  # the servers say what is wrong
        return False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m augenblick.launch",
        description="Start Augenblick. Further options go to `streamlit run`.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--share", action="store_true", help="let other machines in this network in"
    )
    parser.add_argument(
        "--host", action="append", metavar="NAME", help="a further name the server is known by"
    )
    parser.add_argument("--server.address", dest="address", help=argparse.SUPPRESS)
    parser.add_argument(
        *("--port", "--server.port"),
        dest="port",
        type=int,
        metavar="N",
        help=f"the port, 0 for any free one (usually {DEFAULT_PORT})",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        metavar="N",
        help="so many servers, with nginx before them",
    )
    return parser


def _allowed_hosts(names: Sequence[str], *, is_open: bool) -> tuple[str, ...]:
    for name in names:
        if not is_host_name(name):
            sys.exit(f"--host: {name!r} is not the name of a host. Give a name without http://.")
    return (*names, *lan_addresses(), *host_names()) if is_open else tuple(names)


def _port(asked: int | None, configured: int | None, *, address: str) -> int:
    wanted = configured if asked is None else asked
    if wanted is not None:
        if wanted != 0 and free_port(wanted, address=address) is None:
            sys.exit(f"Port {wanted} can't be used. Choose another with --port, or 0 for any.")
        return wanted
    port = free_port(DEFAULT_PORT, address=address, attempts=_PORTS_TO_TRY)
    if port is None:
        sys.exit(f"No port from {DEFAULT_PORT} on is free. Choose one with --port, or 0 for any.")
    if port != DEFAULT_PORT:
        print(f"Port {DEFAULT_PORT} is taken; using {port}.", file=sys.stderr)  # noqa: T201  # for the person at the terminal
    return port

"""Start the server with one command: `python -m augenblick.launch [--share]`.

Only chooses address, port and allowed hosts together and then becomes `streamlit run app.py`;
everything else stands in `.streamlit/config.toml`. With `--workers N` it stays, and keeps N of them
and nginx running (`workers`).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from augenblick.launch.addresses import (
    EVERYWHERE,
    LOOPBACK_HOSTS,
    announcement,
    free_port,
    host_names,
    is_host_name,
    lan_addresses,
)
from augenblick.launch.workers import Front, free_ports, run_workers
from augenblick.places import PROJECT_DIR

DEFAULT_PORT = 8501
_PORTS_TO_TRY = 20
_YES = {"1", "true", "on", "yes"}


@dataclass(frozen=True, slots=True)
class Start:
    """How to start, as asked for by arguments and environment."""

    address: str
    port: int  # 0 for any
    hosts: tuple[str, ...]
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
    """What was asked for. Raises SystemExit with a sentence where that is impossible."""
    asked, passed_on = _parser().parse_known_args(arguments)
    is_shared = asked.share or environ.get("AUGENBLICK_SHARE", "").strip().lower() in _YES
    address = EVERYWHERE if is_shared else "127.0.0.1"
    names = asked.host or environ.get("AUGENBLICK_HOSTS", "").replace(",", " ").split()
    hosts = _allowed_hosts(names, is_shared=is_shared)
    if asked.workers < 1:
        sys.exit("--workers: at least one server is needed.")
    return Start(
        address, _port(asked.port, address=address), hosts, asked.workers, tuple(passed_on)
    )


def streamlit_command(arguments: Sequence[str], *, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The command line that starts the server as asked. Raises as `read_start`."""
    start = read_start(arguments, environ=environ)
    return start.command(address=start.address, port=start.port)


def main() -> None:
    """Become the server, or keep several of them."""
    start = read_start(sys.argv[1:], environ=os.environ)
    if start.workers > 1:
        sys.exit(_run_workers(start))
    command = start.command(address=start.address, port=start.port)
    os.execv(command[0], command)  # noqa: S606  # our own command, no shell


def _run_workers(start: Start) -> int:
    outside, *inside = free_ports(start.workers + 1)
    front = Front(start.address, start.port or outside, tuple(inside))
    text = announcement(start.hosts, address=front.address, port=front.port)
    return run_workers(
        front,
        command=lambda port: start.command(address="127.0.0.1", port=port),
        announce=lambda: print(text, flush=True),  # noqa: T201  # for the person at the terminal
    )


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
    parser.add_argument(
        "--port", type=int, help=f"the port, 0 for any free one (usually {DEFAULT_PORT})"
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        metavar="N",
        help="so many servers, with nginx before them",
    )
    return parser


def _allowed_hosts(names: Sequence[str], *, is_shared: bool) -> tuple[str, ...]:
    for name in names:
        if not is_host_name(name):
            sys.exit(f"--host: {name!r} is not the name of a host. Give a name without http://.")
    found = (*names, *lan_addresses(), *host_names()) if is_shared else tuple(names)
    return tuple(dict.fromkeys((*found, *LOOPBACK_HOSTS)))


def _port(wanted: int | None, *, address: str) -> int:
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


if __name__ == "__main__":
    main()

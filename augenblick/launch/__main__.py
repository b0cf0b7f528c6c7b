"""Start the server with one command: `python -m augenblick.launch [--share]`.

Only chooses address, port and allowed hosts together and then becomes `streamlit run app.py`;
everything else stands in `.streamlit/config.toml`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence

from augenblick.launch.addresses import (
    EVERYWHERE,
    LOOPBACK_HOSTS,
    free_port,
    host_names,
    is_host_name,
    lan_addresses,
)
from augenblick.places import PROJECT_DIR

DEFAULT_PORT = 8501
_PORTS_TO_TRY = 20
_YES = {"1", "true", "on", "yes"}


def streamlit_command(arguments: Sequence[str], *, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The command line that starts the server as asked.

    Raises SystemExit with a sentence where that is impossible.
    """
    asked, passed_on = _parser().parse_known_args(arguments)
    is_shared = asked.share or environ.get("AUGENBLICK_SHARE", "").strip().lower() in _YES
    address = EVERYWHERE if is_shared else "127.0.0.1"
    names = asked.host or environ.get("AUGENBLICK_HOSTS", "").replace(",", " ").split()
    hosts = _allowed_hosts(names, is_shared=is_shared)
    port = _port(asked.port, address=address)
    return (
        *(sys.executable, "-m", "streamlit", "run", str(PROJECT_DIR / "app.py")),
        f"--server.address={address}",
        f"--server.port={port}",
        *(f"--server.allowedHosts={host}" for host in hosts),
        *passed_on,
    )


def main() -> None:
    """Become the server."""
    command = streamlit_command(sys.argv[1:], environ=os.environ)
    os.execv(command[0], command)  # noqa: S606  # our own command, no shell


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

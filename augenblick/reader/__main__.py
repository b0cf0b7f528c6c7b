"""`python -m augenblick.reader --port N`: the endpoint as a process of its own.

Prints one line, `listening on http://HOST:PORT`, once requests are answered; port 0 takes a free
one. With `--parent PID` the process ends when that process is no longer its parent.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
import threading
import time

import uvicorn

from augenblick.reader.app import DEFAULT_PACE_SECONDS, create_app

_PARENT_CHECK_SECONDS = 0.5


class AnnouncingServer(uvicorn.Server):
    """Says where it listens, once it does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print the address."""
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            print(f"listening on http://{shown}:{port}", flush=True)  # noqa: T201 - the contract with the parent


def main(arguments: list[str] | None = None) -> int:
    """Serve until a signal or the end of the parent."""
    options = _parser().parse_args(arguments)
    sockets = [_listen(options.host, options.port)]
    config = uvicorn.Config(
        create_app(pace_seconds=options.pace_ms / 1000),
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    server = AnnouncingServer(config)
    if options.parent:
        threading.Thread(target=_watch, args=(options.parent, server), daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt):  # raised once more after an orderly shutdown
        server.run(sockets=sockets)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m augenblick.reader", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="0 takes a free one")
    parser.add_argument("--parent", type=int, default=0, metavar="PID")
    parser.add_argument(
        "--pace-ms",
        type=float,
        default=DEFAULT_PACE_SECONDS * 1000,
        help="pause between two words of a stream; 0 for none",
    )
    return parser


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Protocol IPPROTO_TCP rather than 0, so that asyncio sets TCP_NODELAY on what it accepts.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.set_inheritable(False)
    return listener


def _watch(parent: int, server: uvicorn.Server) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK_SECONDS)
    server.should_exit = True
    time.sleep(5)
    os._exit(0)  # a worker that is still reading a picture must not outlive the parent


if __name__ == "__main__":
    sys.exit(main())

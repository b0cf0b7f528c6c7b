"""`python -m augenblick.reader --port N`: the endpoint as a process of its own.

Prints one line, `listening on http://HOST:PORT`, once requests are answered; port 0 takes a free
one. With `--until-stdin-ends` the process ends with whoever holds the other end of its standard
input, even if that is killed.
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


class AnnouncingServer(uvicorn.Server):
    """Says where it listens, once it does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print the address."""
        await super().startup(sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            print(f"listening on http://{shown}:{port}", flush=True)  # noqa: T201 - the contract with the parent


def main(arguments: list[str] | None = None) -> int:
    """Serve until a signal or the end of the parent."""
    options = _parser().parse_args(arguments)
    # Before numpy is loaded: its threads for matrices wait for each other in loops, which on a
    # busy machine made 0.1 s of work 1.8 s.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    config = uvicorn.Config(
        create_app(pace_seconds=options.pace_ms / 1000),
        host=options.host,
        port=options.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    server = AnnouncingServer(config)
    if options.until_stdin_ends:
        threading.Thread(target=_end_with_stdin, args=(server,), daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt):  # raised once more after an orderly shutdown
        server.run()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m augenblick.reader", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="0 takes a free one")
    parser.add_argument("--until-stdin-ends", action="store_true")
    parser.add_argument(
        "--pace-ms",
        type=float,
        default=DEFAULT_PACE_SECONDS * 1000,
        help="pause between two words of a stream; 0 for none",
    )
    return parser


def _end_with_stdin(server: uvicorn.Server) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    server.should_exit = True
    time.sleep(5)
    os._exit(0)  # a worker that is still reading a picture must not outlive the parent


if __name__ == "__main__":
    sys.exit(main())

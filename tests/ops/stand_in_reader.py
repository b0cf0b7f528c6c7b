"""Keeps the reader's contract with what runs it and nothing else; what it does is told by its name.

`--mode steady` serves until its standard input ends, `broken` ends at once, `mute` never says where
it listens. It also writes its environment into the file given by `--environment`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class _Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Stay silent."""


def _end_with_stdin() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


def main() -> None:
    """Serve as asked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", default="steady")
    parser.add_argument("--environment", type=Path)
    asked = parser.parse_args()
    if asked.environment:
        asked.environment.write_text(json.dumps(dict(os.environ)))
    if asked.mode == "broken":
        sys.exit(3)
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Health)
    if asked.mode != "mute":
        print("some other line", flush=True)
        print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    print("x" * 200_000, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()

"""The whole catalogue behind one port, for browser tests and for trying by hand.

`python -m tests.faults [--port N]` prints its base URL. `GET /v1/models` lists the cases of the
catalogue; asking a model of that name shows that fault, any other name gets a faultless answer.
Serves until its standard input is closed.
"""

from __future__ import annotations

import argparse
import sys

from tests.faults.catalogue import ROWS
from tests.faults.endpoint import Endpoint
from tests.faults.server import FaultServer, Received, Step, answered_json

_CASES = {name: (row, moment, framing) for row in ROWS for name, moment, framing in row.cases()}
_FAULTLESS = Endpoint()


def answer(received: Received) -> list[Step]:
    """The case that the request's model names."""
    if received.path == "/v1/models":
        names = ["faultless", *sorted(_CASES)]
        return answered_json({"object": "list", "data": [{"id": name} for name in names]})
    if received.path == "/v1/chat/completions" and received.json()["model"] in _CASES:
        row, moment, framing = _CASES[received.json()["model"]]
        return row.script(moment, framing)
    return _FAULTLESS(received)


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="a free one by default")
    with FaultServer(answer, port=parser.parse_args().port) as server:
        print(server.base_url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()

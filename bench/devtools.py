"""A small client of Chromium's DevTools protocol.

Playwright switches the network domain on, which copies every frame of a WebSocket to the driver and
so burdens the page that is measured. Here nothing is switched on that is not asked for.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
          "chromium-headless-shell")  # fmt: skip
_FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
          "--disable-background-networking", "--disable-component-update", "--disable-sync",
          "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
          "--window-size=1280,900", "--remote-debugging-port=0")  # fmt: skip


class Tab:
    """One tab; `send` calls a method of the protocol and waits for its result."""

    def __init__(
        self, connection: ClientConnection, session_id: str, numbers: Iterator[int]
    ) -> None:
        self._connection = connection
        self._session_id = session_id
        self._numbers = numbers

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method. Raises RuntimeError when the browser refuses."""
        return _call(self._connection, self._numbers, method, params, self._session_id)

    def evaluate(self, expression: str) -> Any:
        """Evaluate JavaScript in the page."""
        found = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"]["exception"]["description"])
        return found["result"].get("value")

    def wait_for(self, expression: str, *, seconds: float = 60.0, every: float = 0.2) -> None:
        """Wait until an expression is true. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while not self.evaluate(f"Boolean({expression})"):
            if time.monotonic() > deadline:
                raise TimeoutError(expression)
            time.sleep(every)

    def metrics(self) -> dict[str, float]:
        """The page's own counters (`Performance.getMetrics`), times in seconds of CPU."""
        found = self.send("Performance.getMetrics")["metrics"]
        return {metric["name"]: metric["value"] for metric in found}


def _call(
    connection: ClientConnection,
    numbers: Iterator[int],
    method: str,
    params: dict[str, Any],
    session_id: str | None = None,
) -> dict[str, Any]:
    number = next(numbers)
    session = {"sessionId": session_id} if session_id else {}
    connection.send(json.dumps({"id": number, "method": method, "params": params, **session}))
    while True:
        message = json.loads(connection.recv())
        if message.get("id") != number:
            continue
        if "error" in message:
            raise RuntimeError(f"{method}: {message['error']['message']}")
        result: dict[str, Any] = message["result"]
        return result


@contextlib.contextmanager
def open_tab(script: str) -> Iterator[Tab]:
    """A tab of a fresh browser; `script` runs in every document before anything else."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        raise SystemExit("no Chromium; install the package chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [found, *_FLAGS, f"--user-data-dir={folder}", "about:blank"], stderr=subprocess.DEVNULL
        )
        try:
            with connect(_address(Path(folder)), max_size=None, proxy=None) as connection:
                numbers = count(1)
                target = _call(connection, numbers, "Target.createTarget", {"url": "about:blank"})
                attach = {"targetId": target["targetId"], "flatten": True}
                session = _call(connection, numbers, "Target.attachToTarget", attach)
                tab = Tab(connection, session["sessionId"], numbers)
                tab.send("Page.enable")
                tab.send("Performance.enable", timeDomain="threadTicks")
                tab.send("Page.addScriptToEvaluateOnNewDocument", source=script)
                yield tab
        finally:
            process.terminate()
            process.wait(20)


def _address(folder: Path) -> str:
    """Where the browser listens, once it says so."""
    file = folder / "DevToolsActivePort"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if file.exists() and len(lines := file.read_text().split()) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        time.sleep(0.05)
    raise TimeoutError("the browser did not start")

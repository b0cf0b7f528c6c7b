"""Who looks, when, and what is remembered.

One worker thread looks at one picture after the other, since the OCR model uses several cores
by itself; the event loop stays free. Sightings are remembered by the hash of the picture, so that a
follow-up question is answered at once.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from augenblick.reader.pictures import Picture
from augenblick.reader.seeing import Sighting, look

MAX_REMEMBERED = 256


class Eyes:
    """Looks at pictures. `close` ends the worker."""

    def __init__(self, *, max_remembered: int = MAX_REMEMBERED) -> None:
        from augenblick.reader.ocr import TextReader  # noqa: PLC0415 - needs numpy; see app

        self._reader = TextReader()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="eyes")
        self._seen: OrderedDict[str, Sighting] = OrderedDict()
        self._max_remembered = max_remembered
        self._lock = threading.Lock()
        self.waiting = 0  # pictures in the queue or being read
        self.looks = 0  # pictures really looked at since the start
        self.is_warm = False

    def warm_up(self) -> None:
        """Load the models in the background."""
        self._worker.submit(self._warm_up)

    def _warm_up(self) -> None:
        self._reader.warm_up()
        self.is_warm = True

    def knows(self, sha256: str) -> bool:
        """Whether the picture with this hash is remembered."""
        with self._lock:
            return sha256 in self._seen

    async def look(self, picture: Picture) -> Sighting:
        """What is in the picture. Cancelled while waiting, the picture is not looked at."""
        if (sighting := self._remembered(picture.sha256)) is not None:
            return sighting
        gone = threading.Event()
        looking = self._worker.submit(self._look, picture, gone.is_set)
        with self._lock:
            self.waiting += 1
        looking.add_done_callback(self._no_longer_waiting)
        try:
            return await asyncio.wrap_future(looking)
        finally:
            gone.set()

    def close(self) -> None:
        """End the worker; what waits is dropped."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _no_longer_waiting(self, _looking: Future[Sighting]) -> None:
        with self._lock:
            self.waiting -= 1

    def _look(self, picture: Picture, is_gone: Callable[[], bool]) -> Sighting:
        if (sighting := self._remembered(picture.sha256)) is not None:
            return sighting
        sighting = look(picture, read=self._reader.read, is_gone=is_gone)
        with self._lock:
            self.looks += 1
            self._seen[picture.sha256] = sighting
            while len(self._seen) > self._max_remembered:
                self._seen.popitem(last=False)
        return sighting

    def _remembered(self, sha256: str) -> Sighting | None:
        with self._lock:
            if sha256 in self._seen:
                self._seen.move_to_end(sha256)
            return self._seen.get(sha256)

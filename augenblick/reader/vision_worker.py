"""Which picture is analysed when, and what is remembered.

One picture is read after the other, in a thread of its own, while the lines of one are read on all
cores; what needs no reading is seen in another thread, so that it doesn't wait. Analyses are
remembered by the hash of the picture, so that a follow-up question is answered at once.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress

from augenblick.core.byte_lru import ByteLru
from augenblick.core.memory import give_back_memory
from augenblick.reader.analysis import PictureAnalysis, Progress, analyze
from augenblick.reader.ocr import TextReader
from augenblick.reader.picture_input import Picture, decoded
from augenblick.reader.things import thing_in

RECOGNISED_SIDE_PX = 640  # of which the model sees 224 by 224

_MAX_REMEMBERED_BYTES = 8_000_000  # some thousand pages
_MAX_THINGS = 10_000
_NICENESS = 5  # the cores are used as far as the page leaves them idle


class Cancelled(Exception):
    """Nobody waits for this analysis any more, or it gave way."""


class VisionWorker:
    """Analyses pictures. `close` ends its threads."""

    def __init__(self) -> None:
        self._reader = TextReader(start_thread=_lower_priority)
        self._reading = ThreadPoolExecutor(1, "reading", initializer=_lower_priority)
        self._seeing = ThreadPoolExecutor(1, "seeing", initializer=_lower_priority)
        self._remembered: ByteLru[str, PictureAnalysis] = ByteLru(
            _MAX_REMEMBERED_BYTES, size=lambda analysis: 1000 + 10 * len(analysis.text)
        )
        self._things: ByteLru[str, str] = ByteLru(_MAX_THINGS, size=lambda _thing: 1)
        self._lock = threading.Lock()
        self.waiting = 0  # pictures of answers in the queue or being analysed
        self.analyzed = 0  # pictures really read since the start
        self.is_warm = False

    def warm_up(self) -> None:
        """Load the models in the background."""
        self._reading.submit(self._warm_up)

    def _warm_up(self) -> None:
        self._reader.warm_up()
        give_back_memory()  # what loading took
        self.is_warm = True

    def knows(self, sha256: str) -> bool:
        """Whether the picture with this hash is remembered."""
        return self._remembered.get(sha256) is not None

    async def thing_in(self, picture: Picture) -> str:
        """The key of what is nearly surely in the picture (`things`), empty if nothing is."""
        return await asyncio.wrap_future(self._seeing.submit(self._thing_in, picture))

    async def analyze(
        self, picture: Picture, *, with_text: bool, gives_way: bool = False
    ) -> AsyncIterator[Progress | PictureAnalysis]:
        """How far reading has come, then what is in the picture; closing it stops the work.

        One that `gives_way` raises `Cancelled` as soon as an answer needs a picture.
        """
        if (analysis := self._remembered.get(picture.sha256)) is not None:
            yield analysis
            return
        loop = asyncio.get_running_loop()
        steps: asyncio.Queue[Progress | Future[PictureAnalysis]] = asyncio.Queue()
        cancelled = threading.Event()

        def report(step: Progress | Future[PictureAnalysis]) -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(steps.put_nowait, step)

        with self._lock:
            self.waiting += not gives_way
        thread = self._reading if with_text else self._seeing
        working = thread.submit(
            self._analyze, picture, with_text=with_text, report=report,
            is_cancelled=lambda: cancelled.is_set() or (gives_way and self.waiting > 0),
        )  # fmt: skip
        if not gives_way:
            working.add_done_callback(self._no_longer_waiting)
        working.add_done_callback(report)
        try:
            while isinstance(step := await steps.get(), Progress):
                yield step
            yield step.result()
        finally:
            cancelled.set()
            working.cancel()

    def close(self) -> None:
        """End the threads; what waits is dropped."""
        self._reading.shutdown(wait=False, cancel_futures=True)
        self._seeing.shutdown(wait=False, cancel_futures=True)
        self._reader.close()

    def _thing_in(self, picture: Picture) -> str:
        if (thing := self._things.get(picture.sha256)) is None:
            image = decoded(picture.content, longest_side_px=RECOGNISED_SIDE_PX).image
            thing = thing_in(image)
            self._things.put(picture.sha256, thing)
        return thing

    def _no_longer_waiting(self, _working: Future[PictureAnalysis]) -> None:
        with self._lock:
            self.waiting -= 1

    def _analyze(
        self,
        picture: Picture,
        *,
        with_text: bool,
        report: Callable[[Progress], None],
        is_cancelled: Callable[[], bool],
    ) -> PictureAnalysis:
        if (analysis := self._remembered.get(picture.sha256)) is not None:
            return analysis
        try:
            with closing(analyze(picture, with_text=with_text, reader=self._reader)) as steps:
                while not is_cancelled():
                    step = next(steps)
                    if isinstance(step, PictureAnalysis):
                        break
                    report(step)
                else:
                    raise Cancelled
        finally:
            give_back_memory()  # what the models took meanwhile, 300 MB and more
        if with_text:
            self.analyzed += 1
            self._remembered.put(picture.sha256, step)
        return step


def _lower_priority() -> None:
    """Let other threads of this machine go first, where the system can tell threads apart."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)

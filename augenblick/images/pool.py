"""`PicturePool`: pictures of strangers are decoded in processes that can be lost.

A worker is a plain child process with two pipes: no fork of a program full of threads, nothing of
the server's main module imported again, and neither its sockets nor its environment inherited. So
it works the same in a script, in a thread and under `streamlit run`.
"""

from __future__ import annotations

import hashlib
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Self, cast

from augenblick.errors import (
    EmptyImage,
    ImageError,
    TooManyImages,
    UnreadableImage,
    UnsupportedImage,
)
from augenblick.images import wire
from augenblick.images.cache import PreparedPictures, Recipe
from augenblick.images.decode import too_large
from augenblick.images.formats import picture_format
from augenblick.images.limits import PictureLimits, PictureOptions
from augenblick.images.prepare import DEFAULT_LIMITS, DEFAULT_OPTIONS
from augenblick.messages import PreparedPicture

_PACKAGE_ROOT = Path(__file__).resolve().parents[2]
_KEPT_VARIABLES = ("LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "PYTHONPATH", "SYSTEMROOT", "TEMP")
_ALLOCATION = {  # of glibc; others ignore it
    "MALLOC_ARENA_MAX": "2",  # each further arena would cost 64 MB of addresses
    "MALLOC_MMAP_THRESHOLD_": str(32 * 1024 * 1024),  # with the next: 5 % faster photographs,
    "MALLOC_TRIM_THRESHOLD_": str(64 * 1024 * 1024),  # whose pages serve the next one too
}
_START_SECONDS = 60.0  # importing Pillow takes 0.2 s; a machine that is swapping takes longer


@dataclass(frozen=True, slots=True)
class PictureSource:
    """A file as a person handed it in."""

    name: str
    content: bytes = field(repr=False)


class PicturePool:
    """Prepares pictures in `workers` processes, each picture once. Any thread may call.

    Workers start when they are first needed and are replaced when they die. One is killed when a
    picture takes longer than `time_limit_seconds`; where the system can limit it, none gets more
    than `memory_limit_bytes` of address space, Python and libraries (about 150 MB) included.
    """

    def __init__(
        self,
        *,
        workers: int = 2,
        limits: PictureLimits = DEFAULT_LIMITS,
        time_limit_seconds: float = 20.0,
        memory_limit_bytes: int = 768 * 1024 * 1024,
        cache_bytes: int = 64_000_000,
    ) -> None:
        self.limits = limits
        self._workers = [_Worker(time_limit_seconds, memory_limit_bytes) for _ in range(workers)]
        self._idle: queue.LifoQueue[_Worker] = queue.LifoQueue()  # the warm one first
        for worker in self._workers:
            self._idle.put(worker)
        self._cache = PreparedPictures(max_bytes=cache_bytes)
        self._pending: dict[Recipe, Future[PreparedPicture]] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def prepare(
        self, content: bytes, *, name: str, options: PictureOptions = DEFAULT_OPTIONS
    ) -> PreparedPicture:
        """What `prepare_image` does, with the same errors, at no risk.

        A picture that kills its worker twice is UnreadableImage, one that takes too long
        ImageTooLarge with unit "seconds". A plain ImageError says that no worker could be started.
        """
        try:
            self._refuse_at_sight(content)
            recipe = Recipe(hashlib.sha256(content).digest(), options)
            picture = self._prepared(recipe, content)
        except ImageError as error:  # possibly shared with others who wait for the same picture
            raise type(error)(error.detail, **{**error.params, "name": name}) from None
        receipt = replace(picture.attachment.receipt, source_name=name)
        return replace(picture, attachment=replace(picture.attachment, receipt=receipt))

    def prepare_many(
        self, sources: Sequence[PictureSource], *, options: PictureOptions = DEFAULT_OPTIONS
    ) -> list[PreparedPicture | ImageError]:
        """Each picture or the reason why there is none, in the order of the sources.

        Those beyond `limits.max_count` become TooManyImages; the others go on.
        """
        with ThreadPoolExecutor(max_workers=len(self._workers)) as threads:
            outcomes: Iterable[PreparedPicture | ImageError] = threads.map(
                lambda source: self._outcome(source, options), sources[: self.limits.max_count]
            )
            return [*outcomes, *map(self._one_too_many, sources[self.limits.max_count :])]

    def start(self) -> None:
        """Start the workers now rather than with the first picture. Raises ImageError."""
        for worker in self._workers:
            worker.start()

    def close(self) -> None:
        """End the workers, busy ones too; whoever still waits gets an ImageError."""
        for worker in self._workers:
            worker.close()
        self._cache.clear()

    def _outcome(
        self, source: PictureSource, options: PictureOptions
    ) -> PreparedPicture | ImageError:
        try:
            return self.prepare(source.content, name=source.name, options=options)
        except ImageError as error:
            return error

    def _one_too_many(self, source: PictureSource) -> TooManyImages:
        limit = self.limits.max_count
        return TooManyImages(f"limit: {limit}", name=source.name, limit=limit)

    def _refuse_at_sight(self, content: bytes) -> None:
        """What needs no decoder to be refused does not cost a trip to a worker."""
        if not content:
            raise EmptyImage
        if len(content) > self.limits.max_bytes:
            raise too_large("bytes", self.limits.max_bytes)
        if picture_format(content) is None:
            raise UnsupportedImage

    def _prepared(self, recipe: Recipe, content: bytes) -> PreparedPicture:
        """From the cache, from whoever prepares the same picture just now, or from a worker."""
        with self._lock:
            cached = self._cache.get(recipe)
            if cached is not None:
                return cached
            pending = self._pending.get(recipe)
            is_ours = pending is None
            if pending is None:
                pending = self._pending[recipe] = Future()
        if is_ours:
            self._fulfil(pending, recipe, content)
        return pending.result()

    def _fulfil(self, pending: Future[PreparedPicture], recipe: Recipe, content: bytes) -> None:
        try:
            picture = self._work(recipe.options, content)
        except BaseException as error:  # noqa: BLE001 - whoever waits must wake; result() raises it
            pending.set_exception(error)
        else:
            self._cache.put(recipe, picture)
            pending.set_result(picture)
        finally:
            with self._lock:
                del self._pending[recipe]

    def _work(self, options: PictureOptions, content: bytes) -> PreparedPicture:
        worker = self._idle.get()
        try:
            header, parts = worker.ask(wire.order(options, self.limits), content)
        finally:
            self._idle.put(worker)
        return wire.picture_from(header, parts, name="")


class _WorkerDied(Exception):
    """The process ended before it answered."""


class _Worker:
    """One process and its pipes. `ask` is called by one thread at a time, the rest by any."""

    def __init__(self, time_limit_seconds: float, memory_limit_bytes: int) -> None:
        self._time_limit_seconds = time_limit_seconds
        self._memory_limit_bytes = memory_limit_bytes
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._closed = False

    def ask(self, header: wire.Header, content: bytes) -> tuple[wire.Header, list[bytes]]:
        """The answer, from a second process if the first one dies of whatever reason."""
        try:
            return self._ask_once(header, content)
        except _WorkerDied:
            pass
        try:
            return self._ask_once(header, content)
        except _WorkerDied:
            raise UnreadableImage("the decoder died") from None

    def start(self) -> subprocess.Popen[bytes]:
        """The running process. Raises ImageError when it can't be started or has been closed."""
        with self._lock:
            if self._closed:
                raise ImageError("the pool is closed")
            if self._process is None or self._process.poll() is not None:
                self._end()
                self._process = self._spawn()
            return self._process

    def close(self) -> None:
        """End the process for good."""
        with self._lock:
            self._closed = True
            self._end()

    def _ask_once(self, header: wire.Header, content: bytes) -> tuple[wire.Header, list[bytes]]:
        process = self.start()
        with _Deadline(process, self._time_limit_seconds) as deadline:
            try:
                wire.write_message(_pipe(process.stdin), header, content)
                return wire.read_message(_pipe(process.stdout))
            except (OSError, EOFError, ValueError):  # ValueError: closed meanwhile, or no JSON
                self._replace(process)
                if deadline.has_passed:
                    raise too_large("seconds", self._time_limit_seconds) from None
                raise _WorkerDied from None

    def _spawn(self) -> subprocess.Popen[bytes]:
        alarm_seconds = int(self._time_limit_seconds) + 2  # only counts when nobody is left to kill
        command = [sys.executable, "-m", "augenblick.images.worker"]
        try:
            process = subprocess.Popen(  # noqa: S603 - our own module with two numbers
                [*command, str(self._memory_limit_bytes), str(alarm_seconds)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=_PACKAGE_ROOT,
                env=_environment(),
            )
        except OSError as error:
            raise ImageError(f"no picture worker: {type(error).__name__}") from error
        with _Deadline(process, _START_SECONDS):
            try:
                wire.read_message(_pipe(process.stdout))  # it says when it is ready
            except (OSError, EOFError, ValueError):
                _bury(process)
                raise ImageError("the picture worker did not start") from None
        return process

    def _replace(self, process: subprocess.Popen[bytes]) -> None:
        """Have the next `start` start another one; a killed process may still look alive."""
        with self._lock:
            if self._process is process:
                self._end()

    def _end(self) -> None:
        if self._process is not None:
            _bury(self._process)
            self._process = None


class _Deadline:
    """Kills a process when the block takes too long."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self.has_passed = False
        self._process = process
        self._timer = threading.Timer(seconds, self._pass)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _pass(self) -> None:
        self.has_passed = True
        self._process.kill()


def _environment() -> dict[str, str]:
    """What a worker needs of ours. No key, no proxy, no address is among it."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return kept | _ALLOCATION


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    return cast("IO[bytes]", stream)  # both were asked for


def _bury(process: subprocess.Popen[bytes]) -> None:
    """End a process if it still runs, and leave neither a zombie nor an open pipe."""
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        try:
            _pipe(stream).close()
        except OSError:  # what was still to be written to the dead
            continue

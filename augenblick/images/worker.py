"""`python -m augenblick.images.worker`: prepares pictures from stdin to stdout until stdin ends.

A process of its own with little to lose: no keys, two pipes and no way to open anything else, an
address space with a limit (argument 1, bytes; 0 for none) and an alarm per picture (argument 2,
seconds).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable

from augenblick.errors import ImageError
from augenblick.images import wire
from augenblick.images.codes import read_codes
from augenblick.images.decode import look
from augenblick.images.formats import load_decoders
from augenblick.images.prepare import draw_thumbnails, prepare_each

try:
    import resource
except ImportError:  # not on Windows
    HAS_LIMITS = False
else:
    HAS_LIMITS = True

_SLOW_SECONDS = 0.3
_THUMBNAIL_SECONDS = 4.0  # then the others get the worker in between


def main(memory_limit_bytes: int, alarm_seconds: int) -> None:
    """Serve until the pool closes its end."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not print into an answer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the server, which closes stdin
    load_decoders()
    give_back = _memory_returner()
    _limit(memory_limit_bytes)
    with requests, answers, contextlib.suppress(EOFError, BrokenPipeError):
        wire.write_message(answers, {"ready": True})
        while True:
            header, (content,) = wire.read_message(requests)
            _arm(alarm_seconds)
            started = time.monotonic()
            reply, parts = _answer(header, content)
            _arm(0)
            wire.write_message(answers, reply, *parts)
            del content, parts
            if time.monotonic() - started > _SLOW_SECONDS:
                give_back()


def _answer(header: wire.Header, content: bytes) -> tuple[wire.Header, list[bytes]]:
    limits = wire.limits_from(header)
    try:
        match header["task"]:
            case "look":
                return wire.facts_answer(look(content, name="", page=header["page"], limits=limits))
            case "thumbnails":
                span = range(*header["pages"])
                drawn = draw_thumbnails(
                    content, name="", pages=span, seconds=_THUMBNAIL_SECONDS, limits=limits
                )
                return wire.thumbnails_answer(*drawn)
            case "codes":
                (wish,) = wire.options_from(header)
                return wire.codes_answer(read_codes(content, name="", options=wish, limits=limits))
            case _:
                options = wire.options_from(header)
                pictures = prepare_each(content, name="", options=options, limits=limits)
                return wire.pictures_answer(pictures)
    except ImageError as error:
        return wire.refusal(error)


def _memory_returner() -> Callable[[], object]:
    """Hands freed memory back to the system, which glibc puts off; to be used after large pictures.

    After small ones it would only cost: fresh pages for the next photograph take some 10 ms.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # not glibc
        return lambda: None
    return lambda: trim(0)


def _limit(memory_limit_bytes: int) -> None:
    if not HAS_LIMITS:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))  # no file or socket is opened from here on
    if memory_limit_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (memory_limit_bytes, memory_limit_bytes))


def _arm(seconds: int) -> None:
    """Die after so many seconds even if the pool has died; 0 takes the alarm back."""
    if hasattr(signal, "alarm"):
        signal.alarm(seconds)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

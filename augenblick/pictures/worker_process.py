"""`python -m augenblick.pictures.worker_process`: prepares pictures from stdin until it ends.

A process of its own with little to lose: no keys, two pipes and no way to open anything else, an
address space with a limit (argument 1, bytes; 0 for none) and an alarm per picture (argument 2,
seconds).
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable

from augenblick.core.errors import ImageError
from augenblick.core.memory import give_back_memory
from augenblick.pictures import worker_protocol
from augenblick.pictures.codes import read_codes
from augenblick.pictures.decode import look
from augenblick.pictures.formats import load_decoders
from augenblick.pictures.pixelation import pixelated
from augenblick.pictures.prepare import draw_thumbnails, prepare_each

try:
    import resource
except ImportError:  # not on Windows
    HAS_LIMITS = False
else:
    HAS_LIMITS = True

_SLOW_SECONDS = 0.3
_THUMBNAIL_SECONDS = 4.0  # then the others get the worker in between


Answer = Callable[[worker_protocol.Header, bytes], tuple[worker_protocol.Header, list[bytes]]]


def serve(answer: Answer, *, memory_limit_bytes: int, alarm_seconds: int) -> None:
    """Answer until the pool closes its end. What needs a file to be opened was loaded before."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not print into an answer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the server, which closes stdin
    limit_process(memory_limit_bytes)
    with requests, answers, contextlib.suppress(EOFError, BrokenPipeError):
        worker_protocol.write_message(answers, {"ready": True})
        while True:
            header, (content,) = worker_protocol.read_message(requests)
            _arm(alarm_seconds)
            started = time.monotonic()
            reply, parts = answer(header, content)
            _arm(0)
            worker_protocol.write_message(answers, reply, *parts)
            del content, parts
            if time.monotonic() - started > _SLOW_SECONDS:  # after small ones it would only cost
                give_back_memory()


def _answer(
    header: worker_protocol.Header, content: bytes
) -> tuple[worker_protocol.Header, list[bytes]]:
    limits = worker_protocol.limits_from(header)
    try:
        match header["task"]:
            case "look":
                return worker_protocol.facts_answer(
                    look(content, name="", page=header["page"], limits=limits)
                )
            case "thumbnails":
                span = range(*header["pages"])
                drawn = draw_thumbnails(
                    content, name="", pages=span, seconds=_THUMBNAIL_SECONDS, limits=limits
                )
                return worker_protocol.thumbnails_answer(*drawn)
            case "codes":
                (wish,) = worker_protocol.options_from(header)
                return worker_protocol.codes_answer(
                    read_codes(content, name="", options=wish, limits=limits)
                )
            case "pixelate":
                (wish,) = worker_protocol.options_from(header)
                regions = worker_protocol.regions_from(header)
                return worker_protocol.pixelated_answer(
                    pixelated(content, name="", options=wish, regions=regions, limits=limits)
                )
            case _:
                options = worker_protocol.options_from(header)
                pictures = prepare_each(content, name="", options=options, limits=limits)
                return worker_protocol.pictures_answer(pictures)
    except ImageError as error:
        return worker_protocol.refusal(error)


def limit_process(memory_limit_bytes: int) -> None:
    """From here on: no file, no socket, and no more than this address space (0: any)."""
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
    load_decoders()
    serve(_answer, memory_limit_bytes=int(sys.argv[1]), alarm_seconds=int(sys.argv[2]))

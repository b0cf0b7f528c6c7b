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
from collections.abc import Callable, Mapping
from functools import partial
from typing import IO, Any

from augenblick.core.errors import ImageError
from augenblick.core.memory import give_back_memory
from augenblick.core.messages import Provenance, TileOf
from augenblick.pictures.codes import read_codes
from augenblick.pictures.decode import look
from augenblick.pictures.formats import load_decoders
from augenblick.pictures.limits import PictureLimits, PictureOptions
from augenblick.pictures.pixelation import pixelated
from augenblick.pictures.prepare import draw_thumbnails, prepare_each
from augenblick.pictures.regions import Region
from augenblick.pictures.worker_protocol import read_message, write_message

try:
    import resource
except ImportError:  # not on Windows
    HAS_LIMITS = False
else:
    HAS_LIMITS = True

_SLOW_SECONDS = 0.3
_TASKS: Mapping[str, Callable[..., object]] = {
    "codes": read_codes,
    "look": look,
    "pixelate": pixelated,
    "prepare": prepare_each,
    "thumbnails": draw_thumbnails,
}


def serve(
    tasks: Mapping[str, Callable[..., object]], *, memory_limit_bytes: int, alarm_seconds: int
) -> None:
    """Call these functions with what the pool sends for their arguments, until it closes its end.

    What needs a file to be opened was loaded before.
    """
    requests, answers = take_pipes()
    limit_process(memory_limit_bytes)
    with requests, answers, contextlib.suppress(EOFError, BrokenPipeError):
        write_message(answers, "ready")
        while True:
            order = read_message(requests)
            _arm(alarm_seconds)
            started = time.monotonic()
            answer = _answer(tasks[order.pop("task")], order)
            _arm(0)
            write_message(answers, answer)
            del order, answer
            if time.monotonic() - started > _SLOW_SECONDS:  # after small ones it would only cost
                give_back_memory()


def _answer(task: Callable[..., object], sent: dict[str, Any]) -> dict[str, object]:
    arguments = {
        name: _ARGUMENTS[name](value) if name in _ARGUMENTS else value
        for name, value in sent.items()
    }
    try:
        return {"answer": task(**arguments)}
    except ImageError as error:
        return {"failure": error.failure}


def _options(found: Any) -> list[PictureOptions] | PictureOptions:  # noqa: ANN401 - of JSON
    """The options of several pictures or of one."""
    if isinstance(found, list):
        return [_one_options(each) for each in found]
    return _one_options(found)


def _one_options(fields: dict[str, Any]) -> PictureOptions:
    tile, history = fields["tile"], fields["history"]
    return PictureOptions(
        **{
            **fields,
            "tile": None if tile is None else TileOf(**tile),
            "marks": tuple(TileOf(**mark) for mark in fields["marks"]),
            "history": None if history is None else Provenance.from_fields(history),
        }
    )


# By hand, for pydantic would cost each worker 6 MB and a quarter of the time it takes to start.
_ARGUMENTS: Mapping[str, Callable[[Any], object]] = {
    "limits": lambda fields: PictureLimits(**fields),
    "options": _options,
    "pages": lambda span: range(*span),
    "regions": lambda regions: [Region(**region) for region in regions],
}


def take_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Where orders come from and answers go to, for this process alone."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not print into an answer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the server, which ends us
    return requests, answers


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
    serve(
        {name: partial(task, name="") for name, task in _TASKS.items()},  # that is the pool's
        memory_limit_bytes=int(sys.argv[1]),
        alarm_seconds=int(sys.argv[2]),
    )

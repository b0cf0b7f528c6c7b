"""How the cost of a function grows with its input: the guard against quadratic patterns.

Everything that reads foreign text runs in the process that serves everybody, and Python's `re`
keeps the interpreter lock while it matches, so one text that doubles the work fourfold stops all.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

_Input = TypeVar("_Input")

# What twice the input may cost; quadratic work costs four times as much.
_MAX_RATIO = 2.3
# Measured over several doublings at once: over six, linear work may cost twice what it should
# (memory that no longer fits a cache, a busy machine) and quadratic work a 27th.
_MOST_DOUBLINGS = 6
_LEAST_DOUBLINGS = 3
_TRIES = 8
# The longest input is the first that takes as long.
_MOST_SECONDS = 0.02
# Below that a nesting or a held back beginning may still grow towards its bound.
_SMALLEST, _LARGEST = 4_000, 2_000_000


def assert_linear(function: Callable[[_Input], object], make: Callable[[int], _Input]) -> None:
    """Fail where each doubling of the input costs more than 2.3 times the CPU seconds.

    `make` gives an input of about the size asked for. Sizes double until one call
    takes long enough to measure; that one is compared with an input of an eighth to a 64th, of
    which what costs the same at any size is at most half. What is immeasurable at two million
    passes.
    """
    sizes: list[int] = []
    size, seconds = _SMALLEST, 0.0
    with _no_collection():
        fixed = _least_seconds(function, make(_SMALLEST // 16))
        while len(sizes) <= _LEAST_DOUBLINGS or seconds < _MOST_SECONDS:
            if size > _LARGEST:
                return
            long = make(size)
            seconds = _seconds(function, long)
            sizes = [*sizes, size] if seconds > 2 * fixed else []
            size *= 2
        measured = sizes[-_MOST_DOUBLINGS - 1 :]
        short = make(measured[0])
        for _ in range(_TRIES):
            least = max(_least_seconds(function, short), 1e-6)
            ratio = (seconds / least) ** (1 / (len(measured) - 1))
            if ratio <= _MAX_RATIO:
                return
            seconds = _seconds(function, long)
    raise AssertionError(
        f"twice the input costs {ratio:.2f} times as much, from {measured[0]} to {measured[-1]}"
    )


@contextmanager
def _no_collection() -> Iterator[None]:
    """No garbage is collected meanwhile: that costs what all the tests have left in memory."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _least_seconds(function: Callable[[_Input], object], value: _Input) -> float:
    return min(_seconds(function, value) for _ in range(5))


def _seconds(function: Callable[[_Input], object], value: _Input) -> float:
    began = time.thread_time()
    function(value)
    return time.thread_time() - began

"""Freed memory, back to the system."""

from __future__ import annotations

import ctypes
from collections.abc import Callable


def _trimmer() -> Callable[[int], object] | None:
    try:
        trim: Callable[[int], object] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # not glibc
        return None
    return trim


_trim = _trimmer()  # now, for a process may later close itself off


def give_back_memory() -> None:
    """Hand memory that is free back to the system, which glibc puts off; other systems do it alone.

    For moments after which little happens for a while: what is needed again costs some
    milliseconds in new pages. Other threads go on.
    """
    if _trim is not None:
        _trim(0)

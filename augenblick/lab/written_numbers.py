"""What a number means that is written with points, commas or signs between its thousands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal

_GROUP = 3  # digits between two signs of thousands
_MARK = re.compile(r"[.,'\u2019\s]")
_FRACTION_MARKS = ".,"  # the others stand between thousands only


def readings_of(token: str) -> Iterator[Decimal]:
    """All that digits with marks between them may mean: `1.234` both 1234 and 1.234.

    The whole number comes first; a fraction keeps its zeros, so that `20.00` can be told from 20.
    What only looks like a number (a date, an address) has no reading.
    """
    parts = _MARK.split(token)
    if not all(map(str.isdecimal, parts)):
        return
    marks = [mark if mark in _FRACTION_MARKS else "'" for mark in _MARK.findall(token)]
    *groups, last = parts
    is_one_kind = len(set(marks)) <= 1
    if not marks or (is_one_kind and _are_groups(parts) and groups[0] != "0"):
        yield Decimal("".join(parts))
    is_fraction = marks[-1:] not in ([], ["'"]) and marks[-1] not in marks[:-1]
    if is_fraction and (len(groups) == 1 or (len(set(marks)) == 2 and _are_groups(groups))):  # noqa: PLR2004 - for thousands and for the fraction
        yield Decimal(f"{''.join(groups)}.{last}")


def _are_groups(parts: Sequence[str]) -> bool:
    return len(parts[0]) <= _GROUP and all(len(part) == _GROUP for part in parts[1:])

"""The regions that were drawn on a picture in a page, as they come in a request."""

from __future__ import annotations

import json

from starlette.requests import Request

from augenblick.pictures.regions import MAX_REGIONS, Region

_BYTES_EACH = 400  # a region of 4 numbers takes 90
_NUMBERS = 4  # left, top, width, height
_FAR = 1000.0  # widths of the picture; what lies outside is cut off later


async def read_regions(request: Request, *, most: int = MAX_REGIONS) -> tuple[Region, ...]:
    """The regions of a JSON body such as `[[0.1, 0.25, 0.5, 0.1]]`. Raises ValueError."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most * _BYTES_EACH:
            raise ValueError("too long")
    try:
        found = json.loads(bytes(body))
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not isinstance(found, list) or len(found) > most:
        raise ValueError("no list of regions")
    return tuple(map(_region, found))


def _region(found: object) -> Region:
    if not isinstance(found, list) or len(found) != _NUMBERS:
        raise ValueError("no region")
    left, top, width, height = map(_share, found)
    return Region(left, top, width, height)


def _share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("no number")  # noqa: TRY004 - whoever sent it has no use for the type
    if not -_FAR <= value <= _FAR:  # so is NaN
        raise ValueError("too far")
    return float(value)

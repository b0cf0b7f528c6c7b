"""The regions that were drawn on a picture in a page, as they come in a request."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, TypeAdapter
from starlette.requests import Request

from augenblick.pictures.regions import MAX_REGIONS, Region

_BYTES_EACH = 400  # a region of 4 numbers takes 90
_FAR = 1000.0  # widths of the picture; what lies outside is cut off later

_Share = Annotated[float, Field(strict=True, ge=-_FAR, le=_FAR, allow_inf_nan=False)]
_REGIONS = TypeAdapter(list[tuple[_Share, _Share, _Share, _Share]])  # left, top, width, height


async def read_regions(request: Request, *, most: int = MAX_REGIONS) -> tuple[Region, ...]:
    """The regions of a JSON body such as `[[0.1, 0.25, 0.5, 0.1]]`. Raises ValueError."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most * _BYTES_EACH:
            raise ValueError("too long")
    found = _REGIONS.validate_json(body)
    if len(found) > most:
        raise ValueError("too many")
    return tuple(Region(*each) for each in found)

"""Which picture of a message is which marked region: said in a request, and read by the reader.

In plain English whatever the question's language: a request has no other words of ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from augenblick.core.messages import Attachment, Provenance

_OVERVIEW = "Picture {place} has {count} numbered regions outlined."
_REGION = "Picture {place} is region {number} of {whole} at full resolution."
_SAID = re.compile(r"Picture (\d{1,3}) (?:has \d|is region (\d)) ")
_BEGINNING = "The pictures of this message: "


def name_regions(pictures: Sequence[Attachment]) -> str:
    """A text part about the regions among the pictures of a message; empty where there are none.

    Pictures and regions are counted from 1.
    """
    said: list[str] = []
    overview, at = None, 0
    for place, picture in enumerate(pictures, start=1):
        tile = picture.receipt.tile
        if tile is None or not tile.is_region:
            continue
        if not tile.index:
            overview, at = picture.receipt, place
            said.append(_OVERVIEW.format(place=place, count=tile.count))
        else:
            is_of_it = overview is not None and _file(overview) == _file(picture.receipt)
            whole = f"picture {at}" if is_of_it else "a picture"
            said.append(_REGION.format(place=place, number=tile.index, whole=whole))
    return _BEGINNING + " ".join(said) if said else ""


def _file(receipt: Provenance) -> tuple[str, int, int | None]:
    """What a picture was made of."""
    return receipt.source_name, receipt.source_bytes, receipt.source_page


def is_about_regions(text: str) -> bool:
    """Whether a text part is one of ours and not the person's."""
    return text.startswith(_BEGINNING)


def read_region_names(texts: Iterable[str]) -> dict[int, int]:
    """The numbers of regions by the places of their pictures in the message, from 1.

    0 for a picture that has them outlined.
    """
    ours = (text for text in texts if is_about_regions(text))
    return {int(place): int(number or 0) for text in ours for place, number in _SAID.findall(text)}

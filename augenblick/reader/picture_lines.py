"""Where which text stands in a picture, for who checks an answer that somebody else gave.

`POST /v1/lines` takes `{"url": DATA_URI, "most_rows": 40}` and gives the fields of `PictureText`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, suppress
from dataclasses import asdict

from augenblick.core.picture_text import PictureText, TextCell
from augenblick.reader.analysis import PictureAnalysis, Progress
from augenblick.reader.chat_request import ImageUrl
from augenblick.reader.picture_input import Picture, load_picture
from augenblick.reader.prompt import decoded_json
from augenblick.reader.vision_worker import Cancelled, VisionWorker
from augenblick.reader.wire import ApiError, Body

_LOOK_SECONDS = 0.1


def parse_lines(body: bytes, *, is_known: Callable[[str], bool]) -> tuple[Picture, int]:
    """A picture, and how many rows of text to read: of one that has more they are only counted.

    Raises `ApiError` for whatever is wrong with it.
    """
    wire = decoded_json(body)
    url, most_rows = (wire.get("url"), wire.get("most_rows")) if isinstance(wire, dict) else (0, 0)
    if not isinstance(url, str) or not isinstance(most_rows, int):
        raise ApiError("Expected an object with 'url' (a data URI) and 'most_rows' (a number).")
    return load_picture(ImageUrl(url=url), "url", is_known=is_known), most_rows


async def lines_of(picture: Picture, most_rows: int, worker: VisionWorker) -> Body:
    """The text; begun again each time an answer needed the reader."""
    while True:
        while worker.waiting:  # noqa: ASYNC110 - which another thread counts
            await asyncio.sleep(_LOOK_SECONDS)
        with suppress(Cancelled):
            steps = worker.analyze(picture, with_text=True, gives_way=True)
            return asdict(await _read(steps, most_rows))


async def _read(steps: AsyncIterator[Progress | PictureAnalysis], most_rows: int) -> PictureText:
    row_count = 0
    async with aclosing(steps) as progress:  # type: ignore[type-var]
        async for step in progress:
            if isinstance(step, PictureAnalysis):
                return _text_of(step)
            row_count = step.of
            if row_count > most_rows:
                break
    return PictureText(row_count, None)


def _text_of(seen: PictureAnalysis) -> PictureText:
    rows = tuple(
        tuple(TextCell(text, *box) for text, box in zip(line.cells, line.boxes, strict=True))
        for line in seen.lines
    )
    return PictureText(len(rows), rows, is_level=not seen.text_turned_degrees)

"""Questions about marked regions, from the file to the answer: print too small for the whole."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

from augenblick.core.messages import ImagePart, Message, PreparedPicture, Role, TextPart
from augenblick.core.settings import RequestSettings
from augenblick.endpoint.payload import DataUris, build_payload
from augenblick.pictures import PicturePool, PictureSource
from augenblick.pictures.regions import Region

from .conftest import MODEL, Running, said

_SIZE = (8000, 6000)
_PRINT_PX = 28  # 6 points on a sheet of 594 mm that is photographed from edge to edge
_SERIAL, _LOT = "Seriennummer: KX-48213-7", "Charge: 2026-0917"
_SERIAL_REGION = Region(0.8, 0.7, 0.12, 0.04)
_LOT_REGION = Region(0.1, 0.2, 0.12, 0.04)


@pytest.fixture(scope="module")
def pool() -> Iterator[PicturePool]:
    """One real worker."""
    with PicturePool(workers=1) as started:
        yield started


@pytest.fixture(scope="module")
def sheet() -> PictureSource:
    """A photo of 48 megapixels of a large sheet with small print in two places."""
    image = Image.new("RGB", _SIZE, "#e9e6dd")
    draw = ImageDraw.Draw(image)
    face = ImageFont.truetype("LiberationSans-Regular.ttf", _PRINT_PX)
    for region, line in ((_SERIAL_REGION, _SERIAL), (_LOT_REGION, _LOT)):
        place = _SIZE[0] * (region.left + 0.02), _SIZE[1] * (region.top + 0.015)
        draw.text(place, line, "#222222", face)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=92)
    return PictureSource("sheet.jpg", buffer.getvalue())


def _message(text: str, pictures: Sequence[PreparedPicture]) -> Message:
    return Message(Role.USER, (*(ImagePart(each.attachment) for each in pictures), TextPart(text)))


def _ask(reader: Running, pictures: Sequence[PreparedPicture], *texts: str) -> str:
    """Ask these one after the other, the pictures with the first; returns the last answer."""
    contents = {each.attachment.sha256: each.content for each in pictures}
    messages = [_message(text, () if at else pictures) for at, text in enumerate(texts)]
    settings = RequestSettings(MODEL, stream=False)
    payload: dict[str, Any] = build_payload(
        messages, settings, data_uri=DataUris(contents.__getitem__)
    )
    return said(reader.post(payload))


@pytest.fixture(scope="module")
def marked(pool: PicturePool, sheet: PictureSource) -> tuple[PreparedPicture, ...]:
    """The sheet with the serial number as region 1 and the lot as region 2."""
    return pool.prepare_regions(sheet, [_SERIAL_REGION, _LOT_REGION])


def test_small_print_is_read_through_a_region_and_not_without(
    reader: Running, pool: PicturePool, sheet: PictureSource, marked: Sequence[PreparedPicture]
) -> None:
    """Without, the reader says that it can't read it, or reads nothing of the sort."""
    whole = pool.prepare(sheet.content, name=sheet.name)
    question = "Was steht in 1?"

    assert max(whole.attachment.width_px, whole.attachment.height_px) <= 2048
    assert "KX-48213-7" not in _ask(reader, [whole], question)
    assert "KX-48213-7" in _ask(reader, marked, question)


@pytest.mark.parametrize(
    ("question", "answers", "others"),
    [
        ("What does 2 say?", "**Region 2**", _SERIAL),
        ("Was steht in 2?", "**Bereich 2**", _SERIAL),
        ("Que lit-on dans 1\u202f? Recopie le texte.", "**Zone 1**", _LOT),
    ],
)
def test_the_region_that_is_named_is_what_is_read(
    reader: Running, marked: Sequence[PreparedPicture], question: str, answers: str, others: str
) -> None:
    """In the language of the question, which the words about the pictures are no part of."""
    answer = _ask(reader, marked, question)
    number = int(answers.strip("*")[-1])

    assert answer.startswith(answers)
    assert (_SERIAL, _LOT)[number - 1].split()[1] in answer
    assert others.split()[1] not in answer


def test_without_a_number_every_region_is_read_and_the_overview_is_not(
    reader: Running, marked: Sequence[PreparedPicture]
) -> None:
    """What was marked is what is meant; a number with a unit names no region."""
    for question in ("What does it say?", "Is it 1% or 2.5, and what does it say?"):
        answer = _ask(reader, marked, question)

        assert [line for line in answer.splitlines() if "**" in line] == [
            "**Region 1**", "**Region 2**",
        ]  # fmt: skip
        assert "KX-48213-7" in answer
        assert "2026-0917" in answer


def test_a_later_question_may_name_a_region_too(
    reader: Running, marked: Sequence[PreparedPicture]
) -> None:
    """The numbers are those of the pictures that were sent last."""
    answer = _ask(reader, marked, "What does 1 say?", "And what does 2 say?")

    assert answer.startswith("**Region 2**")
    assert "2026-0917" in answer


def test_only_an_overview_is_read_as_any_picture(
    reader: Running, marked: Sequence[PreparedPicture]
) -> None:
    """Its regions may have been taken out of a question that was changed."""
    assert _ask(reader, marked[:1], "What colour is it?").startswith("Main colours")

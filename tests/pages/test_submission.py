"""A question on its way: how its pictures are prepared and counted."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from PIL import Image

from augenblick.core.messages import Detail, ImagePart
from augenblick.core.settings import RequestSettings
from augenblick.pictures import PictureOptions, PicturePool, PictureSource
from augenblick.store.store_values import NewQuestion, OpenedReply
from augenblick.ui.chat.question_draft import Draft, Question
from augenblick.ui.chat.submit import Submission
from augenblick.ui.pictures.picture_choice import PictureChoice


@pytest.fixture(scope="module")
def pool() -> Iterator[PicturePool]:
    """Real workers."""
    with PicturePool() as started:
        yield started


def _file(number: int, *, side_px: int = 40) -> PictureSource:
    buffer = io.BytesIO()
    Image.new("RGB", (side_px + number, side_px), "#204060").save(buffer, "PNG")
    return PictureSource(f"{number}.png", buffer.getvalue())


def _submitted(pool: PicturePool, draft: Draft) -> tuple[Submission, list[NewQuestion]]:
    asked: list[NewQuestion] = []

    def ask(question: NewQuestion, settings: RequestSettings) -> OpenedReply:
        asked.append(question)
        return OpenedReply("conversation", "question", "reply", is_new=True)

    submission = Submission(draft, prepare=pool.prepare_many, ask=ask).start()
    assert submission.done.wait(60)
    return submission, asked


def _draft(*uploads: PictureSource, choice: PictureChoice) -> Draft:
    return Draft(
        Question("s", "What is this?", choice.of(uploads)),
        owner="o",
        conversation_id=None,
        parent_id=None,
        text_if_empty="",
        provider="p",
        settings=RequestSettings(model="m"),
        detail=choice.detail,
    )


def test_every_picture_is_counted_and_sent_as_chosen(pool: PicturePool) -> None:
    """The page can say how many are ready, refused ones too; detail and size are as chosen."""
    choice = PictureChoice(detail=Detail.LOW, longest_side_px=1024)
    broken = PictureSource("broken.jpg", b"\xff\xd8\xff\xe0 and no more")
    files = (_file(1), broken, _file(2, side_px=1500))
    submission, asked = _submitted(pool, _draft(*files, choice=choice))
    parts = [part for part in asked[0].message.parts if isinstance(part, ImagePart)]

    assert submission.ready == 3
    assert [failure.params["name"] for failure in submission.refused] == ["broken.jpg"]
    assert [part.detail for part in parts] == [Detail.LOW, Detail.LOW]
    assert [part.attachment.width_px for part in parts] == [41, 1024]


def test_pictures_beside_the_input_count_too(pool: PicturePool) -> None:
    """Ten in all: with eight there, two of four files go on and two are named."""
    outcomes = pool.prepare_many([_file(number) for number in range(4)], already=8)

    assert [getattr(outcome, "code", "picture") for outcome in outcomes] == [
        "picture", "picture", "image_too_many", "image_too_many",
    ]  # fmt: skip


def test_a_chosen_page_keeps_its_place_in_another_size() -> None:
    """Size and quality of the tab are laid over what a file says of itself."""
    page = PictureSource("a.pdf", b"", PictureOptions(page=3, rotate_degrees=90))
    (source,) = PictureChoice(longest_side_px=1568, quality="best").of([page])

    assert source.options == PictureOptions(
        longest_side_px=1568, quality=95, page=3, rotate_degrees=90
    )

"""Pictures made to fit an endpoint, with the real decoder."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image, ImageDraw

from augenblick.core.messages import Attachment, PreparedPicture
from augenblick.pictures import prepare_image
from augenblick.pictures.variants import PictureVariants


@pytest.fixture
def drawing() -> PreparedPicture:
    """A screenshot that stays a PNG."""
    image = Image.new("RGB", (1900, 1200), "white")
    ImageDraw.Draw(image).text((100, 100), "Text", fill="black", font_size=300)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return prepare_image(buffer.getvalue(), name="a.png")


def _seen(fitted: PictureVariants, attachment: Attachment) -> tuple[str, int]:
    head, _, data = fitted.data_uri(attachment).partition(",")
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    return head, max(image.size)


def test_a_picture_can_be_made_to_fit_again_and_again(drawing: PreparedPicture) -> None:
    """First as JPEG, then smaller, then smaller still: each step keeps the ones before."""
    stored = {drawing.attachment.sha256: drawing.content}
    fitted = PictureVariants(load_content=stored.__getitem__, prepare=prepare_image)
    assert drawing.attachment.media_type == "image/png"

    jpeg = fitted.to_jpeg(drawing.attachment)
    smaller = fitted.shrink(jpeg, 1024)
    smallest = fitted.shrink(smaller, 512)

    assert _seen(fitted, jpeg) == ("data:image/jpeg;base64", 1900)
    assert _seen(fitted, smaller) == ("data:image/jpeg;base64", 1024)
    assert _seen(fitted, smallest) == ("data:image/jpeg;base64", 512)
    assert smallest.receipt == drawing.attachment.receipt


def test_a_forgotten_picture_is_in_no_memory(drawing: PreparedPicture) -> None:
    """Neither it nor what was made from it; another picture stays."""
    other = Image.new("RGB", (300, 200), "red")
    buffer = io.BytesIO()
    other.save(buffer, "PNG")
    red = prepare_image(buffer.getvalue(), name="red.png")
    stored = {each.attachment.sha256: each.content for each in (drawing, red)}
    fitted = PictureVariants(load_content=stored.__getitem__, prepare=prepare_image)
    smaller = fitted.shrink(drawing.attachment, 1024)
    for attachment in (drawing.attachment, smaller, red.attachment):
        fitted.data_uri(attachment)
    stored.clear()

    gone = fitted.forget(drawing.attachment.sha256)

    assert set(gone) == {drawing.attachment.sha256, smaller.sha256}
    assert fitted.data_uri(red.attachment).startswith("data:image/")
    for attachment in (drawing.attachment, smaller):
        with pytest.raises(KeyError):
            fitted.data_uri(attachment)
    fitted.forget("never-seen")


def test_a_picture_whose_data_uri_is_gone_is_made_again(drawing: PreparedPicture) -> None:
    """It was never stored, and is asked for all the same."""
    stored = {drawing.attachment.sha256: drawing.content}
    fitted = PictureVariants(load_content=stored.__getitem__, prepare=prepare_image)
    smaller = fitted.shrink(drawing.attachment, 1024)
    before = fitted.data_uri(smaller)

    fitted.data_uri._uris.clear()

    assert fitted.data_uri(smaller) == before
